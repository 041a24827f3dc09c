"""Maps against models and maps: agreement, and what stands in its way."""

import numpy as np
import pandas as pd
import pytest

from cryogauge.classes.map_quality.fsc import compare_with_map, compare_with_model, write_agreement
from cryogauge.classes.map_quality.inputs import read_map
from cryogauge.io import write_mrc
from cryogauge.records import BadInput
from tests.classes.map_quality import worlds


@pytest.fixture
def model(tmp_path):
    return worlds.write_model(tmp_path / "model.pdb")


def density(tmp_path, data, name="map.mrc", **header):
    return read_map(worlds.write_map(tmp_path / name, data, **header))


def test_a_map_of_the_model_agrees_in_every_shell(tmp_path, model):
    found = compare_with_model(density(tmp_path, worlds.map_of(model)), model)
    assert found.curve.unmasked.min() > 0.9999
    assert found.resolution_A == pytest.approx(2.0)
    assert found.shift_A == (0.0, 0.0, 0.0)
    assert "up to the finest" in " ".join(found.notes)


def test_noise_ends_the_agreement_and_a_mask_about_the_model_takes_some_off(tmp_path, model):
    volume = density(tmp_path, worlds.map_of(model, noise=1.5))
    plain, masked = compare_with_model(volume, model), compare_with_model(volume, model, mask="model")
    assert 2.1 < masked.resolution_A < plain.resolution_A < 10
    assert plain.curve.masked is None
    assert compare_with_model(volume, model, threshold=0.143).resolution_A < plain.resolution_A
    # Widths of atoms depend on frequency alone, for the most part.
    assert compare_with_model(volume, model, simulate_to_A=5.0).resolution_A == pytest.approx(
        plain.resolution_A, abs=0.3
    )


def test_a_model_beside_its_place_is_told_with_the_way_back(tmp_path, model):
    moved = worlds.write_model(tmp_path / "moved.pdb", (3.0, -2.0, 4.0))
    found = compare_with_model(density(tmp_path, worlds.map_of(model)), moved)
    assert found.shift_A == (-3.0, 2.0, -4.0)
    assert "x, y, z = -3.0, +2.0, -4.0 Å" in " ".join(found.notes)


def test_inverted_contrast_and_no_agreement_are_told(tmp_path, model):
    found = compare_with_model(density(tmp_path, -worlds.map_of(model)), model)
    assert np.isnan(found.resolution_A)
    told = " ".join(found.notes)
    assert "contrast of one of them is inverted" in told
    assert "nowhere agree by 0.5" in told


def test_a_model_elsewhere_is_refused_with_both_places(tmp_path, model):
    volume = density(tmp_path, worlds.map_of(model), origin_A=(0.0, 0.0, 0.0))
    with pytest.raises(BadInput, match=r"0 % of the atoms .* spans x 0 to 39, y 0 to 39, z 0 to 39 Å"):
        compare_with_model(volume, model)


def test_a_few_atoms_outside_are_counted(tmp_path, model):
    far = worlds.write_model(tmp_path / "far.pdb", (0.0, 0.0, 14.0))
    told = " ".join(compare_with_model(density(tmp_path, worlds.map_of(model)), far).notes)
    assert "atoms lie outside the map" in told


def test_halves_are_read_at_another_threshold_and_corrected_for_their_mask(tmp_path, model):
    one, two = (density(tmp_path, worlds.map_of(model, 1.0, seed), f"half{seed}.mrc") for seed in (1, 2))
    plain = compare_with_map(one, two, halves=True)
    assert plain.threshold == 0.143
    assert compare_with_map(one, two).threshold == 0.5
    axis = (np.arange(worlds.EDGE) - worlds.EDGE / 2) ** 2
    ball = np.exp(-(axis[:, None, None] + axis[None, :, None] + axis[None, None, :]) / 400.0)
    mask = worlds.write_map(tmp_path / "mask.mrc", ball)
    masked = compare_with_map(one, two, mask=mask, halves=True)
    assert masked.curve.corrected is not None
    assert masked.resolution_A < plain.resolution_A


def test_maps_on_other_grids_are_told(tmp_path, model):
    data = worlds.map_of(model)
    one = density(tmp_path, data)
    with pytest.raises(BadInput, match=r"boxes differ: .*40 × 40 × 40 voxels, .*40 × 40 × 39"):
        compare_with_map(one, density(tmp_path, data[1:], "cut.mrc"))
    with pytest.raises(BadInput, match=r"voxels differ: .*1 Å, .*1\.02 Å"):
        compare_with_map(one, density(tmp_path, data, "scaled.mrc", voxel_A=1.02))
    moved = density(tmp_path, data, "moved.mrc", origin_A=(0.0, 12.0, 5.0))
    assert "30.0 Å apart" in " ".join(compare_with_map(one, moved).notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": "model"}, "no model to make a mask of"),
        ({"mask": "map.mrc"}, "is no mask: its values go from"),
        ({"mask": "missing.mrc"}, "does not exist"),
        ({"threshold": 1.5}, "no correlation between 0 and 1"),
    ],
)
def test_masks_and_thresholds_that_cannot_be_are_told(tmp_path, monkeypatch, model, change, message):
    monkeypatch.chdir(tmp_path)
    one = density(tmp_path, worlds.map_of(model))
    with pytest.raises(BadInput, match=message):
        compare_with_map(one, one, **change)


def test_maps_without_contents_are_told(tmp_path):
    data = np.zeros((8, 8, 8))
    with pytest.raises(BadInput, match="is flat: every voxel is 0"):
        density(tmp_path, data)
    data[0, 0, 0] = np.nan
    write_mrc(tmp_path / "nan.mrc", data, 1.5)
    with pytest.raises(BadInput, match="no numbers"):
        read_map(tmp_path / "nan.mrc")


def test_the_curve_is_written_as_table_plot_and_page(tmp_path, model):
    found = compare_with_model(density(tmp_path, worlds.map_of(model, 1.0)), model, mask="model")
    page = write_agreement(tmp_path, found, {"map": "map.mrc"})
    table = pd.read_csv(tmp_path / "fsc.csv")
    assert table.columns.tolist() == ["frequency_1_A", "unmasked", "masked"]
    np.testing.assert_allclose(table["masked"], found.curve.best, atol=1e-5)
    assert (tmp_path / "fsc.svg").read_text().startswith("<svg")
    assert f"{found.resolution_A:.2f} Å" in page.read_text()
