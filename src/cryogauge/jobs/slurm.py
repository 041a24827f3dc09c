"""One command as a job of SLURM: submitted, waited for, cancelled with us; a run that was killed finds its job again.

Nothing but ``sbatch``, ``squeue`` and ``scancel`` is needed; accounting (``sacct``) is not asked. The job itself leaves
its exit status in a file, since SLURM forgets finished jobs within minutes.
"""

import re
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryogauge.io.replace import replacing
from cryogauge.records.errors import BadInput, Retryable

#: Where the command goes in a template; at its end where this is missing.
PLACE = "{command}"
_STATUS = "job.status"
_ID = "job.slurm"
#: How long a finished job's status may take to appear: shared file systems are slow.
_LATE_S = 60.0
_CALL_S = 60
_AGAIN = "mend it and run the same command again: what is done is kept"
_ASKED_OFTEN = 5


@dataclass(frozen=True)
class SlurmJob:
    """What is submitted.

    Attributes
    ----------
    name
        In the queue.
    text
        Shell commands, one a line; the first that fails ends the job.
    cwd
        Where they run.
    folder
        Gets the script, ``run.out``, ``run.err`` and the status; exists, and is seen by the nodes.
    template
        A batch script with the site's ``#SBATCH`` lines and modules.
    hours
        After so long, waiting in the queue included, it is cancelled.
    """

    name: str
    text: str
    cwd: Path
    folder: Path
    template: str
    hours: float


def read_template(path: Path) -> str:
    """A template; raises ``BadInput`` when it is no batch script."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path} cannot be read as a batch script", "give a script with the site's #SBATCH lines"
        ) from error
    if not text.startswith("#!"):
        raise BadInput(f"{path} is no batch script: it does not begin with #!", "begin it with #!/bin/bash")
    return text


def run_on_slurm(job: SlurmJob, tick: Callable[[], None], *, poll_s: float = 10.0) -> None:
    """Submit a job and wait until it is done; one that an earlier run submitted from the same folder is waited for.

    Parameters
    ----------
    tick
        Called at every look at the queue.
    poll_s
        Time between two looks.

    Raises
    ------
    BadInput
        When there is no SLURM here, or it refuses the job.
    Retryable
        When the job fails, is ended, is lost, or takes too long.
    """
    number = _submitted(job)
    deadline, silent = time.monotonic() + 3600 * job.hours, 0
    try:
        while True:
            state = state_of(number)
            silent = silent + 1 if state == "unknown" else 0
            if state == "gone" or silent > _ASKED_OFTEN:
                break
            if time.monotonic() > deadline:
                raise Retryable(
                    f"{job.name} took more than {job.hours:g} hours, job {number}", "raise hours in the plan"
                )
            tick()
            time.sleep(poll_s)
    except BaseException:
        cancel(number)
        (job.folder / _ID).unlink(missing_ok=True)
        raise
    status = _status_left(job.folder, poll_s)
    (job.folder / _ID).unlink(missing_ok=True)
    if status is None:
        raise Retryable(
            f"{job.name} was ended by SLURM or its node before it was done, job {number}",
            f"look at {job.folder}/run.err and ask for more time or memory in the template; {_AGAIN}",
        )
    if status != 0:
        raise Retryable(f"{job.name} ended with status {status}, job {number}: {_end_of(job.folder)}", _AGAIN)


def state_of(number: str) -> str:
    """State of a job in words of SLURM, ``gone`` when it left the queue, ``unknown`` when SLURM is silent."""
    done = _call("squeue", "--noheader", "--jobs", number, "--format", "%T")
    if done.returncode == 0:
        states = done.stdout.split()
        over = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE"}
        return states[0] if states and states[0] not in over else "gone"
    return "gone" if "nvalid job id" in done.stderr else "unknown"


def cancel(number: str) -> None:
    """Cancel a job, whatever became of it."""
    _call("scancel", number)


def _submitted(job: SlurmJob) -> str:
    """The number of the job: of the one that waits or runs already, or of a new one."""
    known = job.folder / _ID
    if known.is_file():
        number, *rest = known.read_text(encoding="utf-8").split("\n", 1)
        if rest == [job.text] and ((job.folder / _STATUS).is_file() or state_of(number) != "gone"):
            return number
    (job.folder / _STATUS).unlink(missing_ok=True)
    (job.folder / "command.txt").write_text(job.text, encoding="utf-8")
    script = job.folder / "job.sh"
    script.write_text(_script(job), encoding="utf-8")
    done = _call(
        "sbatch", "--parsable", "--job-name", job.name, "--chdir", str(job.cwd), "--output",
        str(job.folder / "run.out"), "--error", str(job.folder / "run.err"), str(script),
    )  # fmt: skip
    found = re.match(r"\d+", done.stdout.strip())
    if done.returncode != 0 or found is None:
        said = " ".join((done.stderr or done.stdout).split()) or "it said nothing"
        raise BadInput(f"SLURM refuses the job: {said}", "mend the template of --slurm")
    with replacing(known) as temporary:
        temporary.write_text(f"{found[0]}\n{job.text}", encoding="utf-8")
    return found[0]


def _script(job: SlurmJob) -> str:
    status = shlex.quote(str(job.folder / _STATUS))
    # written beside and renamed, so that nobody reads half a status
    command = (
        f"cryogauge_step() (\nset -e\n{job.text})\ncryogauge_step\nstatus=$?\n"
        f"echo $status > {status}.part && mv {status}.part {status}\nexit $status\n"
    )
    if PLACE in job.template:
        return job.template.replace(PLACE, command, 1)
    return f"{job.template.rstrip()}\n\n{command}"


def _status_left(folder: Path, poll_s: float) -> int | None:
    path, deadline = folder / _STATUS, time.monotonic() + min(_LATE_S, 6 * poll_s)
    while not path.is_file() and time.monotonic() < deadline:
        time.sleep(min(poll_s, 1.0))
    return int(path.read_text(encoding="ascii")) if path.is_file() else None


def _end_of(folder: Path) -> str:
    path = folder / "run.err"
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []
    told = [line.strip() for line in lines if line.strip()]
    return told[-1][:300] if told else "it said nothing"


def _call(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=_CALL_S, check=False)
    except FileNotFoundError as error:
        raise BadInput(
            f"{program} is not found: there is no SLURM here", "leave --slurm out, or load its module"
        ) from error
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess([program], 1, "", "no answer")
