"""Holes in groups that image shift reaches."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cryogauge.collect.targets.shift_groups import grouped_places, shift_groups, with_shift_groups
from cryogauge.io.session import export_nav
from cryogauge.io.session.nav import read_nav
from cryogauge.records import BadInput
from cryogauge.records.session import About, CollectionSession, session_table

PLACES = arrays(float, st.tuples(st.integers(0, 40), st.just(2)), elements=st.floats(-50, 50))


@given(PLACES, st.floats(0.1, 60))
def test_every_place_is_in_one_group_and_none_beyond_the_reach(xy, reach):
    made = shift_groups(xy, reach)
    assert made.group.shape == (len(xy),)
    assert set(made.group) == set(range(len(made.centre)))
    np.testing.assert_allclose(made.shift_um, xy - xy[made.centre[made.group]] if len(xy) else np.zeros((0, 2)))
    apart = np.linalg.norm(xy[:, None] - xy[made.centre][None], axis=2)
    assert (np.linalg.norm(made.shift_um, axis=1) <= reach * (1 + 1e-9)).all()
    assert (np.linalg.norm(made.shift_um, axis=1) <= apart.min(1, initial=np.inf) + 1e-9).all()  # the nearest centre
    assert (made.group[made.centre] == np.arange(len(made.centre))).all()
    assert (np.diff(np.bincount(made.group)) <= 0).all()


@given(st.integers(0, 5), st.floats(3, 30))
def test_far_from_each_other_nothing_is_grouped_and_together_everything(seed, reach):
    xy = np.random.default_rng(seed).permutation(np.mgrid[:4, :5].reshape(2, -1).T).astype(float)
    assert len(shift_groups(xy * 1.01 * reach, reach).centre) == 20
    assert len(shift_groups(xy * 0.3, 3.0).centre) == 1


def test_holes_on_a_lattice_need_no_more_moves_than_blocks_of_nine():
    xy = 2.5 * np.mgrid[:12, :12].reshape(2, -1).T
    made = shift_groups(xy, 3.6)  # a block of three by three
    assert 16 <= len(made.centre) <= 24


def test_targets_alone_are_grouped():
    holes = pd.DataFrame({"x_px": [0.0, 10.0, 500.0], "y_px": [0.0, 0.0, 0.0], "target": [True, False, True]})
    table = with_shift_groups(holes, 5.0, 100.0)
    assert table["shift_group"].to_list() == [0, -1, 0]
    assert table["shift_centre"].sum() == 1
    assert table["shift_x_um"].abs().max() == pytest.approx(5.0)
    assert with_shift_groups(holes, 4.9, 100.0)["shift_group"].to_list() == [0, -1, 1]
    assert with_shift_groups(holes.assign(target=False), 5.0, 100.0)["shift_group"].to_list() == [-1, -1, -1]


def test_places_of_a_session_go_to_the_navigator_in_groups(tmp_path):
    holes = [(0, 0, "g"), (3, 0, "g"), (20, 0, "g"), (21, 0, "other"), (1, 1, "g"), (np.nan, 0, "g")]
    session = CollectionSession(
        About(title="s"),
        session_table("grids", [{"grid": "g"}, {"grid": "other"}]),
        session_table("images", []),
        session_table("places", [
            {"place": f"h{k}", "grid": grid, "kind": "hole", "stage_x_um": x, "stage_y_um": y}
            for k, (x, y, grid) in enumerate(holes)
        ] + [{"place": "square", "grid": "g", "kind": "square", "stage_x_um": 0, "stage_y_um": 0}]),
        session_table("labels", [{"subject_kind": "place", "subject": "h4", "label": "acquire", "value": "0"}]),
        session_table("measurements", []),
    )  # fmt: skip
    groups = grouped_places(session, 5.0)
    assert groups == {"h0": 1, "h1": 1, "h2": 2, "h3": 3}
    export_nav(tmp_path / "targets.nav", session, "g", groups)
    told = {item.entries["Note"]: item.entries.get("GroupID") for item in read_nav(tmp_path / "targets.nav")}
    assert told == {"h0": "1", "h1": "1", "h2": "2", "h4": None, "square": None}


def test_points_of_a_navigator_that_are_to_be_acquired_are_grouped():
    rows = [
        {"place": f"p{n}", "grid": "g", "kind": "point", "stage_x_um": 2.0 * n, "stage_y_um": 0.0, "registration": 1,
         "extra": '{"HoleArray": "9 3 0"}' if n == 2 else "{}"}
        for n in range(5)
    ]  # fmt: skip
    acquire = [
        {"subject_kind": "place", "subject": f"p{n}", "label": "acquire", "value": "0" if n == 3 else "1"}
        for n in range(4)
    ]
    session = CollectionSession(
        About(title="g"), session_table("grids", [{"grid": "g"}]), session_table("images", []),
        session_table("places", rows), session_table("labels", acquire), session_table("measurements", []),
    )  # fmt: skip
    assert grouped_places(session, 5.0) == {"p0": 1, "p1": 1}  # 2 is several, 3 is not wanted, of 4 nothing is said


def test_what_cannot_be_grouped():
    with pytest.raises(BadInput, match="reaches nothing"):
        shift_groups(np.zeros((1, 2)), 0.0)
    with pytest.raises(BadInput, match="no position"):
        shift_groups(np.array([[0, np.nan]]), 1.0)
    with pytest.raises(BadInput, match="pixel size"):
        with_shift_groups(pd.DataFrame({"target": [], "x_px": [], "y_px": []}), 1.0, float("nan"))
