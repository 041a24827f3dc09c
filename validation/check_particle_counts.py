"""Particles counted in simulated exposures of grids whose every particle is known.

Exposures of 1,024 px at 1.7 Å of holes in clean vitreous ice: particles of three masses, from none to 60 % of the field
under discs of their size, at 1 to 2.2 µm defocus, in ice of 25 to 90 nm; some with usual contamination. Everything is
found as in the judging of exposures, the contrast transfer too. A density counts as right when it is; where the counter
says that it cannot tell, that is counted apart. Crowded is a field whose true coverage is 40 % or more.

And in simulated micrographs where something else is in view: the edge of support film, crystalline ice, ice without
particles; and such with particles and nothing else. A count is wrong that is farther from the truth, in what is neither
film nor dirt, than twice its error and than half of the truth. How many are wrong is told for those that the judge
gives without doubt and for those of which it says that it is not sure.
"""

import math

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from cryogauge.collect.judge.exposure import Exposure
from cryogauge.collect.judge.judge import JudgeSettings, judge_exposure
from cryogauge.simulate.grid import GridSettings, View, grid_image, grid_particles, make_grid
from cryogauge.simulate.grid.quality import particle_diameter_nm
from cryogauge.simulate.micrographs import Micrograph, simulate_micrograph

FIGURES = (
    "particle_count_error_median", "particle_count_bias", "particle_count_in_nothing_um2", "particle_crowding_auc",
    "particle_diameter_error_median", "particle_count_told", "particle_count_sure_wrong", "particle_count_unsure_wrong",
    "particle_count_unsure",
)  # fmt: skip
_COVERAGES = (0.0, 0.03, 0.08, 0.15, 0.3, 0.6)
_MASSES_kDa = (250.0, 500.0, 1500.0)
_EACH, _EDGE_PX, _PIXEL_A, _DOSE_e_A2, _SEED = 2, 1024, 1.7, 50.0, 900
_CROWDED = 0.4
#: Of micrographs with other things in view: how many of each sort, their edge, pixel and first seed.
_BESIDES = {"film": 16, "crystalline": 12, "no_particles": 12, "great": 8, "decent": 8}
_SMALL_PX, _BESIDES_SEED = 768, 9000
_FILM = (0.04, 0.7)  # of the field
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
        **_with_others_in_view(small),
    }  # fmt: skip


def _with_others_in_view(small: bool) -> dict[str, float]:
    rows, seed = [], _BESIDES_SEED
    for sort, count in _BESIDES.items():
        done = 0
        while done < (2 if small else count):
            seed += 1
            kind = "decent" if sort == "film" else sort
            made = simulate_micrograph(kind, (_SMALL_PX, _SMALL_PX), _PIXEL_A, np.random.default_rng(seed))
            film = float(made.field.carbon.mean())
            if sort == "film" and not _FILM[0] < film < _FILM[1]:
                continue
            done += 1
            rows.append({"sort": sort, **_beside(made)})
    table = pd.DataFrame(rows).dropna(subset=["found", "true"])
    away = (table["found"] - table["true"]).abs()
    wrong = (away > 2 * table["error"]) & (away > 0.5 * table["true"])
    for sort in _BESIDES:
        of = table["sort"] == sort
        sure = of & ~table["doubted"]
        print(f"     {sort}: {sure.sum()} sure, {wrong[sure].sum()} of them wrong; "
              f"{(of & ~sure).sum()} not sure, {wrong[of & ~sure].sum()} of them wrong")  # fmt: skip
    return {
        "particle_count_sure_wrong": float(wrong[~table["doubted"]].mean()),
        "particle_count_unsure_wrong": float(wrong[table["doubted"]].mean()),
        "particle_count_unsure": float(table["doubted"].mean()),
    }


def _beside(made: Micrograph) -> dict[str, float | bool]:
    free = ~(made.field.carbon | made.field.contamination)
    places = np.round(made.field.centres_px).astype(int).reshape(-1, 2)
    places = places[((places >= 0) & (places < _SMALL_PX)).all(axis=1)]
    area_um2 = float(free.mean()) * (_SMALL_PX * _PIXEL_A * 1e-4) ** 2
    settings = JudgeSettings(
        voltage_kV=made.optics.voltage_kV, amplitude_contrast=made.optics.amplitude_contrast
    )  # fmt: skip
    row = judge_exposure(Exposure(made.electrons, _PIXEL_A), settings).row
    return {
        "true": float(free[tuple(places.T)].sum()) / area_um2 if free.mean() > 0.05 else math.nan,
        "found": row["particles_per_um2"], "error": row["particles_per_um2_error"],
        "doubted": "unsure_count" in row["flags"].split(),
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
