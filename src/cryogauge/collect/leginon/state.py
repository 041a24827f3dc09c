"""What a learning server knows of one session of Leginon's: squares, holes, and what was measured in them.

Every call that changes something is a line of a journal, written before it is answered, so that a server that was
killed at any moment goes on with all that it had confirmed.
"""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.collect.drivers.journal import Journal, read_journal
from cryogauge.collect.targets.holes import Holes
from cryogauge.collect.targets.squares import Squares
from cryogauge.records import BadInput

#: Numbers by which squares and holes are alike or not; those of holes are followed by their square's.
SQUARE_FEATURES = ("brightness", "relative", "usable", "size", "score")
HOLE_FEATURES = ("brightness", "relative", "clean", "confidence", "score")


@dataclass(frozen=True)
class Square:
    """A square of a tile of the atlas, in pixels (x, y) of the tile; ``features`` are ``SQUARE_FEATURES``."""

    square_id: int
    grid_id: int
    tile_id: int
    x_px: float
    y_px: float
    vertices: tuple[tuple[float, float], ...]
    area_px: float
    brightness: float
    score: float
    features: tuple[float, ...]
    why: str


@dataclass(frozen=True)
class Hole:
    """A hole of an image of a square, in pixels (x, y) of the image; ``features`` are ``HOLE_FEATURES``.

    ``ice_nm`` is by its brightness against the bare beam's, NaN where that is not known.
    """

    hole_id: int
    square_id: int
    grid_id: int
    image_id: int
    x_px: float
    y_px: float
    radius_px: float
    ice_nm: float
    score: float
    features: tuple[float, ...]
    why: str


@dataclass(frozen=True)
class Measured:
    """What an exposure of a hole showed: resolution of its contrast transfer and thickness of its ice, NaN unknown."""

    ctf_A: float
    ice_nm: float


class LeginonSession:
    """One session, as its journal tells it; not safe to use from several threads at once.

    Parameters
    ----------
    path
        Of the journal; it is begun or continued.
    first_square, first_hole
        Numbers of the first square and hole of a new session; numbers are never used twice.

    Raises
    ------
    BadInput
        When the file is no journal.
    Retryable
        When the disk is full.
    """

    def __init__(self, path: Path, first_square: int = 0, first_hole: int = 0) -> None:
        entries = read_journal(path) if path.exists() else []
        self.squares: dict[int, Square] = {}
        self.holes: dict[int, Hole] = {}
        self.measured: dict[int, Measured] = {}
        self.visited: set[int] = set()  # squares
        self.vacuum: float | None = None
        self.history: list[str] = []
        self.next_square, self.next_hole = first_square, first_hole
        self.first_hole, self.first_square = first_hole, first_square
        self._pushed: dict[tuple[str, int, int], str] = {}  # digests of images by kind, grid or square, and number
        self.path, self.name = path, path.stem
        self._journal = Journal(path)
        if entries:
            for entry in entries:
                self._take(entry.command, entry.arguments)
        else:
            self._do("begin", {"first_square": first_square, "first_hole": first_hole})

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()

    @property
    def empty(self) -> bool:
        """Whether nothing was told to it yet."""
        return not (self.squares or self.holes or self.history or self._pushed)

    def learn_from(self, names: Sequence[str]) -> None:
        """Take saved states, by their names, into account."""
        self._do("history", {"names": list(names)})

    def set_vacuum(self, value: float) -> None:
        """Grey value of the bare beam in images of holes; not above 0 where it is unknown."""
        self._do("vacuum", {"value": value})

    def has_image(self, kind: str, of: int, number: int, digest: str) -> bool:
        """Whether this very image came before."""
        return self._pushed.get((kind, of, number)) == digest

    def add_tile(self, grid_id: int, tile_id: int, digest: str, found: Squares | None) -> list[Square]:
        """Take the squares of a tile in; those of an earlier image of the same tile that were not visited go."""
        squares = [] if found is None else _squares(found, grid_id, tile_id, self.next_square)
        self._do("tile", {"grid": grid_id, "tile": tile_id, "digest": digest, "rows": [asdict(s) for s in squares]})
        return squares

    def add_holes(
        self, grid_id: int, square_id: int, image_id: int, digest: str, found: Holes | None
    ) -> list[Hole]:  # fmt: skip
        """Take the holes of an image of a square in, in place of those of an earlier one of the same number."""
        holes = [] if found is None else _holes(found, grid_id, square_id, image_id, self.next_hole)
        rows = [asdict(hole) for hole in holes]
        self._do("holes", {"square": square_id, "image": image_id, "digest": digest, "rows": rows})
        return holes

    def holes_of(self, square_id: int, image_id: int) -> list[Hole]:
        """The holes of an image of a square, in the order in which they were found."""
        return [h for h in self.holes.values() if (h.square_id, h.image_id) == (square_id, image_id)]

    def visit_holes(self, hole_ids: Iterable[int], ctfs_A: Iterable[float], ices_nm: Iterable[float]) -> None:
        """Take in what exposures of holes showed; a hole that is told again is told anew."""
        rows = [list(row) for row in zip(hole_ids, ctfs_A, ices_nm, strict=True)]
        unknown = [row[0] for row in rows if row[0] not in self.holes]
        if unknown:
            raise BadInput(f"there is no hole {unknown[0]} in {self.name}", "push its image first")
        self._do("visit_holes", {"rows": rows})

    def visit_square(self, square_id: int) -> None:
        """Note that a square was visited, and that it gave no holes if none was exposed."""
        if square_id not in self.squares:
            raise BadInput(f"there is no square {square_id} in {self.name}", "push its tile first")
        self._do("visit_square", {"square": square_id})

    def _do(self, event: str, arguments: Mapping[str, Any]) -> None:
        self._journal.begin(event, arguments, time.time())
        self._take(event, arguments)

    def _take(self, event: str, given: Mapping[str, Any]) -> None:
        match event:
            case "begin":
                self.next_square = self.first_square = given["first_square"]
                self.next_hole = self.first_hole = given["first_hole"]
            case "history":
                self.history += [name for name in given["names"] if name not in self.history]
            case "vacuum":
                self.vacuum = given["value"] if given["value"] > 0 else None
            case "tile":
                stale = [s for s in self.squares.values() if (s.grid_id, s.tile_id) == (given["grid"], given["tile"])]
                for square in stale:
                    if square.square_id not in self.visited:
                        del self.squares[square.square_id]
                self._pushed["tile", given["grid"], given["tile"]] = given["digest"]
                for row in given["rows"]:
                    square = Square(**row | {k: tuple(row[k]) for k in ("vertices", "features")})
                    self.squares[square.square_id] = square
                    self.next_square = max(self.next_square, square.square_id + 1)
            case "holes":
                for hole in self.holes_of(given["square"], given["image"]):
                    if hole.hole_id not in self.measured:
                        del self.holes[hole.hole_id]
                self._pushed["holes", given["square"], given["image"]] = given["digest"]
                for row in given["rows"]:
                    hole = Hole(**row | {"features": tuple(row["features"])})
                    self.holes[hole.hole_id] = hole
                    self.next_hole = max(self.next_hole, hole.hole_id + 1)
            case "visit_holes":
                for hole_id, ctf_A, ice_nm in given["rows"]:
                    self.measured[hole_id] = Measured(ctf_A, ice_nm)
                    self.visited.add(self.holes[hole_id].square_id)
            case "visit_square":
                self.visited.add(given["square"])
            case _:
                raise BadInput(
                    f"{self.name} holds {event!r:.40}, which no session holds", "give the session's own file"
                )


def _squares(found: Squares, grid_id: int, tile_id: int, first: int) -> list[Square]:
    table = found.table
    usual = float(table["area_px"].median()) if len(table) else 1.0
    made = []
    for number, row in enumerate(table.to_dict("records"), first):
        size = math.log(max(row["area_px"] / usual, 1e-3))
        features = (_log(row["brightness"]), row["relative"], row["usable"], size, row["score"])
        corners = tuple((float(x), float(y)) for x, y in row["vertices"])
        made.append(
            Square(number, grid_id, tile_id, float(row["x_px"]), float(row["y_px"]), corners, float(row["area_px"]),
                   float(row["brightness"]), float(row["score"]), tuple(map(float, features)), str(row["why"]))
        )  # fmt: skip
    return made


def _holes(found: Holes, grid_id: int, square_id: int, image_id: int, first: int) -> list[Hole]:
    table = found.table
    usual = float(table["brightness"].median()) if len(table) else 1.0
    made = []
    for number, row in enumerate(table.to_dict("records"), first):
        relative = _log(row["brightness"]) - _log(usual)
        features = (_log(row["brightness"]), relative, row["clean"], row["confidence"], row["score"])
        made.append(
            Hole(number, square_id, grid_id, image_id, float(row["x_px"]), float(row["y_px"]),
                 float(row["diameter_px"]) / 2, float(row["ice_nm"]), float(row["score"]),
                 tuple(map(float, features)), str(row["why"]))
        )  # fmt: skip
    return made


def _log(value: float) -> float:
    """Logarithm of a grey value; grey values that a camera's reference made negative count as dark."""
    return float(np.log(max(value, 1e-2)))
