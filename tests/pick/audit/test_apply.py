import json

import numpy as np
import pandas as pd
import pytest

from cryogauge.io.copick import open_project, read_project_picks, write_project_picks
from cryogauge.pick.audit.apply import corrected, write_back
from cryogauge.pick.audit.folder import read_audit
from cryogauge.pick.audit.session import AuditSession
from cryogauge.pick.audit.store import DECISIONS, Decision, DecisionStore
from cryogauge.records import BadInput
from tests.pick.audit.folders import audit_again, make_audit

PLACE = ["tomogram", "object", "x_A", "y_A", "z_A"]


def accepted(row: pd.Series) -> str:
    return {"missing": row["object"], "wrong": "", "swapped": row["other"]}[row["kind"]]


def as_found(table: pd.DataFrame) -> pd.DataFrame:
    return table[PLACE].sort_values(PLACE, ignore_index=True)


@pytest.mark.parametrize("angles", [False, True])
def test_all_accepted_gives_the_truth_back_beside_the_old(tmp_path, angles):
    spoilt = make_audit(tmp_path, angles=angles)
    project = open_project(spoilt.config)
    before = read_project_picks(project, user="noisy", session="1")
    session = AuditSession(spoilt.folder, 7)
    assert session.suggestions["kind"].value_counts().to_dict() == {"missing": 3, "wrong": 2, "swapped": 2}
    for suggestion, row in session.suggestions.iterrows():
        assert session.answer("Ada", str(suggestion), accepted(row), 1.0)
    done = session.write("noisy", "audited")
    assert (done.added, done.removed, done.renamed) == (3, 2, 2)
    after = read_project_picks(project, user="noisy", session="audited")
    assert len(after) == len(spoilt.truth)
    found, truth = as_found(after), as_found(spoilt.truth)
    # those added are where the network saw them, within a voxel of its map
    keys = ["tomogram", "object"]
    assert found.groupby(keys).size().equals(truth.groupby(keys).size())
    for axis in ("x_A", "y_A", "z_A"):
        assert np.abs(np.sort(found[axis]) - np.sort(truth[axis])).max() < 10
    pd.testing.assert_frame_equal(read_project_picks(project, user="noisy", session="1"), before)
    if angles:  # a file tells the angles of all or of none
        known = after[["rot", "tilt", "psi"]].notna().all(axis=1)
        assert done.without_angles > 0
        assert known.groupby([after["tomogram"], after["object"]]).nunique().eq(1).all()


def test_a_majority_counts_and_a_draw_does_not(tmp_path):
    spoilt = make_audit(tmp_path)
    session = AuditSession(spoilt.folder, 7)
    missing = [str(each) for each in session.suggestions.index[session.suggestions["kind"] == "missing"]]
    for name, said in (
        ("Ada", ["small", "small", "small"]),
        ("Ben", ["small", "", None]),
        ("Cy", ["large", None, None]),
    ):
        for suggestion, word in zip(missing, said, strict=True):
            session.answer(name, suggestion, word, 1.0)
    decided = {(each.x_A, each.said) for each in session.store.decided()}
    rows = session.suggestions.loc[missing]
    assert decided == {(rows["x_A"].iloc[0], "small"), (rows["x_A"].iloc[2], "small")}
    assert session.write("noisy", "2").added == 2


def test_answers_can_be_taken_back_and_come_once(tmp_path):
    spoilt = make_audit(tmp_path)
    session = AuditSession(spoilt.folder, 4)
    first, second, *_ = session.upcoming("Ada", 9)
    assert session.answer("Ada", first, "", 1.0)
    assert not session.answer("Ada", first, "small", 1.0)
    assert session.answer("Ada", second, None, 1.0)
    assert session.progress("Ada") == {"done": 2, "skipped": 1, "total": 4}
    assert session.progress("Ben") == {"done": 0, "skipped": 0, "total": 4}
    again = AuditSession(spoilt.folder, 4)  # as after a restart
    assert again.progress("Ada")["done"] == 2
    again.ask_again("Ada")
    assert again.upcoming("Ada", 1) == [second]
    assert again.undo("Ada") == first
    assert again.undo("Ada") is None
    for suggestion, said, message in (("nothing", "", "no such suggestion"), (first, "virus", "no kind virus")):
        with pytest.raises(BadInput, match=message):
            again.answer("Ada", suggestion, said, 1.0)


def test_only_what_was_written_from_here_is_replaced(tmp_path):
    spoilt = make_audit(tmp_path)
    project = open_project(spoilt.config)
    write_project_picks(project, spoilt.truth, user="other", session="1")
    session = AuditSession(spoilt.folder, 50)
    for user, number, message in (("noisy", "1", "were audited"), ("other", "1", "already"), ("a_b", "1", "cannot be")):
        with pytest.raises(BadInput, match=message):
            session.write(user, number)
    assert len(read_project_picks(project, user="other")) == len(spoilt.truth)
    session.write("noisy", "2")
    suggestion = session.suggestions.index[session.suggestions["kind"] == "wrong"][0]
    session.answer("Ada", str(suggestion), "", 1.0)
    assert session.write("noisy", "2").removed == 1


def test_a_kind_that_is_all_removed_leaves_an_empty_file_not_an_old_one(tmp_path):
    spoilt = make_audit(tmp_path)
    project = open_project(spoilt.config)
    audit, _ = read_audit(spoilt.folder)
    store = DecisionStore(spoilt.folder / DECISIONS, audit.labels)
    write_back(audit, store, "noisy", "2")
    old = read_project_picks(project, user="noisy", session="1")
    for number, row in enumerate(old[old["object"] == "large"].to_dict("records")):
        store.add(str(number), "Ada", "", {**{str(k): v for k, v in row.items()}, "kind": "wrong"}, 1.0)
    write_back(audit, store, "noisy", "2")
    assert set(read_project_picks(project, user="noisy", session="2")["object"]) == {"small"}


def test_labels_that_have_changed_are_not_judged_by_old_answers(tmp_path):
    spoilt = make_audit(tmp_path)
    session = AuditSession(spoilt.folder, 5)
    write_project_picks(open_project(spoilt.config), spoilt.truth, user="noisy", session="1")
    with pytest.raises(BadInput, match="changed since they were audited"):
        session.write("noisy", "2")
    with pytest.raises(BadInput, match="changed since they were audited"):
        AuditSession(spoilt.folder, 5)
    audit_again(spoilt.config, spoilt.folder, spoilt.truth)
    with pytest.raises(BadInput, match="about other labels"):
        AuditSession(spoilt.folder, 5)


def test_decisions_that_change_nothing_change_nothing():
    picks = pd.DataFrame(
        {"tomogram": "t", "object": ["a", "b"], "x_A": [1.0, 9.0], "y_A": 0.0, "z_A": 0.0, "score": 1.0}
    )
    same = corrected(picks, [Decision("t", 1, 0, 0, "a", "a"), Decision("t", 5, 5, 5, "", "")])
    pd.testing.assert_frame_equal(same.picks, picks)
    assert (same.added, same.removed, same.renamed) == (0, 0, 0)
    with pytest.raises(BadInput, match="t has no label of b at 1, 0, 0 Å"):
        corrected(picks, [Decision("t", 1, 0, 0, "b", "")])


def test_what_is_no_audit_is_refused(tmp_path):
    with pytest.raises(BadInput, match="holds no audit"):
        read_audit(tmp_path)
    spoilt = make_audit(tmp_path)
    table, record = spoilt.folder / "suggestions.csv", spoilt.folder / "audit.json"
    text = table.read_text()
    for bad in (
        text.replace("t0,", "../t0,"),
        text.replace("missing", "rotten"),
        text.replace("small", "virus"),
        "x\n1\n",
    ):
        table.write_text(bad)
        with pytest.raises(BadInput, match=r"suggestions\.csv"):
            read_audit(spoilt.folder)
    table.write_text(text)
    for change in ({"objects": None}, {"tomograms": 3}, {"labels": "x", "objects": [{"name": "a"}]}):
        record_text = record.read_text()
        record.write_text(json.dumps(json.loads(record_text) | change))
        with pytest.raises(BadInput, match="is damaged"):
            read_audit(spoilt.folder)
        record.write_text(record_text)
    (spoilt.folder / DECISIONS).write_bytes(b"nothing" * 300)
    with pytest.raises(BadInput, match="cannot use"):
        AuditSession(spoilt.folder, 5)


def test_a_renamed_particle_has_no_angles_and_the_others_of_its_file_lose_theirs():
    angles = {"rot": 1.0, "tilt": 2.0, "psi": 3.0}
    picks = pd.DataFrame({"tomogram": ["t", "t", "u"], "object": ["a", "b", "b"], "x_A": [1.0, 9.0, 9.0], "y_A": 0.0})
    picks = picks.assign(z_A=0.0, score=1.0, **angles)
    alone = corrected(picks.iloc[:1], [Decision("t", 1, 0, 0, "a", "b")])
    assert alone.picks["object"].tolist() == ["b"]
    assert alone.picks[list(angles)].isna().all(axis=None)
    assert alone.without_angles == 0
    done = corrected(picks, [Decision("t", 1, 0, 0, "a", "b")])
    assert done.picks[list(angles)].notna().all(axis=1).tolist() == [False, False, True]
    assert done.without_angles == 1
