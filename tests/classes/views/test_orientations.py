from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from cryogauge.classes.views.directions import angle_between, directions_of, symmetry_turns, views_of
from cryogauge.classes.views.orientations import ORIENTATION_COLUMNS, Orientations, find_orientations
from cryogauge.records import BadInput, Volume
from tests.classes.views.worlds import any_views, averages, map_of, stacked, structure, tilted_views

ANGLES = ["rot_deg", "tilt_deg", "psi_deg"]
STEP_DEG = 10.0


def found_views(found: Orientations) -> np.ndarray:
    return views_of(found.table[ANGLES].to_numpy())


def error_deg(found: np.ndarray, true: np.ndarray, symmetry: str = "C1") -> np.ndarray:
    """Of the whole view, in-plane turn included, to the nearest symmetric copy."""
    turned = np.einsum("nij,gjk,nlk->gnil", found, symmetry_turns(symmetry), true)
    degrees = [np.rad2deg(Rotation.from_matrix(each).magnitude()) for each in turned]
    return np.min(degrees, axis=0)


@pytest.fixture(scope="module")
def world():
    """Ten averages of one particle, off-centre, dark protein, and two of another; and what is found."""
    rng = np.random.default_rng(1)
    views, offsets = any_views(10, rng), rng.normal(0, 7, (10, 2))
    own = averages(structure(1), views, rng, offsets_A=offsets)
    other = averages(structure(2), any_views(2, rng), rng)
    stack = stacked(-np.concatenate([own, other]), distribution=np.r_[np.full(10, 0.08), 0.15, 0.05])
    return views, offsets, stack, find_orientations(stack, map_of(structure(1)), step_deg=STEP_DEG)


def test_views_are_found_to_within_the_grid(world):
    views, offsets, _, found = world
    assert tuple(found.table.columns) == ORIENTATION_COLUMNS
    errors = error_deg(found_views(found)[:10], views)
    assert np.median(errors) < STEP_DEG
    assert errors.max() < 2 * STEP_DEG
    shifts = found.table[["offset_y_A", "offset_x_A"]].to_numpy()[:10]
    assert np.median(np.linalg.norm(shifts - offsets, axis=1)) < 3.0


def test_what_is_something_else_matches_nothing(world):
    *_, found = world
    assert found.table["matches"].tolist() == [True] * 10 + [False] * 2
    assert set(found.table["flags"][10:]) == {"matches nothing"}
    assert any("2 of 12 classes" in sentence and "20 %" in sentence for sentence in found.sentences)


def test_matches_lie_on_the_averages(world):
    *_, found = world
    likeness = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(found.averages, found.matches, strict=True)]
    assert min(likeness[:10]) > 0.9


def test_a_mirror_image_of_the_map_fits_as_well_from_mirrored_views(world):
    views, _, stack, found = world
    volume = map_of(structure(1))
    mirrored = Volume(np.roll(volume.data[:, :, ::-1], 1, axis=2), volume.voxel_size_A, source="mirrored.mrc")
    again = find_orientations(stack, mirrored, step_deg=STEP_DEG)
    assert again.table["correlation"].to_numpy()[:10] == pytest.approx(
        found.table["correlation"].to_numpy()[:10], abs=0.05
    )
    expected = directions_of(views) * np.array([-1, 1, 1])
    seen = directions_of(found_views(again))[:10]
    sides = np.abs(np.einsum("ni,ni->n", expected, seen))
    assert np.median(np.rad2deg(np.arccos(np.clip(sides, 0, 1)))) < STEP_DEG
    assert again.scf == pytest.approx(found.scf, abs=0.15)


def test_top_views_alone_are_preferred_orientation_and_said():
    rng = np.random.default_rng(3)
    views = tilted_views(8, 0.0, 6.0, rng)
    made = structure(5, 240.0, "C2")
    found = find_orientations(stacked(averages(made, views, rng)), map_of(made), symmetry="C2", step_deg=STEP_DEG)
    assert np.median(error_deg(found_views(found), views, "C2")) < STEP_DEG
    assert found.preferred
    assert found.sentences[0].startswith("Preferred orientation: ")
    assert found.crowd[1] < 20
    assert found.fourier_covered < 0.9
    assert found.missing["tilt_deg"].max() > 60
    away = angle_between(
        np.array([[0, 0, 1.0]]), directions_of(views_of(found.missing.assign(p=0).to_numpy()[:, [0, 1, 3]]))
    )
    assert away.min() > 20


def test_bad_input_is_told_in_one_line(world):
    *_, stack, _ = world
    volume = map_of(structure(1))
    with pytest.raises(BadInput, match="pixel sizes is wrong"):
        _hint(lambda: find_orientations(stack, replace(volume, voxel_size_A=9.0)))
    with pytest.raises(BadInput, match=r"no class is of grade 2 or better; the best is 4\.00"):
        find_orientations(stack, volume, grades=pd.DataFrame({"grade": np.full(12, 4.0)}), cutoff=2.0)
    with pytest.raises(BadInput, match="pixel size"):
        find_orientations(stacked(stack.images, None), volume)
    with pytest.raises(BadInput, match="holds no averages"):
        find_orientations(stacked(stack.images[:0]), volume)
    with pytest.raises(BadInput, match="shows anything"):
        find_orientations(stacked(np.zeros((2, 40, 40))), volume)
    with pytest.raises(BadInput, match="better than decoys"):
        find_orientations(stacked(stack.images[10:]), volume, step_deg=15)
    with pytest.raises(BadInput, match="no symmetry"):
        find_orientations(stack, volume, symmetry="Z3")


def _hint(call):
    """Message and hint as one text."""
    try:
        call()
    except BadInput as error:
        raise BadInput(f"{error.message}: {error.hint}") from error
