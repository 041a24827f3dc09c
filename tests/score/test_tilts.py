from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter1d

from cryogauge.imaging.ctf import ctf_2d
from cryogauge.records import BadInput
from cryogauge.score.tilts import TILT_COLUMNS, judge_tilts
from cryogauge.simulate.acquire import Imaging, expose
from cryogauge.simulate.specimens import make_specimen

DARK, BLOCKED, DRIFTED, MOVED, EMPTY = 4, 9, 14, 19, 24


def recorded(kind="lamella", seed=1, pixel_A=15.0, dose=100.0):
    specimen = make_specimen(kind, (72, 192, 192), pixel_A, 60.0, seed)
    return expose(specimen, Imaging(dose_e_A2=dose, tilt_step_deg=4, axis_deg=-7.0, defocus_A=50_000), seed)


@pytest.fixture(scope="module")
def good():
    return recorded()


@pytest.fixture(scope="module")
def spoiled(good):
    rng = np.random.default_rng(0)
    images = good.images.copy()
    images[DARK] *= 0.3
    images[BLOCKED][:, :70] *= 0.08
    images[DRIFTED] = rng.poisson(np.maximum(gaussian_filter1d(images[DRIFTED], 8, axis=0, mode="wrap"), 0))
    images[MOVED] = images[MOVED][::-1, ::-1]
    images[EMPTY] = rng.poisson(images[EMPTY].mean(), images[EMPTY].shape)
    return replace(good, images=images)


def test_nothing_is_left_out_of_a_good_series(good):
    table = judge_tilts(good, "good")
    assert tuple(table.columns) == TILT_COLUMNS
    assert table["keep"].all()
    assert table["score"].min() > 0.7
    assert table["tilt_deg"].tolist() == good.table["tilt_deg"].tolist()


@pytest.mark.parametrize(("kind", "seed", "pixel_A"), [("cell", 2, 12.0), ("mixture", 5, 10.0), ("filaments", 6, 14.0)])
def test_nothing_is_left_out_of_other_specimens(kind, seed, pixel_A):
    assert judge_tilts(recorded(kind, seed, pixel_A), kind)["keep"].all()


def test_each_fault_is_found_and_named(spoiled):
    table = judge_tilts(spoiled, "spoiled")
    assert np.flatnonzero(~table["keep"]).tolist() == [DARK, BLOCKED, DRIFTED, MOVED, EMPTY]
    for image, word in ((DARK, "dark"), (BLOCKED, "blocked"), (DRIFTED, "drift"), (MOVED, "moved"), (EMPTY, "empty")):
        assert word in table["reasons"][image].split()
    others = table.drop(index=[DARK, BLOCKED, DRIFTED, MOVED, EMPTY])
    assert (others["reasons"] == "").all()


def test_brightness_follows_dose_and_path(good):
    """Half the dose at half the brightness is as it should be; half the brightness at full dose is not."""
    images, table = good.images.copy(), good.table.copy()
    images[6] *= 0.5
    told = table.assign(dose_e_A2=np.where(np.arange(len(table)) == 6, 0.5, 1.0) * table["dose_e_A2"])
    assert judge_tilts(replace(good, images=images, table=told), "told")["brightness"][6] == pytest.approx(1, abs=0.03)
    assert judge_tilts(replace(good, images=images), "not told")["brightness"][6] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("counts", [0.2, 0.9, 3.0])
def test_the_darker_the_worse_at_any_number_of_counts(good, counts):
    """Even where single pixels scatter more than they count."""
    rng = np.random.default_rng(0)
    images = rng.poisson(good.images / good.images.mean() * 6.0).astype(np.float32)
    images[5] = rng.poisson(np.full(images[5].shape, counts))
    row = judge_tilts(replace(good, images=images), "counted").iloc[5]
    assert not row["keep"]
    assert "dark" in row["reasons"].split()


def test_normalised_images_have_no_brightness(good):
    images = (good.images - good.images.mean(axis=(1, 2), keepdims=True)) / good.images.std(axis=(1, 2), keepdims=True)
    table = judge_tilts(replace(good, images=images.astype(np.float32)), "normalised")
    assert table["brightness"].isna().all()
    assert table["keep"].all()


def test_an_image_left_out_before_stays_out(good):
    used = np.arange(len(good.table)) != 3
    table = judge_tilts(
        replace(good, table=good.table.assign(used=used, image=[f"a{k}" for k in range(len(used))])), "s"
    )
    assert np.flatnonzero(~table["keep"]).tolist() == [3]
    assert table["score"][3] > 0.7
    assert table["image"][3] == "a3"


def fine_series(ice=(), no_rings=(), count=9, size=512, pixel_A=1.6):
    """Images at a fine pixel: rings of the contrast transfer, and of ice in some."""
    rng = np.random.default_rng(0)
    objects = rng.standard_normal((size, size))
    radius = np.hypot(np.fft.fftfreq(size, pixel_A)[:, None], np.fft.rfftfreq(size, pixel_A)[None, :])
    images = []
    for k in range(count):
        transfer = 0 if k in no_rings else ctf_2d((size, size), pixel_A, 20_000, b_factor_A2=40)
        spectrum = np.fft.rfft2(objects) * transfer + np.fft.rfft2(rng.standard_normal((size, size)))
        if k in ice:
            ring = np.exp(-(((radius - 1 / 3.67) / 0.003) ** 2)) * 3
            spectrum = spectrum + np.fft.rfft2(rng.standard_normal((size, size))) * ring
        images.append(np.fft.irfft2(spectrum) + 50)
    table = pd.DataFrame(
        {"tilt_deg": np.linspace(-24, 24, count), "dose_e_A2": 3.0, "prior_dose_e_A2": 0.0, "axis_deg": 0.0,
         "shift_x_A": 0.0, "shift_y_A": 0.0, "defocus_A": 20_000.0,
         "voltage_kV": 300.0}
    )  # fmt: skip
    from cryogauge.records import TiltSeries

    return TiltSeries(np.stack(images).astype(np.float32), pixel_A, table)


def test_rings_of_ice_and_of_the_transfer_are_seen():
    table = judge_tilts(fine_series(ice=(2,), no_rings=(6,)), "fine")
    assert "ice" in table["reasons"][2].split()
    assert table["ice_ring"].drop(index=2).max() < 1.25
    assert "no_ctf" in table["reasons"][6].split()
    fitted = table["defocus_A"].drop(index=6)
    np.testing.assert_allclose(fitted, 20_000, rtol=0.03)
    assert judge_tilts(fine_series(), "fine", ctf=False)["defocus_A"].isna().all()
    series = fine_series(no_rings=(6,))
    unsaid = judge_tilts(replace(series, table=series.table.drop(columns="voltage_kV")), "fine")
    assert unsaid["defocus_A"].isna().all()
    assert "no_ctf" in unsaid["reasons"][6].split()


def test_what_relion_found_of_the_transfer_counts_before_our_own_fit():
    series = fine_series(no_rings=(6,))
    told = series.table.assign(ctf_resolution_A=[8, 7, 25, 6, 5, 6, 6, 7, 9.0], motion_total_A=2.5)
    table = judge_tilts(replace(series, table=told), "relion", ctf=False)
    assert np.flatnonzero(table["reasons"].str.contains("no_ctf")).tolist() == [2]  # of image 6 RELION knows better
    assert table["ctf_resolution_A"].tolist() == told["ctf_resolution_A"].tolist()
    assert (table["motion_total_A"] == 2.5).all()
    assert table["ice_ring_density"].isna().all()
    some = told.assign(ctf_resolution_A=[8, 7, np.inf, 6, 5, 6, np.nan, 7, 9.0])
    table = judge_tilts(replace(series, table=some), "some")
    assert np.flatnonzero(table["reasons"].str.contains("no_ctf")).tolist() == [
        2,
        6,
    ]  # our own fit where nothing is stated
    assert judge_tilts(series, "own", ctf=False)["ctf_resolution_A"].isna().all()


def test_too_little_to_compare(good):
    few = replace(good, images=good.images[:4], table=good.table.iloc[:4])
    with pytest.raises(BadInput, match="4 images"):
        judge_tilts(few, "few")
    with pytest.raises(BadInput, match="angles of lost are not known"):
        judge_tilts(replace(good, table=good.table.assign(tilt_deg=np.nan)), "lost")
