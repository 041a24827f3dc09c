"""Steps as jobs of SLURM, whose three commands are stood in for by scripts that really run the jobs."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cryogauge.jobs.slurm import SlurmJob, read_template, run_on_slurm, state_of
from cryogauge.records import BadInput, Retryable

STAND_IN = Path(__file__).parent / "stand_ins" / "slurm" / "slurm.py"
_TEMPLATE = "#!/bin/bash\n#SBATCH --partition=gpu\nexport SITE=here\n{command}\necho done\n"


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """The folder of the stand-in's queue."""
    programs, queue = tmp_path / "bin", tmp_path / "queue"
    programs.mkdir()
    queue.mkdir()
    for name in ("sbatch", "squeue", "scancel"):
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -S {STAND_IN} {name} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_QUEUE", str(queue))
    return queue


def _job(folder, text, template=_TEMPLATE, hours=1.0):
    folder.mkdir(exist_ok=True)
    return SlurmJob("step", text, folder, folder, template, hours)


def _nothing():
    pass


def _run(job, tick=_nothing):
    run_on_slurm(job, tick, poll_s=0.05)


@pytest.mark.parametrize("template", [_TEMPLATE, "#!/bin/bash\nexport SITE=here"])
def test_a_job_runs_where_and_as_the_site_wants(queue, tmp_path, template):
    job = _job(tmp_path / "my step", "echo $SITE > said\npwd >> said\n", template)
    _run(job)
    assert (job.folder / "said").read_text().split("\n")[:2] == ["here", str(job.folder)]
    assert not (job.folder / "job.slurm").exists()
    assert "--job-name\nstep" in next(queue.glob("*.job")).read_text()


def test_the_first_command_that_fails_ends_it_and_its_last_words_are_told(queue, tmp_path):
    job = _job(tmp_path / "step", "sh -c 'echo no memory >&2; exit 4'\ntouch second\n")
    with pytest.raises(Retryable, match="status 4, job 100: no memory"):
        _run(job)
    assert not (job.folder / "second").exists()


def test_an_interruption_cancels_the_job(queue, tmp_path):
    def interrupt():
        if (job.folder / "begun").exists():
            raise KeyboardInterrupt

    job = _job(tmp_path / "step", "touch begun\nsleep 60\n")
    with pytest.raises(KeyboardInterrupt):
        _run(job, interrupt)
    assert (queue / "100.cancelled").exists()
    assert state_of("100") == "gone"


def test_one_that_waits_too_long_is_cancelled(queue, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_HOLD", "1")
    with pytest.raises(Retryable, match="took more than"):
        _run(_job(tmp_path / "step", "true\n", hours=0.5 / 3600))
    assert (queue / "100.cancelled").exists()


_KILLED = """
import sys
from pathlib import Path
from cryogauge.jobs.slurm import SlurmJob, run_on_slurm
folder = Path(sys.argv[1])
run_on_slurm(SlurmJob("step", sys.argv[2], folder, folder, "#!/bin/bash", 1.0), lambda: print("seen", flush=True))
"""


def test_a_run_that_was_killed_finds_its_job_again(queue, tmp_path):
    job = _job(tmp_path / "step", "echo once >> times\nsleep 1\n", "#!/bin/bash")
    call = [sys.executable, "-c", _KILLED, str(job.folder), job.text]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "seen\n"
        process.kill()
    _run(job)
    assert (job.folder / "times").read_text() == "once\n"
    assert len(list(queue.glob("*.job"))) == 1
    _run(_job(tmp_path / "step", "echo twice >> times\n"))
    assert (job.folder / "times").read_text() == "once\ntwice\n"


def test_a_job_that_vanishes_is_lost(queue, tmp_path):
    def vanish():
        os.killpg(int((queue / "100.pid").read_text()), 9)

    with pytest.raises(Retryable, match="ended by SLURM or its node"):
        _run(_job(tmp_path / "step", "sleep 60\n"), vanish)


def test_a_refusal_is_told(queue, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_REFUSE", "1")
    with pytest.raises(BadInput, match="invalid partition specified: nowhere"):
        _run(_job(tmp_path / "step", "true\n"))


def test_without_slurm_or_script_one_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="sbatch is not found"):
        _run(_job(tmp_path / "step", "true\n"))
    path = tmp_path / "template.sh"
    path.write_text("echo")
    with pytest.raises(BadInput, match="no batch script"):
        read_template(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_template(tmp_path / "none.sh")
    path.write_text(_TEMPLATE)
    assert read_template(path) == _TEMPLATE
