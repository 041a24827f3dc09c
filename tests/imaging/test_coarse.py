from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import fourier_shift

from cryogauge.imaging.coarse import align_coarsely
from cryogauge.imaging.preview import quick_tomogram
from cryogauge.imaging.tilted import reconstruct
from cryogauge.records import BadInput
from cryogauge.simulate.acquire import Imaging, expose
from cryogauge.simulate.specimens import make_specimen

PIXEL_A = 30.0


def recorded(kind="lamella", axis_deg=-7.0, sd_px=5.0, seed=1, bad=()):
    """A tilt series whose images are shifted, and the shifts (y, x) in pixels."""
    specimen = make_specimen(kind, (40, 128, 128), PIXEL_A, 80.0, seed)
    series = expose(specimen, Imaging(dose_e_A2=100, tilt_step_deg=4, axis_deg=axis_deg, defocus_A=60_000), seed)
    true = np.random.default_rng(seed).normal(0, sd_px, (len(series.table), 2))
    true[np.argmin(np.abs(series.table["tilt_deg"]))] = 0
    images = [np.fft.ifft2(fourier_shift(np.fft.fft2(i), d)).real for i, d in zip(series.images, true, strict=True)]
    images = np.stack(images).astype(np.float32)
    for k in bad:
        images[k] = np.random.default_rng(k).random(images[k].shape)
    return replace(series, images=images), true


@pytest.mark.parametrize(("kind", "axis_deg"), [("lamella", -7.0), ("platelet", 85.0)])
def test_shifts_are_found_to_about_a_pixel(kind, axis_deg):
    series, true = recorded(kind, axis_deg)
    found = align_coarsely(series, thickness_nm=80)
    error = found.table[["shift_y_A", "shift_x_A"]].to_numpy() / PIXEL_A - true
    assert np.sqrt((error**2).mean()) < 1.0
    assert np.abs(error).max() < 3.0
    assert found.alignment == "preview"


def test_an_image_left_out_spoils_nothing():
    series, true = recorded(bad=(9,))
    used = np.arange(len(true)) != 9
    found = align_coarsely(replace(series, table=series.table.assign(used=used)), thickness_nm=80)
    error = (found.table[["shift_y_A", "shift_x_A"]].to_numpy() / PIXEL_A - true)[used]
    assert np.sqrt((error**2).mean()) < 1.0


def test_the_preview_is_the_tomogram_nearly():
    series, true = recorded()
    shifts = {"shift_y_A": true[:, 0] * PIXEL_A, "shift_x_A": true[:, 1] * PIXEL_A}
    best = reconstruct(replace(series, table=series.table.assign(**shifts)), thickness_nm=120)
    volume, aligned = quick_tomogram(series, voxel_size_A=20.0, thickness_nm=120)
    assert aligned.alignment == "preview"
    assert volume.voxel_size_A == PIXEL_A  # never finer than what was recorded
    blurred = reconstruct(series, thickness_nm=120)
    middle = np.s_[12:28, 24:-24, 24:-24]

    def likeness(found):
        return max(
            np.corrcoef(best.data[middle].ravel(), np.roll(found.data, d, axis=(1, 2))[middle].ravel())[0, 1]
            for d in [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        )

    assert likeness(volume) > 0.6
    assert likeness(volume) > likeness(blurred) + 0.3


def test_an_alignment_that_is_there_is_taken_over():
    series, true = recorded()
    shifts = {"shift_y_A": true[:, 0] * PIXEL_A, "shift_x_A": true[:, 1] * PIXEL_A}
    given = replace(series, table=series.table.assign(**shifts), alignment="series.xf")
    volume, aligned = quick_tomogram(given, thickness_nm=120)
    assert aligned.alignment == "series.xf"
    np.testing.assert_array_equal(volume.data, reconstruct(given, thickness_nm=120).data)


def test_what_cannot_be_aligned():
    series, _ = recorded()
    with pytest.raises(BadInput, match="are not known"):
        align_coarsely(replace(series, table=series.table.assign(axis_deg=np.nan)))
    with pytest.raises(BadInput, match="2 images to use"):
        align_coarsely(replace(series, table=series.table.assign(used=np.arange(len(series.table)) < 2)))


def test_fine_images_are_shrunk_before_they_are_compared():
    series, true = recorded()
    fine = np.kron(series.images, np.ones((1, 8, 8), np.float32))[:, :-3]  # edges that no block fills
    volume, aligned = quick_tomogram(replace(series, images=fine, pixel_size_A=PIXEL_A / 8), 30.0, 120)
    error = aligned.table[["shift_y_A", "shift_x_A"]].to_numpy() / PIXEL_A - true
    assert np.sqrt((error**2).mean()) < 1.0
    assert aligned.images is fine
    assert volume.shape == (40, 128, 128)
