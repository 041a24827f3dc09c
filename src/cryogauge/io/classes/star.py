"""STAR files as text: what a program wrote is passed on as it stands, and only the columns asked for are read."""

import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from cryogauge.records import BadInput

_BLOCK = re.compile(r"(?m)^data_(\S*)[ \t\r]*$")


@dataclass(frozen=True)
class StarBlock:
    """A block of a STAR file.

    Attributes
    ----------
    path
        The file.
    name
        Of the block, without ``data_``.
    columns
        Labels without their underscore, in order.
    rows
        A line a row, as it stands; a block without ``loop_`` is one row.
    first, last
        Where the rows begin and end in the file's text.
    """

    path: Path
    name: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    first: int
    last: int

    def __contains__(self, label: str) -> bool:
        return label in self.columns

    def texts(self, label: str) -> list[str]:
        """A column as text.

        Raises
        ------
        BadInput
            When there is no such column, or a row is too short to have it.
        """
        if label not in self.columns:
            raise BadInput(f"{self.path} has no {label}", "give the file as the program wrote it")
        place = self.columns.index(label)
        try:
            if self._quoted:
                return [shlex.split(row)[place] for row in self.rows]
            return [row.split(None, place + 1)[place] for row in self.rows]
        except (IndexError, ValueError) as error:
            raise self._short() from error

    def numbers(self, label: str) -> np.ndarray:
        """A column as float64; raises ``BadInput`` as ``texts`` does, and for what is no number."""
        try:
            return np.array(self.texts(label), dtype=np.float64)
        except ValueError as error:
            raise BadInput(f"{self.path} has no numbers as {label}: {error}", "copy it again") from error

    def number(self, label: str) -> float | None:
        """The first row's number; None where there is no such column, no row or no finite number."""
        if label not in self.columns or not self.rows:
            return None
        value = float(StarBlock(self.path, self.name, self.columns, self.rows[:1], 0, 0).numbers(label)[0])
        return value if np.isfinite(value) else None

    def check(self) -> None:
        """Raise ``BadInput`` when a row has not as many values as there are columns."""
        count = len(self.columns)
        for row in self.rows:
            if len(shlex.split(row) if self._quoted else row.split()) != count:
                raise self._short()

    @cached_property
    def _quoted(self) -> bool:
        return any('"' in row or "'" in row for row in self.rows)

    def _short(self) -> BadInput:
        return BadInput(
            f"{self.path} is cut off or damaged: a row of data_{self.name} has not {len(self.columns)} values",
            "copy it again",
        )


@dataclass(frozen=True)
class StarText:
    """A STAR file: its text and where its blocks stand."""

    path: Path
    text: str
    places: dict[str, tuple[int, int]]

    def block(self, *names: str) -> StarBlock | None:
        """The first of these blocks that is there, or None."""
        name = next((each for each in names if each in self.places), None)
        if name is None:
            return None
        start, end = self.places[name]
        return _parse(self.path, name, self.text, start, end)

    def with_column(self, label: str) -> StarBlock | None:
        """The first block that has this column, or None."""
        blocks = (self.block(name) for name in self.places)
        return next((each for each in blocks if each is not None and label in each), None)

    def with_rows(self, block: StarBlock, rows: list[str]) -> str:
        """The text with other rows in a block."""
        return self.text[: block.first] + "".join(f"{row}\n" for row in rows) + self.text[block.last :]


def read_star_text(path: Path) -> StarText:
    """Read a STAR file as text; bytes that are no UTF-8 survive (``surrogateescape``).

    Raises
    ------
    BadInput
        When it cannot be read or is no STAR file.
    """
    try:
        text = path.read_bytes().decode("utf-8", errors="surrogateescape")
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "check the path") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {(error.strerror or 'refused').lower()}", "check the path") from error
    starts = list(_BLOCK.finditer(text))
    if not starts:
        raise BadInput(f"{path} is no STAR file: it has no table", "copy it again")
    ends = [found.start() for found in starts[1:]] + [len(text)]
    return StarText(path, text, {found[1]: (found.end(), end) for found, end in zip(starts, ends, strict=True)})


def _parse(path: Path, name: str, text: str, start: int, end: int) -> StarBlock:
    columns: list[str] = []
    values: list[str] = []
    place, looped = start, False
    while place < end:
        stop = text.find("\n", place, end)
        stop = end if stop < 0 else stop + 1
        words = text[place:stop].split(None, 1)
        if words and words[0] == "loop_":
            looped = True
        elif words and words[0].startswith("_"):
            columns.append(words[0][1:])
            values.append(words[1].strip() if len(words) > 1 else "")
        elif words and not words[0].startswith("#"):
            break
        place = stop
    if not looped:
        return StarBlock(path, name, tuple(columns), (" ".join(values),) if columns else (), start, place)
    lines = text[place:end].split("\n")
    rows = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    last = place
    if rows:
        last = text.rindex(rows[-1], place, end) + len(rows[-1])
        last += text.startswith("\n", last)
    return StarBlock(path, name, tuple(columns), tuple(rows), place, last)
