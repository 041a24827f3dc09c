"""Particles counted in simulated exposures of grids whose every particle is known.

Exposures of 1,024 px at 1.7 Å of holes in clean vitreous ice: particles of three masses, from none to 60 % of the field
under discs of their size, at 1 to 2.2 µm defocus, in ice of 25 to 90 nm; some with usual contamination. Everything is
found as in the judging of exposures, the contrast transfer too. A density counts as right when it is; where the counter
says that it cannot tell, that is counted apart. Crowded is a field whose true coverage is 40 % or more.
"""

import math

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from cryogauge.collect.judge.exposure import Exposure
from cryogauge.collect.judge.judge import JudgeSettings, judge_exposure
from cryogauge.simulate.grid import GridSettings, View, grid_image, grid_particles, make_grid
from cryogauge.simulate.grid.quality import particle_diameter_nm

FIGURES = (
    "particle_count_error_median", "particle_count_bias", "particle_count_in_nothing_um2", "particle_crowding_auc",
    "particle_diameter_error_median", "particle_count_told",
)  # fmt: skip
_COVERAGES = (0.0, 0.03, 0.08, 0.15, 0.3, 0.6)
_MASSES_kDa = (250.0, 500.0, 1500.0)
_EACH, _EDGE_PX, _PIXEL_A, _DOSE_e_A2, _SEED = 2, 1024, 1.7, 50.0, 900
_CROWDED = 0.4
_CLEAN = dict.fromkeys(("broken", "dry", "thick", "empty", "cracked", "contaminated", "crystalline"), 0.0)


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes one exposure of each density."""
    masses, each = (_MASSES_kDa[1:2], 1) if small else (_MASSES_kDa, _EACH)
    rows = []
    for number, (mass, coverage) in enumerate([(m, c) for m in masses for c in _COVERAGES] * each):
        rows.append(_one(_SEED + number, mass, coverage))
        true, found = rows[-1]["true"], rows[-1]["found"]
        print(f"     {mass:.0f} kDa: {true:.0f} particles/µm², found {found:.0f} ± {rows[-1]['error']:.0f}")
    table = pd.DataFrame(rows)
    told = table[np.isfinite(table["found"])]
    some, none = told[told["true"] > 0], told[told["true"] == 0]
    wrong = (some["found"] / some["true"] - 1).to_numpy()
    sized = some[np.isfinite(some["diameter"])]
    # what one cannot tell is neither crowded nor not
    crowded = told["true_coverage"] >= _CROWDED
    return {
        "particle_count_error_median": float(np.median(np.abs(wrong))),
        "particle_count_bias": float(np.median(wrong)),
        "particle_count_in_nothing_um2": float(none["found"].mean()) if len(none) else math.nan,
        "particle_crowding_auc": float(roc_auc_score(crowded, told["coverage"])) if 0 < crowded.sum() < len(told)
        else math.nan,
        "particle_diameter_error_median": float(np.median(np.abs(sized["diameter"] / sized["true_diameter"] - 1))),
        "particle_count_told": len(told) / len(table),
    }  # fmt: skip


def _one(seed: int, mass_kDa: float, coverage: float) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    base = GridSettings(
        pattern="R2/2", ice_nm=float(rng.uniform(25, 90)), ice_gradient_nm=0.0, ice_square_nm=2.0, ice_hole_nm=2.0,
        contamination=float(rng.choice([0.0, 1.0])), particle_kDa=mass_kDa,
        particle_symmetry=str(rng.choice(["C1", "C4", "D2"])), **_CLEAN,
    )  # fmt: skip
    diameter_A = 10 * particle_diameter_nm(base)
    disc_um2 = math.pi / 4 * (diameter_A * 1e-4) ** 2
    grid = make_grid(GridSettings(**{**vars(base), "particles_um2": coverage / disc_um2}), seed)
    holes = grid.holes[(grid.holes["edge_um"] > 0.5) & (grid.holes["kind"] == "intact")]
    hole = holes.iloc[int(rng.integers(len(holes)))]
    at = (float(hole["stage_x_um"]), float(hole["stage_y_um"]))
    shape = (_EDGE_PX, _EDGE_PX)
    image = grid_image(
        grid, at, _PIXEL_A, shape, defocus_A=float(rng.uniform(10_000, 22_000)), dose_e_A2=_DOSE_e_A2, seed=seed
    )
    true = len(grid_particles(grid, View(at, _PIXEL_A, shape).bounds_um)) / (_EDGE_PX * _PIXEL_A * 1e-4) ** 2
    row = judge_exposure(Exposure(image, _PIXEL_A), JudgeSettings()).row
    return {
        "true": true, "found": row["particles_per_um2"], "error": row["particles_per_um2_error"],
        "true_coverage": true * disc_um2, "coverage": row["particle_coverage"],
        "true_diameter": diameter_A, "diameter": row["particle_diameter_A"],
    }  # fmt: skip
