import numpy as np
import pytest

from cryogauge.io import write_mrc
from cryogauge.io.shrec import find_shrec, read_labels, read_occupancy, read_shrec
from cryogauge.records import PICK_COLUMNS, BadInput
from tests.io.shrec import makers


@pytest.mark.parametrize(("make", "year", "offset"), [(makers.set_2019, 2019, 4), (makers.set_2020, 2020, 4)])
def test_masks_lie_in_the_middle_of_the_reconstruction(tmp_path, make, year, offset):
    model = read_shrec(make(tmp_path))
    assert (model.name, model.number, model.year, model.offset_px) == ("model_9", 9, year, offset)
    assert model.shape == (18, 20, 18)
    assert tuple(model.picks.columns[:6]) == PICK_COLUMNS
    assert model.picks["object"].tolist() == ["1bxn", "4d8q", "1s3x", "1bxn"]
    expected = [[10.0 * x, 10.0 * y, 10.0 * (z + offset)] for _, x, y, z, _ in makers.PARTICLES]
    assert model.picks[["x_A", "y_A", "z_A"]].to_numpy().tolist() == expected
    assert model.picks["rot"].isna().all() == (year == 2019)
    assert np.array_equal(read_occupancy(model), makers.occupancy())


def test_capitals_and_vesicles_are_of_2021(tmp_path):
    model = read_shrec(makers.set_2021(tmp_path))
    assert (model.year, model.offset_px) == (2021, 0)
    assert model.picks["object"].tolist() == ["1bxn", "4d8q", "4v94", "vesicle"]
    assert model.picks["rot"].isna().tolist() == [False, False, False, True]


def test_labels_are_those_of_the_kinds(tmp_path):
    model = read_shrec(makers.set_2020(tmp_path))
    labels = read_labels(model, {"1bxn": 7, "4d8q": 2})
    assert labels is not None
    assert labels.shape == model.shape
    expected = np.zeros(model.shape, np.uint8)
    expected[4:14] = np.array([0, 7, 2, 0, 7])[makers.occupancy()]
    assert np.array_equal(labels, expected)


def test_labels_from_a_class_mask_follow_the_years_order(tmp_path):
    folder = makers.set_2020(tmp_path)
    (folder / "occupancy_mask.mrc").unlink()
    assert read_labels(read_shrec(folder), {"3cf3": 1}) is None
    classes = np.zeros(makers.SHAPE, np.int16)
    classes[2, 3, 4], classes[5, 6, 7] = 1, 12  # 3cf3 and 1bxn in 2020
    write_mrc(folder / "class_mask.mrc", classes, 10.0)
    labels = read_labels(read_shrec(folder), {"3cf3": 5, "1bxn": 6})
    assert labels is not None
    assert np.argwhere(labels == 5).tolist() == [[6, 3, 4]]
    assert np.argwhere(labels == 6).tolist() == [[9, 6, 7]]
    classes[0, 0, 0] = 13
    write_mrc(folder / "class_mask.mrc", classes, 10.0)
    with pytest.raises(BadInput, match="has the value 13"):
        read_labels(read_shrec(folder), {})


def test_without_masks_the_filled_slices_are_the_middle_200(tmp_path):
    folder = tmp_path / "model_3"
    folder.mkdir()
    write_mrc(folder / "reconstruction.mrc", np.zeros((512, 4, 4), np.int8), 1.0)
    (folder / "particle_locations.txt").write_text("1bxn 1 2 3 0 0 0\n")
    model = read_shrec(folder)
    assert model.offset_px == 156
    assert model.picks["z_A"].tolist() == [1590.0]
    with pytest.raises(BadInput, match="has no mask of who fills"):
        read_occupancy(model)


def test_a_set_is_ordered_by_number(tmp_path):
    for number in (10, 2, 0):
        makers.set_2020(tmp_path / "unpacked" / "full", number)
    names = [path.name for path in find_shrec(tmp_path / "unpacked")]
    assert names == ["model_0", "model_2", "model_10"]
    assert find_shrec(tmp_path / "unpacked/full/model_2") == [tmp_path / "unpacked/full/model_2"]


def test_a_test_tomogram_without_its_truth(tmp_path, caplog):
    folder = makers.set_2020(tmp_path)
    (folder / "particle_locations.txt").unlink()
    model = read_shrec(folder)
    assert len(model.picks) == 0
    assert "nothing is known" in caplog.text


def test_folders_that_are_none(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        find_shrec(tmp_path / "none")
    with pytest.raises(BadInput, match="holds no tomograms as SHREC has them"):
        find_shrec(tmp_path)
    with pytest.raises(BadInput, match="is no tomogram as SHREC has it"):
        read_shrec(tmp_path)
    makers.set_2020(tmp_path).rename(tmp_path / "mine")
    with pytest.raises(BadInput, match="is not called after its number"):
        read_shrec(tmp_path / "mine")


def test_masks_that_cannot_be(tmp_path):
    folder = makers.set_2020(tmp_path)
    mask = makers.occupancy()
    write_mrc(folder / "occupancy_mask.mrc", mask.transpose(0, 2, 1), 10.0)
    with pytest.raises(BadInput, match="does not fit"):
        read_shrec(folder)
    write_mrc(folder / "occupancy_mask.mrc", np.where(mask == 4, 9, mask), 10.0)
    with pytest.raises(BadInput, match="numbers 9 particles, 4 are listed"):
        read_occupancy(read_shrec(folder))
    write_mrc(folder / "occupancy_mask.mrc", mask + 0.5, 10.0)
    with pytest.raises(BadInput, match="is no mask"):
        read_occupancy(read_shrec(folder))


def test_a_list_that_counts_slices_otherwise_is_found_out(tmp_path):
    folder = makers.set_2020(tmp_path)
    (folder / "particle_locations.txt").write_text(makers.lines(shift=4))
    with pytest.raises(BadInput, match="do not agree: 0 of 4 centres"):
        read_occupancy(read_shrec(folder))
