"""The journal: nothing is lost to a kill at any byte, nor to a full disk."""

import errno
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.collect.drivers.journal import Journal, interrupted, loaded_slot, read_journal
from cryogauge.collect.drivers.registry import guard
from cryogauge.records import BadInput, Retryable
from cryogauge.records.faults import StageFault, Unsafe
from tests.collect.drivers.rigs import simulated, simulated_settings


def test_commands_and_outcomes(tmp_path):
    path = tmp_path / "journal.jsonl"
    settings = simulated_settings(faults=[{"kind": "stuck stage", "at": 1}])
    with guard(simulated, settings, journal=path) as scope:
        scope.load_grid(1)
        scope.move_stage(x_um=10.0)
        with pytest.raises(StageFault):
            scope.move_stage(x_um=40.0)
        with pytest.raises(Unsafe):
            scope.move_stage(x_um=1e6)
        picture = scope.record()
    entries = read_journal(path)
    assert [(entry.command, entry.outcome, entry.fault) for entry in entries] == [
        ("load_grid", "done", ""),
        ("move_stage", "done", ""),
        ("move_stage", "failed", "StageFault"),
        ("move_stage", "refused", "Unsafe"),
        ("record", "done", ""),
    ]
    assert entries[0].ended_s - entries[0].begun_s == pytest.approx(240.0, abs=1.0)
    assert entries[1].arguments == {"x_um": 10.0}
    assert abs(entries[1].result["x_um"] - 10.0) < 0.1
    assert entries[-1].result["shape_px"] == list(picture.data.shape)
    assert entries[-1].result["data"] is None
    assert interrupted(entries) is None


def test_it_goes_on_where_it_was(tmp_path):
    path = tmp_path / "journal.jsonl"
    for slot in (1, 3):
        with guard(simulated, simulated_settings(), journal=path) as scope:
            scope.load_grid(slot)
    assert [(entry.number, entry.arguments["slot"]) for entry in read_journal(path)] == [(0, 1), (1, 3)]


@given(cut=st.floats(0.0, 1.0))
@settings(max_examples=30)
def test_a_kill_at_any_byte(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    journal = Journal(path)
    for n in range(4):
        journal.end(journal.begin("move_stage", {"x_um": float(n)}, n), "done", n + 0.5, {"at": n})
    journal.close()
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    before = read_journal(path)
    journal = Journal(path)
    journal.end(journal.begin("load_grid", {"slot": 2}, 9.0), "done", 9.5)
    journal.close()
    entries = read_journal(path)
    assert entries[:-1] == before
    assert (entries[-1].command, entries[-1].outcome, entries[-1].number) == ("load_grid", "done", len(before))


def test_two_programs_do_not_write_to_one_file(tmp_path):
    path = tmp_path / "journal.jsonl"
    first = Journal(path)
    first.end(first.begin("load_grid", {"slot": 1}, 0.0), "done", 1.0)
    second = Journal(path)
    number = second.begin("set_mode", {"name": "atlas"}, 2.0)
    with pytest.raises(BadInput, match="another program"):
        first.begin("load_grid", {"slot": 2}, 2.0)
    second.end(number, "done", 3.0)
    first.close()
    second.close()
    assert [entry.outcome for entry in read_journal(path)] == ["done", "done"]


def test_what_was_under_way_is_told(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.end(journal.begin("load_grid", {"slot": 1}, 0.0), "done", 1.0)
    journal.begin("record", {}, 2.0)  # and here the program was killed
    journal.close()
    under_way = interrupted(read_journal(tmp_path / "journal.jsonl"))
    assert under_way is not None
    assert under_way.command == "record"


def test_the_loaded_slot(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")

    def told():
        return loaded_slot(read_journal(journal.path))

    assert told() is None
    journal.end(journal.begin("load_grid", {"slot": 4}, 0.0), "done", 1.0)
    journal.end(journal.begin("load_grid", {"slot": 7}, 2.0), "refused", 2.0)
    assert told() == 4
    number = journal.begin("load_grid", {"slot": 5}, 3.0)
    assert told() is None  # killed while loading
    journal.end(number, "failed", 4.0, "a jam", "LoaderFault")
    assert told() is None
    journal.close()


def test_a_full_disk_keeps_commands_back_and_outcomes_in_mind(tmp_path, monkeypatch):
    path = tmp_path / "journal.jsonl"
    write, full = os.write, False

    def limited(file, data):
        if full and file == scope.journal._file:
            write(file, data[:5])  # a part still fits
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    with guard(simulated, simulated_settings(), journal=path) as scope:
        scope.load_grid(1)
        monkeypatch.setattr(os, "write", limited)
        number = scope.journal.begin("move_stage", {}, 0.0)
        full = True
        scope.journal.end(number, "done", 1.0)  # is kept
        heard = scope.driver.commands
        for _ in range(2):
            with pytest.raises(Retryable, match="no space"):
                scope.move_stage(x_um=5.0)
        assert scope.driver.commands == heard  # what cannot be written down is not done
        full = False
        scope.move_stage(x_um=5.0)
    assert [(entry.command, entry.outcome) for entry in read_journal(path)] == [
        ("load_grid", "done"),
        ("move_stage", "done"),
        ("move_stage", "done"),
    ]


@pytest.mark.parametrize(
    "content", [b"[1, 2]\n", b"not JSON\n", b'{"n": 3, "command": "x"}\n', b'{"n": 0, "outcome": "done"}\n']
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="no journal"):
        read_journal(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_journal(tmp_path / "nothing")
    with pytest.raises(BadInput, match="cannot be written"):
        Journal(tmp_path / "nowhere" / "journal.jsonl")
