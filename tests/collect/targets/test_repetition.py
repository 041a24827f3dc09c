"""Lattices that a picture repeats itself on, where no hole can be seen by itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cryogauge.collect.targets.circles import disc_response
from cryogauge.collect.targets.holes import find_holes
from cryogauge.collect.targets.repetition import repeated_lattice
from tests.collect.targets.grids import holes
from tests.collect.targets.test_holes import compare


@settings(max_examples=5, deadline=None)
@given(st.sampled_from(["square", "hexagonal"]), st.floats(12, 20), st.floats(0, 89), st.booleans(), st.integers(0, 99))
def test_faint_discs_repeat_themselves(kind, pitch, angle_deg, dark, seed):
    """Of 20 counts a pixel and 4 more in discs of 3 pixels radius: one is five of its own standard deviations."""
    picture, _, _ = holes((200, 220), pitch, 6.0, angle_deg, seed, kind=kind, foil=20.0, inside=15.0 if dark else 25.0)
    found = repeated_lattice(disc_response(picture, 3.0), -1 if dark else 1, 6.6)
    assert found is not None
    lattice, contrast = found
    assert lattice.kind == kind
    assert lattice.pitch_px == pytest.approx(pitch, rel=0.01)
    turn = 60 if kind == "hexagonal" else 90
    assert (lattice.angle_deg - angle_deg + turn / 2) % turn - turn / 2 == pytest.approx(0, abs=1)
    assert contrast > 0.1


@pytest.mark.parametrize("seed", range(4))
def test_noise_and_lacey_film_repeat_nothing(seed):
    rng = np.random.default_rng(seed)
    noise = rng.poisson(20.0, (200, 220)).astype(np.float32)
    lacey = noise + 60 * (ndimage.gaussian_filter(rng.normal(size=noise.shape), 3 + seed) > 0.01)
    for picture in (noise, lacey):
        for sign in (1, -1):
            assert repeated_lattice(disc_response(picture, 3.0), sign, 6.6) is None


@pytest.mark.parametrize(
    ("pitch", "diameter", "kind", "foil", "inside"),
    [(14.0, 6.0, "square", 20.0, 23.0), (9.0, 3.6, "hexagonal", 100.0, 120.0)],
)
def test_holes_of_few_pixels_are_found(pitch, diameter, kind, foil, inside):
    picture, there, _ = holes((180, 200), pitch, diameter, 12.0, 1, kind=kind, foil=foil, inside=inside)
    recall, precision, off = compare(find_holes(picture), there, picture.shape, diameter)
    assert recall > 0.65
    assert precision > 0.9
    assert off < 0.8
