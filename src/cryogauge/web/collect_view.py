"""What the pages of a session show, and what of it changed since a page asked last."""

import json
import math
import secrets
import time
from collections.abc import Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.collect.screen.follow import ORDERED, Followed, State, read_ending
from cryogauge.collect.screen.log import JUDGED, STEPS
from cryogauge.collect.screen.outlook import (
    current_square,
    grid_names,
    grid_state,
    square_states,
    time_left,
    totals,
    upcoming,
)
from cryogauge.records import BadInput
from cryogauge.web.collect_alerts import alerts, doing
from cryogauge.web.collect_classes import classes_told
from cryogauge.web.collect_pictures import Pictures, picture_shape
from cryogauge.web.collect_ranks import Ranks

#: What a page is told of an exposure, in this order.
COLUMNS = (
    "exposure", "score", "kind", "flags", "said", "recorded_at_s", "wanted_A", "defocus_A", "astigmatism_A",
    "ctf_resolution_A", "ice_thickness_nm", "ice_ring", "motion_A", "drift_A_s", "particles", "particles_per_um2",
    "contamination_fraction", "carbon_fraction",
)  # fmt: skip
_LATEST = 300  # exposures on the page of the whole session
_WORDS = 200
_SILENT_S = 600.0
_RATE_OVER = 20  # exposures


class View:
    """A session as pages show it.

    Parameters
    ----------
    key
        Its name in addresses.
    folder
        Of the session.
    """

    def __init__(self, key: str, folder: Path) -> None:
        self.key, self.folder = key, folder
        self.followed = Followed(folder)
        self.pictures = Pictures(folder)
        self._boot = secrets.token_hex(4)  # a server that was started anew knows no cursor of the one before
        self._ranks = Ranks(self.followed)
        self._wire: dict[str, tuple[dict[str, Any], str]] = {}
        self._head: tuple[str, dict[str, Any]] = ("", {})

    def state(self) -> tuple[State, str]:
        """Where the session stands, and a sentence on it; of one that has ended, its log is not read for that."""
        ended = None if self.followed.steps else read_ending(self.folder)
        if ended is not None:
            return ended
        with self.followed.lock:
            self.followed.refresh()
            return self.followed.state()

    def changes(self, cursor: str, slot: int | None) -> str | None:
        """What changed since ``cursor`` as JSON, all for an empty or unknown one; ``None`` when nothing did.

        Parameters
        ----------
        cursor
            As the last answer told it.
        slot
            Of the grid that the page shows; ``None`` for the page of the session.

        Raises
        ------
        BadInput
            When there is no such grid, or the log tells what cannot be.
        """
        try:
            return self._changes(cursor, slot)
        except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise BadInput(
                f"the log of this session tells what cannot be: {error!r}", "see to its session.jsonl"
            ) from error

    def _changes(self, cursor: str, slot: int | None) -> str | None:
        with self.followed.lock:
            self.followed.refresh()
            if slot is not None and slot not in grid_names(self.followed):
                raise BadInput(f"this session has no grid in slot {slot}", "go back to the session")
            self._ranks.refresh()
            now = self._cursor()
            if cursor == now:
                return None
            steps, said = self._since(cursor)
            whole = steps is None
            answer: dict[str, Any] = {"cursor": now, "whole": whole, "head": self._told(now)}
            words = list(self.followed.words)
            new = len(words) if whole else min(self.followed.said - said, len(words))
            answer["words"] = words[len(words) - new :][-_WORDS:]
            names = self._exposures(steps, slot)
            if slot is not None:
                answer["grid"] = self._grid(slot, steps)
            rows = ",".join(self._row(name) for name in names)
            return f'{_dumps(answer)[:-1]},"columns":{json.dumps(COLUMNS)},"exposures":[{rows}]}}'

    def square(self, target: str) -> dict[str, Any] | None:
        """The holes of a square, and the size of its picture; ``None`` before it was looked at."""
        with self.followed.lock:
            self.followed.refresh()
            seen = self.followed.seen(target)
        if seen is None:
            return None
        slot, number = target.split("/")
        path = self.folder / "grids" / f"{int(slot):02d}" / f"square_{int(number):04d}.mrc"
        holes = [
            {name: hole.get(name) for name in ("hole", "x_px", "y_px", "score", "why", "chosen_because")}
            for hole in seen["queue"]
        ]
        return {
            "square": target, "shape_px": picture_shape(path), "pixel_size_A": seen["pixel_size_A"],
            "diameter_px": float(np.median([h["diameter_px"] for h in seen["queue"]])) if seen["queue"] else 0.0,
            "holes": holes, "left": seen.get("left", []), "z_um": seen["z_um"],
        }  # fmt: skip

    # ------------------------------------------------------------------ since when
    def _cursor(self) -> str:
        followed = self.followed
        silent = int(self._silent_s() // 60)
        parts = (followed.state(), sorted(followed.problems.items()), silent, self._ranks.age)
        status = sha256(repr(parts).encode()).hexdigest()[:8]
        return f"{self._boot}.{followed.life}.{len(followed.changed)}.{followed.said}.{status}"

    def _since(self, cursor: str) -> tuple[Sequence[tuple[str, str]] | None, int]:
        """Steps that changed since a cursor, ``None`` for all; and how many sentences there were."""
        parts = cursor.split(".")
        if len(parts) != 5 or parts[:2] != [self._boot, str(self.followed.life)]:
            return None, 0
        try:
            return self.followed.changed[int(parts[2]) :], int(parts[3])
        except ValueError:
            return None, 0

    def _silent_s(self) -> float:
        """How long a running session has written nothing, if it is long."""
        heard_s = self.heard_s()
        age_s = time.time() - heard_s if heard_s else 0.0
        return age_s if age_s > _SILENT_S and self.followed.state()[0] == "running" else 0.0

    def heard_s(self) -> float:
        """When the session last did something, in seconds since 1970; 0 before it began."""
        try:
            return (self.folder / STEPS).stat().st_mtime
        except OSError:
            return 0.0

    # ------------------------------------------------------------------ exposures
    def _exposures(self, steps: Sequence[tuple[str, str]] | None, slot: int | None) -> list[str]:
        rows, mine = self.followed.rows, "" if slot is None else f"{slot}/"
        if steps is not None:
            changed = dict.fromkeys(target for step, target in steps if step == JUDGED)
            return [name for name in changed if name in rows and name.startswith(mine)]
        if slot is None:
            return list(islice(reversed(rows), _LATEST))[::-1]
        return list(self.followed.shots.get(str(slot), ()))

    def _row(self, name: str) -> str:
        row = self.followed.rows[name]
        kept = self._wire.get(name)
        if kept is None or kept[0] is not row:
            kept = self._wire[name] = (row, _dumps([row.get(column) for column in COLUMNS]))
        return kept[1]

    # ------------------------------------------------------------------ a grid
    def _grid(self, slot: int, steps: Sequence[tuple[str, str]] | None) -> dict[str, Any]:
        followed, name = self.followed, str(slot)
        state, why = grid_state(followed, slot)
        told: dict[str, Any] = {"slot": slot, "state": state, "why": why, "now": current_square(followed)}
        found = followed.result("squares", name)
        if found is None:
            tiles = sum(target.startswith(f"{slot}/") for target in followed.of.get("tile", ()))
            return {**told, "tiles": tiles}
        anew = steps is None or ORDERED in steps or ("squares", name) in steps
        states = square_states(followed, slot)
        of_it = None if anew else {_square_of(target) for _, target in steps or () if target.startswith(f"{slot}/")}
        told["squares"] = [
            [number, *state] for number, state in states.items() if of_it is None or f"{slot}/{number}" in of_it
        ]
        told["classes"] = classes_told(followed, slot)
        told["lost"] = {target: why for target, why in followed.lost.items() if target.startswith(f"{slot}/")}
        if anew:
            shape = picture_shape(self.folder / "grids" / f"{slot:02d}" / "atlas.mrc")
            told |= {"outlines": found["all"], "shape_px": shape, "pixel_size_A": found["pixel_size_A"]}
        return told

    # ------------------------------------------------------------------ the head
    def _told(self, cursor: str) -> dict[str, Any]:
        """What every page of the session shows at its top."""
        if self._head[0] == cursor:
            return self._head[1]
        followed = self.followed
        state, sentence = followed.state()
        left, about, orders = time_left(followed), followed.about(), followed.orders
        told = {
            "state": state, "said": sentence, "doing": doing(followed), "totals": totals(followed),
            "rate_h": self._rate(), "begun_at": about.get("at"), "driver": about.get("driver", ""),
            "good_A": about.get("skip", {}).get("good_resolution_A", 8.0),
            "left": {"low_s": left.low_s, "middle_s": left.middle_s, "high_s": left.high_s, "said": left.said,
                     "world": self._world(), "now_s": followed.now_s},
            "alerts": alerts(followed, self._silent_s()), "queue": upcoming(followed), "grids": self._ranks.told(),
            "orders": {"paused": orders.paused, "stopped": orders.stopped, "excluded": orders.excluded,
                       "first": orders.first, "remarks": orders.remarks[-50:]},
        }  # fmt: skip
        self._head = (cursor, told)
        return told

    def _world(self) -> bool:
        """Whether the microscope's clock is the world's, not a simulation's."""
        started_s, at = self.followed.starts_s[-1:], self.followed.about().get("at")
        return bool(started_s and at and abs(started_s[0] - at) < 86400.0)

    def _rate(self) -> float:
        """Exposures an hour, of late."""
        latest = islice(reversed(self.followed.rows.values()), _RATE_OVER)
        times = [float(row["recorded_at_s"]) for row in latest][::-1]
        if len(times) < 2 or times[-1] <= times[0]:
            return math.nan
        return 3600.0 * (len(times) - 1) / (times[-1] - times[0])


def _square_of(target: str) -> str:
    return "/".join(target.split("/")[:2])


def _dumps(value: Any) -> str:
    """JSON with five digits of each number; what is no number is null."""
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, (float, np.floating)):
        if not math.isfinite(value):
            return None
        return float(f"{value:.5g}") if abs(value) < 1e6 else float(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
