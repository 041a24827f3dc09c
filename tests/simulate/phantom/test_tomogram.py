"""From a seed to arrays: reproducible, dark protein, halves that differ by noise alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cryogauge.records import PICK_COLUMNS
from cryogauge.simulate.phantom import PhantomSettings, make_phantom

SETTINGS = PhantomSettings(shape=(48, 128, 128), thickness_nm=(60.0, 60.0), crowding=3.0)


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(SETTINGS, 3)


def test_what_a_phantom_holds(phantom):
    assert phantom.data.shape == phantom.labels.shape == SETTINGS.shape
    assert phantom.data.dtype == np.float32
    assert phantom.labels.dtype == np.uint8
    assert list(phantom.picks.columns) == [*PICK_COLUMNS, "rot", "tilt", "psi"]
    assert phantom.thickness_nm == pytest.approx(60.0, rel=0.05)
    assert 30_000 <= phantom.defocus_A <= 50_000


def test_the_paper_s_imaging(phantom):
    table = phantom.series[0].table
    assert list(table["tilt_deg"]) == list(np.arange(-45.0, 46.0, 3.0))
    both = table["dose_e_A2"].sum() + phantom.series[1].table["dose_e_A2"].sum()
    assert both == pytest.approx(62.9)


def test_the_same_seed_makes_the_same(phantom):
    again = make_phantom(SETTINGS, 3)
    np.testing.assert_array_equal(again.data, phantom.data)
    np.testing.assert_array_equal(again.labels, phantom.labels)
    pd.testing.assert_frame_equal(again.picks, phantom.picks)
    assert again.defocus_A == phantom.defocus_A
    other = make_phantom(SETTINGS, 4)
    assert other.defocus_A != phantom.defocus_A
    assert np.corrcoef(other.data.ravel(), phantom.data.ravel())[0, 1] < 0.1


def test_halves_share_the_specimen_and_differ_by_noise():
    few = make_phantom(SETTINGS, 3)
    even, odd = few.halves()
    np.testing.assert_allclose(0.5 * (even + odd), few.data, atol=1e-6)
    assert odd.std() == pytest.approx(even.std(), rel=0.05)  # one is as noisy as the other
    many = make_phantom(replace(SETTINGS, imaging=replace(SETTINGS.imaging, dose_e_A2=4000.0, damage=False)), 3)
    even_many, odd_many = many.halves()

    def alike(a, b):
        return np.corrcoef(a.ravel(), b.ravel())[0, 1]

    assert alike(even_many, odd_many) > 0.8 > 0.6 > alike(even, odd)
    assert alike(few.data, even_many) > alike(even, odd_many)


def test_protein_is_dark_and_fainter_than_the_noise(phantom):
    inside, outside = phantom.data[phantom.labels > 0], phantom.data[phantom.labels == 0]
    contrast = (outside.mean() - inside.mean()) / outside.std()
    assert 0.15 < contrast < 1.2
