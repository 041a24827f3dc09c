"""SHREC-like sets: what is written is read, scored and true of the volumes."""

import json

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from cryogauge.io import open_volume, write_mrc
from cryogauge.io.shrec import find_shrec, read_labels, read_occupancy, read_shrec
from cryogauge.pick.shrec import score_shrec
from cryogauge.records import BadInput
from cryogauge.records.shrec import SHREC_CLASSES
from cryogauge.simulate.particles import PROTEIN_A3_PER_KDA, PROTEIN_V
from cryogauge.simulate.shrec import ShrecSettings, make_shrec, simulate_shrec
from cryogauge.simulate.shrec.species import COMPLEXES, find_maps, load_complexes

SETTINGS = ShrecSettings(shape=(40, 96, 96), crowding=2.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("shrec") / "set"
    written = simulate_shrec(out, 2, SETTINGS, seed=3)
    return out, written


def test_what_is_written_is_read_and_scores_all(made):
    out, written = made
    assert written["set"] == out
    folders = find_shrec(out)
    assert [path.name for path in folders] == ["model_0", "model_1"]
    model = read_shrec(folders[-1])
    assert (model.shape, model.offset_px, model.year) == (SETTINGS.shape, 0, 2020)
    assert len(model.picks) > 20
    found = score_shrec(model, model.picks)
    assert (found.localisation.tp, found.localisation.fp, found.localisation.fn) == (len(model.picks), 0, 0)
    assert found.localisation.distance_px == 0
    assert found.macro_f1 == 1
    assert set(found.classes["object"]) <= set(SHREC_CLASSES[2019])


def test_masks_agree_with_one_another_and_with_the_density(made):
    folder = made[0] / "model_0"
    model = read_shrec(folder)
    occupancy = read_occupancy(model)
    assert set(np.unique(occupancy)) == set(range(len(model.picks) + 1))
    classes = np.asarray(open_volume(folder / "class_mask.mrc").data)
    labels = read_labels(model, {name: label for label, name in enumerate(SHREC_CLASSES[2019], 1)})
    assert np.array_equal(labels, classes)
    potential = np.asarray(open_volume(folder / "grandmodel.mrc").data)
    assert potential[occupancy > 0].mean() > 20 * potential[occupancy == 0].mean()
    tomogram = np.asarray(open_volume(folder / "reconstruction.mrc").data)
    assert tomogram[occupancy > 0].mean() < tomogram[occupancy == 0].mean()  # protein is dark


def test_angles_turn_the_shape_onto_its_voxels(made):
    model = read_shrec(made[0] / "model_1")
    occupancy = read_occupancy(model)
    lines = (made[0] / "model_1" / "particle_locations.txt").read_text().splitlines()
    shapes = load_complexes(())
    elongated = [i for i, name in enumerate(model.picks["object"]) if name in ("4b4t", "2cg9", "1u6g")]
    assert elongated
    for i in elongated:
        name, *numbers = lines[i].split()
        x, y, z, *angles = map(float, numbers)
        mask = shapes[name].mask
        at = np.argwhere(occupancy == i + 1) - [z, y, x]
        # as the simulator of 2020 and 2021 samples a template: static turns by the negative angles, in x, y, z
        sampled = Rotation.from_euler("zxz", [-angle for angle in angles], degrees=True).apply(at[:, ::-1])
        inside = map_coordinates(mask, (sampled[:, ::-1] + (np.array(mask.shape) - 1) / 2).T, order=1)
        assert len(at) == pytest.approx((mask > 0.5).sum(), rel=0.1)
        assert (inside >= 0.45).all()


def test_the_same_seed_gives_the_same_and_another_another():
    small = ShrecSettings(shape=(40, 64, 64), crowding=2.0)
    first, again, other = make_shrec(small, 1), make_shrec(small, 1), make_shrec(small, 2)
    assert np.array_equal(first.data, again.data)
    assert np.array_equal(first.occupancy, again.occupancy)
    assert not np.array_equal(first.occupancy, other.occupancy)


def test_a_set_is_made_once_and_grows(made):
    out, _ = made
    before = (out / "model_0/reconstruction.mrc").stat().st_mtime_ns
    simulate_shrec(out, 2, SETTINGS, seed=3)
    assert (out / "model_0/reconstruction.mrc").stat().st_mtime_ns == before
    with pytest.raises(BadInput, match="holds SHREC-like tomograms of other settings"):
        simulate_shrec(out, 2, SETTINGS, seed=4)
    assert json.loads((out / "shrec.json").read_text())["seed"] == 3


def test_look_alikes_weigh_what_their_entries_do():
    for name, shape in load_complexes(()).items():
        mass = shape.density.sum(dtype=float) * 1000.0 / (PROTEIN_A3_PER_KDA * PROTEIN_V)
        assert mass == pytest.approx(COMPLEXES[name].mass_kDa, rel=1e-3)
        assert shape.label == SHREC_CLASSES[2019].index(name) + 1
        assert shape.mask[tuple(n // 2 for n in shape.mask.shape)] == 1  # a pick of the centre is a hit


def _ball(path, radius_A, voxel_A, stated_A=None):
    half = int(np.ceil(radius_A / voxel_A)) + 2
    z, y, x = np.indices((2 * half + 1,) * 3) - half
    write_mrc(path, (np.hypot(np.hypot(z, y), x) * voxel_A <= radius_A).astype(np.float32), stated_A or voxel_A)


def test_maps_stand_for_their_species(tmp_path, caplog):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    whole_A = np.cbrt(3 / (4 * np.pi) * 1.85 * 559.96 * PROTEIN_A3_PER_KDA)
    _ball(one / "1bxn.mrc", whole_A, 10.0)
    _ball(two / "1BXN.map", whole_A, 5.0)
    _ball(two / "4b4t.mrc", 100.0, 10.0, stated_A=1.0)
    _ball(two / "3cf3.mrc", 0.79 * whole_A, 10.0)
    assert find_maps((one, two)) == {
        "1bxn": one / "1bxn.mrc", "3cf3": two / "3cf3.mrc", "4b4t": two / "4b4t.mrc",
    }  # fmt: skip
    shapes = load_complexes((one, two))
    mass = {name: shapes[name].density.sum(dtype=float) / (PROTEIN_A3_PER_KDA * PROTEIN_V) * 1000 for name in shapes}
    assert mass["1bxn"] == pytest.approx(559.96, rel=1e-3)
    assert mass["3cf3"] == pytest.approx(0.5 * 541.74, rel=0.1)
    assert "3cf3.mrc is taken for a part" in caplog.text
    assert "4b4t.mrc states a voxel of 1 Å; at 10 Å" in caplog.text
    assert shapes["4b4t"].mask.sum() == pytest.approx(4 / 3 * np.pi * 10**3, rel=0.3)


def test_maps_that_cannot_be(tmp_path):
    with pytest.raises(BadInput, match="there is no folder"):
        load_complexes((tmp_path / "none",))
    with pytest.raises(BadInput, match="holds no map of any species"):
        load_complexes((tmp_path,))
    _ball(tmp_path / "1s3x.mrc", 200.0, 10.0)
    with pytest.raises(BadInput, match="is no map of 1s3x"):
        load_complexes((tmp_path,))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"shape": (20, 64, 64)}, "holds no proteasome"),
        ({"crowding": 0}, "outside 0–5"),
        ({"defocus_A": (2, 1)}, "range"),
    ],
)
def test_settings_that_cannot_be(settings, said):
    with pytest.raises(BadInput, match=said):
        ShrecSettings(**settings)


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(BadInput, match="is not empty"):
        simulate_shrec(tmp_path, 1, SETTINGS)
    with pytest.raises(BadInput, match="0 tomograms cannot be made"):
        simulate_shrec(tmp_path / "new", 0, SETTINGS)
