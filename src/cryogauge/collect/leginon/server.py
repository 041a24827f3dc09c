"""The calls of Leginon's client, answered for one microscope; sessions follow one another, each with a file of its own.

Leginon asks without saying which session it means: its last ``initialize_new_session`` began the one that counts.
Measurements come from another program and may come late: numbers of squares and holes are never used twice, so that
they find the session that they belong to.
"""

import hashlib
import re
import shutil
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryogauge.collect.leginon.answers import (
    as_csv,
    hole_lessons,
    holes_answer,
    square_lessons,
    squares_answer,
)
from cryogauge.collect.leginon.request import numbers, whole
from cryogauge.collect.leginon.state import LeginonSession
from cryogauge.collect.targets.holes import find_holes
from cryogauge.collect.targets.squares import find_squares
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput

#: Calls by their names, and whether Leginon posts them (or gets them).
CALLS: Mapping[str, bool] = {
    "initialize_new_session": True,
    "push_lm": True,
    "current_lm_state": False,
    "push_and_evaluate_mm": True,
    "set_noice_hole_intensity": True,
    "visit_square": True,
    "visit_holes": True,
    "select_next_square": True,
    "save_state": True,
    "current_mm_state": False,
}
#: Of the calls, those that bring an image.
WITH_IMAGE = ("push_lm", "push_and_evaluate_mm")
_SESSION, _STATES, _ENDING = "session", "states", ".jsonl"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_SAID = 50


class LearningServer:
    """One microscope's sessions in a folder; safe to use from several threads.

    Parameters
    ----------
    folder
        Of the microscope; it is made, and what is there is continued.

    Raises
    ------
    BadInput
        When the folder holds what is no session, or may not be written.
    Retryable
        When the disk is full.
    """

    def __init__(self, folder: Path) -> None:
        try:
            (folder / _STATES).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"{folder} cannot be made: {(error.strerror or 'refused').lower()}", "choose another"
            ) from error
        self.folder = folder
        self.said: deque[str] = deque(maxlen=_SAID)  #: what people should know, the last first
        self._lock = threading.RLock()
        self._searching = threading.Semaphore(1)  # the finders use what processors there are
        self._saved: dict[str, LeginonSession] = {}
        paths = sorted(folder.glob(f"{_SESSION}_*{_ENDING}"))
        self._past = paths[:-1]
        self.session = LeginonSession(paths[-1] if paths else self._path(1))

    def close(self) -> None:
        """Let go of the files."""
        self.session.close()

    def answer(self, call: str, values: Mapping[str, Any], image: NDArray[np.float32] | None) -> Any:
        """Answer a call.

        Parameters
        ----------
        call
            One of ``CALLS``.
        values
            What the request says beside its image.
        image
            Of shape (y, x), or ``None``.

        Returns
        -------
        Any
            Of JSON types. Tables are CSV in one text, as Leginon's client reads them.

        Raises
        ------
        BadInput
            When a value is missing or cannot be.
        Retryable
            When the disk is full; nothing was taken in.
        """
        given = dict(values)
        if call in WITH_IMAGE and image is None:
            raise BadInput(f"{call} needs an image", "Leginon sends a list of rows of numbers")
        match call:
            case "initialize_new_session":
                return self._begin(given)
            case "push_lm" if image is not None:
                return self._push_tile(whole(given, "grid_id"), whole(given, "tile_id"), image)
            case "push_and_evaluate_mm" if image is not None:
                square_id, image_id = whole(given, "square_id"), whole(given, "mm_img_id")
                return self._push_holes(whole(given, "grid_id"), square_id, image_id, image)
            case "set_noice_hole_intensity":
                value = numbers({"value": [given.get("value")]}, "value")[0]
                with self._lock:
                    self.session.set_vacuum(value if np.isfinite(value) else 0.0)
                return None
            case "visit_square":
                return self._visit_square(whole(given, "square_id"))
            case "visit_holes":
                return self._visit_holes(given)
            case "save_state":
                return self._save(given.get("path"))
            case "current_lm_state":
                with self._lock:
                    return as_csv(squares_answer(list(self.session.squares.values()), self.session.visited))
            case "current_mm_state":
                with self._lock:
                    return as_csv(holes_answer(list(self.session.holes.values()), self.session.measured))
            case "select_next_square":
                return as_csv(self.next_squares(whole(given, "value", default=-1)))
            case _:
                raise BadInput(f"there is no call {call!r:.40}", f"known are {', '.join(CALLS)}")

    def next_squares(self, grid_id: int = -1) -> Any:
        """Squares that were not visited, of one grid or (−1) of all, best first, as :func:`squares_answer` has them."""
        with self._lock:
            session = self.session
            left = [s for s in session.squares.values()
                    if s.square_id not in session.visited and grid_id in (-1, s.grid_id)]  # fmt: skip
            return squares_answer(left, session.visited, square_lessons(self._taught()))

    def say(self, text: str) -> None:
        """Tell people something, since Leginon's client drops what it is told."""
        with self._lock:
            self.said.appendleft(text)

    def _begin(self, given: dict[str, Any]) -> dict[str, Any]:
        paths = given.get("historical_state_paths") or []
        if not isinstance(paths, list):
            raise BadInput("historical_state_paths is no list", "send what Leginon sends")
        started = given.get("new_state_path")
        names = [self._state(path).stem for path in ([started] if started else []) + paths]
        with self._lock:
            missing = [name for name in names if not self._state(name).is_file()]
            if missing:
                raise BadInput(f"there is no saved state {missing[0]}", f"save_state puts them into {_STATES}/")
            if not self.session.empty:
                old = self.session
                number = int(old.name.rpartition("_")[2]) + 1
                self.session = LeginonSession(self._path(number), old.next_square, old.next_hole)
                self._past.append(old.path)
                old.close()
            if names:
                self.session.learn_from(names)
            return {"session": self.session.name, "learns_from": names}

    def _push_tile(self, grid_id: int, tile_id: int, image: NDArray[np.float32]) -> dict[str, Any]:
        digest = _digest(image)
        with self._lock:
            if self.session.has_image("tile", grid_id, tile_id, digest):
                return {"squares": "known"}
        found, note = self._search(find_squares, f"tile {tile_id}", image)
        with self._lock:
            squares = self.session.add_tile(grid_id, tile_id, digest, found)
        return {"squares": len(squares), "note": note}

    def _push_holes(self, grid_id: int, square_id: int, image_id: int, image: NDArray[np.float32]) -> str:
        with self._lock:
            self._owning(square_id)
            vacuum = self.session.vacuum
        digest = f"{_digest(image)} {vacuum}"
        with self._lock:
            known = self.session.has_image("holes", square_id, image_id, digest)
        found = None
        if not known:
            found, _ = self._search(lambda picture: find_holes(picture, vacuum=vacuum), f"image {image_id}", image)
        with self._lock:
            session = self._owning(square_id)  # another session may have begun meanwhile
            if not known:
                session.add_holes(grid_id, square_id, image_id, digest, found)
            holes = session.holes_of(square_id, image_id)
            if len(holes) < 2:
                self.say(f"image {image_id} of square {square_id} shows {len(holes)} holes; Leginon needs two")
            return as_csv(holes_answer(holes, session.measured, hole_lessons(self._taught())))

    def _owning(self, square_id: int) -> LeginonSession:
        """The session, if the square is of it."""
        if square_id not in self.session.squares:
            raise BadInput(f"there is no square {square_id} in {self.session.name}", "push its tile first")
        return self.session

    def _search(self, find: Any, what: str, image: NDArray[np.float32]) -> tuple[Any, str]:
        """What a finder finds, or ``None`` with the reason for an image in which nothing can be sought."""
        try:
            with self._searching:
                found = find(image)
        except BadInput as error:
            self.say(f"{what}: {error}")
            return None, str(error)
        return found, found.note

    def _visit_square(self, square_id: int) -> None:
        with self._lock:
            owner = self._owner("squares", square_id)
            owner.visit_square(square_id)
            if owner is not self.session:
                owner.close()

    def _visit_holes(self, given: dict[str, Any]) -> dict[str, Any]:
        lists = [numbers(given, name) for name in ("hole_ids", "ctfs", "ice_thicknesses")]
        if len({len(each) for each in lists}) != 1:
            raise BadInput("hole_ids, ctfs and ice_thicknesses differ in length", "give one of each for every hole")
        ids = [whole({"hole_ids": each}, "hole_ids") for each in lists[0]]
        with self._lock:
            for hole_id, ctf_A, ice_nm in zip(ids, *lists[1:], strict=True):
                owner = self._owner("holes", hole_id)
                owner.visit_holes([hole_id], [ctf_A], [ice_nm])
                if owner is not self.session:
                    self.say(f"hole {hole_id} was told late: it belongs to {owner.name}")
                    owner.close()
        return {"visited": len(ids)}

    def _owner(self, what: str, number: int) -> LeginonSession:
        """The session that has a square or hole of a number; an earlier one is opened, and to be closed."""
        if number in getattr(self.session, what) or not self._past:
            return self.session
        for path in reversed(self._past):
            past = LeginonSession(path)
            if number in getattr(past, what):
                return past
            past.close()
        return self.session

    def _save(self, path: Any) -> dict[str, Any]:
        target = self._state(path)
        with self._lock, replacing(target) as temporary:
            shutil.copyfile(self.session.path, temporary)
            self._saved.pop(target.stem, None)
        return {"saved": f"{_STATES}/{target.name}"}

    def _state(self, path: Any) -> Path:
        """Where a state of a name lies; whatever folder Leginon names, states stay in one of this server's."""
        name = str(path).replace("\\", "/").rpartition("/")[2].removesuffix(_ENDING) if isinstance(path, str) else ""
        if not _NAME.fullmatch(name) or name.startswith("."):
            raise BadInput(f"{path!r:.80} is no name of a state", "use letters, digits, _ . and -")
        return self.folder / _STATES / f"{name}{_ENDING}"

    def _taught(self) -> list[LeginonSession]:
        """The saved states that the session learns from, and the session."""
        for name in self.session.history:
            if name not in self._saved and self._state(name).is_file():
                self._saved[name] = LeginonSession(self._state(name))
                self._saved[name].close()
        return [self._saved[name] for name in self.session.history if name in self._saved] + [self.session]

    def _path(self, number: int) -> Path:
        return self.folder / f"{_SESSION}_{number:04d}{_ENDING}"


def _digest(image: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(image).tobytes() + str(image.shape).encode()).hexdigest()[:32]
