"""Rows that cannot be used are told by their line."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io import write_picks
from cryogauge.pick.challenge import read_submission
from cryogauge.pick.challenge.submission import MOST_TOLD, read_picks_file
from cryogauge.records import PICK_COLUMNS, BadInput

HEAD = "id,experiment,particle_type,x,y,z\n"
GOOD = "0,TS_1,ribosome,1,2.5,3\n"


def _read(text):
    return read_submission(text.encode())


def test_the_challenges_csv_and_ours_say_the_same(challenge, as_kaggle, tmp_path):
    _, picks = challenge
    write_picks(tmp_path / "picks.csv", picks)
    ours, theirs = read_picks_file(tmp_path / "picks.csv"), read_submission(as_kaggle(picks)).picks
    assert tuple(ours.columns) == PICK_COLUMNS
    pd.testing.assert_frame_equal(ours, picks, check_dtype=False)
    pd.testing.assert_frame_equal(theirs, picks.assign(score=np.nan), check_dtype=False)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,TS_1,proteasome,1,2,3", "unknown kind of particle 'proteasome'"),
        ("1,TS_1,Ribosome,1,2,3", "unknown kind"),
        ("1,,ribosome,1,2,3", "no tomogram"),
        ("1,TS_1,ribosome,nan,2,3", "x is nan, not finite"),
        ("1,TS_1,ribosome,1,inf,3", "y is inf, not finite"),
        ("1,TS_1,ribosome,1,2,", "z is empty"),
        ("1,TS_1,ribosome,1,2,1_0", "z is '1_0', no number"),
        ("1,TS_1,ribosome,1e7,2,3", "further out than any tomogram"),
        ("1,TS_1,ribosome,1,2", "5 values under 6 columns"),
        ("1,TS_1,ribosome,1,2,3,4", "7 values under 6 columns"),
        ("0,TS_1,ribosome,1,2,3", "id 0 again, first in line 2"),
        (",TS_1,ribosome,1,2,3", "no id"),
        (f"1,{'T' * 201},ribosome,1,2,3", "more than 200 characters"),
    ],
)
def test_each_slip_is_told_with_its_line(row, message):
    found = _read(f"{HEAD}{GOOD}\n{row}\n2,TS_1,ribosome,7,8,9\n")
    assert found.problem_count == 1
    assert found.problems[0].line == 4
    assert message in found.problems[0].message
    assert found.picks["x_A"].tolist() == [1.0, 7.0]


def test_the_line_is_right_after_a_quoted_line_break():
    found = _read(f'{HEAD}0,"TS\n1",ribosome,1,2,3\n1,TS_1,ribosome,x,2,3\n')
    assert found.problems[0].line == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is missing"),
        (b"x,y,z\n1,2,3\n", "experiment, particle_type is missing"),
        (b"tomogram,object,x_A,y_A\nTS_1,ribosome,1,2\n", "z_A is missing"),
        (HEAD.encode(), "no row"),
        (b"\xff\xfe\x00", "byte 0"),
        (b"id,experiment,particle_type,x,y,z,x\n0,TS_1,ribosome,1,2,3,4\n", "x is there twice"),
        (HEAD.encode() + b'0,"TS_1,ribosome,1,2,3\n', "line 2"),
        (HEAD.encode() + b"0,x," + b"T" * 200_000 + b",1,2,3\n", "line 2"),
    ],
)
def test_what_is_no_csv_of_picks_is_refused_whole(content, message):
    with pytest.raises(BadInput, match=message) as caught:
        read_submission(content)
    assert caught.value.hint


def test_byte_order_mark_spaces_scores_and_other_columns():
    head = "\ufeffobject, tomogram ,x_A,y_A,z_A,score,rot\r\n"
    found = _read(f"{head}ribosome,0012, 1.5 ,2,3,0.25,90\r\nribosome,0012,1,2,3,,\r\n")
    assert found.problem_count == 0
    assert found.picks["tomogram"].tolist() == ["0012", "0012"]
    assert found.picks["score"].tolist()[0] == 0.25
    assert np.isnan(found.picks["score"].tolist()[1])
    wrong = _read(f"{head}ribosome,0012,1,2,3,high,90\nribosome,0012,1,2,3,inf,90\n")
    assert [each.message for each in wrong.problems] == ["score is 'high', no number", "score is inf, not finite"]


def test_many_problems_are_counted_and_the_first_told(tmp_path):
    text = HEAD + "".join(f"{i},TS_1,no,1,2,3\n" for i in range(200))
    found = _read(text)
    assert (found.problem_count, len(found.problems)) == (200, MOST_TOLD)
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(BadInput, match=r"200 rows that cannot be used: line 2: .*…"):
        read_picks_file(tmp_path / "p.csv")
    with pytest.raises(BadInput, match="cannot be read"):
        read_picks_file(tmp_path)


_NUMBER = st.sampled_from(
    ["1", "2.5", "-3e2", "6300.123456789012", '"1"', " 4 ", "nan", "", "1_0", "0x1", "inf", "a,b"]
)
_ROW = st.tuples(
    st.sampled_from(["0", "1", "2", " 3", "x", ""]),
    st.sampled_from(["TS_1", "TS_1", " TS_1", "é", ""]),
    st.sampled_from(["ribosome", "ribosome", "thyroglobulin", "x"]),
    *([st.one_of(st.sampled_from(["1", "7.25"]), _NUMBER)] * 3),
).map(",".join)


@given(st.lists(_ROW, min_size=1, max_size=3))
def test_reading_all_at_once_refuses_what_reading_row_by_row_refuses(rows):
    """A row of five columns too few sends the whole file the slow way; the others must be judged alike."""
    text = HEAD + "".join(f"{row}\n" for row in rows)
    slow = _read(f"{text}x\n")
    try:
        fast = _read(text)
    except BadInput:
        assert slow.problem_count == 1
        return
    assert fast.problem_count == slow.problem_count - 1
    pd.testing.assert_frame_equal(fast.picks, slow.picks, check_dtype=False)


@given(st.binary(max_size=300))
def test_no_bytes_end_in_anything_but_a_word(content):
    for given_bytes in (content, HEAD.encode() + content):
        found = None
        with contextlib.suppress(BadInput):
            found = read_submission(given_bytes)
        assert found is None or len(found.picks) + found.problem_count > 0
