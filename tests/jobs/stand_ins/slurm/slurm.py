"""SLURM's sbatch, squeue and scancel for one machine: a folder is the queue, and jobs really run.

``SLURM_QUEUE`` names the folder. ``SLURM_HOLD`` keeps jobs pending, ``SLURM_REFUSE`` refuses them.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

QUEUE = Path(os.environ["SLURM_QUEUE"])


def sbatch(arguments: list[str]) -> int:
    if "SLURM_REFUSE" in os.environ:
        print("sbatch: error: invalid partition specified: nowhere", file=sys.stderr)
        return 1
    rest = [each for each in arguments if each != "--parsable"]
    options = dict(zip(rest[:-1:2], rest[1:-1:2], strict=True))
    number = str(100 + len(list(QUEUE.glob("*.job"))))
    (QUEUE / f"{number}.job").write_text("\n".join(arguments))
    if "SLURM_HOLD" not in os.environ:
        with open(options["--output"], "wb") as out, open(options["--error"], "wb") as err:
            process = subprocess.Popen(
                ["bash", arguments[-1]], cwd=options["--chdir"], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )  # fmt: skip
        (QUEUE / f"{number}.pid").write_text(str(process.pid))
    print(f"{number};cluster")
    return 0


def squeue(arguments: list[str]) -> int:
    number = arguments[arguments.index("--jobs") + 1]
    if not (QUEUE / f"{number}.job").exists() or (QUEUE / f"{number}.cancelled").exists():
        print("slurm_load_jobs error: Invalid job id specified", file=sys.stderr)
        return 1
    pid = QUEUE / f"{number}.pid"
    if not pid.exists():
        print("PENDING")
    elif _runs(int(pid.read_text())):
        print("RUNNING")
    return 0


def scancel(arguments: list[str]) -> int:
    number = arguments[-1]
    (QUEUE / f"{number}.cancelled").touch()
    pid = QUEUE / f"{number}.pid"
    if pid.exists() and _runs(int(pid.read_text())):
        os.killpg(int(pid.read_text()), signal.SIGKILL)
    return 0


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit({"sbatch": sbatch, "squeue": squeue, "scancel": scancel}[sys.argv[1]](sys.argv[2:]))
