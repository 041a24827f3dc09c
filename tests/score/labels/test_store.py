"""Labels in SQLite and in a real PostgreSQL."""

import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryogauge.io import TomogramSource, write_mrc
from cryogauge.jobs.turns import REPEAT_DISTANCE, Showing
from cryogauge.records import BadInput, Retryable
from cryogauge.score.labels import LABEL_COLUMNS, read_labels
from cryogauge.score.labels.session import LabelSession, read_slice_scores, slices_of_tomogram
from cryogauge.score.labels.store import Label, LabelSlice, LabelStore
from cryogauge.score.labels.table import table_of, write_labels


def _postgres_programs():
    homes = [Path(path).parent for name in ("initdb",) if (path := shutil.which(name))]
    homes += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((home for home in homes if (home / "initdb").exists() and (home / "pg_ctl").exists()), None)


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory):
    """A cluster of our own, reached through a socket in its folder; as another user where we are root."""
    pytest.importorskip("psycopg", reason="no PostgreSQL driver here")
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL on this machine")
    folder = Path("/tmp") / f"cryogauge-postgres-{os.getpid()}"  # the socket's path must be short, its owner may enter
    folder.mkdir(mode=0o700)
    user = {}
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
        user = {"user": "nobody", "extra_groups": []}
    data = folder / "data"

    def call(*command):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd="/", timeout=60, **user)
        assert done.returncode == 0, done.stdout + done.stderr

    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    try:
        call(programs / "initdb", "-D", data, "-A", "trust", "-U", "lab", "-E", "UTF8", "--locale=C", "--no-sync")
        call(programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        yield f"postgresql://lab@/postgres?host={folder}"
    finally:
        if data.exists():
            stop = [programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"]
            subprocess.run(list(map(str, stop)), capture_output=True, cwd="/", timeout=60, check=False, **user)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """Where labels may be kept; empty."""
    if request.param == "sqlite":
        return str(tmp_path / "labels.sqlite")
    import sqlalchemy as sa

    url = request.getfixturevalue("postgres_url")
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()
    return url


def _slices(count, content="abc", **changes):
    return [LabelSlice(**{"content": content, "z": z, "tomogram": "one", "uri": "/d/one.mrc", "pixel_size_A": 13.5}
                       | changes) for z in range(count)]  # fmt: skip


def test_kept_and_read_back(place):
    with LabelStore(place) as store:
        ids = store.add_slices(_slices(3))
        assert store.add(ids["abc", 2], "Ada", Label(4, 2.25, 1.5), repeat=False)
        assert store.add(ids["abc", 0], "Ada", Label(0, None, 3.0), repeat=False)
        assert store.add(ids["abc", 2], "Ada", Label(5, None, 1.0), repeat=True)
        assert not store.add(ids["abc", 2], "Ada", Label(1, None, 1.0), repeat=True)
        assert store.add(ids["abc", 2], "Bén 結", Label(3, None, 1.0), repeat=False)
        assert store.labelled("Ada") == [(ids["abc", 2], False), (ids["abc", 0], False), (ids["abc", 2], True)]
    table = read_labels(place)
    assert tuple(table.columns) == LABEL_COLUMNS
    assert table["z"].tolist() == [2, 0, 2, 2]
    assert table["category"].tolist() == [4, 0, 5, 3]
    assert table["score"].tolist() == pytest.approx([0.8, 0.0, 1.0, 0.6])
    assert table["width_px"].fillna(-1).tolist() == [2.25, -1, -1, -1]
    assert table["repeat"].tolist() == [False, False, True, False]
    assert (pd.Timestamp.now(tz="UTC") - table["labelled_at"]).dt.total_seconds().between(-1, 600).all()


def _without_chosen(place):
    """A store as versions left it that did not keep why a slice was shown."""
    import sqlalchemy as sa

    url = place.replace("postgresql:", "postgresql+psycopg:") if "://" in place else f"sqlite:///{place}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE cryogauge_labels DROP COLUMN chosen"))
    engine.dispose()


def test_why_a_slice_was_shown_is_kept_and_older_stores_are_brought_up_to_date(place):
    with LabelStore(place) as store:
        ids = store.add_slices(_slices(3))
        store.add(ids["abc", 0], "Ada", Label(4, None, 1.5), repeat=False, chosen="unsure")
    assert read_labels(place)["chosen"].tolist() == ["unsure"]
    _without_chosen(place)
    assert read_labels(place)["chosen"].tolist() == [""]  # who reads alters nothing
    assert read_labels(place)["chosen"].tolist() == [""]
    with LabelStore(place) as store, LabelStore(place) as other:
        store.add(ids["abc", 1], "Ada", Label(4, None, 1.5), repeat=False, chosen="random")
        other.add(ids["abc", 2], "Ada", Label(4, None, 1.5), repeat=False, chosen="unsure")
    assert read_labels(place)["chosen"].tolist() == ["", "random", "unsure"]


def test_an_older_store_may_be_read_by_who_may_not_write(place):
    if "://" not in place:
        pytest.skip("SQLite keeps no rights")
    import sqlalchemy as sa

    with LabelStore(place) as store:
        ids = store.add_slices(_slices(1))
        store.add(ids["abc", 0], "Ada", Label(4, None, 1.5), repeat=False, chosen="unsure")
    _without_chosen(place)
    engine = sa.create_engine(place.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP ROLE IF EXISTS guest"))
        connection.execute(sa.text("CREATE ROLE guest LOGIN"))
        connection.execute(sa.text("GRANT USAGE ON SCHEMA public TO guest"))
        connection.execute(sa.text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest"))
    engine.dispose()
    assert read_labels(place.replace("lab@", "guest@"))["chosen"].tolist() == [""]


def test_two_that_bring_an_older_store_up_to_date_at_once(place):
    LabelStore(place).close()
    _without_chosen(place)

    def begin(_):
        with LabelStore(place) as store:
            return store.rows()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(begin, range(4))) == [[]] * 4


def test_slices_keep_their_labels_when_the_file_moves(place):
    with LabelStore(place) as store:
        before = store.add_slices(_slices(1200))
        store.add(before["abc", 7], "Ada", Label(4, None, 1.5), repeat=False)
        assert store.add_slices(_slices(1200, uri="/e/two.mrc", tomogram="two")) == before
        assert len(store.add_slices([*_slices(2, content="other"), *_slices(2, content="other")])) == 2
    assert read_labels(place)[["tomogram", "uri", "z"]].to_numpy().tolist() == [["two", "/e/two.mrc", 7]]


def test_many_at_once(place):
    """Eight threads of two stores: nothing is lost, nothing counts twice."""
    with LabelStore(place) as one, LabelStore(place) as other:
        ids = list(one.add_slices(_slices(25)).values())

        def label(turn):
            store, name = (one, other)[turn % 2], f"p{turn % 4}"
            return sum(store.add(each, name, Label(1, None, 0.1), repeat=False) for each in ids)

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(label, range(8))) == 4 * 25
    assert read_labels(place).groupby("annotator").size().tolist() == [25] * 4


def test_two_that_begin_at_once(place):
    def begin(_):
        with LabelStore(place) as store:
            return store.add_slices(_slices(40))

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(begin, range(4)))
    assert all(each == found[0] for each in found)


def test_a_label_survives_a_kill(tmp_path):
    code = (
        "import os, sys\n"
        "from cryogauge.score.labels.store import *\n"
        "store = LabelStore(sys.argv[1])\n"
        "ids = store.add_slices([LabelSlice('abc', 0, 'one', '/d/one.mrc', 13.5)])\n"
        "store.add(ids['abc', 0], 'Ada', Label(3, None, 1.0), repeat=False)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    path = tmp_path / "labels.sqlite"
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert read_labels(path)["category"].tolist() == [3]


def test_what_is_no_store_is_refused(tmp_path):
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE precious (a)")
    connection.close()
    text = tmp_path / "notes.txt"
    text.write_text("not a database at all" * 100)
    for place, told in (
        (other, "holds no labels"),
        (text, "damaged or no store of labels"),
        (tmp_path / "nowhere" / "a.sqlite", "there is no folder"),
        (tmp_path, "cannot use"),
        ("mysql://a@b/c", "cannot be kept in mysql"),
        ("sqlite:///x", "cannot be kept in sqlite"),
        ("://", "no URL"),
    ):
        with pytest.raises(BadInput, match=told):
            LabelStore(place)
    with pytest.raises(BadInput, match="does not exist"):
        read_labels(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()
    with sqlite3.connect(other) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("precious",)]
    connection.close()


def test_another_version_is_told(tmp_path):
    path = tmp_path / "labels.sqlite"
    LabelStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE cryogauge_labels_schema SET version = 99")
    connection.close()
    with pytest.raises(BadInput, match="another version"):
        LabelStore(path)


def test_a_server_that_does_not_answer_can_be_tried_again():
    pytest.importorskip("psycopg", reason="no PostgreSQL driver here")
    with pytest.raises(Retryable, match="cannot use") as error:
        LabelStore("postgresql://lab:hushhush@127.0.0.1:1/labels")
    assert "hushhush" not in str(error.value)


def test_the_table_as_csv_and_back(tmp_path):
    path = tmp_path / "labels.sqlite"
    with LabelStore(path) as store:
        ids = store.add_slices([LabelSlice("abc", 3, 'NA, "two"\nλ', "/d/NA.mrc", 13.481)])
        store.add(ids["abc", 3], "None", Label(2, 4.375, 1.25), repeat=False, chosen="unsure")
        store.add(ids["abc", 3], "None", Label(2, None, 1.25), repeat=True)
    table = read_labels(path)
    write_labels(tmp_path / "labels.csv", table)
    again = read_labels(tmp_path / "labels.csv")
    table["labelled_at"] = table["labelled_at"].dt.floor("s").astype(again["labelled_at"].dtype)
    pd.testing.assert_frame_equal(again, table)
    assert len(read_labels(_empty(tmp_path))) == 0


def _empty(folder):
    path = folder / "empty.csv"
    path.write_text(",".join(LABEL_COLUMNS) + "\n")
    return path


GOOD = {
    "tomogram": "a", "uri": "/a", "z": "1", "pixel_size_A": "13.5", "annotator": "Ada", "category": "3", "score": "0.6",
    "width_px": "", "repeat": "0", "chosen": "random", "seconds": "2", "labelled_at": "2026-01-31T12:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("z", "-1"), ("z", "1.5"), ("z", ""), ("z", "x"), ("pixel_size_A", "0"), ("pixel_size_A", "inf"),
        ("category", "6"), ("category", "2"), ("category", ""), ("score", "0.5"), ("score", "1.2"), ("width_px", "-3"),
        ("width_px", "x"), ("repeat", "2"), ("seconds", "-1"), ("seconds", ""), ("labelled_at", "yesterday"),
        ("annotator", ""), ("tomogram", " "), ("chosen", "sure"),
    ],
)  # fmt: skip
def test_values_out_of_range_are_named(tmp_path, column, value):
    path = tmp_path / "labels.csv"
    pd.DataFrame([GOOD, GOOD | {column: value}]).to_csv(path, index=False)
    with pytest.raises(BadInput, match=rf"labels\.csv: (category|score|{column}) of label 2 is"):
        read_labels(path)


def test_columns_must_be_those(tmp_path):
    path = tmp_path / "labels.csv"
    pd.DataFrame([GOOD]).to_csv(path, index=False)
    assert read_labels(path)["chosen"].tolist() == ["random"]
    pd.DataFrame([GOOD]).drop(columns="chosen").to_csv(path, index=False)
    assert read_labels(path)["chosen"].tolist() == [""]  # as versions wrote it that did not keep it
    pd.DataFrame([GOOD]).drop(columns="seconds").to_csv(path, index=False)
    with pytest.raises(BadInput, match="unknown or missing: seconds"):
        read_labels(path)
    path.write_bytes(b"\xff\xfe\x00,\n")
    with pytest.raises(BadInput, match="no table of labels"):
        read_labels(path)
    with pytest.raises(BadInput, match="does not exist"):
        read_labels(tmp_path / "none.csv")


@pytest.fixture
def session(tmp_path):
    path = tmp_path / "one.mrc"
    write_mrc(path, np.random.default_rng(0).normal(size=(50, 16, 16)).astype(np.float32), 13.5)
    source = TomogramSource(str(path), "one")
    scores = pd.DataFrame({"z": range(50), "uncertainty": np.linspace(0, 1, 50)})
    slices, uncertainty = slices_of_tomogram(source, 40, seed=2, scores=scores)
    with LabelStore(tmp_path / "labels.sqlite") as store:
        yield LabelSession(store, slices, uncertainty, seed=2)


def test_everything_once_and_repeats_apart(session):
    said = []
    while showings := session.upcoming("Ada", 3):
        assert len(said) + len(showings) <= 42
        assert session.label("Ada", showings[0], Label(1, None, 1.0))
        said.append(showings[0])
    assert (session.progress("Ada").done, session.progress("Ada").total) == (42, 42)
    assert len({each.item for each in said}) == 40
    table = table_of(session.store)
    assert table[~table["repeat"]].groupby("chosen").size().to_dict() == {"random": 20, "unsure": 20}
    assert (table.groupby("z")["chosen"].nunique() == 1).all()  # a repeat is chosen for what it first was
    unsure = table.loc[(table["chosen"] == "unsure") & ~table["repeat"], "z"]
    assert unsure.is_monotonic_decreasing  # the least certain first
    for place, each in enumerate(said):
        if each.repeat:
            assert place - said.index(Showing(each.item, False)) >= REPEAT_DISTANCE


def test_undo_takes_back_one_after_the_other(session):
    assert session.undo("Ada") is None
    shown = []
    for _ in range(3):
        shown.append(session.upcoming("Ada", 1)[0])
        session.label("Ada", shown[-1], Label(1, None, 1.0))
    session.label("Ben", session.upcoming("Ben", 1)[0], Label(1, None, 1.0))
    assert [session.undo("Ada") for _ in range(4)] == [*shown[::-1], None]
    assert session.upcoming("Ada", 3) == shown
    assert session.progress("Ben").done == 1


def test_half_of_the_slices_are_the_least_certain(session):
    last = [session.slices[each.item].z for each in session.upcoming("Ada", 8)]
    assert sum(z >= 42 for z in last) >= 4


def test_a_stranger_s_slice_is_refused(session):
    for stranger in (Showing(10_000, False), Showing(session.upcoming("Ada", 1)[0].item + 100, True)):
        with pytest.raises(BadInput, match="not among those"):
            session.label("Ada", stranger, Label(1, None, 1.0))


def test_scores_must_be_of_these_tomograms(tmp_path):
    path = tmp_path / "one.mrc"
    write_mrc(path, np.zeros((5, 8, 8), np.float32), 13.5)
    scores = pd.DataFrame({"z": range(6), "uncertainty": np.ones(6)})
    with pytest.raises(BadInput, match="more slices than it has"):
        slices_of_tomogram(TomogramSource(str(path), "one"), 3, seed=0, scores=scores)
    with pytest.raises(BadInput, match=r"slices\.csv does not exist"):
        read_slice_scores(tmp_path)
    (tmp_path / "slices.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="no table of scores"):
        read_slice_scores(tmp_path)
