"""Running a program for hours: shown, logged, limited in time, and ended with us."""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryogauge.io.replace import replacing
from cryogauge.records import BadInput, Retryable

#: Called about once a second while a program runs.
Tick = Callable[[], None]
_AGAIN = "mend it and run the same command again: what is done is kept"
_POLL_S, _GRACE_S = 0.2, 10.0
_NOISE = ("===", "in: ", "/", "RELION version", "exiting", "---", "MPI_ABORT", "NOTE:", "with errorcode", "You may")


@dataclass(frozen=True)
class Job:
    """A command, and the folder that what it says goes to.

    Attributes
    ----------
    name
        Short, for people and queues.
    commands
        Run one after the other until one fails.
    cwd
        Where they run.
    folder
        Gets ``command.txt``, ``run.out`` and ``run.err``; exists.
    hours
        Longest time of all.
    """

    name: str
    commands: Sequence[Sequence[str]]
    cwd: Path
    folder: Path
    hours: float

    @property
    def text(self) -> str:
        """The commands as a shell takes them, a line each."""
        return "".join(shlex.join(command) + "\n" for command in self.commands)


#: Does a job and returns when it is done; raises ``Retryable`` when it fails.
Runner = Callable[[Job, Tick], None]


def run_here(job: Job, tick: Tick) -> None:
    """Run a job on this machine.

    What a killed run of ours has left running in the same folder is ended first. Ctrl-C and the end of the time end
    the program and all it has started.

    Raises
    ------
    BadInput
        When a program cannot be started.
    Retryable
        When one fails or takes too long; its last words are told.
    """
    _end_leftover(job.folder)
    (job.folder / "command.txt").write_text(job.text, encoding="utf-8")
    for name in ("run.out", "run.err"):
        (job.folder / name).write_bytes(b"")
    deadline = time.monotonic() + 3600 * job.hours
    for command in job.commands:
        with (job.folder / "run.out").open("ab") as out, (job.folder / "run.err").open("ab") as err:
            try:
                process = subprocess.Popen(
                    list(command), cwd=job.cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
                )
            except OSError as error:
                raise BadInput(f"{command[0]} cannot be run: {error.strerror}", "check the installation") from error
            _remember(job.folder, process.pid)
            try:
                _wait(process, deadline, tick)
            except BaseException:
                _end_group(process)
                raise
            finally:
                (job.folder / "job.pid").unlink(missing_ok=True)
        if process.returncode is None:
            _end_group(process)
            raise Retryable(f"{job.name} took more than {job.hours:g} hours and was ended", "raise hours in the plan")
        if process.returncode != 0:
            raise failed(job, f"status {process.returncode}")


def failed(job: Job, how: str) -> Retryable:
    """The error of a job that failed, with its last words."""
    said = last_words(job.folder)
    return Retryable(f"{job.name} ended with {how}: {said}", f"{_AGAIN}; all it said is in {job.folder}/run.err")


def last_words(folder: Path) -> str:
    """The last line of ``run.err``, or else of ``run.out``, that says what was wrong."""
    for name in ("run.err", "run.out"):
        path = folder / name
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        lines = [line.rpartition("\r")[2].strip() for line in text.splitlines()]
        told = [line for line in lines if line and not line.startswith(_NOISE) and line != "ERROR:"]
        if told:
            return " ".join(told[-1].split())[:300]
    return "it said nothing"


def _wait(process: subprocess.Popen[bytes], deadline: float, tick: Tick) -> None:
    """Until it has ended or the time is over, in which case it has no return code."""
    next_tick = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        try:
            process.wait(timeout=min(_POLL_S, max(deadline - time.monotonic(), 0.01)))
            return
        except subprocess.TimeoutExpired:
            if time.monotonic() >= next_tick:
                tick()
                next_tick = time.monotonic() + 1.0


def _end_group(process: subprocess.Popen[bytes]) -> None:
    _signal(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_GRACE_S)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _remember(folder: Path, pid: int) -> None:
    with replacing(folder / "job.pid") as temporary:
        temporary.write_text(f"{pid} {_started_at(pid)}\n", encoding="ascii")


def _end_leftover(folder: Path) -> None:
    """End what a run of ours that was killed has left running: two programs must not write the same files."""
    path = folder / "job.pid"
    words = path.read_text(encoding="ascii").split() if path.is_file() else []
    if (
        len(words) == 2 and words[1] != "gone" and _started_at(int(words[0])) == words[1]
    ):  # numbers of processes are used again
        _signal(int(words[0]), signal.SIGKILL)
        while _started_at(int(words[0])) == words[1]:
            time.sleep(0.05)
    path.unlink(missing_ok=True)


def _started_at(pid: int) -> str:
    """When a process was started, in the kernel's ticks; "gone" where there is none, or where it is only not reaped."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return "gone"
    return "gone" if state == "Z" else rest[18]


def slurm_runner(template: str, *, poll_s: float = 10.0) -> Runner:
    """What does jobs on a SLURM cluster; see :func:`cryogauge.jobs.slurm.run_on_slurm`."""
    from cryogauge.jobs.slurm import SlurmJob, run_on_slurm

    def run(job: Job, tick: Tick) -> None:
        try:
            run_on_slurm(SlurmJob(job.name, job.text, job.cwd, job.folder, template, job.hours), tick, poll_s=poll_s)
        except Retryable as error:
            said = last_words(job.folder)
            raise Retryable(f"{error.message.partition(': ')[0]}: {said}", error.hint) from error

    return run
