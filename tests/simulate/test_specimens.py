"""Specimens: every kind, its slab, its picks."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from cryogauge.records import PICK_COLUMNS, BadInput
from cryogauge.simulate.canvas import MEDIUM, empty_canvas
from cryogauge.simulate.contamination import VACUUM_V
from cryogauge.simulate.particles import Template
from cryogauge.simulate.rasterise import add_blobs
from cryogauge.simulate.specimens import KINDS, SlabShape, make_specimen

SHAPE = (48, 64, 64)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("voxel_size_A", [8.0, 20.0])
def test_every_kind_draws_something_biological_within_its_slab(kind, voxel_size_A):
    thickness_nm = 0.6 * SHAPE[0] * voxel_size_A / 10
    specimen = make_specimen(kind, SHAPE, voxel_size_A, thickness_nm, seed=4, contaminants=False)
    assert specimen.potential_V.dtype == np.float32
    assert np.isfinite(specimen.potential_V).all()
    assert (np.abs(specimen.biology_V).max() > 0.5) == (kind != "empty")
    z = np.arange(SHAPE[0])[:, None, None]
    outside = (z > specimen.top_px + 1) | (z < specimen.bottom_px - 1)
    assert np.all(specimen.biology_V[outside] == 0)
    assert set(PICK_COLUMNS) <= set(specimen.picks.columns)


@pytest.mark.parametrize("kind", ["lamella", "virions"])
def test_a_seed_draws_the_same_specimen_again(kind):
    first, again, other = (make_specimen(kind, SHAPE, 12.0, 30.0, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(first.potential_V, again.potential_V)
    assert first.picks.equals(again.picks)
    assert not np.array_equal(first.potential_V, other.potential_V)


def test_contaminants_are_no_biology():
    clean, dirty = (make_specimen("empty", SHAPE, 15.0, 40.0, seed=2, contaminants=c) for c in (False, True))
    assert np.all(clean.potential_V == 0)
    assert np.all(dirty.biology_V == 0)
    assert any(
        np.abs(make_specimen("empty", SHAPE, 15.0, 40.0, seed=s, contaminants=True).potential_V).max() > 3
        for s in range(5)
    )


@pytest.mark.parametrize("slab", [SlabShape(slab_tilt_deg=12.0), SlabShape(wedge=0.3, offset=0.2), SlabShape()])
def test_thickness_is_that_across_the_slab(slab):
    voxel_size_A, thickness_nm = 10.0, 20.0
    specimen = make_specimen("empty", (96, 128, 128), voxel_size_A, thickness_nm, seed=1, slab=slab, contaminants=False)
    along_z = (specimen.top_px - specimen.bottom_px).mean() * voxel_size_A / 10
    # the slab is as thick along z as asked for; a tilted one is thinner across
    assert along_z == pytest.approx(thickness_nm, rel=1e-3)
    assert specimen.thickness_nm == pytest.approx(thickness_nm * np.cos(np.deg2rad(slab.slab_tilt_deg)), rel=0.01)
    assert specimen.tilt_deg == pytest.approx(slab.slab_tilt_deg, abs=0.1)


def test_coverage_adds_up_to_the_thickness():
    canvas = empty_canvas((40, 32, 32), 10.0, 17.3, np.random.default_rng(0), slab_tilt_deg=5.0, wedge=0.2)
    columns = canvas.coverage().sum(axis=0)
    np.testing.assert_allclose(columns, canvas.top - canvas.bottom, atol=1e-3)


def test_picks_lie_on_what_they_name():
    """A template with its mass off its centre, placed at random: turned by its angles it is where the map says."""
    density = np.zeros((15, 15, 15), np.float32)
    add_blobs(density, np.array([[7.0, 7.0, 7.0]]), np.array([1.2]), np.array([30.0]))
    arm_zyx = np.array([1.0, 2.0, 4.0])
    add_blobs(density, 7.0 + arm_zyx[None], np.array([0.9]), np.array([25.0]))
    template = Template("hook", density, 9.0)
    specimen = make_specimen("mixture", (56, 96, 96), 10.0, 45.0, seed=3, contaminants=False, templates=(template,))
    picks = specimen.picks[specimen.picks["object"] == "hook"]
    assert len(picks) >= 3
    centres = picks[["z_A", "y_A", "x_A"]].to_numpy(float) / 10.0
    turns = Rotation.from_euler("ZYZ", picks[["rot", "tilt", "psi"]].to_numpy(float), degrees=True).inv()
    arms = centres + turns.apply(arm_zyx[::-1])[:, ::-1]
    inside = np.all((centres > 8) & (centres < np.array([47, 87, 87])), axis=1)
    at_centre, at_arm = (map_coordinates(specimen.biology_V, p[inside].T, order=1) for p in (centres, arms))
    wrong = centres - (arms - centres)
    at_wrong = map_coordinates(specimen.biology_V, wrong[inside].T, order=1)
    assert inside.sum() >= 3
    assert np.median(at_centre) > 0.5 * density[7, 7, 7]
    assert np.median(at_arm) > 0.5 * density[8, 9, 11]
    assert np.median(at_wrong) < 0.2 * density[8, 9, 11]


def test_templates_of_one_specimen_do_not_overlap():
    template = Template("ball", np.ones((9, 9, 9), np.float32), 5.0)
    specimen = make_specimen("mixture", (48, 64, 64), 10.0, 40.0, seed=8, contaminants=False, templates=(template,))
    places = specimen.picks[["z_A", "y_A", "x_A"]].to_numpy(float) / 10.0
    apart = np.abs(places[:, None] - places[None])
    apart[..., 1:] = np.minimum(apart[..., 1:], 64 - apart[..., 1:])
    distance = np.linalg.norm(apart, axis=-1)[~np.eye(len(places), dtype=bool)]
    assert len(places) > 3
    assert distance.min() > 8.0


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"kind": "unicorn"}, "one of: lamella"),
        ({"voxel_size_A": 1.0}, "between 5 and 50"),
        ({"thickness_nm": 500.0}, "thickness"),
    ],
)
def test_what_cannot_be_drawn_is_refused(change, hint):
    asked = {"kind": "cell", "shape": SHAPE, "voxel_size_A": 10.0, "thickness_nm": 30.0, "seed": 0}
    with pytest.raises(BadInput) as error:
        make_specimen(**{**asked, **change})
    assert hint in error.value.hint


def test_the_medium_fills_the_slab():
    canvas = empty_canvas((40, 32, 32), 10.0, 20.0, np.random.default_rng(0))
    assert (canvas.region == MEDIUM).mean() == pytest.approx(0.5, abs=0.03)


def test_a_hole_in_the_ice_holds_nothing():
    """Among some specimens there are holes: vacuum within the slab, no biology there and no pick."""
    found = 0
    for seed in range(30):
        specimen = make_specimen("mixture", SHAPE, 15.0, 40.0, seed=seed, contaminants=True)
        middle = specimen.potential_V[SHAPE[0] // 2]
        hole = middle < 0.99 * VACUUM_V
        if not hole.any():
            continue
        found += 1
        inside = specimen.coverage() * hole > 0.999
        np.testing.assert_allclose(specimen.potential_V[inside], VACUUM_V, atol=0.04)
        assert np.abs(specimen.biology_V[inside]).max() == 0
        y, x = ((specimen.picks[axis].to_numpy(float) / 15.0).round().astype(int) % 64 for axis in ("y_A", "x_A"))
        assert not hole[y, x].any()
    assert 1 <= found <= 12
