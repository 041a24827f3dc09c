"""Training from the pool: a process of its own, one at a time, that goes on when the server ends."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.records import BadInput

#: The least that a grader can be taught, and judged, by.
FEWEST_CLASSES, FEWEST_JOBS = 20, 2
#: Of the log, that is shown.
_LOG_BYTES = 6000
_STATE, _LOG, _WEIGHTS, _CURRENT = "training.json", "training.log", "class-grader.safetensors", "current.json"


@dataclass(frozen=True)
class Training:
    """One training from the pool.

    Attributes
    ----------
    number
        From 1.
    begun_at
        ISO 8601, UTC.
    command
        What runs, or ran.
    classes, jobs
        How many graded averages of how many jobs it learns from.
    pid, birth
        The process and when it began by the system's clock, which tell it from a later one with its number.
    """

    number: int
    begun_at: str
    command: tuple[str, ...]
    classes: int
    jobs: int
    pid: int
    birth: str


Status = Literal["running", "done", "stopped"]


class Retraining:
    """The trainings in a folder; safe to use from several threads of one server.

    Parameters
    ----------
    folder
        It is made.
    program
        What is run, before ``train class-grader``; this package's own command by default.
    options
        What follows the table of labels, such as how long to learn and what else to learn from.
    """

    def __init__(
        self,
        folder: Path,
        options: Sequence[str],
        program: Sequence[str] = (sys.executable, "-m", "cryogauge"),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._options = tuple(options)
        self._program = tuple(program)
        self._lock = threading.Lock()
        self._ours: dict[int, subprocess.Popen] = {}

    def all(self) -> list[tuple[Training, Status]]:
        """All trainings and how far they are, the newest first."""
        found = [self._read(path.parent) for path in self._folder.glob("*/" + _STATE)]
        return [(each, self._status(each)) for each in sorted(found, key=lambda each: -each.number)]

    def start(self, write_labels: Callable[[str], Path], classes: int, jobs: int) -> Training:
        """Begin a training; raises ``BadInput`` while one is running, or with too few labels.

        Parameters
        ----------
        write_labels
            Writes the table of labels under a name.
        classes, jobs
            How many labels are in it.
        """
        if classes < FEWEST_CLASSES or jobs < FEWEST_JOBS:
            raise BadInput(
                f"{classes} graded averages of {jobs} job{'' if jobs == 1 else 's'} are too few to learn from",
                f"grade at least {FEWEST_CLASSES} averages of {FEWEST_JOBS} jobs",
            )
        with self._lock:
            known = self._refuse_second()
            number = max((each.number for each in known), default=0) + 1
            labels = write_labels(f"labels-{number}.csv").absolute()
            out = (self._folder / str(number)).absolute()
            out.mkdir()
            # The server's own time is nobody's stage: the process ends when the weights are written.
            command = (
                *self._program, "train", "class-grader", str(labels), *self._options, "--out", str(out),
                "--stage-minutes", "1e6",
            )  # fmt: skip
            return self._run(out, number, command, classes, jobs)

    def go_on(self, number: int) -> Training:
        """Take up a training that was stopped; raises ``BadInput`` for one that was not, or while one is running."""
        with self._lock:
            wanted = next((each for each in self._refuse_second() if each.number == number), None)
            if wanted is None or self._status(wanted) != "stopped":
                raise BadInput("there is no such training to go on with", "load the page again")
            return self._run(
                (self._folder / str(number)).absolute(), number, wanted.command, wanted.classes, wanted.jobs
            )

    def stop(self, number: int) -> None:
        """Stop a training; it can be gone on with."""
        with self._lock:
            for each, status in self.all():
                if each.number == number and status == "running":
                    with suppress(ProcessLookupError):  # it may have ended by itself
                        os.killpg(each.pid, signal.SIGTERM)

    def log(self, number: int) -> str:
        """The end of what a training has said."""
        path = self._folder / str(number) / _LOG
        if not path.is_file():
            return ""
        text = path.read_bytes()[-_LOG_BYTES:].decode("utf-8", errors="replace")
        return text.replace(str(self._folder.absolute()), "training").replace(str(self._folder.parent.absolute()), "")

    def report(self, number: int) -> Path | None:
        """The page of a training's result, where there is one."""
        path = self._folder / str(number) / "report.html"
        return path if path.is_file() else None

    def use(self, number: int | None) -> None:
        """Grade with the weights of a training from now on, or with those that come along; ``BadInput`` for none."""
        if number is not None and not (self._folder / str(number) / _WEIGHTS).is_file():
            raise BadInput("this training has no weights yet", "wait until it is done")
        write_json_file(self._folder / _CURRENT, {"training": number})

    def used(self) -> int | None:
        """Which training's weights are graded with; None for those that come along."""
        path = self._folder / _CURRENT
        return read_json_file(path, "delete it")["training"] if path.is_file() else None

    def weights(self) -> Path | None:
        """The file of weights to grade with; None for those that come along."""
        number = self.used()
        return None if number is None else self._folder / str(number) / _WEIGHTS

    def _refuse_second(self) -> list[Training]:
        known = self.all()
        if any(status == "running" for _, status in known):
            raise BadInput("a training is under way", "wait until it is done, or stop it")
        return [each for each, _ in known]

    def _run(self, out: Path, number: int, command: tuple[str, ...], classes: int, jobs: int) -> Training:
        with (out / _LOG).open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._ours[process.pid] = process
        begun = datetime.now(UTC).isoformat(timespec="seconds")
        training = Training(number, begun, command, classes, jobs, process.pid, _birth(process.pid))
        write_json_file(out / _STATE, asdict(training))
        return training

    def _status(self, training: Training) -> Status:
        if training.birth and _birth(training.pid) == training.birth:
            return "running"
        if (ours := self._ours.pop(training.pid, None)) is not None:
            ours.wait()  # it has ended; or it would stay as a zombie
        return "done" if (self._folder / str(training.number) / _WEIGHTS).is_file() else "stopped"

    def _read(self, folder: Path) -> Training:
        values = read_json_file(folder / _STATE, "delete its folder")
        return Training(**{**values, "command": tuple(values["command"])})


def _birth(pid: int) -> str:
    """When a process began, in ticks since the system's start; empty where it has ended."""
    try:
        # The name, in brackets, may hold anything; after it come the state and, as the 20th, the beginning.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
