import math
import sqlite3
from pathlib import Path

import pytest

from cryogauge.jobs import Ledger, LedgerKey
from cryogauge.records import BadInput

KEY = LedgerKey("tomogram", "content", "weights", "settings")


def test_what_was_put_is_there_for_the_next_run(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.get(KEY) is None
        ledger.put(KEY, {"score": 0.25, "tilt": math.nan, "flags": ["smeared"]})
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        row = ledger.get(KEY)
    assert row is not None
    assert math.isnan(row.pop("tilt"))
    assert row == {"score": 0.25, "flags": ["smeared"]}


def test_a_second_put_replaces_the_first(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.put(KEY, {"score": 0.1})
        ledger.put(KEY, {"score": 0.2})
        assert ledger.get(KEY) == {"score": 0.2}


@pytest.mark.parametrize("part", ["item", "content", "weights", "settings"])
def test_another_key_finds_nothing(tmp_path: Path, part: str) -> None:
    parts = {"item": "tomogram", "content": "content", "weights": "weights", "settings": "settings"}
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.put(KEY, {"score": 0.1})
        assert ledger.get(LedgerKey(**parts)) == {"score": 0.1}
        assert ledger.get(LedgerKey(**(parts | {part: "other"}))) is None
    assert LedgerKey(**(parts | {part: "other"})).digest != LedgerKey(**parts).digest == KEY.digest


def test_a_result_whose_artefact_is_gone_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "table.csv").touch()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.put(KEY, {"score": 0.1}, ["pictures", "table.csv"])
        assert ledger.get(KEY) == {"score": 0.1}
        (tmp_path / "pictures").rmdir()
        assert ledger.get(KEY) is None


def test_artefacts_follow_a_moved_folder(tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    (before / "table.csv").touch()
    with Ledger(before / "ledger.sqlite") as ledger:
        ledger.put(KEY, {"score": 0.1}, ["table.csv"])
    after = before.rename(tmp_path / "after")
    with Ledger(after / "ledger.sqlite") as ledger:
        assert ledger.get(KEY) == {"score": 0.1}


def refusal(path: Path) -> BadInput:
    with pytest.raises(BadInput) as raised:
        Ledger(path)
    assert raised.value.hint
    return raised.value


def test_a_text_file_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_text("this is not a database, whatever its name says\n" * 10)
    assert "no ledger" in str(refusal(path))


def test_a_damaged_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        for number in range(400):
            ledger.put(LedgerKey(f"tomogram {number}", "c" * 64, "w", "s"), {"score": number})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "damaged" in str(refusal(path))
    path.write_bytes(whole[:4096] + b"\xa5" * 8192 + whole[4096 + 8192 :])
    assert "damaged" in str(refusal(path))


def test_a_row_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.put(KEY, {"score": 0.1})
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE results SET row = '{'")
    connection.close()
    with Ledger(path) as ledger, pytest.raises(BadInput, match="damaged"):
        ledger.get(KEY)


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert "version 99" in str(refusal(path))


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE atoms (x REAL)")
    connection.close()
    before = path.read_bytes()
    assert "no ledger" in str(refusal(path))
    assert path.read_bytes() == before


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert "cannot use the ledger" in str(refusal(tmp_path / "missing" / "ledger.sqlite"))


def test_two_runs_cannot_share_a_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path):
        assert "another run is using" in str(refusal(path))
    Ledger(path).close()


def test_all_results_are_listed_in_the_order_they_came(tmp_path: Path) -> None:
    keys = [LedgerKey(name, "content", "weights", "settings") for name in "bca"]
    (tmp_path / "table.csv").touch()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for score, key in enumerate(keys):
            ledger.put(key, {"score": score}, ["table.csv"] if key.item == "c" else [])
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert list(ledger.results()) == [(key, {"score": score}) for score, key in enumerate(keys)]
        (tmp_path / "table.csv").unlink()
        assert [key.item for key, _ in ledger.results()] == ["b", "a"]
