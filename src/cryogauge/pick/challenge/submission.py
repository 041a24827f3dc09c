"""What may be submitted: a CSV read row by row, with a clear word on every row that cannot be used.

Two heads are known: the challenge's ``id, experiment, particle_type, x, y, z`` and ours, ``tomogram, object, x_A, y_A,
z_A`` with or without ``score``. Positions are in Å from the volume's corner in both.
"""

import csv
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.pick.challenge.rules import Rules
from cryogauge.records import PICK_COLUMNS, BadInput

_CHALLENGE_HEAD = ("experiment", "particle_type", "x", "y", "z")
_HEADS = {"the challenge's": _CHALLENGE_HEAD, "ours": PICK_COLUMNS[:5]}
#: A position further out than this is a slip: 100 µm.
ABSURD_A = 1e6
#: Names of tomograms are not longer.
LONGEST_NAME = 200
#: Rows that are told of one by one.
MOST_TOLD = 50


@dataclass(frozen=True)
class RowProblem:
    """A row that cannot be used.

    Attributes
    ----------
    line
        Of the file, the head being 1.
    message
        What is wrong with it, in a few words.
    """

    line: int
    message: str


@dataclass(frozen=True)
class Submission:
    """A file of picks that was read.

    Attributes
    ----------
    picks
        ``PICK_COLUMNS`` of the rows that can be used, in the order of the file; ``score`` is NaN where none is given.
    problems
        The first ``MOST_TOLD`` rows that cannot be used.
    problem_count
        How many rows cannot be used.
    """

    picks: pd.DataFrame
    problems: tuple[RowProblem, ...]
    problem_count: int


def read_submission(content: bytes, rules: Rules | None = None) -> Submission:
    """Read the bytes of a CSV of picks.

    Parameters
    ----------
    content
        UTF-8, with or without a byte-order mark.
    rules
        Their kinds are those that may be named.

    Raises
    ------
    BadInput
        When it is no CSV at all: not text, without a known head, or without a row.
    """
    rules = rules or Rules()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"this is no CSV: byte {error.start} is no text", "save the table as CSV in UTF-8") from error
    lines = _lines(text)
    head = [name.strip() for name in next(lines, (1, []))[1]]
    places, id_place, score_place = _places(head)
    kinds = frozenset(rules.names)
    clean = _read_clean(text, head, places, id_place, score_place, kinds)
    if clean is not None:
        return Submission(clean, (), 0)
    seen: dict[str, int] = {}
    rows, problems, count = [], [], 0
    width = len(head)
    for line, cells in lines:
        row = _row(cells, width, places, score_place, kinds)
        wrong = None
        if row is None:
            if not any(cell.strip() for cell in cells):
                continue
            wrong = _wrong(cells, width, places, score_place, rules.names)
        elif id_place is not None:
            wrong = _wrong_id(cells[id_place].strip(), line, seen)
        if wrong is None:
            rows.append(row)
            continue
        count += 1
        if len(problems) < MOST_TOLD:
            problems.append(RowProblem(line, wrong))
    if not rows and not problems:
        raise BadInput(
            "the file has a head but no row",
            "write a row a pick; of a network that found none, `cryogauge pick predict --all` keeps the less sure ones",
        )
    return Submission(pd.DataFrame(rows, columns=pd.Index(PICK_COLUMNS)), tuple(problems), count)


def read_picks_file(path: str | Path, rules: Rules | None = None) -> pd.DataFrame:
    """Read a CSV of picks whose every row can be used.

    Returns
    -------
    Table of ``PICK_COLUMNS``.

    Raises
    ------
    BadInput
        As :func:`read_submission`; when the file cannot be read; and when a row cannot be used.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {(error.strerror or 'refused').lower()}", "check the path") from error
    try:
        found = read_submission(content, rules)
    except BadInput as error:
        raise BadInput(f"{path}: {error.message}", error.hint) from error
    if found.problems:
        raise BadInput(f"{path} has {told_problems(found, 5)}", "mend these rows, or leave them out")
    return found.picks


def told_problems(found: Submission, most: int) -> str:
    """The problems of a submission in one line, such as ``2 rows that cannot be used: line 3: …; line 9: …``."""
    rows = "row" if found.problem_count == 1 else "rows"
    told = "; ".join(f"line {each.line}: {each.message}" for each in found.problems[:most])
    more = "; …" if found.problem_count > most else ""
    return f"{found.problem_count} {rows} that cannot be used: {told}{more}"


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    try:
        for cells in reader:
            yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(f"line {begins} is no CSV: {error}", "save the table as CSV in UTF-8") from error


def _places(head: Sequence[str]) -> tuple[list[int], int | None, int | None]:
    """Where tomogram, kind, x, y and z, the id and the score stand."""
    for wanted in _HEADS.values():
        if set(wanted) <= set(head):
            doubled = [name for name in wanted if head.count(name) > 1]
            if doubled:
                raise BadInput(f"the column {doubled[0]} is there twice", "name each column once")
            optional = [head.index(name) if name in head else None for name in ("id", "score")]
            return [head.index(name) for name in wanted], optional[0], optional[1]
    lacking = min(([name for name in wanted if name not in head] for wanted in _HEADS.values()), key=len)
    raise BadInput(
        f"the first line names no columns of picks: {', '.join(lacking)} is missing",
        f"begin with id,{','.join(_CHALLENGE_HEAD)} or {','.join(PICK_COLUMNS)}",
    )


def _read_clean(
    text: str,
    head: Sequence[str],
    places: Sequence[int],
    id_place: int | None,
    score_place: int | None,
    kinds: frozenset[str],
) -> pd.DataFrame | None:
    """The picks of a file without any fault, read all at once; None where rows must be looked at one by one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of rows that are too long
            types = {place: float if place in places[2:] else str for place in range(len(head))}
            table = pd.read_csv(
                io.StringIO(text), header=None, skiprows=1, names=list(types), dtype=types,
                index_col=False, na_filter=False,
            )  # fmt: skip
            x, y, z = (table[place].to_numpy() for place in places[2:])
            given = table[score_place] if score_place is not None else pd.Series("", table.index)
            scores = np.full(len(table), math.nan)
            scores[given != ""] = given[given != ""].astype(float)
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning):
        return None
    tomogram, kind = table[places[0]], table[places[1]]
    faultless = (
        len(table) > 0
        and all(_trimmed(each) for each in (tomogram, *([] if id_place is None else [table[id_place]])))
        and tomogram.str.len().max() <= LONGEST_NAME
        and set(kind.unique()) <= kinds
        and all((np.abs(each) <= ABSURD_A).all() for each in (x, y, z))
        and np.isfinite(scores[given != ""]).all()
        and (id_place is None or table[id_place].is_unique)
    )
    columns = (tomogram, kind, x, y, z, scores)
    return pd.DataFrame(dict(zip(PICK_COLUMNS, columns, strict=True))) if faultless else None


def _trimmed(column: pd.Series) -> bool:
    """Whether no text is empty or has spaces around it."""
    return bool((column.str.strip() == column).all() and (column != "").all())


def _row(
    cells: Sequence[str], width: int, places: Sequence[int], score_place: int | None, kinds: frozenset[str]
) -> tuple[str, str, float, float, float, float] | None:
    """A row as it is kept; None where anything is wrong with it."""
    if len(cells) != width:
        return None
    tomogram, kind, *position = (cells[place].strip() for place in places)
    score = cells[score_place].strip() if score_place is not None else ""
    x, y, z = (_number(text) for text in position)
    value = _number(score) if score else math.nan
    # Not a number fails every comparison, and so is refused, too.
    fits = (
        0 < len(tomogram) <= LONGEST_NAME and kind in kinds and all(-ABSURD_A <= each <= ABSURD_A for each in (x, y, z))
    )
    return (tomogram, kind, x, y, z, value) if fits and (not score or math.isfinite(value)) else None


def _wrong(
    cells: Sequence[str], width: int, places: Sequence[int], score_place: int | None, kinds: Sequence[str]
) -> str:
    """What is wrong with a row that :func:`_row` refuses."""
    if len(cells) != width:
        return f"{len(cells)} values under {width} columns"
    tomogram, kind, *position = (cells[place].strip() for place in places)
    if not tomogram:
        return "no tomogram is named"
    if len(tomogram) > LONGEST_NAME:
        return f"the tomogram's name has more than {LONGEST_NAME} characters"
    if kind not in kinds:
        return f"unknown kind of particle '{kind[:40]}'; known are {', '.join(kinds)}"
    for axis, text in zip("xyz", position, strict=True):
        value = _number(text)
        if not math.isfinite(value):
            return _no_number(axis, text)
        if abs(value) > ABSURD_A:
            return f"{axis} is {value:g} Å, further out than any tomogram"
    return _no_number("score", "" if score_place is None else cells[score_place].strip())


def _no_number(name: str, text: str) -> str:
    if not text:
        return f"{name} is empty"
    try:
        number = float(text.replace("_", "?"))
    except ValueError:
        return f"{name} is '{text[:40]}', no number"
    return f"{name} is {number:g}, not finite"


def _wrong_id(given: str, line: int, seen: dict[str, int]) -> str | None:
    if not given:
        return "no id"
    first = seen.setdefault(given, line)
    return None if first == line else f"id {given[:40]} again, first in line {first}"


def _number(text: str) -> float:
    """A number as other programs read it too; NaN for anything else."""
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan
