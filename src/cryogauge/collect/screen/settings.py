"""What a session is to do, from a YAML file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from cryogauge.collect.drivers.registry import settings_from
from cryogauge.collect.judge.judge import JudgeSettings
from cryogauge.collect.targets.sampling import STRATEGIES, Strategy
from cryogauge.records import BadInput
from cryogauge.records.microscope import Settings

_Kind = TypeVar("_Kind")
_HINT = "see the how-to on screening grids"


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
        The first in its middle, others on a ring about it.
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
    ``square_confidence`` (``grid_confidence``) on, the rest is skipped.
    """

    good_resolution_A: float = 8.0
    square_share: float = 0.3
    square_confidence: float = 0.75
    grid_share: float = 0.15
    grid_confidence: float = 0.85


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
    """

    drift_A_s: float = 1.0
    most_wait_s: float = 60.0
    focus_every_um: float = 30.0
    focus_within_A: float = 4000.0


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
        low, high = self.exposures.defocus_A
        for said, right in (
            ("a count of squares, holes or exposures is below 1",
             min(self.squares.count, self.holes.count, self.exposures.per_hole, self.squares.groups,
                 self.holes.groups) >= 1),
            ("the defocus is no range [lowest, highest]", low <= high),
            ("the atlas covers nothing", self.atlas.radius_um > 0 and 0 <= self.atlas.overlap < 0.9),
            ("a share or confidence of the skip rules is not between 0 and 1",
             all(0 < p < 1 for p in (self.skip.square_share, self.skip.square_confidence, self.skip.grid_share,
                                     self.skip.grid_confidence))),
            ("the drift to wait for is not positive", self.pace.drift_A_s > 0),
            ("a command is tried less than once", self.faults.tries >= 1 and self.faults.in_a_row >= 1),
        ):  # fmt: skip
            if not right:
                raise BadInput(said, _HINT)


#: Parts that a session keeps to the end; pace, faults, limits and the driver's options may change when it goes on.
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
    "skip": SkipRules, "pace": Pace, "faults": FaultRules, "judge": JudgeSettings,
}  # fmt: skip


def read_session(path: Path) -> SessionSettings:
    """Settings from a YAML file.

    Raises
    ------
    BadInput
        When it cannot be read, has an unknown key or a value that cannot be.
    """
    import yaml

    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read", "give the YAML file of a session") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is no YAML file: {str(error).splitlines()[0]}", _HINT) from error
    return session_from(given)


def session_from(given: Any) -> SessionSettings:
    """Settings from plain values as YAML gives them; raises as :func:`read_session`."""
    if not isinstance(given, Mapping) or not {"driver", "grids"} <= set(given):
        raise BadInput("the session names no driver or no grids", _HINT)
    values = {name: value for name, value in given.items() if value is not None}
    _refuse_unknown("the session", values, SessionSettings)
    made: dict[str, Any] = {
        name: _made(kind, values[name], f"the session's {name}") for name, kind in _PARTS.items() if name in values
    }
    if "holes" in made and "count" not in values["holes"]:
        made["holes"] = _made(Sample, {"count": 3, **values["holes"]}, "the session's holes")
    try:
        grids = {int(slot): str(name or f"grid {slot}") for slot, name in values["grids"].items()}
        seed = int(values.get("seed", 0))
    except (AttributeError, TypeError, ValueError) as error:
        raise BadInput("grids are named by slot, such as 1: apoferritin", _HINT) from error
    microscope = settings_from(values.get("microscope", {}))
    return SessionSettings(str(values["driver"]), microscope, grids, seed=seed, **made)


def _made(kind: type[_Kind], given: Any, where: str) -> _Kind:
    if not isinstance(given, Mapping):
        raise BadInput(f"{where} are no settings by name", _HINT)
    _refuse_unknown(where, given, kind)
    defaults = {each.name: each.default for each in fields(kind)}  # type: ignore[arg-type] all are dataclasses
    values = {}
    for name, value in given.items():
        value = tuple(value) if isinstance(value, list) else value
        usual = defaults[name]
        if usual is not None and not isinstance(value, (int, float) if isinstance(usual, float) else type(usual)):
            raise BadInput(f"{where}: {name} cannot be {value!r}", f"it is {usual!r} when not given")
        if (
            usual
            and isinstance(usual, tuple)
            and not (len(value) == len(usual) and all(isinstance(each, (int, float)) for each in value))
        ):
            raise BadInput(f"{where}: {name} cannot be {list(value)}", "give numbers, [lowest, highest]")
        values[name] = value
    return kind(**values)


def _refuse_unknown(where: str, given: Mapping[str, Any], kind: Any) -> None:
    known = [each.name for each in fields(kind)]
    unknown = sorted(str(name) for name in set(given) - set(known))
    if unknown:
        raise BadInput(f"{where} has an unknown key: {unknown[0]}", f"known: {', '.join(known)}")
