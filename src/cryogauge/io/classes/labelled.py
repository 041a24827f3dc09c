"""Averages that people graded: RELION's class-ranker set, good and bad folders, and tables of labels."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cryogauge.io.classes.door import open_classes
from cryogauge.io.classes.plain import open_pictures, pictures_in
from cryogauge.io.classes.star import read_star_text
from cryogauge.io.formats import PICTURE_SUFFIXES
from cryogauge.io.pictures import read_picture
from cryogauge.records import BadInput, ClassStack
from cryogauge.records.classes import BEST_GRADE, RUBRIC, WORST_GRADE

#: What a person's word for a whole folder stands for, in letters of the rubric.
_FOLDERS = {"good": "B", "bad": "F"}
#: RELION's categories of a class (``rlnSelected``) and the least of the score of each in a perfect job; the best
#: resolved class has a quarter more (``getClassScoreFromJobScore`` of github.com/3dem/relion, src/class_ranker.cpp).
_CATEGORIES = {1: 0.75, 5: 0.5, 2: 0.25, 3: 0.0, 4: 0.0}
_STACKS = (".mrcs", ".mrc", ".st", ".tif", ".tiff", ".hdf")


class LabelledClasses(NamedTuple):
    """Averages and what people said of them.

    Attributes
    ----------
    stack
        The averages.
    truth
        A row a class, in the stack's order: ``class`` and ``grade``, 1 best to 5 worst, NaN where nobody graded it.
    """

    stack: ClassStack
    truth: pd.DataFrame


def read_labelled_classes(path: str | Path) -> list[LabelledClasses]:
    """Read labelled averages from where they lie.

    Parameters
    ----------
    path
        RELION's class-ranker set (EMPIAR-10812) or a job of it: folders with ``job_score.txt``,
        ``backup_selection.star``, ``run_model.star`` and ``run_classes.mrcs``. Or a folder with the folders ``good``
        and ``bad``, of stacks or pictures, which count as B and F. Or a CSV with the columns ``file`` (a job, stack or
        picture, from the table's folder), ``class`` (its number; empty for a picture) and ``grade`` (a letter of the
        rubric or a number from 1 to 5; empty for none), and perhaps ``pixel_size_A``.

    Returns
    -------
    A set of averages a job or stack; pictures of one folder and size are a set.

    Raises
    ------
    BadInput
        When it is none of these, or labels and averages do not fit together.
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path} does not exist", "check the path")
    if path.is_file():
        return _from_table(path)
    jobs = sorted(found.parent for found in path.rglob("job_score.txt"))
    if jobs:
        return [_ranker_job(job) for job in jobs]
    folders = {each.name.lower(): each for each in sorted(path.iterdir()) if each.is_dir()}
    named = {word: folders[word] for word in _FOLDERS if word in folders}
    if not named:
        raise BadInput(
            f"{path} holds no labels: no job_score.txt, no folders good and bad",
            "give a class-ranker set, a folder with good and bad, or a CSV with file, class and grade",
        )
    return [each for word, folder in named.items() for each in _from_folder(folder, RUBRIC[_FOLDERS[word]][0])]


def scores_of_categories(categories: np.ndarray, resolution_A: np.ndarray, job_score: float) -> np.ndarray:
    """Scores 0–1 that RELION's class ranker was trained on.

    Parameters
    ----------
    categories
        ``rlnSelected`` of each class: 1 the best, then 5, 2, 3 and 4; 0 and 6 are of no use.
    resolution_A
        Of each class; NaN counts as no resolution.
    job_score
        0–1, of the whole job.
    """
    weight = np.zeros(len(categories))
    known = np.isfinite(resolution_A) & (resolution_A > 0)
    if known.any():
        weight[known] = (resolution_A[known].min() / resolution_A[known]) ** 2
    base = np.array([_CATEGORIES.get(int(category), np.nan) for category in categories])
    return np.where(np.isnan(base), 0.0, (base + 0.25 * weight) * job_score)


def _ranker_job(folder: Path) -> LabelledClasses:
    stack = open_classes(folder)
    path = folder / "backup_selection.star"
    block = read_star_text(path).with_column("rlnSelected")
    if block is None:
        raise BadInput(f"{path} has no rlnSelected", "copy it again")
    categories = block.numbers("rlnSelected")
    if len(categories) != len(stack.table) or not np.isin(categories, range(7)).all():
        raise BadInput(
            f"{path} has {len(categories)} categories, {stack.source} has {len(stack.table)} classes",
            "give files of one job",
        )
    try:
        job_score = float((folder / "job_score.txt").read_text(encoding="utf-8").split()[0])
    except (ValueError, IndexError, OSError) as error:
        raise BadInput(f"{folder / 'job_score.txt'} holds no number", "copy it again") from error
    if not 0 <= job_score <= 1:
        raise BadInput(f"{folder / 'job_score.txt'} says {job_score:g}; scores are 0 to 1", "copy it again")
    scores = scores_of_categories(categories, stack.table["resolution_A"].to_numpy(), job_score)
    return _labelled(stack, WORST_GRADE - scores * (WORST_GRADE - BEST_GRADE))


def _labelled(stack: ClassStack, grades: np.ndarray) -> LabelledClasses:
    return LabelledClasses(stack, pd.DataFrame({"class": stack.table["class"].to_numpy(), "grade": grades}))


def _from_folder(folder: Path, grade: float) -> list[LabelledClasses]:
    """All averages of a folder, with one grade."""
    stacks = [open_classes(each) for each in sorted(folder.iterdir()) if each.suffix.lower() in _STACKS]
    stacks += [open_pictures(each, None, str(folder)) for each in _by_size(pictures_in(folder))]
    if not stacks:
        raise BadInput(f"{folder} holds no averages", f"known are {' '.join((*_STACKS, *PICTURE_SUFFIXES))}")
    return [_labelled(stack, np.full(len(stack.table), grade)) for stack in stacks]


def _by_size(pictures: list[Path]) -> list[list[Path]]:
    groups: dict[tuple[int, ...], list[Path]] = {}
    for path in pictures:
        groups.setdefault(read_picture(path)[0].shape, []).append(path)
    return list(groups.values())


def _from_table(path: Path) -> list[LabelledClasses]:
    table = _read_table(path)
    found = []
    is_picture = table["file"].str.lower().str.endswith(PICTURE_SUFFIXES)
    for name, rows in table[~is_picture].groupby("file", sort=False):
        stack = open_classes(path.parent / str(name), pixel_size_A=_pixel(path, rows))
        numbers = stack.table["class"].to_numpy()
        if rows["class"].isna().any() and len(numbers) > 1:
            raise BadInput(f"{path} names no class of {name}, which has {len(numbers)}", "fill the column class")
        named = rows["class"].fillna(numbers[0]).astype(int)
        strange = sorted(set(named) - set(numbers.tolist()))
        if strange:
            raise BadInput(f"{path} grades class {strange[0]} of {name}, which it has not", "check its numbers")
        grades = pd.Series(rows["grade"].to_numpy(), index=named)
        if grades.index.has_duplicates:
            raise BadInput(f"{path} grades class {named[named.duplicated()].iloc[0]} of {name} twice", "keep one")
        found.append(_labelled(stack, grades.reindex(numbers).to_numpy(np.float64)))
    pictures = table[is_picture].drop_duplicates("file", keep=False)
    if len(pictures) != is_picture.sum():
        raise BadInput(f"{path} grades a picture twice", "keep one row a picture")
    for _, rows in pictures.groupby(pictures["file"].map(lambda name: str(Path(str(name)).parent)), sort=False):
        grade_of = dict(zip((path.parent / name for name in rows["file"]), rows["grade"], strict=True))
        for group in _by_size(list(grade_of)):
            stack = open_pictures(group, _pixel(path, rows), str(group[0].parent))
            found.append(_labelled(stack, np.array([grade_of[each] for each in group], dtype=np.float64)))
    return found


def _read_table(path: Path) -> pd.DataFrame:
    hint = "give a CSV with the columns file, class and grade"
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as a table: {error}", hint) from error
    missing = [name for name in ("file", "grade") if name not in table.columns]
    if missing or table.empty:
        raise BadInput(f"{path} has no column {missing[0]}" if missing else f"{path} holds no labels", hint)
    numbers = table["class"].str.strip() if "class" in table.columns else pd.Series([""] * len(table))
    try:
        classes = pd.to_numeric(numbers.replace("", None))
    except ValueError as error:
        raise BadInput(f"{path} has a class that is no number: {error}", hint) from error
    grades = [grade_of(word, path) for word in table["grade"]]
    pixels = table["pixel_size_A"] if "pixel_size_A" in table.columns else [""] * len(table)
    return pd.DataFrame({"file": table["file"].str.strip(), "class": classes, "grade": grades, "pixel": list(pixels)})


def grade_of(word: str, path: Path) -> float:
    """The grade that a letter of the rubric or a number stands for; NaN for an empty word."""
    word = word.strip().upper()
    if not word:
        return float("nan")
    if word in RUBRIC:
        return RUBRIC[word][0]
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not BEST_GRADE <= value <= WORST_GRADE:
        raise BadInput(f"{path} has the grade {word}", f"use {', '.join(RUBRIC)}, or a number from 1 to 5")
    return value


def _pixel(path: Path, rows: pd.DataFrame) -> float | None:
    told = {str(value).strip() for value in rows["pixel"]} - {""}
    try:
        sizes = {float(value) for value in told}
    except ValueError as error:
        raise BadInput(f"{path} has a pixel size that is no number: {error}", "give Å") from error
    if len(sizes) > 1:
        raise BadInput(f"{path} has several pixel sizes of {rows['file'].iloc[0]}", "give one a file")
    return next(iter(sizes), None)
