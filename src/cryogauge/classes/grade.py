"""Grades of class averages, and what is written of them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge import __version__
from cryogauge.classes.accuracy import KEEP_UP_TO
from cryogauge.classes.features import class_features
from cryogauge.classes.framing import Framing, find_framing
from cryogauge.classes.mass import PUBLISHED_FACTOR, class_masses_kDa, possible_masses_kDa, stretched
from cryogauge.classes.model import Grader, load_grader, predict, prepared, strangeness
from cryogauge.classes.shipped import grader_weights
from cryogauge.io.json_file import write_json_file
from cryogauge.io.replace import write_csv
from cryogauge.records import BadInput, ClassStack
from cryogauge.records.classes import GRADE_COLUMNS, REASONS, WORST_GRADE, score_of_grade

#: Probability from which a reason is named.
NAMED_FROM = 0.5
#: Uncertainty of a grade that was not asked of the network.
_CERTAIN = 0.0
_NO_MASS = "Grey values are those of pictures, stretched for display: masses are not known."


def grade_classes(
    stack: ClassStack,
    *,
    model: Path | None = None,
    device: str = "cpu",
    mass_factor: float = PUBLISHED_FACTOR,
    on_batch: Callable[[int], None] = lambda count: None,
) -> pd.DataFrame:
    """Grade the averages of one classification.

    Parameters
    ----------
    stack
        The averages; what its table does not tell is done without.
    model
        Weights of a grader; by default those that come with the package.
    device
        ``cpu`` or ``cuda``.
    mass_factor
        kDa for a grey value of 1 on 1 Å², see :func:`cryogauge.classes.mass.calibrate_mass`.
    on_batch
        Told of each batch how many classes it had.

    Returns
    -------
    pandas.DataFrame
        A row a class in the stack's order: ``GRADE_COLUMNS``, then the probability of each reason as ``p_<reason>``.
        An average with values that are no numbers gets grade 5 and the flag ``nan``, one without any contrast grade 5
        and the flag ``empty``. Masses that nothing in the image can have are NaN.

    Raises
    ------
    BadInput
        When boxes are below 31 px or not square, or the weights cannot be used.
    """
    framing = find_framing(stack.images)
    grader = load_grader(grader_weights(model), device)
    masses = class_masses_kDa(stack.images, stack.pixel_size_A, mass_factor, framing=framing)
    features, missing = class_features(stack.table, stack.pixel_size_A, masses, framing.frame_px)
    good = np.flatnonzero(framing.usable)
    table = _unusable(stack, framing)
    flags: list[tuple[str, ...]] = [("nan",) if broken else ("empty",) for broken in framing.broken]
    if len(good):
        frames = prepared(grader.preset, stack.images, framing)[good]
        said = predict(
            grader.network, grader.preset, frames, features[good], missing[good], on_batch=on_batch
        )  # fmt: skip
        strange = _strange(said.inside, grader)
        table.loc[good, "grade"] = said.grade
        table.loc[good, "uncertainty"] = grader.spread * said.spread
        names = [f"p_{reason}" for reason in REASONS]
        table.loc[good, names] = said.reasons
        for row, probabilities, odd in zip(good, said.reasons, strange, strict=True):
            flags[row] = _flags(probabilities, bool(odd))
    table["flags"] = pd.Series(flags, dtype=object)
    table["score"] = score_of_grade(table["grade"].to_numpy())
    table["mass_kDa"] = possible_masses_kDa(masses, stack.pixel_size_A, framing)
    return table


def _unusable(stack: ClassStack, framing: Framing) -> pd.DataFrame:
    """A table in which every class is graded as one that cannot be looked at."""
    told = stack.table.reset_index(drop=True)
    table = pd.DataFrame({name: told.get(name, np.nan) for name in GRADE_COLUMNS})
    table["grade"], table["uncertainty"] = WORST_GRADE, _CERTAIN
    for reason in REASONS:
        table[f"p_{reason}"] = np.where(framing.broken, np.nan, float(reason == "empty"))
    return table


def _strange(inside: np.ndarray, grader: Grader) -> np.ndarray:
    if not grader.domain:
        return np.zeros(len(inside), dtype=bool)
    return strangeness(inside, grader.domain) > float(grader.domain["limit"])


def _flags(probabilities: np.ndarray, strange: bool) -> tuple[str, ...]:
    named = sorted(zip(-probabilities, REASONS, strict=True))
    flags = tuple(name for probability, name in named if -probability >= NAMED_FROM)
    return (*flags, "out_of_domain") if strange else flags


@dataclass(frozen=True)
class Graded:
    """A graded job.

    Attributes
    ----------
    stack, grades
        What was graded, and the table of :func:`grade_classes`.
    settings
        What was used, by its name in words.
    """

    stack: ClassStack
    grades: pd.DataFrame
    settings: dict[str, Any]


def grade_path(
    path: str | Path,
    *,
    pixel_size_A: float | None = None,
    iteration: int | None = None,
    model: Path | None = None,
    device: str = "cpu",
    mass_factor: float = PUBLISHED_FACTOR,
    on_batch: Callable[[int], None] = lambda count: None,
) -> Graded:
    """Read a job or a stack of averages in whatever program's form, and grade it.

    Raises
    ------
    BadInput
        When it cannot be read or judged.
    """
    from cryogauge.io.classes import open_classes
    from cryogauge.learn.weights import checksum

    stack = open_classes(path, pixel_size_A=pixel_size_A, iteration=iteration)
    if stack.pixel_size_A is not None and stretched(stack.images):
        stack = replace(stack, notes=(*stack.notes, _NO_MASS))
    grades = grade_classes(stack, model=model, device=device, mass_factor=mass_factor, on_batch=on_batch)
    weights = grader_weights(model)
    settings = {
        "source": stack.source or str(path),
        "averages_checksum": averages_checksum(stack),
        "program": stack.program,
        "iteration": iteration,
        "pixel_size_A": stack.pixel_size_A,
        "model": weights.stem,
        "weights_checksum": checksum(weights),
        "mass_factor": mass_factor,
        "device": device,
        "version": __version__,
        "notes": list(stack.notes),
    }
    return Graded(stack, grades, settings)


def averages_checksum(stack: ClassStack) -> str:
    """BLAKE2b of the averages and their numbers, 32 digits: whether grades are of these."""
    digest = hashlib.blake2b(stack.table["class"].to_numpy("<i8").tobytes(), digest_size=16)
    for image in stack.images:
        digest.update(np.ascontiguousarray(image, dtype="<f4").tobytes())
    return digest.hexdigest()


def write_grades(out: Path, graded: Graded, *, in_prior_offset: bool = False) -> dict[str, Path]:
    """Write what came of grading a job into a folder.

    Writes ``grades.csv`` (flags parted by spaces), ``classes_graded.star`` for ``relion_display``, ``grades.json``
    (what was used) and ``report.html`` (the averages sorted by grade).

    Returns
    -------
    The files by what they are.
    """
    from cryogauge.classes.report import write_contact_sheet
    from cryogauge.io.classes import write_graded_star

    files = {
        "grades": out / "grades.csv", "star": out / "classes_graded.star", "settings": out / "grades.json",
        "report": out / "report.html",
    }  # fmt: skip
    write_csv(files["grades"], graded.grades.assign(flags=[" ".join(each) for each in graded.grades["flags"]]))
    write_graded_star(files["star"], graded.stack, graded.grades, in_prior_offset=in_prior_offset)
    write_contact_sheet(files["report"], graded.stack, graded.grades, settings=graded.settings, cutoff=KEEP_UP_TO)
    write_json_file(files["settings"], graded.settings)
    return files


def read_grades(path: Path) -> pd.DataFrame:
    """A table of grades that :func:`write_grades` wrote.

    Raises
    ------
    BadInput
        When it is not there or is no such table.
    """
    hint = "give a grades.csv that `cryogauge classes grade` wrote"
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}", hint) from error
    lacking = [name for name in GRADE_COLUMNS if name not in table.columns]
    if lacking:
        raise BadInput(f"{path} lacks {', '.join(lacking)}", hint)
    # A column without a single flag is read as numbers.
    words = [tuple(each.split()) if isinstance(each, str) else () for each in table["flags"]]
    table["flags"] = pd.Series(words, dtype=object)
    return table
