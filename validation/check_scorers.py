"""Scorers learned from selections, and squares ranked by what was measured, on simulated grids kept out of learning.

Selections: a made-up operator likes whole squares with ice of some 50 nm near the middle of the grid, and selects the
quarter of each grid that pleases most, with a slip of the hand now and then. The finders' own score knows nothing of
it. A scorer learns from eight grids and orders the squares of sixteen others, found, not known, from their pictures.

Leginon: on those sixteen, squares are visited in the order that Leginon's learning server gives after each, until a
third is visited, and in that of the finders' score alone. Three holes of each visited square are measured, with the
resolution that ice of its thickness allows; dry and torn squares have no ice. Counted is how many measured holes are
as good as the best quarter of the grid.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.collect.leginon.answers import square_lessons, squares_answer
from cryogauge.collect.leginon.choice import WORST_A
from cryogauge.collect.leginon.state import Hole, LeginonSession
from cryogauge.collect.scorers.training import kept_out, labelled_features, train_scorer
from cryogauge.collect.targets.squares import Squares, find_squares
from cryogauge.simulate.grid import GridSettings, SimulatedGrid, View, grid_image, make_grid
from cryogauge.simulate.grid.quality import expected_resolution_A

FIGURES = (
    "scorer_auc_kept_out", "default_score_auc_kept_out", "scorer_spearman_kept_out",
    "default_score_spearman_kept_out", "leginon_good_holes", "default_good_holes",
)  # fmt: skip
_LEARNED, _KEPT_OUT = 8, 16
_PIXELS, _FIELD_UM = 480, 1100.0
_LIKED_NM, _REACH_UM = (50.0, 14.0), 350.0
_HOLES, _VISITED = 3, 1 / 3


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures; ``small`` takes few grids."""
    learned, other = (3, 3) if small else (_LEARNED, _KEPT_OUT)
    grids = [_Grid(seed) for seed in range(learned + other)]
    scorer = train_scorer(pd.concat([grid.table for grid in grids[:learned]], ignore_index=True), "squares")
    features, chosen, name, default = labelled_features(pd.concat([g.table for g in grids[learned:]]), "squares")
    told = kept_out(scorer.scores(features), default, chosen, name)
    print(f"     kept out while learning: {scorer.kept_out}")
    print(f"     AUC of nine of ten draws of such grids: {told.auc_low:.3f} to {told.auc_high:.3f}")
    by_learning, by_score = (
        np.mean([grid.good_holes(learns) for grid in grids[learned:]]) for learns in (True, False)
    )  # fmt: skip
    return {
        "scorer_auc_kept_out": told.auc, "default_score_auc_kept_out": told.default_auc,
        "scorer_spearman_kept_out": told.spearman, "default_score_spearman_kept_out": told.default_spearman,
        "leginon_good_holes": float(by_learning), "default_good_holes": float(by_score),
    }  # fmt: skip


class _Grid:
    """A grid as its picture shows it, with what is true of each found square, and what its operator selected."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([17, seed])
        grid = _simulated(seed, self._rng)
        pixel_A = _FIELD_UM * 1e4 / _PIXELS
        view = View((0.0, 0.0), pixel_A, (_PIXELS, _PIXELS))
        image = grid_image(
            grid, (0.0, 0.0), pixel_A, (_PIXELS, _PIXELS), defocus_A=5e5, dose_e_A2=900 / pixel_A**2, seed=seed
        )  # fmt: skip
        self._found = find_squares(image, pixel_A)
        found = self._found.table
        at = np.column_stack(view.to_pixel(grid.squares["stage_x_um"], grid.squares["stage_y_um"]))
        xy = found[["x_px", "y_px"]].to_numpy(float)
        true = grid.squares.iloc[np.linalg.norm(xy[:, None] - at[None], axis=2).argmin(1)].reset_index(drop=True)
        nm, kind = true["thickness_nm"].to_numpy(float), true["kind"].astype(str)
        away_um = np.hypot(true["stage_x_um"], true["stage_y_um"]).to_numpy(float)
        liked = np.exp(-0.5 * (((nm - _LIKED_NM[0]) / _LIKED_NM[1]) ** 2 + (away_um / _REACH_UM) ** 2))
        liked = liked * kind.isin(["intact", "cracked", "contaminated"]).to_numpy(float)
        pleased = liked + self._rng.normal(0, 0.1, len(liked))
        chosen = (pleased >= np.quantile(pleased, 0.75)).astype(float)
        self.table = found.assign(chosen=chosen, grid=str(seed), image=str(seed))
        dry = kind.isin(["dry", "empty", "broken"]).to_numpy()
        thick = (kind == "thick").to_numpy()
        usual_A = np.where(thick, WORST_A, np.minimum(expected_resolution_A(nm, grid.settings), WORST_A))
        spread = np.exp(self._rng.normal(0, 0.08, (len(nm), _HOLES)))
        self._ctf_A = np.minimum(usual_A[:, None] * spread, WORST_A)
        self._ice_nm = np.where(dry, 0.0, nm)
        self._good_A = float(np.quantile(np.where(dry[:, None], WORST_A, self._ctf_A), 0.25))

    def good_holes(self, learns: bool) -> float:
        """Share of the measured holes that are good, of a third of the squares visited one after another."""
        with tempfile.TemporaryDirectory() as folder:
            session = LeginonSession(Path(folder) / "session.jsonl")
            session.add_tile(1, 1, "", Squares(self._found.table, None, 0.0, 1.0))
            good = []
            for _ in range(max(4, round(_VISITED * len(session.squares)))):
                left = [s for s in session.squares.values() if s.square_id not in session.visited]
                table = squares_answer(left, session.visited, square_lessons([session]) if learns else None)
                good += self._measure(session, int(table["square_id"].iloc[0]))
            session.close()
        return float(np.mean(good))

    def _measure(self, session: LeginonSession, square: int) -> list[bool]:
        """Expose holes of a square; which of them are good."""
        first = session.next_hole
        for hole in range(first, first + _HOLES):
            session.holes[hole] = Hole(hole, square, 1, 1, 0.0, 0.0, 1.0, float("nan"), 1.0, (0.0,) * 5, "")
        session.next_hole += _HOLES
        ice_nm = float(self._ice_nm[square])
        session.visit_holes(range(first, first + _HOLES), self._ctf_A[square].tolist(), [ice_nm] * _HOLES)
        return [bool(value <= self._good_A) and ice_nm > 0 for value in self._ctf_A[square]]


def _simulated(seed: int, rng: np.random.Generator) -> SimulatedGrid:
    settings = GridSettings(
        mesh=int(rng.choice([200, 300])), pattern="R1.2/1.3", foil="gold" if rng.random() < 0.4 else "carbon",
        ice_nm=float(rng.uniform(35, 65)), ice_gradient_nm=15.0, ice_square_nm=12.0,
        broken=0.08, dry=float(rng.uniform(0.02, 0.2)), thick=0.08, empty=0.02, cracked=0.05, contaminated=0.06,
    )  # fmt: skip
    return make_grid(settings, 5000 + seed)
