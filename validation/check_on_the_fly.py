"""Alerts of a session's class averages: one-sided views, poor classes, told and told wrongly.

Sessions on simulated grids whose specimen is known: exposures are judged, particles counted, cut, classified and graded
as `cryogauge collect screen` does, up to the first round in which every alert may be raised. Three sorts of specimen:

- *even*: whole and spoilt particles (4 to 1) from all sides, in ice in which they turn freely;
- *one-sided*: the same in ice hardly thicker than they are, where each lies in one of two views, to 8 degrees;
- *hopeless*: each exposure has particles of another kind and mass, so that nothing repeats, as where they fall apart.

``one_sided_told`` is the share of one-sided sessions in which views are called one-sided without a map,
``one_sided_told_map`` with one, and ``one_sided_false`` and ``one_sided_false_map`` the same of the even ones.
``poor_told`` is the share of hopeless sessions whose classes are called poor, ``poor_false`` that of all others.
``views_even`` and ``views_one_sided`` are the medians of how many views hold nine in ten particles, where that is told.
"""

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from cryogauge.classes.on_the_fly import look_at_classes
from cryogauge.collect.judge.exposure import Exposure
from cryogauge.collect.judge.judge import JudgeSettings, judge_exposure
from cryogauge.collect.screen.averages import make_averages
from cryogauge.collect.screen.particles import usual_diameter_A
from cryogauge.collect.screen.settings import ClassPlan, SkipRules
from cryogauge.io import write_mrc
from cryogauge.records import ClassStack
from cryogauge.simulate.grid import GridSettings, grid_image, make_grid
from cryogauge.simulate.grid.molecules import structure_of
from cryogauge.simulate.grid.quality import particle_diameter_nm
from validation.classes import map_of

FIGURES = (
    "one_sided_told", "one_sided_false", "one_sided_told_map", "one_sided_false_map", "poor_told", "poor_false",
    "views_even", "views_one_sided",
)  # fmt: skip
#: Sessions of each sort, and the first seed of each; those that the limits were tried on lie below 100.
_SESSIONS = {"even": 3, "one_sided": 3, "hopeless": 2}
_SEED = {"even": 7100, "one_sided": 7200, "hopeless": 7300}
#: Particles counted: of those whose boxes lie in the field there are then more than a thousand.
_PARTICLES, _FEW_PARTICLES = 1500, 250
_EDGE_PX, _PIXEL_A, _DOSE_e_A2, _DEFOCUS_A = 1536, 2.2, 50.0, (12_000.0, 22_000.0)
_MASSES_kDa, _SYMMETRIES = (350.0, 700.0), ("C1", "D2")
_HOPELESS_kDa = (200.0, 800.0)
#: Thickness of ice over a particle's diameter, and the density of particles that comes of it.
_THIN, _THICK = 1.3, 2.6
_DENSITY_um2 = {"even": 1300.0, "one_sided": 1900.0, "hopeless": 1300.0}
_MOST_EXPOSURES = 40
#: Of classes and rounds, as sessions have them unless told otherwise.
_PLAN, _GOOD_A = ClassPlan(), SkipRules().good_resolution_A
_IN_A_CLASS = 40
_CLEAN = dict.fromkeys(("broken", "dry", "thick", "empty", "cracked", "contaminated", "crystalline"), 0.0)


def run(small: bool = False) -> dict[str, float]:
    """Measure on eight sessions; on one of each sort, of fewer particles, when ``small``."""
    told: dict[str, list[dict[str, Any]]] = {}
    for sort, count in _SESSIONS.items():
        seeds = range(_SEED[sort], _SEED[sort] + (1 if small else count))
        told[sort] = [_session(sort, seed, _FEW_PARTICLES if small else _PARTICLES) for seed in seeds]

    def share(sorts: tuple[str, ...], flag: str, by: str = "plain") -> float:
        return float(np.mean([flag in each[by]["flags"].split() for sort in sorts for each in told[sort]]))

    def views(sort: str) -> float:
        known = [each["plain"]["views_of_nine"] for each in told[sort] if each["plain"]["spread_by"]]
        return float(np.median(known)) if known else math.nan

    return {
        "one_sided_told": share(("one_sided",), "one_sided"),
        "one_sided_false": share(("even",), "one_sided"),
        "one_sided_told_map": share(("one_sided",), "one_sided", "map"),
        "one_sided_false_map": share(("even",), "one_sided", "map"),
        "poor_told": share(("hopeless",), "poor_classes"),
        "poor_false": share(("even", "one_sided"), "poor_classes"),
        "views_even": views("even"), "views_one_sided": views("one_sided"),
    }  # fmt: skip


def _session(sort: str, seed: int, particles: int) -> dict[str, Any]:
    """What is told of the classes of one session without a map, ``plain``, and with it, ``map``."""
    rng = np.random.default_rng(seed)
    specimen = _specimen(sort, rng)
    with TemporaryDirectory() as folder:
        exposures, found, tried = [], 0, 0
        while found < particles and tried < _MOST_EXPOSURES:
            own = specimen if sort != "hopeless" else _specimen(sort, rng)
            path = Path(folder) / f"{tried}.mrc"
            centres_A, row = _exposed(own, 100 * seed + tried, path, rng)
            tried += 1
            if row["ctf_resolution_A"] <= _GOOD_A and row["particles"] > 0:
                found += len(centres_A)
                exposures.append((path, centres_A, row))
        stack = make_averages(
            exposures, usual_diameter_A([row for *_, row in exposures]), JudgeSettings(),
            int(np.clip(found // _IN_A_CLASS, 5, _PLAN.count)), sort,
        )  # fmt: skip
    volume = map_of(structure_of(specimen))
    told = {"plain": look_at_classes(stack), "map": look_at_classes(stack, volume, specimen.particle_symmetry)}
    _say(sort, seed, stack, told)
    return told


def _specimen(sort: str, rng: np.random.Generator) -> GridSettings:
    mass = float(rng.uniform(*(_HOPELESS_kDa if sort == "hopeless" else _MASSES_kDa)))
    symmetry = "C1" if sort == "hopeless" else str(rng.choice(_SYMMETRIES))
    base = GridSettings(particle_kDa=mass)
    ice_nm = particle_diameter_nm(base) * (_THIN if sort == "one_sided" else _THICK)
    return GridSettings(
        pattern="R2/2", ice_nm=ice_nm, ice_gradient_nm=0.0, ice_square_nm=1.0, ice_hole_nm=1.0, meniscus_nm=2.0,
        edge_nm=0.0, contamination=0.5, particle_kDa=mass, particle_symmetry=symmetry,
        particles_um2=_DENSITY_um2[sort], preferred=float(sort == "one_sided"), **_CLEAN,
    )  # fmt: skip


def _exposed(
    specimen: GridSettings, seed: int, path: Path, rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, Any]]:
    """Centres (y, x) in Å and row of an exposure, as a session keeps them; its picture is written."""
    grid = make_grid(specimen, seed)
    holes = grid.holes[(grid.holes["edge_um"] > 0.5) & (grid.holes["kind"] == "intact")]
    near = (holes["thickness_nm"] / specimen.ice_nm - 1.0).abs() < 0.1
    hole = holes[near].iloc[int(rng.integers(int(near.sum())))]
    image = grid_image(
        grid, (float(hole["stage_x_um"]), float(hole["stage_y_um"])), _PIXEL_A, (_EDGE_PX, _EDGE_PX),
        defocus_A=float(rng.uniform(*_DEFOCUS_A)), dose_e_A2=_DOSE_e_A2, seed=seed,
    )  # fmt: skip
    write_mrc(path, image, _PIXEL_A)
    judged = judge_exposure(Exposure(image, _PIXEL_A), JudgeSettings())
    step_A = _PIXEL_A * _EDGE_PX / max(judged.picture.shape)
    return judged.particles.centres_px * step_A, judged.row


def _say(sort: str, seed: int, stack: ClassStack, told: dict[str, dict[str, Any]]) -> None:
    plain, on_map = told["plain"], told["map"]
    print(
        f"     {sort} {seed}: {int(stack.table['particles'].sum())} particles, {100 * plain['shown_share']:.0f} % in "
        f"classes that show anything, best {plain['best_grade']:.1f}; {plain['views_of_nine']} views of nine in ten, "
        f"{plain['views']:.1f} effective; flags '{plain['flags']}', with the map '{on_map['flags']}' "
        f"(scf {on_map['scf']:.2f})",
        flush=True,
    )  # fmt: skip
