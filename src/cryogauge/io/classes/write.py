"""Grades of classes as a STAR file that RELION's programs open, and sort by."""

from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.classes.relion import REFERENCE
from cryogauge.io.classes.star import read_star_text
from cryogauge.io.mrc_write import MrcWriter
from cryogauge.io.replace import replacing
from cryogauge.io.tilts.images import find_below_ancestor
from cryogauge.records import BadInput, ClassStack, score_of_grade
from cryogauge.records.classes import WORST_GRADE

_NO_RESOLUTION_A = 999.0


def write_graded_star(
    path: str | Path, stack: ClassStack, grades: pd.DataFrame, *, in_prior_offset: bool = False
) -> list[Path]:
    """Write a table of classes with their grades: ``rlnClassScore`` (0–1, higher is better) and ``cryogaugeGrade``.

    ``relion_display`` sorts by ``rlnClassScore`` since version 4. RELION's images are named where they lie; those of
    other programs are written beside the table, with their path in full.

    Parameters
    ----------
    path
        Where to; an existing file is replaced.
    stack
        The averages.
    grades
        ``class`` and ``grade`` at least, a row a class in the stack's order. A grade of NaN is written as such, with a
        score of 0.
    in_prior_offset
        Whether ``rlnClassPriorOffsetY`` is the grade too, for programs of RELION 3.1, which know no scores.

    Returns
    -------
    The files written, the table first.

    Raises
    ------
    BadInput
        When grades and averages do not fit together, or the folder cannot be written.
    """
    path = Path(path)
    if list(grades["class"]) != list(stack.table["class"]):
        raise BadInput("these grades are of other classes than the averages", "grade the averages again")
    written = [path]
    names = _names_in_project(stack)
    if names is None:
        images = path.with_suffix(".mrcs")
        with MrcWriter(images, stack.images.shape, stack.pixel_size_A or 1.0, stack=True) as writer:
            for image in stack.images:
                writer.append(np.asarray(image, dtype=np.float32)[None])
        written.append(images)
        names = [f"{section:06d}@{images.absolute()}" for section in range(1, len(stack.images) + 1)]
    grade = grades["grade"].to_numpy(np.float64)
    sortable = np.where(np.isfinite(grade), grade, WORST_GRADE)
    columns: dict[str, list[str]] = {
        REFERENCE: [f'"{name}"' if " " in name else name for name in names],
        "rlnClassNumber": [str(int(number)) for number in stack.table["class"]],
        "rlnClassDistribution": _numbers(stack.table["distribution"], 0.0),
        "rlnEstimatedResolution": _numbers(stack.table["resolution_A"], _NO_RESOLUTION_A),
    }
    if in_prior_offset:
        columns["rlnClassPriorOffsetX"] = _numbers(np.zeros(len(grade)), 0.0)
        columns["rlnClassPriorOffsetY"] = _numbers(sortable, WORST_GRADE)
    columns["rlnClassScore"] = _numbers(score_of_grade(sortable), 0.0)
    columns["cryogaugeGrade"] = [f"{value:.6f}" for value in grade]
    with replacing(path) as temporary:
        temporary.write_text(star_table(columns), encoding="utf-8", errors="surrogateescape")
    return written


def star_table(columns: dict[str, list[str]]) -> str:
    """A STAR file of one nameless table, as RELION writes it."""
    labels = "".join(f"_{label} #{place}\n" for place, label in enumerate(columns, 1))
    rows = "".join(" ".join(row) + "\n" for row in zip(*columns.values(), strict=True))
    return f"\n# version 30001\n\ndata_\n\nloop_\n{labels}{rows}\n"


def _numbers(values: "np.ndarray | pd.Series", unknown: float) -> list[str]:
    return [f"{value if np.isfinite(value) else unknown:.6f}" for value in np.asarray(values, dtype=np.float64)]


def _names_in_project(stack: ClassStack) -> list[str] | None:
    """The images' names as RELION's own table has them, where they are found by them; or None."""
    source = Path(stack.source)
    if stack.program != "relion" or source.suffix != ".star" or not source.is_file():
        return None
    listed = read_star_text(source).with_column(REFERENCE)
    names = listed.texts(REFERENCE) if listed else []
    files = {name.rpartition("@")[2] for name in names}
    if len(names) != len(stack.table) or any(find_below_ancestor(file, source.parent) is None for file in files):
        return None
    return names
