"""The classifier of the package as the engine of a selection, on images whose truth is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cryogauge.classes.iterate.builtin import BuiltinEngine, contrast_transfer, read_images
from cryogauge.classes.iterate.particle_star import read_particle_star
from cryogauge.classes.iterate.plan import make_plan
from cryogauge.classes.iterate.workflow import iterate
from cryogauge.imaging import ctf_2d
from cryogauge.io import open_volume
from cryogauge.records import BadInput
from tests.classes.iterate.worlds import BOX, PIXEL_A, is_true, write_particles


@pytest.fixture(scope="module")
def star(tmp_path_factory):
    return read_particle_star(write_particles(tmp_path_factory.mktemp("particles"), 120))


def test_particles_are_told_from_noise_and_batches_are_files(star, tmp_path):
    def grade(stack):
        spread = stack.images[:, 10:22, 10:22].std(axis=(1, 2))
        return pd.DataFrame({"class": stack.table["class"], "grade": np.where(spread > 0.5 * spread.max(), 1.5, 4.9)})

    plan = make_plan(120, 128, 150.0, rounds=1, classes=4, cutoffs=(3.5,))
    found = iterate(BuiltinEngine(star), plan, grade, tmp_path)
    (batch,) = found.batches
    kept = set(batch.ids.tolist())
    true = {row for row in range(120) if is_true(row)}
    assert len(kept & true) > 0.9 * len(true)
    assert len(kept & true) > 0.95 * len(kept)
    assert (batch.extracted is not None, batch.model, batch.failure) == (True, None, "")
    written = read_particle_star(tmp_path / "batch_3.5" / "particles" / "particles.star")
    assert written.images == [star.images[row] for row in sorted(kept)]
    first = found.rounds[0].classified
    assert first.stack.table["particles"].sum() == 120
    assert first.stack.table["distribution"].sum() == pytest.approx(1)
    assert first.stack.pixel_size_A == PIXEL_A


def test_images_are_those_of_the_chosen_rows(star):
    stack = open_volume(star.root / "particles.mrcs").data
    rows = np.array([3, 119, 0])
    np.testing.assert_array_equal(read_images(star, rows), np.asarray(stack)[rows])


def test_transfer_has_relions_sign_and_is_that_of_the_chosen_rows(star):
    """Bright protein where it is positive: underfocus passes low frequencies as they are."""
    found = contrast_transfer(star, np.array([5, 7]))
    assert found is not None
    optics = {"voltage_kV": 300, "cs_mm": 2.7, "amplitude_contrast": 0.1}
    np.testing.assert_allclose(found(slice(0, 2))[1], -ctf_2d((BOX, BOX), PIXEL_A, 15000, **optics), atol=1e-6)
    rows = (row.replace("15000 15000 0", "16000 14000 30") + " 90 200" for row in star.rows)
    other = replace(star, rows=tuple(rows), columns={**star.columns, "rlnPhaseShift": 8, "rlnVoltage": 9})
    changed = contrast_transfer(other, np.array([5, 7]))
    assert changed is not None
    expected = -ctf_2d(
        (BOX, BOX), PIXEL_A, 15000, astigmatism_A=2000, astigmatism_deg=30, phase_shift_deg=90,
        **(optics | {"voltage_kV": 200}),
    )  # fmt: skip
    np.testing.assert_allclose(changed(slice(1, 2))[0], expected, atol=1e-6)
    without = replace(star, columns={name: k for name, k in star.columns.items() if name != "rlnDefocusV"})
    assert contrast_transfer(without, np.array([5])) is None


@pytest.mark.parametrize("pixel_A", [2.704281158093617, 1.0613, 3.3])
def test_the_widest_mask_fits_whatever_the_pixel(star, tmp_path, pixel_A):
    """A mask in Å is no exact multiple of the pixel."""
    widest = replace(star, optics={**star.optics, "rlnImagePixelSize": f"{pixel_A}"})
    diameter_A = 0.9 * BOX * pixel_A
    plan = make_plan(12, 128, diameter_A, classes=1)
    assert plan.mask_diameter_A > BOX * pixel_A
    found = BuiltinEngine(widest).classify(np.arange(12), 1, plan, tmp_path, lambda text: None)
    assert found.classes.tolist() == [0] * 12
    with pytest.raises(BadInput, match="do not fit in boxes"):
        BuiltinEngine(widest).classify(
            np.arange(12),
            1,
            replace(plan, diameter_A=BOX * pixel_A, mask_diameter_A=2 * BOX * pixel_A),
            tmp_path,
            print,
        )


def test_an_image_that_is_not_there_is_named(star):
    gone = replace(star, rows=(*star.rows[:-1], star.rows[-1].replace("000120@", "000121@")))
    with pytest.raises(BadInput, match="has no image 121"):
        read_images(gone, np.array([119]))
