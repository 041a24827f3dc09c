import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # a worker inherits it, and so can import the tasks
from jobs_tasks import act

from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch
from cryogauge.records import BadInput, Retryable

Task = dict[str, Any]


def key_of(item: Task) -> LedgerKey:
    return LedgerKey(item["name"], item.get("content", "c"), "w", "s")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def run(items: list[Task], ledger: Ledger, **options: Any) -> dict[str, Outcome[Task]]:
    outcomes = list(run_batch(act, items, key=key_of, ledger=ledger, **options))
    assert len(outcomes) == len(items), "each item has one outcome"
    return {outcome.item["name"]: outcome for outcome in outcomes}


def failure_of(outcome: Outcome[Task]) -> tuple[str, str]:
    assert outcome.state == "failed"
    assert outcome.failure is not None
    assert "\n" not in outcome.failure.message
    return outcome.failure.message, outcome.failure.hint


def test_bad_items_fail_alone_and_are_tried_again(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "log"
    kinds = ["refuse", "retry", "fault", "full disk", "no memory", "no JSON", None]
    items = [{"name": str(kind), "do": kind, "log": str(log)} for kind in kinds]
    outcomes = run(items, ledger, workers=1)

    assert failure_of(outcomes["refuse"]) == ("the file ends before its data does", "copy it again")
    assert failure_of(outcomes["retry"]) == ("the server is away", "wait")
    assert failure_of(outcomes["fault"])[0] == "unexpected ZeroDivisionError: division by zero"
    assert outcomes["fault"].failure
    assert "jobs_tasks.py" in outcomes["fault"].failure.traceback
    assert failure_of(outcomes["full disk"])[0] == "no space left on the disk at /full/picture.png"
    assert "picks up where it stopped" in failure_of(outcomes["full disk"])[1]
    assert failure_of(outcomes["no memory"])[0] == "not enough memory"
    assert failure_of(outcomes["no JSON"])[0].startswith("unexpected TypeError")
    assert outcomes["None"].state == "done"
    assert outcomes["None"].row["value"] == "NONE"
    assert str(os.getpid()) not in log.read_text(), "work is done in another process"

    log.unlink()
    again = run(items, ledger, workers=1)
    assert again["None"].state == "already_done"
    assert again["None"].row["value"] == "NONE"
    assert again["None"].row["digest"] == key_of({"name": "None"}).digest
    assert {line.rsplit(" ", 1)[0] for line in log.read_text().splitlines()} == {
        "refuse", "retry", "fault", "full disk", "no memory", "no JSON"
    }  # fmt: skip


def test_a_changed_input_is_done_anew_and_nothing_else(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "log"
    items = [{"name": name, "log": str(log)} for name in "abc"]
    run(items, ledger)
    items[1]["content"] = "changed"
    states = {name: outcome.state for name, outcome in run(items, ledger).items()}
    assert states == {"a": "already_done", "b": "done", "c": "already_done"}
    assert sorted(line.split()[0] for line in log.read_text().splitlines()) == ["a", "b", "b", "c"]


def test_no_worker_starts_when_all_is_done(ledger: Ledger) -> None:
    ledger.put(key_of({"name": "a"}), {"value": 1})
    batch = run_batch(act, [{"name": "a"}], key=key_of, ledger=ledger, address="tcp://127.0.0.1:9")
    assert [outcome.state for outcome in batch] == ["already_done"]


def test_an_item_that_has_no_key_fails_alone(ledger: Ledger) -> None:
    def key(item: Task) -> LedgerKey:
        if item["name"] == "b":
            raise BadInput("b is empty", "look at it")
        return key_of(item)

    outcomes = list(run_batch(act, [{"name": name} for name in "abc"], key=key, ledger=ledger))
    assert {outcome.item["name"]: outcome.state for outcome in outcomes} == {"a": "done", "b": "failed", "c": "done"}


def test_artefacts_that_do_not_arrive_fail_the_item(ledger: Ledger) -> None:
    def artefacts(item: Task, key: LedgerKey) -> list[str]:
        return [path.name for path in (ledger.folder / item["name"]).iterdir()]

    (ledger.folder / "a").mkdir()
    outcomes = run([{"name": "a"}, {"name": "b"}], ledger, artefacts=artefacts)
    assert outcomes["a"].state == "done"
    assert "no such file" in failure_of(outcomes["b"])[0]


def test_a_killed_worker_is_replaced_and_its_item_tried_once_more(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "log"
    items: list[Task] = [
        {"name": "killer", "do": "die"},
        {"name": "unlucky", "do": "die once", "once": str(tmp_path / "once")},
        {"name": "killer too", "do": "die"},
        *({"name": f"good {number}"} for number in range(4)),
    ]
    outcomes = run([{**item, "log": str(log)} for item in items], ledger, workers=2, threads_per_worker=1)

    for name in ("killer", "killer too"):
        message, hint = failure_of(outcomes.pop(name))
        assert "killed twice" in message
        assert "more memory" in hint
    assert {outcome.state for outcome in outcomes.values()} == {"done"}

    attempts: dict[str, list[str]] = {}
    for line in log.read_text().splitlines():
        name, process = line.rsplit(" ", 1)
        attempts.setdefault(name, []).append(process)
    for name in ("killer", "killer too", "unlucky"):
        assert len(attempts[name]) == len(set(attempts[name])) == 2, "tried twice, in two processes"


def test_workers_get_their_share_of_threads_and_the_caller_keeps_its_own(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)

    def environment() -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("__DASK")}

    before = environment()
    outcomes = run([{"name": "a", "do": "threads"}], ledger, threads_per_worker=3)
    assert outcomes["a"].row["OMP_NUM_THREADS"] == "3"
    assert outcomes["a"].row["NUMBA_NUM_THREADS"] == "3"
    assert environment() == before


def listening_addresses() -> set[str]:
    me = psutil.Process()
    return {
        connection.laddr.ip
        for process in [me, *me.children(recursive=True)]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def test_only_this_machine_can_reach_the_workers_and_none_outlive_the_batch(ledger: Ledger) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    batch = run_batch(act, [{"name": "a"}, {"name": "b", "do": "sleep"}], key=key_of, ledger=ledger, workers=2)
    assert next(batch).state == "done"
    assert listening_addresses() == {"127.0.0.1"}
    children = [process for process in psutil.Process().children(recursive=True) if process.pid not in before]
    started = [process for process in children if "spawn_main" in " ".join(process.cmdline())]
    assert len(started) == 2
    batch.close()  # type: ignore[attr-defined]
    _, alive = psutil.wait_procs(started, timeout=120)
    assert not alive
    assert ledger.get(key_of({"name": "a"})) is not None
    assert ledger.get(key_of({"name": "b"})) is None


def test_a_cluster_elsewhere_is_a_change_of_address(ledger: Ledger) -> None:
    from distributed import LocalCluster

    cluster = LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0")
    try:
        items = [{"name": "a"}, {"name": "b", "do": "refuse"}]
        outcomes = run(items, ledger, address=cluster.scheduler_address)
        assert {name: outcome.state for name, outcome in outcomes.items()} == {"a": "done", "b": "failed"}
        assert cluster.scheduler
        assert cluster.scheduler.workers, "the cluster is left running"
    finally:
        cluster.close()


@pytest.fixture
def short_timeout() -> Iterator[None]:
    import dask.config

    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        yield


def test_a_cluster_that_vanishes_ends_the_batch(ledger: Ledger, short_timeout: None) -> None:
    from distributed import LocalCluster

    cluster = LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0")

    def items() -> Iterator[Task]:
        yield {"name": "a"}
        yield {"name": "b", "do": "sleep"}
        cluster.close()
        for number in range(9):
            yield {"name": str(number)}

    states: dict[str, Outcome[Task]] = {}

    def collect() -> None:
        for outcome in run_batch(act, items(), key=key_of, ledger=ledger, address=cluster.scheduler_address):
            states[outcome.item["name"]] = outcome

    try:
        with pytest.raises(Retryable, match="connection to the cluster was lost"):
            collect()
    finally:
        cluster.close()
    assert states["a"].state == "done"
    assert "connection to the cluster was lost" in failure_of(states["b"])[0]
    assert "picks up" in failure_of(states["b"])[1]
    assert ledger.get(key_of({"name": "a"})) is not None


def test_a_wrong_address_is_a_wrong_call(ledger: Ledger, short_timeout: None) -> None:
    with pytest.raises(BadInput, match=r"127\.0\.0\.1:9"):
        list(run_batch(act, [{"name": "a"}], key=key_of, ledger=ledger, address="tcp://127.0.0.1:9"))


@pytest.mark.parametrize("options", [{"workers": 0}, {"threads_per_worker": 0}])
def test_no_workers_is_a_wrong_call(ledger: Ledger, options: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        run_batch(act, [], key=key_of, ledger=ledger, **options)


UNGUARDED = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from jobs_tasks import act
from cryogauge.jobs import Ledger, LedgerKey, run_batch
from cryogauge.records import Retryable

with Ledger(Path({ledger!r})) as ledger:
    try:
        list(run_batch(act, [{{"name": "a"}}], key=lambda i: LedgerKey("a", "c", "w", "s"), ledger=ledger))
    except Retryable as error:
        print(error, error.hint)
"""


def test_workers_that_cannot_start_are_told_of_not_waited_for(tmp_path: Path) -> None:
    script = UNGUARDED.format(here=str(Path(__file__).parent), ledger=str(tmp_path / "ledger.sqlite"))
    done = subprocess.run(  # a worker cannot import what was typed into the interpreter
        [sys.executable, "-"], input=script, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "the worker processes do not start" in done.stdout
    assert "__main__" in done.stdout


INTERRUPTED = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from jobs_tasks import act
from cryogauge.jobs import Ledger, LedgerKey, run_batch

if __name__ == "__main__":
    items = [{{"name": name, "do": "sleep" if name == "c" else None}} for name in "abcd"]
    with Ledger(Path({ledger!r})) as ledger:
        for outcome in run_batch(act, items, key=lambda i: LedgerKey(i["name"], "c", "w", "s"), ledger=ledger):
            print(outcome.item["name"], flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_ctrl_c_loses_only_what_is_under_way(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    path = tmp_path / "ledger.sqlite"
    script.write_text(INTERRUPTED.format(here=str(Path(__file__).parent), ledger=str(path)))
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout is not None
    assert [process.stdout.readline().strip() for _ in "ab"] == ["a", "b"]
    time.sleep(0.5)  # c is under way
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the driving process and its workers
    _, errors = process.communicate(timeout=120)
    assert errors.count("Traceback") == 1, errors
    assert errors.rstrip().endswith("KeyboardInterrupt")
    with Ledger(path) as ledger:
        assert [ledger.get(key_of({"name": name})) is not None for name in "abcd"] == [True, True, False, False]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False).returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_fails_items_until_there_is_space(small_disk: Path) -> None:
    filling = small_disk / "filling"
    items = [{"name": "a", "do": "fill", "file": str(filling)}, {"name": "b"}]
    with Ledger(small_disk / "ledger.sqlite") as ledger:
        outcomes = run(items, ledger)
        for name in "ab":  # a cannot write its file; b's result does not fit into the ledger
            message, hint = failure_of(outcomes[name])
            assert message.startswith("no space left on the disk")
            assert "free space" in hint
        filling.unlink()
        assert run(items[1:], ledger)["b"].state == "done"


def test_items_may_come_when_they_come(ledger: Ledger, tmp_path: Path) -> None:
    """While there is nothing new, what has finished is told of, and a killed item gets its second chance."""
    told: list[str] = []

    def wait_for(name: str) -> Iterator[None]:
        until = time.monotonic() + 60
        while name not in told and time.monotonic() < until:
            time.sleep(0.05)
            yield None

    def landing() -> Iterator[Task | None]:
        yield None
        yield {"name": "a"}
        yield from wait_for("a")
        yield {"name": "b", "do": "die once", "once": str(tmp_path / "once")}
        yield from wait_for("b")
        yield {"name": "c", "do": "die"}
        yield from wait_for("c")
        yield {"name": "d"}

    states = {}
    for outcome in run_batch(act, landing(), key=key_of, ledger=ledger, workers=2):
        assert outcome.item["name"] not in states
        told.append(outcome.item["name"])
        states[outcome.item["name"]] = outcome.state
    assert told == ["a", "b", "c", "d"]
    assert states == {"a": "done", "b": "done", "c": "failed", "d": "done"}
