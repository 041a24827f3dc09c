import numpy as np
import pytest
from scipy.spatial import KDTree

from cryogauge.simulate.grid import GridSettings, make_grid


@pytest.fixture(scope="module")
def grid():
    return make_grid(GridSettings(mesh=100, pattern="R2/4", cracked=0.3, contaminated=0.2, crystalline=0.2), seed=2)


@pytest.mark.parametrize(("pattern", "pitch", "neighbours"), [("R2/4", 6.0, 4), ("H2/4", 6.0, 6)])
def test_holes_have_the_pitch_of_the_pattern(pattern, pitch, neighbours):
    holes = make_grid(GridSettings(mesh=100, pattern=pattern, contamination=0.0), seed=2).holes
    tree = KDTree(holes[["stage_x_um", "stage_y_um"]].to_numpy())
    square = holes["square"] == holes["square"].value_counts().index[0]
    inner = holes.index[square & (holes["edge_um"] > 8)]
    distance, _ = tree.query(tree.data[inner], k=neighbours + 2)
    assert distance[:, 1 : neighbours + 1] == pytest.approx(pitch, rel=0.01)
    assert distance[:, neighbours + 1].min() > 1.3 * pitch


def test_lacey_foil_has_holes_of_every_size_on_no_lattice():
    holes = make_grid(GridSettings(mesh=50, bar_um=380.0, pattern="lacey", contamination=0.0), seed=2).holes
    assert holes["diameter_um"].quantile(0.9) > 1.4 * holes["diameter_um"].quantile(0.1)
    some = holes[holes["square"] == holes["square"].value_counts().index[0]]
    distance, _ = KDTree(some[["stage_x_um", "stage_y_um"]].to_numpy()).query(some[["stage_x_um", "stage_y_um"]], k=2)
    assert distance[:, 1].std() > 0.1 * distance[:, 1].mean()


def test_what_is_lost_is_worth_nothing(grid):
    holes = grid.holes
    assert holes["quality"].between(0, 1).all()
    for kind in ("dry", "broken", "cracked", "crystalline"):
        lost = holes[holes["kind"] == kind]
        assert len(lost) > 10, kind
        assert (lost["quality"] == 0).all()
    assert (holes.loc[holes["kind"].isin(["dry", "broken", "cracked"]), "thickness_nm"] == 0).all()
    assert holes.loc[holes["kind"] == "dry", "resolution_A"].isna().all()
    assert holes.loc[holes["kind"] == "intact", "quality"].max() > 0.5


def test_kinds_of_hole_are_those_of_their_squares(grid):
    kind = grid.squares.set_index("square")["kind"].astype(str)
    holes = grid.holes.assign(own=kind.loc[grid.holes["square"]].to_numpy())
    assert (holes.loc[holes["own"] == "dry", "kind"] == "dry").all()
    assert (holes.loc[holes["kind"] == "cracked", "own"] == "cracked").all()
    assert (holes.loc[holes["kind"] == "broken", "own"] == "broken").all()
    dirty = holes["kind"] == "contaminated"
    assert dirty[holes["own"] == "contaminated"].mean() > 3 * dirty[holes["own"] == "intact"].mean()


def test_resolution_falls_as_ice_grows():
    holes = make_grid(GridSettings(mesh=100, pattern="R2/10", contamination=0.0), seed=2).holes.dropna(
        subset="resolution_A"
    )
    ordered = holes.sort_values("thickness_nm")["resolution_A"].to_numpy()
    assert (np.diff(ordered) >= 0).all()
    assert ordered[0] < 3.2
