"""What a selection has done: ``state.json`` and a folder a step, so that a run that was killed goes on where it was."""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.classes.iterate.engine import Classified, Particles
from cryogauge.classes.iterate.plan import IteratePlan
from cryogauge.classes.iterate.rounds import Ids
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.mrc import map_mrc
from cryogauge.io.mrc_write import MrcWriter
from cryogauge.io.replace import write_csv
from cryogauge.records import BadInput, ClassStack

_VERSION = 1
_ELSEWHERE = "give another --out, or what the folder was begun with"
#: Parts of a plan that may change between two runs: what is done does not depend on them.
_FREE = ("cutoffs",)


class State:
    """The steps of one output folder; only :func:`open_state` makes one.

    Parameters
    ----------
    folder
        The output folder.
    content
        What ``state.json`` holds.
    """

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self.folder = folder
        self._content = content

    def step_folder(self, step: str) -> Path:
        """The folder of a step, made when it is missing."""
        folder = self.folder / step
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def done(self, step: str) -> dict[str, Any] | None:
        """What was kept of a step that is done; None for one that is not."""
        entry = self._content["steps"].get(step)
        return entry["facts"] if entry and entry["state"] == "done" else None

    def finish(self, step: str, **facts: Any) -> dict[str, Any]:
        """Keep that a step is done, for good."""
        self._enter(step, {"state": "done", "facts": facts})
        return facts

    def fail(self, step: str, message: str) -> None:
        """Keep why a step is not done; the next run tries it again."""
        self._enter(step, {"state": "failed", "message": message})

    def _enter(self, step: str, entry: dict[str, Any]) -> None:
        self._content["steps"][step] = {**entry, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        self.write()

    def write(self) -> None:
        """Write ``state.json``."""
        write_json_file(self.folder / "state.json", self._content)


@contextmanager
def open_state(folder: Path, engine: str, particles: Particles, plan: IteratePlan) -> Iterator[State]:
    """The state of an output folder, new or as another run left it; no second run can open it meanwhile.

    Raises
    ------
    BadInput
        When another run is at work there, or what is done was done of other particles, by another engine or plan.
    """
    with (folder / "state.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadInput(f"another run is at work in {folder}", "wait for it, or give another --out") from error
        mine = {
            "version": _VERSION,
            "engine": engine,
            "particles": particles.fingerprint,
            "plan": json.loads(json.dumps(_fixed(plan))),
        }
        path = folder / "state.json"
        if not path.exists():
            state = State(folder, {**mine, "steps": {}})
            state.write()
        else:
            content = read_json_file(path, _ELSEWHERE)
            _refuse_changes(folder, content, mine)
            state = State(folder, content)
        yield state


def _fixed(plan: IteratePlan) -> dict[str, Any]:
    return {name: value for name, value in asdict(plan).items() if name not in _FREE}


def _refuse_changes(folder: Path, content: Any, mine: Mapping[str, Any]) -> None:
    if not isinstance(content, dict) or content.get("version") != _VERSION or "steps" not in content:
        raise BadInput(f"{folder}/state.json is none of this version of cryogauge", _ELSEWHERE)
    if content.get("engine") != mine["engine"]:
        raise BadInput(f"{folder} was begun by the engine {content.get('engine')}, not {mine['engine']}", _ELSEWHERE)
    if content.get("particles") != mine["particles"]:
        raise BadInput(f"{folder} was begun with other particles", _ELSEWHERE)
    before = content.get("plan", {})
    changed = [name for name, value in mine["plan"].items() if before.get(name) != value]
    if changed:
        told = ", ".join(f"{name} ({before.get(name)} before)" for name in changed)
        raise BadInput(f"{folder} was begun with another plan: {told}", _ELSEWHERE)


def keep_classified(folder: Path, classified: Classified) -> None:
    """Write averages, their table and the class of every particle into the folder of a step."""
    stack = classified.stack
    with MrcWriter(folder / "averages.mrcs", stack.images.shape, stack.pixel_size_A or 1.0, stack=True) as writer:
        for image in stack.images:
            writer.append(np.asarray(image, dtype=np.float32))
    write_table(folder / "averages.csv", stack.table)
    about = {
        "pixel_size_A": stack.pixel_size_A, "source": stack.source, "program": stack.program, "notes": stack.notes,
    }  # fmt: skip
    write_json_file(folder / "averages.json", about)
    write_table(
        folder / "assignment.csv", pd.DataFrame({"particle": classified.particles, "class": classified.classes})
    )


def kept_classified(folder: Path) -> Classified:
    """What :func:`keep_classified` wrote; raises ``BadInput`` when it was changed since."""
    try:
        about = read_json_file(folder / "averages.json", _ELSEWHERE)
        _, images = map_mrc(folder / "averages.mrcs")
        table = pd.read_csv(folder / "averages.csv")
        assigned = pd.read_csv(folder / "assignment.csv", dtype={"particle": np.uint64, "class": np.int64})
        stack = ClassStack(
            np.asarray(images), about["pixel_size_A"], table, about["source"], about["program"], tuple(about["notes"])
        )
    except (OSError, KeyError, ValueError) as error:
        raise BadInput(f"{folder} is not as a run left it: {error}", "start anew in another folder") from error
    return Classified(stack, assigned["particle"].to_numpy(), assigned["class"].to_numpy())


def keep_ids(path: Path, ids: Ids) -> None:
    """Write numbers of particles, one a line."""
    write_table(path, pd.DataFrame({"particle": ids}))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, numbers in full: it is read again to go on."""
    write_csv(path, table, float_format=None)
