"""A microscope on the desk: a simulated grid under a stage, optics, camera and loader with the faults of real ones."""

from cryogauge.collect.drivers.simulated.scope import SimulatedMicroscope, connect

__all__ = ["SimulatedMicroscope", "connect"]
