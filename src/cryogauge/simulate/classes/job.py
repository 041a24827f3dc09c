"""One job of 2-D classification as a whole: a specimen, a session, a program, and classes from good to junk."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.records import BadInput
from cryogauge.records.classes import REASONS, ClassStack
from cryogauge.simulate.classes.assemble import FILAMENT_A, random_structure
from cryogauge.simulate.classes.average import Average, Recipe, average
from cryogauge.simulate.classes.finish import PROGRAMS, Finish, as_written, drawn_finish, finished
from cryogauge.simulate.classes.optics import Optics, drawn_optics
from cryogauge.simulate.classes.oracle import Verdict, judge, junk
from cryogauge.simulate.classes.structure import Structure, structure_from_map
from cryogauge.simulate.classes.views import random_views

_JUNK = ("empty", "ice", "carbon", "edge", "aggregate")
_JUNK_SHARES = (0.52, 0.12, 0.1, 0.08, 0.18)


@dataclass(frozen=True)
class ClassSetSettings:
    """What one job is of.

    Attributes
    ----------
    classes
        Fewest and most averages.
    box_px
        Smallest and largest edge of an average.
    maps
        Density maps (MRC) of which particles are; generated particles without any.
    program
        Whose finish; drawn unless given.

    Raises
    ------
    BadInput
        For ranges that are none, or an unknown program.
    """

    classes: tuple[int, int] = (10, 50)
    box_px: tuple[int, int] = (48, 180)
    maps: tuple[Path, ...] = ()
    program: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.classes[0] <= self.classes[1]:
            raise BadInput(f"from {self.classes[0]} to {self.classes[1]} classes cannot be made")
        if not 32 <= self.box_px[0] <= self.box_px[1] <= 512:
            raise BadInput(
                f"boxes from {self.box_px[0]} to {self.box_px[1]} pixels cannot be made", "give 32 to 512 pixels"
            )
        if self.program is not None and self.program not in PROGRAMS:
            raise BadInput(f"no program is called {self.program!r}", f"one of: {', '.join(PROGRAMS)}")


@dataclass(frozen=True)
class SimulatedClasses:
    """Averages and what is true of them.

    Attributes
    ----------
    stack
        The averages as a program gives them.
    truth
        One row an average: ``class, grade, structure, mass_kDa, diameter_A, snr, detail_A, background, members,
        contaminant`` and ``reason_<name>`` of each reason, true or false.
    """

    stack: ClassStack
    truth: pd.DataFrame


@dataclass(frozen=True)
class _Session:
    """What all classes of a job share."""

    structures: tuple[Structure, ...]
    optics: Optics
    finish: Finish
    box_px: int
    corrected: bool
    weighed: bool


def make_class_set(settings: ClassSetSettings | None = None, seed: int = 0) -> SimulatedClasses:
    """Simulate one job.

    Parameters
    ----------
    settings
        What of.
    seed
        The same seed and settings give the same averages.

    Raises
    ------
    BadInput
        When a map cannot be read.
    """
    settings = settings or ClassSetSettings()
    rng = np.random.default_rng([seed, 2])
    session = _session(settings, rng)
    recipes = _recipes(session, int(rng.integers(settings.classes[0], settings.classes[1] + 1)), rng)
    made = [_one(session, recipe, which, rng) for recipe, which in recipes]
    pictures = finished(np.stack([each.average.image for each in made]), session.finish)
    verdicts = [
        _verdict(session, recipe, session.structures[which], each, picture)
        for (recipe, which), each, picture in zip(recipes, made, pictures, strict=True)
    ]
    table = _table(session, recipes, [each.average.resolution_A for each in made], rng)
    rows = [
        {
            "class": number,
            "grade": verdict.grade,
            "structure": session.structures[which].name,
            "mass_kDa": session.structures[which].mass_kDa if not recipe.contaminant else np.nan,
            "diameter_A": session.structures[which].diameter_A if not recipe.contaminant else np.nan,
            "snr": each.snr,
            "detail_A": verdict.detail_A,
            "background": verdict.background,
            "members": recipe.particles,
            "contaminant": recipe.contaminant,
            **{f"reason_{name}": verdict.reasons[name] for name in REASONS},
        }
        for number, (recipe, which), each, verdict in zip(table["class"], recipes, made, verdicts, strict=True)
    ]
    stack = ClassStack(
        as_written(pictures, session.finish),
        session.optics.pixel_size_A,
        table,
        source=f"simulated job {seed}",
        program=session.finish.program,
    )
    return SimulatedClasses(stack, pd.DataFrame(rows))


@cache
def _mapped(path: Path) -> Structure:
    return structure_from_map(path)


def _session(settings: ClassSetSettings, rng: np.random.Generator) -> _Session:
    number = 1 + int(rng.random() < 0.3) + int(rng.random() < 0.15)
    if settings.maps:
        chosen = rng.choice(len(settings.maps), min(number, len(settings.maps)), replace=False)
        structures = tuple(_mapped(settings.maps[k]) for k in chosen)
    else:
        structures = tuple(random_structure(rng, f"made-up-{k + 1}") for k in range(number))
    size_A = max(structure.diameter_A for structure in structures)
    if structures[0].kind == "filament":
        size_A = max(size_A, rng.uniform(150, 320))
    field_A = size_A * rng.uniform(1.25, 2.1)
    if any(structure.kind == "filament" for structure in structures):
        field_A = min(field_A, 0.95 * FILAMENT_A)  # they cross the box
    wanted_A = float(np.exp(rng.uniform(np.log(0.9), np.log(3.2))))
    box_px = 2 * round(float(np.clip(field_A / wanted_A, *settings.box_px)) / 2)
    pixel = max(field_A / box_px, 0.7)
    optics = drawn_optics(pixel, rng)
    noise = float(np.sqrt(optics.noise_variance))
    finish = drawn_finish(box_px, size_A / pixel, pixel, noise, rng, program=settings.program)
    corrected = finish.program in ("relion", "cryosparc") or rng.random() < 0.5
    weighed = finish.program in ("relion", "cryosparc") or rng.random() < 0.4
    return _Session(structures, optics, finish, box_px, corrected, weighed)


def _recipes(session: _Session, count: int, rng: np.random.Generator) -> list[tuple[Recipe, int]]:
    """What each class holds: a few large good classes and a long tail in good jobs, junk throughout in bad ones."""
    quality, false = rng.beta(3.0, 1.2), rng.beta(1.3, 2.4)
    total = float(np.exp(rng.uniform(np.log(1_500), np.log(700_000))))
    shares = rng.dirichlet(np.full(count, rng.uniform(0.4, 2.0)))
    small = np.median([structure.mass_kDa for structure in session.structures]) < 100
    recipes = []
    for share in shares:
        particles = int(np.clip(round(total * share), 1, 60_000))
        which = int(rng.integers(len(session.structures)))
        if rng.random() < 0.5 * false:
            recipes.append((_junk(particles, rng), which))
            continue
        own = float(np.clip(rng.normal(quality, 0.22), 0, 1))
        few = float(np.exp(-particles / rng.uniform(20, 150)))
        poor = (1 - own) ** 1.5 + rng.uniform(0.2, 1.0) * few
        structure = session.structures[which]
        size = structure.diameter_A
        off = rng.normal(0, 0.02 * size, 2) if rng.random() > 0.16 else rng.normal(0, 0.22 * size, 2)
        recipes.append(
            (
                Recipe(
                    particles=0 if rng.random() < 0.01 else particles,
                    spread_deg=float(rng.uniform(0.7, 3.0) + poor * rng.gamma(2.0, 9.0)),
                    in_plane_deg=_in_plane_deg(poor, structure.kind, rng) * (1.4 if small else 1.0),
                    shift_A=float(rng.uniform(0.3, 1.2) + poor * rng.gamma(2.0, 2.5)) * (1.4 if small else 1.0),
                    wrong=float(np.clip(rng.beta(1.2, 6.0) * 0.4 + poor * rng.beta(1.5, 2.0), 0, 0.95)),
                    hinge_deg=float(rng.gamma(1.5, 6.0)) if rng.random() < 0.3 else 0.0,
                    offset_A=(float(off[0]), float(off[1])),
                    neighbour=float(rng.uniform(0.2, 1.0)) if rng.random() < 0.1 else 0.0,
                    crowding=float(rng.beta(1, 3) * 1.5) if rng.random() < 0.6 else 0.0,
                    overfit=float(1.0 + rng.gamma(1.0, 0.25) + few * rng.uniform(0, 2)),
                ),
                which,
            )
        )
    return recipes


def _in_plane_deg(poor: float, kind: str, rng: np.random.Generator) -> float:
    """Mostly of degrees; now and then a round particle finds no angle, and its average gets rings.

    A filament is as long as the box, and its angle as much surer.
    """
    if kind == "filament":
        return float(rng.uniform(0.1, 0.5) + poor * rng.gamma(2.0, 1.5))
    lost = rng.uniform(15, 60) if rng.random() < 0.04 else 0.0
    return float(rng.uniform(0.3, 1.5) + poor * rng.gamma(2.0, 5.0) + lost)


def _junk(particles: int, rng: np.random.Generator) -> Recipe:
    kind = str(rng.choice(_JUNK, p=_JUNK_SHARES))
    return Recipe(
        particles=0 if kind == "empty" and rng.random() < 0.06 else particles,
        contaminant=kind,
        overfit=float(1.0 + rng.gamma(1.0, 0.4)),
    )


class _Made(NamedTuple):
    """An average, the signal-to-noise ratio of a single particle image in it, and how far off the middle it is seen."""

    average: Average
    snr: float
    off_A: float


def _one(session: _Session, recipe: Recipe, which: int, rng: np.random.Generator) -> _Made:
    structure = session.structures[which]
    view = random_views(1, rng, kind=structure.kind)[0]
    others = tuple(other for k, other in enumerate(session.structures) if k != which)
    made = average(
        structure,
        view,
        recipe,
        session.optics,
        session.box_px,
        rng,
        others=others,
        corrected=session.corrected,
        weighed=session.weighed,
        streaks=session.finish.streaks,
    )
    off_A = offset_seen_A(recipe.offset_A, view, structure.kind)
    return _Made(made, float(made.truth.var()) / session.optics.noise_variance, off_A)


def offset_seen_A(offset_A: tuple[float, float], view: NDArray[np.floating], kind: str) -> float:
    """How far off the middle a particle of a view ``(3, 3)`` looks: a filament only across its axis."""
    (y, x), (along_y, along_x) = offset_A, view[1:, 0]
    if kind == "filament":
        return float(abs(y * along_x - x * along_y) / max(np.hypot(along_y, along_x), 1e-9))
    return float(np.hypot(y, x))


def _verdict(
    session: _Session, recipe: Recipe, structure: Structure, made: _Made, picture: NDArray[np.float32]
) -> Verdict:
    if recipe.contaminant or recipe.particles == 0:
        return junk(recipe.contaminant or "empty")
    pixel, size_A = session.optics.pixel_size_A, structure.diameter_A
    if structure.kind == "filament":  # what is seen of it is longer than wide
        size_A = max(size_A, 0.5 * session.box_px * pixel)
    return judge(
        picture,
        made.average.truth,
        pixel,
        size_A,
        extra=made.average.extra,
        offset_A=made.off_A,
        mask_diameter_A=session.finish.mask_px * pixel,
        whole=session.optics.contrast_per_V_A * structure.potential_V_A3 / pixel**2,
        endless=structure.kind == "filament",
    )


def _table(
    session: _Session, recipes: list[tuple[Recipe, int]], resolution_A: list[float], rng: np.random.Generator
) -> pd.DataFrame:
    """What the program tells: resolutions off by a tenth, of junk often too good; shares of the particles."""
    particles = np.array([recipe.particles for recipe, _ in recipes])
    told = np.array(resolution_A) * np.exp(rng.normal(0, 0.08, len(recipes)))
    for k, (recipe, _) in enumerate(recipes):
        if recipe.overfit > 1.3 or recipe.contaminant:
            told[k] *= rng.uniform(0.6, 1.0)
    told = np.maximum(told, 2 * session.optics.pixel_size_A)
    told[particles == 0] = 999.0 if session.finish.program == "relion" else np.nan
    plain = session.finish.program in ("eman2", "stack")
    return pd.DataFrame(
        {
            "class": np.arange(len(recipes)) + (0 if session.finish.program == "cryosparc" else 1),
            "resolution_A": np.nan if plain else told,
            "distribution": particles / max(particles.sum(), 1),
            "particles": particles.astype(float),
        }
    )
