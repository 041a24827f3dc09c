"""What a session is to do, from a YAML file."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from cryogauge.collect.drivers.options import options_from
from cryogauge.collect.drivers.registry import settings_from
from cryogauge.collect.judge.judge import JudgeSettings
from cryogauge.collect.targets.hole_kinds import NUMBERS as HOLE_NUMBERS
from cryogauge.collect.targets.sampling import STRATEGIES, Strategy
from cryogauge.collect.targets.square_kinds import NUMBERS as SQUARE_NUMBERS
from cryogauge.records import BadInput
from cryogauge.records.microscope import Settings

_HINT = "see the how-to on screening grids"
_LEAST_DEFOCUS_A = 500.0  # whoever gives less than this at most means µm


@dataclass(frozen=True)
class ModeNames:
    """Which modes of the microscope the session uses; with ``hole`` empty, holes are not centred before exposure."""

    atlas: str = "atlas"
    square: str = "square"
    hole: str = "hole"
    exposure: str = "exposure"


@dataclass(frozen=True)
class AtlasPlan:
    """Tiles cover a disc about the grid's middle, neighbours share ``overlap`` of their edge."""

    radius_um: float = 950.0
    overlap: float = 0.15


@dataclass(frozen=True)
class Sample:
    """How many are taken, and which: see :func:`cryogauge.collect.targets.sampling.choose`.

    ``scorer`` is a file of ``collect train-scorer``, or the name of a plug-in's, in place of the finders' own score.
    """

    count: int = 5
    strategy: Strategy = "clusters"
    by: str = "brightness"
    groups: int = 3
    least_score: float = 0.1
    scorer: str = ""


@dataclass(frozen=True)
class ExposurePlan:
    """Exposures of a hole.

    Attributes
    ----------
    per_hole
        The first in its middle, others on a ring about it, of half the hole's diameter; fewer where their fields would
        lie over one another.
    defocus_A
        Lowest and highest; exposures go through four steps between them in turn.
    dose_e_A2
        The mode's own when ``None``.
    frames
        Whether movies are saved too.
    """

    per_hole: int = 1
    defocus_A: tuple[float, float] = (10_000.0, 20_000.0)
    dose_e_A2: float | None = None
    frames: bool = False


@dataclass(frozen=True)
class SkipRules:
    """When the rest of a square or grid is left out.

    An exposure is good when its contrast transfer fits to ``good_resolution_A``. With a uniform prior, the share of
    good ones in a square (grid) is below ``square_share`` (``grid_share``) with some probability; from
    ``square_confidence`` (``grid_confidence``) on, the rest is skipped: see
    :func:`cryogauge.collect.screen.rules.why_skip`.
    """

    good_resolution_A: float = 8.0
    square_share: float = 0.3
    square_confidence: float = 0.75
    grid_share: float = 0.2
    grid_confidence: float = 0.75


@dataclass(frozen=True)
class ClassPlan:
    """2-D classes of the particles as they come.

    Attributes
    ----------
    every
        A grid's particles are classified each time so many are new; 0 for never, as where there are none.
    most
        Particles that are classified at a time: of more, whole exposures are left out by chance.
    count
        Classes at most; few particles get fewer.
    reference_map, symmetry
        A map of the specimen with bright protein, and its point group: views are then told as directions on it.
    """

    every: int = 500
    most: int = 2000
    count: int = 20
    reference_map: str = ""
    symmetry: str = "C1"


@dataclass(frozen=True)
class Pace:
    """Focus and settling.

    Attributes
    ----------
    drift_A_s
        Exposures wait until the specimen moves no faster.
    most_wait_s
        Longest time given to settling before drift is looked at.
    focus_every_um
        Autofocus when the stage has moved farther than this since the last one …
    focus_within_A
        … or the last exposure's fitted defocus was off by more.
    by_shift_um
        Holes this far from one that the stage goes to are reached from there by image shift; with 0 it goes to each.
    """

    drift_A_s: float = 1.0
    most_wait_s: float = 60.0
    focus_every_um: float = 30.0
    focus_within_A: float = 4000.0
    by_shift_um: float = 0.0


@dataclass(frozen=True)
class FaultRules:
    """A command that failed is given ``tries`` times, after ``wait_s``, twice that, …; the session stops when
    ``in_a_row`` targets after one another were lost to faults.
    """

    tries: int = 4
    wait_s: float = 10.0
    in_a_row: int = 6


@dataclass(frozen=True)
class SessionSettings:
    """A session.

    Attributes
    ----------
    driver
        Name of the microscope's driver.
    microscope
        Modes, limits and options of the driver.
    grids
        Names of the grids by slot, in the order in which they are screened.
    seed
        Of what is chosen by chance.
    """

    driver: str
    microscope: Settings
    grids: Mapping[int, str]
    modes: ModeNames = ModeNames()
    atlas: AtlasPlan = AtlasPlan()
    squares: Sample = Sample()
    holes: Sample = Sample(count=3)
    exposures: ExposurePlan = ExposurePlan()
    skip: SkipRules = SkipRules()
    classes: ClassPlan = ClassPlan()
    pace: Pace = Pace()
    faults: FaultRules = FaultRules()
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.grids:
            raise BadInput("the session has no grids", "give grids: a name for each slot")
        for sample in (self.squares, self.holes):
            if sample.strategy not in STRATEGIES:
                raise BadInput(f"no strategy is called {sample.strategy!r}", f"one of: {', '.join(STRATEGIES)}")
        for name, sample, numbers in (("squares", self.squares, SQUARE_NUMBERS), ("holes", self.holes, HOLE_NUMBERS)):
            if sample.by not in numbers:
                raise BadInput(f"{name} cannot be grouped by {sample.by!r}", f"one of: {', '.join(numbers)}")
        low, high = self.exposures.defocus_A
        dose, path_nm = self.exposures.dose_e_A2, self.judge.mean_free_path_nm
        for said, right in (
            ("a count of squares, holes or exposures is below 1",
             min(self.squares.count, self.holes.count, self.exposures.per_hole, self.squares.groups,
                 self.holes.groups) >= 1),
            ("the defocus is no range [lowest, highest]", low <= high),
            ("the defocus is in Å, positive for underfocus, such as [10000, 20000]",
             low >= 0 and high >= _LEAST_DEFOCUS_A),
            ("the dose is no number above 0",
             dose is None or (isinstance(dose, (int, float)) and 0 < dose < math.inf)),
            ("the atlas covers nothing, or no end of it",
             0 < self.atlas.radius_um < math.inf and 0 <= self.atlas.overlap < 0.9),
            ("a share or confidence of the skip rules is not between 0 and 1",
             all(0 < p < 1 for p in (self.skip.square_share, self.skip.square_confidence, self.skip.grid_share,
                                     self.skip.grid_confidence))),
            ("classes are made of too few particles, or are too few themselves",
             self.classes.every == 0 or (50 <= self.classes.every <= self.classes.most and self.classes.count >= 3)),
            ("the drift to wait for is not positive", self.pace.drift_A_s > 0),
            ("the reach by_shift_um is negative", self.pace.by_shift_um >= 0),
            ("a wait or a way is negative",
             min(self.pace.most_wait_s, self.pace.focus_every_um, self.pace.focus_within_A, self.faults.wait_s) >= 0),
            ("the mean free path of ice is no number above 0",
             path_nm is None or (isinstance(path_nm, (int, float)) and 0 < path_nm < math.inf)),
            ("the voltage is in kV, such as 300, or the spherical aberration is negative",
             self.judge.voltage_kV >= 20 and self.judge.cs_mm >= 0),
            ("a command is tried less than once", self.faults.tries >= 1 and self.faults.in_a_row >= 1),
        ):  # fmt: skip
            if not right:
                raise BadInput(said, _HINT)


#: Parts that a session keeps to the end; classes, pace, faults, limits and the driver's options may change on the way.
_KEPT = ("modes", "atlas", "squares", "holes", "exposures", "skip", "judge")


def pinned(settings: SessionSettings) -> dict[str, Any]:
    """What must be the same when a session goes on, by names such as ``squares: count``, of JSON's types."""
    told: dict[str, Any] = {"driver": settings.driver, "seed": settings.seed}
    told["grids"] = {str(slot): name for slot, name in settings.grids.items()}
    for part in _KEPT:
        told |= {f"{part}: {name}": value for name, value in asdict(getattr(settings, part)).items()}
    for mode in settings.microscope.modes.values():
        told |= {f"microscope: {mode.name}: {name}": value for name, value in asdict(mode).items()}
    return json.loads(json.dumps(told, default=str))


_PARTS = {
    "modes": ModeNames, "atlas": AtlasPlan, "squares": Sample, "holes": Sample, "exposures": ExposurePlan,
    "skip": SkipRules, "classes": ClassPlan, "pace": Pace, "faults": FaultRules, "judge": JudgeSettings,
}  # fmt: skip


def read_session(path: Path) -> SessionSettings:
    """Settings from a YAML file.

    Raises
    ------
    BadInput
        When it cannot be read, has an unknown key or a value that cannot be.
    """
    import yaml

    class Strict(yaml.SafeLoader):
        """Refuses what is given twice, of which YAML keeps the last without a word."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for each, _ in node.value:
                name = str(self.construct_object(each))
                if name in seen:
                    raise yaml.MarkedYAMLError(problem=f"{name} is given twice", problem_mark=each.start_mark)
                seen.add(name)
            return super().construct_mapping(node, deep)

    try:
        given = yaml.load(path.read_text(encoding="utf-8"), Strict)  # noqa: S506 it is a safe one
    except OSError as error:
        raise BadInput(f"{path} cannot be read", "give the YAML file of a session") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no text", "give the YAML file of a session") from error
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadInput(f"{path}{line}: {error.problem}", "mend the YAML there, or in the line before") from error
    except yaml.YAMLError as error:
        raise BadInput(f"{path} is no YAML file: {str(error).splitlines()[0]}", _HINT) from error
    return session_from(given)


def session_from(given: Any) -> SessionSettings:
    """Settings from plain values as YAML gives them; raises as :func:`read_session`."""
    if not isinstance(given, Mapping):
        raise BadInput("the session's file holds no settings by name", "such as driver: simulated; " + _HINT)
    for name, such_as in (("driver", "driver: simulated"), ("grids", "grids: {1: apoferritin}")):
        if given.get(name) is None:
            raise BadInput(f"the session names no {name}", f"such as {such_as}; {_HINT}")
    values = {name: value for name, value in given.items() if value is not None}
    known = [each.name for each in fields(SessionSettings)]
    unknown = sorted(str(name) for name in set(values) - set(known))
    if unknown:
        raise BadInput(f"the session has an unknown key: {unknown[0]}", f"known: {', '.join(known)}")
    if isinstance(values.get("holes"), Mapping):
        values["holes"] = {"count": 3, **values["holes"]}
    made: dict[str, Any] = {
        name: options_from(kind, values[name], f"the session's {name}")
        for name, kind in _PARTS.items()
        if name in values
    }
    grids, seed = values["grids"], values.get("seed", 0)
    if not isinstance(grids, Mapping) or not all(_is_slot(slot) for slot in grids):
        raise BadInput("grids are named by slot, such as 1: apoferritin", _HINT)
    if type(seed) is not int or seed < 0:
        raise BadInput(f"the seed cannot be {seed!r}", "give a whole number, 0 or more")
    grids = {int(slot): str(name or f"grid {slot}") for slot, name in grids.items()}
    microscope = settings_from(values.get("microscope", {}))
    return SessionSettings(str(values["driver"]), microscope, grids, seed=seed, **made)


def _is_slot(given: Any) -> bool:
    """Whether it is a whole number from 1; JSON, which is YAML too, has it as text."""
    return re.fullmatch("[1-9][0-9]*", str(given)) is not None
