"""What an unattended selection will do: every decision in one file that a person can read and edit (``plan.json``)."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.records import BadInput

Size = Literal["small", "medium", "large"]

#: Boxes below are small, boxes above large (CryoSift, sections 2.5 and 3.2), in pixels of the extraction.
SMALL_BELOW_PX, LARGE_ABOVE_PX = 200, 300
#: Rounds of classification and selection before the last one.
ROUNDS: dict[Size, int] = {"small": 5, "medium": 3, "large": 2}
#: The mask's diameter over the particle's.
MASK = 1.2
_MOST_CLASSES, _FEWEST_CLASSES, _PARTICLES_A_CLASS = 50, 4, 50
_KEYS = "take one that cryogauge wrote as plan.json, or part of one"


@dataclass(frozen=True)
class RelionJobs:
    """What ``relion_refine`` is told; the rest are its own defaults.

    Attributes
    ----------
    iterations
        Of expectation maximisation.
    gradient_iterations
        Of the gradient algorithm (VDAM), which RELION has from version 4 on; 0 for expectation maximisation there too.
    tau2_fudge
        Regularisation, T (CryoSift, section 2.5).
    psi_step_deg, offset_range_px, offset_step_px
        Of the search, before it is refined twofold; of classes and of first models.
    model_iterations
        Of the initial model: at its first resolution, on the way, and at its last; VDAM makes as many in all.
    model_resolution_A
        The first and the last.
    model_batch
        Particles an iteration, at the first resolution and at the last.
    model_poses
        Most poses that are looked at closely for each particle, RELION 3.1; 0 for all that matter, which takes several
        times as long.
    invert
        Whether particles are white on micrographs where they are black, when they are extracted anew.
    hours
        Longest time of one step.
    """

    iterations: int = 25
    gradient_iterations: int = 200
    tau2_fudge: float = 2.0
    psi_step_deg: float = 12.0
    offset_range_px: float = 5.0
    offset_step_px: float = 2.0
    model_iterations: tuple[int, int, int] = (50, 200, 50)
    model_resolution_A: tuple[float, float] = (35.0, 15.0)
    model_batch: tuple[int, int] = (100, 500)
    model_poses: int = 100
    invert: bool = True
    hours: float = 48.0


@dataclass(frozen=True)
class CryosparcJobs:
    """Jobs of cryoSPARC and those of their parameters that are not its defaults, by its own names.

    Attributes
    ----------
    classification
        Type of the job.
    classification_parameters, model_parameters
        Of 2-D classification and of ab-initio reconstruction; number of classes, mask and seed are the plan's.
    hours
        Longest time of one step, waiting in the queue included.
    """

    classification: str = "class_2D"
    classification_parameters: Mapping[str, Any] = field(default_factory=dict)
    model_parameters: Mapping[str, Any] = field(
        default_factory=lambda: {
            "abinit_max_res": 3,
            "abinit_init_res": 35,
            "abinit_minisize_init": 300,
            "abinit_minisize": 1000,
        }
    )
    hours: float = 48.0


#: Where parameters differ from the program's own for small particles (CryoSift, section 2.5): finer, less sure at the
#: start, no maximum over poses and shifts, 40 online iterations of 400 particles a class.
_SMALL_PARTICLES = CryosparcJobs(
    classification="class_2D_new",
    classification_parameters={
        "class2D_max_res": 3,
        "class2D_sigma_init_factor": 3,
        "class2D_force_max": False,
        "class2D_num_full_iter_batch": 40,
        "class2D_num_full_iter_batchsize_per_class": 400,
    },
)


@dataclass(frozen=True)
class IteratePlan:
    """The whole of a selection (CryoSift, section 3.2 and Fig. 2).

    Attributes
    ----------
    diameter_A, mask_diameter_A
        Of the particle and of the mask about it.
    box_px
        Edge of the box at extraction, unbinned.
    rounds
        Of classification, grading and selection before the last classification.
    classes
        Of each classification; fewer where there would not be ``fewest_particles`` in each.
    attract
        Of particles in classes graded this or better, most leave the rounds.
    reject
        Particles in classes graded this or worse are dropped.
    set_aside
        The part that leaves the rounds, 0–1; the rest stays, so that they remain.
    cutoffs
        Grades of the batches; the batch of a cut-off holds all particles of classes graded this or better.
    fewest_particles
        A class, on average.
    seed
        Of the random part that is set aside, of every classification and of every initial model.
    relion, cryosparc
        What their jobs are told.

    Raises
    ------
    BadInput
        For values that cannot be.
    """

    diameter_A: float
    mask_diameter_A: float
    box_px: int
    rounds: int
    classes: int
    attract: float = 2.5
    reject: float = 4.5
    set_aside: float = 0.7
    cutoffs: tuple[float, ...] = (2.5, 3.5, 4.5)
    fewest_particles: int = 20
    seed: int = 0
    relion: RelionJobs = field(default_factory=RelionJobs)
    cryosparc: CryosparcJobs = field(default_factory=CryosparcJobs)

    def __post_init__(self) -> None:
        wrong = {
            "the particle's diameter must be positive": not self.diameter_A > 0,
            "the mask must not be smaller than the particle": not self.mask_diameter_A >= self.diameter_A,
            "there must be at least one class": self.classes < 1 or self.fewest_particles < 1,
            "rounds are counted from 0": self.rounds < 0,
            "attract must be better than reject": not self.attract < self.reject,
            "the part set aside lies between 0 and 1": not 0 <= self.set_aside <= 1,
            "cut-offs must be different and rise": not self.cutoffs or list(self.cutoffs) != sorted(set(self.cutoffs)),
            "a cut-off beyond reject holds the same as reject": max(self.cutoffs, default=0) > self.reject,
            "a seed is a whole number from 0 to 2147483647": not 0 <= self.seed < 2**31,
        }
        for message, is_wrong in wrong.items():
            if is_wrong:
                raise BadInput(message, "change the plan or the option")

    @property
    def size(self) -> Size:
        """What the box makes of the particle."""
        return size_of(self.box_px)

    def classes_for(self, particles: int) -> int:
        """How many classes so many particles are sorted into."""
        return max(1, min(self.classes, particles // self.fewest_particles))


def size_of(box_px: int) -> Size:
    """Small, medium or large, by the edge of the extraction's box in pixels."""
    return "small" if box_px < SMALL_BELOW_PX else "large" if box_px > LARGE_ABOVE_PX else "medium"


def make_plan(particles: int, box_px: int, diameter_A: float, **given: Any) -> IteratePlan:
    """The plan that the particles ask for.

    Parameters
    ----------
    particles
        How many there are.
    box_px
        Edge of the box at extraction, unbinned.
    diameter_A
        Of the particle, in Å.
    given
        Fields of :class:`IteratePlan` that are decided already; None counts as undecided.

    Raises
    ------
    BadInput
        For values that cannot be.
    """
    size = size_of(box_px)
    decided: dict[str, Any] = {
        "diameter_A": diameter_A,
        "mask_diameter_A": round(MASK * diameter_A, 1),
        "box_px": box_px,
        "rounds": ROUNDS[size],
        "classes": min(_MOST_CLASSES, max(_FEWEST_CLASSES, particles // _PARTICLES_A_CLASS)),
        "cryosparc": _SMALL_PARTICLES if size == "small" else CryosparcJobs(),
    }
    return IteratePlan(**decided | {name: value for name, value in given.items() if value is not None})


def read_settings(path: str | Path) -> dict[str, Any]:
    """Fields of a plan from a ``plan.json`` or from part of one, for :func:`make_plan`.

    Raises
    ------
    BadInput
        When the file cannot be read, or has an unknown key or a value of the wrong kind.
    """
    given = read_json_file(path, _KEYS)
    return _values(IteratePlan, given, str(path))


def write_plan(path: Path, plan: IteratePlan) -> None:
    """Write the plan as JSON."""
    write_json_file(path, asdict(plan))


def _values(kind: Any, given: object, where: str) -> dict[str, Any]:
    """Values of a dataclass's fields out of what JSON holds, each of the field's kind."""
    if not isinstance(given, dict):
        raise BadInput(f"{where} is not a mapping of settings", _KEYS)
    known, kinds = [each.name for each in fields(kind)], get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise BadInput(f"{where} has an unknown key: {name}", f"known: {', '.join(known)}")
        if is_dataclass(kinds[name]):
            values[name] = kinds[name](**_values(kinds[name], value, f"{where}, {name}"))
        else:
            values[name] = _value(kinds[name], value, f"{name} in {where}")
    return values


def _value(kind: Any, value: Any, where: str) -> Any:
    wrong = BadInput(f"{where} cannot be {value!r}", _KEYS)
    parts: tuple[Any, ...] = getattr(kind, "__args__", ())
    if getattr(kind, "__origin__", kind) is tuple:
        if not isinstance(value, list) or (... not in parts and len(parts) != len(value)):
            raise wrong
        inner = [parts[0]] * len(value) if ... in parts else parts
        return tuple(_value(each, item, where) for each, item in zip(inner, value, strict=True))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    expected = getattr(kind, "__origin__", kind)
    if not isinstance(value, expected) or (kind is not bool and isinstance(value, bool)):
        raise wrong
    if isinstance(value, float) and not math.isfinite(value):
        raise wrong
    return value
