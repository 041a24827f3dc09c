"""Phantoms like the CZII challenge's sample: tomograms of a known mixture, with picks and masks."""

from cryogauge.simulate.phantom.mixture import PhantomSettings
from cryogauge.simulate.phantom.project import simulate_phantoms
from cryogauge.simulate.phantom.tomogram import Phantom, make_phantom

__all__ = ["Phantom", "PhantomSettings", "make_phantom", "simulate_phantoms"]
