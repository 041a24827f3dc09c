"""Holes of pictures whose holes are known."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import KDTree

from cryogauge.collect.targets.hole_kinds import COLUMNS
from cryogauge.collect.targets.holes import find_holes
from cryogauge.records import BadInput
from tests.collect.targets.grids import holes


def whole(centres, shape, diameter):
    return centres[((centres > diameter / 2) & (centres < np.array(shape[::-1]) - diameter / 2)).all(1)]


def compare(found, centres, shape, diameter):
    """Recall of whole holes, share of those found whole that are holes, and the median distance of the matched."""
    xy = found.table[["x_px", "y_px"]].to_numpy(float)
    clear = found.table["flags"].map(lambda flags: not {"partial", "near_bar"} & set(flags)).to_numpy(bool)
    sought = whole(centres, shape, diameter)
    apart = np.linalg.norm(sought[:, None] - xy[None], axis=2)
    back = np.linalg.norm(xy[clear][:, None] - centres[None], axis=2).min(1)
    hit = apart.min(1) < diameter / 4
    return hit.mean(), (back < diameter / 4).mean(), np.median(apart.min(1)[hit])


KINDS = {
    "carbon": {},
    "gold": {"foil": 120.0, "inside": 420.0},
    "hexagonal": {"kind": "hexagonal"},
    "dark holes": {"foil": 400.0, "inside": 330.0},
    "fringes alone": {"inside": 300.0, "fringe": 120.0},
    "missing and dirt": {"missing": 0.35, "dirt": 25},
    "a bar": {"bar": 60.0},
}


@pytest.mark.parametrize("name", KINDS)
def test_every_hole_is_found_where_it_is_and_nothing_else(name):
    for seed, (pitch, diameter, angle_deg) in enumerate([(36.0, 18.0, 12.0), (60.0, 36.0, 77.0)]):
        picture, there, _ = holes((230, 260), pitch, diameter, angle_deg, seed, **KINDS[name])
        if "bar" in KINDS[name]:
            there = there[there[:, 0] > KINDS[name]["bar"] + diameter / 2]
        found = find_holes(picture, 100.0)
        recall, precision, off = compare(found, there, picture.shape, diameter)
        assert recall > (0.9 if "dirt" in name else 0.97)
        assert precision > (0.93 if "dirt" in name else 0.97)
        assert off < 0.04 * diameter
        assert found.pitch_px == pytest.approx(pitch, rel=0.01)
        assert found.diameter_px == pytest.approx(diameter, abs=4 if "fringe" in KINDS[name] else 2)
        assert found.lattice.kind == KINDS[name].get("kind", "square")
        turn = 60 if found.lattice.kind == "hexagonal" else 90
        assert (found.lattice.angle_deg - angle_deg + turn / 2) % turn - turn / 2 == pytest.approx(0, abs=1)


@pytest.mark.parametrize(
    ("pitch", "filled", "angle_deg", "kind"),
    [
        (24.0, 0.45, 3.0, "square"),
        (31.0, 0.7, 41.0, "hexagonal"),
        (60.0, 0.6, 45.0, "square"),
        (62.0, 0.4, 88.0, "hexagonal"),
    ],
)
def test_pitch_and_angle_need_not_be_told(pitch, filled, angle_deg, kind):
    picture, there, _ = holes((210, 230), pitch, filled * pitch, angle_deg, kind=kind, foil=800.0, inside=950.0)
    found = find_holes(picture)
    recall, precision, _ = compare(found, there, picture.shape, filled * pitch)
    assert min(recall, precision) > 0.95
    assert found.lattice.kind == kind


def test_lacey_film_and_noise_have_no_lattice_and_it_is_said():
    rng = np.random.default_rng(5)
    lacey = ndimage.gaussian_filter(rng.normal(size=(220, 220)), 6)
    for picture in (
        np.where(lacey > 0.01, 300.0, 150.0) + rng.normal(0, 8, lacey.shape),
        rng.normal(100, 9, (200, 200)),
    ):
        found = find_holes(picture)
        assert (len(found.table), found.lattice) == (0, None)
        assert "no lattice" in found.note
        assert list(found.table.columns) == list(COLUMNS)


@pytest.mark.parametrize("seed", [1, 2])
def test_cells_of_lacey_film_have_no_rim_all_around_though_they_lie_nearly_on_a_lattice(seed):
    rng, pitch = np.random.default_rng(seed), 26.0
    j, i = np.mgrid[-2:16, -2:18]
    middles = np.column_stack([(i + 0.5 * (j % 2)).ravel(), 0.866 * j.ravel()]) * pitch
    middles += rng.normal(0, 0.18 * pitch, middles.shape)
    y, x = np.mgrid[:330, :360]
    nearest, _ = KDTree(middles).query(np.column_stack([x.ravel(), y.ravel()]), 2)
    threads = (nearest[:, 1] - nearest[:, 0] < 5).reshape(x.shape)
    assert find_holes(rng.poisson(np.where(threads, 180, 400)).astype(float)).lattice is None


def test_two_large_holes_stand_without_a_lattice():
    y, x = np.mgrid[:200, :260]
    picture = np.full((200, 260), 300.0)
    for cx, cy in ((60, 100), (190, 90)):
        picture[np.hypot(x - cx, y - cy) < 35] = 400
    found = find_holes(np.random.default_rng(0).poisson(picture).astype(float))
    assert sorted(found.table["x_px"].round(-1)) == [60, 190]
    assert (found.lattice, found.table["target"].all()) == (None, True)
    assert "too few holes" in found.note


def test_what_is_no_target_is_told_in_words():
    picture, there, _ = holes(bar=95.0, seed=3, pitch=50.0, diameter=24.0)
    at = whole(there[there[:, 0] > 180], picture.shape, 40)[0]
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    picture[np.hypot(x - at[0] - 3, y - at[1]) < 4] = 200
    table = find_holes(picture).table
    dirty = table.iloc[np.linalg.norm(table[["x_px", "y_px"]].to_numpy(float) - at, axis=1).argmin()]
    assert (dirty["target"], dirty["score"], dirty["flags"]) == (False, 0, ("contaminated",))
    assert "covered by dirt" in dirty["why"]
    near = table[(table["x_px"] < 95 + 12) & (table["x_px"] > 95)]
    assert len(near)
    assert near["why"].str.contains("bar").all()
    cut = table[table["flags"].map(lambda flags: "partial" in flags)]
    assert cut["why"].str.contains("cut by the border").all()
    assert not cut["target"].any()


def test_ice_is_as_thick_as_its_absorption_says():
    picture, _, _ = holes((200, 220), inside=400 * np.exp(-50 / 320), foil=250.0)
    table = find_holes(picture, vacuum=400.0, mean_free_path_nm=320.0).table
    inner = table[table["target"]]
    assert inner["ice_nm"].median() == pytest.approx(50, abs=4)
    bare = find_holes(holes((200, 220), inside=400.0, foil=250.0)[0], vacuum=400.0).table
    assert bare["why"].str.contains("no ice").mean() > 0.3
    with pytest.raises(BadInput, match="bare beam is given as 20, but holes have 399"):
        find_holes(holes((200, 220), inside=400.0, foil=250.0)[0], vacuum=20.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_torn_foil_keeps_its_holes_and_its_edges_are_no_targets(seed):
    pitch, diameter = 26.0, 13.0
    picture, there, _ = holes((330, 360), pitch, diameter, 12.0, seed, foil=120.0, inside=420.0, bar=60.0)
    rng = np.random.default_rng(seed)
    depth = ndimage.gaussian_filter(rng.normal(size=picture.shape), 28)
    torn = (depth < np.percentile(depth, 75)) & (
        np.arange(picture.shape[1]) > 60
    )  # a quarter of the foil is left, in pieces
    picture[torn] = rng.poisson(450, int(torn.sum()))
    inward, outward = ndimage.distance_transform_edt(~torn), ndimage.distance_transform_edt(torn)
    x, y = np.clip(np.round(there).astype(int), 0, np.array(picture.shape[::-1]) - 1).T
    left = there[
        (inward[y, x] > 0.9 * diameter) & (np.minimum(there - (75, 0), picture.shape[::-1] - there) > 8).all(1)
    ]
    assert len(left) > 8
    table = find_holes(picture).table
    targets = table.loc[table["target"], ["x_px", "y_px"]].to_numpy(float)
    found = np.linalg.norm(left[:, None] - targets[None], axis=2).min(1) < diameter / 4
    assert found.mean() > 0.9
    x, y = np.clip(np.round(targets).astype(int), 0, np.array(picture.shape[::-1]) - 1).T
    assert (outward[y, x] == 0).mean() > 0.95
    said = table[table["flags"].map(lambda flags: "torn" in flags)]
    assert len(said)
    assert said["why"].str.contains("no rim on a side").all()
