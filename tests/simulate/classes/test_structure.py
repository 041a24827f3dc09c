"""Made-up particles have the mass, symmetry and parts they were asked for."""

import numpy as np
import pytest
from scipy.ndimage import rotate

from cryogauge.imaging.transforms import irfft2
from cryogauge.io import write_mrc
from cryogauge.records import BadInput
from cryogauge.simulate.classes.assemble import made_complex, random_structure
from cryogauge.simulate.classes.folds import RESIDUE_KDA, make_domain
from cryogauge.simulate.classes.structure import bent, find_maps, structure_from_map, without
from cryogauge.simulate.classes.views import splat


def test_a_domain_has_its_residues_mass_and_is_compact():
    for seed in range(6):
        points, masses = make_domain(200, np.random.default_rng(seed))
        assert masses.sum() == pytest.approx(200 * RESIDUE_KDA, rel=0.25)
        # a compact protein of 200 residues has a radius of gyration of 2.2 · 200^0.38 = 16.5 Å
        assert np.sqrt(np.square(points).sum(axis=1).mean()) < 1.6 * 2.2 * 200**0.38


@pytest.mark.parametrize(("symmetry", "fold"), [("C4", 4), ("D3", 3), ("C7", 7)])
def test_seen_along_its_axis_a_complex_repeats(symmetry, fold):
    made = made_complex("x", 400.0, symmetry, np.random.default_rng(3))
    assert made.mass_kDa == pytest.approx(400.0, rel=0.25)
    assert made.weights_kDa.sum() == pytest.approx(made.mass_kDa, rel=1e-3)
    pixel = made.diameter_A / 60
    image = irfft2(splat(made, np.eye(3)[None], 97, pixel), (97, 97))
    turned = rotate(image, 360.0 / fold, reshape=False, order=3)
    assert np.corrcoef(image.ravel(), turned.ravel())[0, 1] > 0.97


def test_symmetry_mates_touch_but_hardly_overlap():
    made = made_complex("x", 400.0, "C4", np.random.default_rng(5))
    quarter = len(made.points_A) // 4
    first, second = made.points_A[:quarter], made.points_A[quarter : 2 * quarter]
    apart = np.linalg.norm(first[::5, None] - second[None, ::5], axis=2)
    assert apart.min() < 15.0
    assert (apart < 3.0).mean() < 1e-3


def test_another_conformation_turns_one_part_and_keeps_its_shape():
    made = made_complex("x", 200.0, "C1", np.random.default_rng(1))
    other = bent(made, 20.0, np.array([1.0, 0.0, 0.0]))
    np.testing.assert_array_equal(other.points_A[~made.moving], made.points_A[~made.moving])
    before, after = made.points_A[made.moving], other.points_A[made.moving]
    assert np.linalg.norm(after - before, axis=1).max() > 5.0
    steps = [np.linalg.norm(np.diff(points, axis=0), axis=1) for points in (before, after)]
    np.testing.assert_allclose(steps[1], steps[0], atol=1e-3)
    assert len(without(made, made.moving).points_A) == int((~made.moving).sum())


@pytest.mark.parametrize("kind", ["soluble", "membrane", "filament"])
def test_every_kind_can_be_made_and_the_same_seed_makes_the_same(kind):
    for seed in range(4):
        made, again = (random_structure(np.random.default_rng(seed), "x", kind=kind) for _ in range(2))
        np.testing.assert_array_equal(made.points_A, again.points_A)
        assert made.kind == kind
        assert 30.0 < made.diameter_A < 900.0


def test_a_map_becomes_a_structure_of_its_volume_and_shape(tmp_path):
    z, y, x = np.indices((32, 32, 32)) - 15.5
    write_mrc(tmp_path / "ball.mrc", (np.sqrt(z**2 + y**2 + x**2) < 8).astype(np.float32), 3.0)
    ball = structure_from_map(tmp_path / "ball.mrc")
    assert ball.mass_kDa == pytest.approx(4 / 3 * np.pi * 24**3 / 1212, rel=0.05)
    assert ball.diameter_A == pytest.approx(48, abs=5)
    assert find_maps(tmp_path) == (tmp_path / "ball.mrc",)
    write_mrc(tmp_path / "none.mrc", np.zeros((8, 8, 8), np.float32), 3.0)
    with pytest.raises(BadInput, match="no positive density"):
        structure_from_map(tmp_path / "none.mrc")
    with pytest.raises(BadInput, match="holds no maps"):
        find_maps(tmp_path / "nothing")
