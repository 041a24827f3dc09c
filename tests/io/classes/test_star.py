"""STAR files as text, against starfile and by what must come back."""

import numpy as np
import pytest
import starfile
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io.classes.star import read_star_text
from cryogauge.records import BadInput

WORDS = st.text("abz019._-@/", min_size=1, max_size=9).filter(lambda word: word[0] not in "_#" and word != "data_")


@given(
    rows=st.lists(st.tuples(WORDS, st.integers(0, 99), WORDS), min_size=1, max_size=8),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_rows_come_back_as_they_stand_and_nothing_else_changes(tmp_path_factory, rows, ends):
    lines = [f"  {first}   {number} {last} " for first, number, last in rows]
    text = ends.join(
        ["", "data_a", "", "_x 1", "", "data_b", "loop_", "_one #1", "_two #2", "_three #3", *lines, " ", ""]
    )
    text += f"# end{ends}data_c{ends}loop_{ends}_y{ends}7{ends}"
    path = tmp_path_factory.mktemp("star") / "t.star"
    path.write_bytes(text.encode())
    star = read_star_text(path)
    block = star.block("b")
    assert [row.rstrip("\r") for row in block.rows] == lines
    assert star.with_rows(block, list(block.rows)) == text
    kept = star.with_rows(block, list(block.rows[::2]))
    assert kept.count("loop_") == 2
    assert kept.endswith(text[text.index("# end") :])
    assert block.texts("three") == [last for _, _, last in rows]
    assert block.numbers("two").tolist() == [number for _, number, _ in rows]


def test_what_starfile_reads_is_read(tmp_path):
    path = tmp_path / "t.star"
    path.write_text('data_\n\nloop_\n_rlnA\n_rlnB\n1 "two words"\n2 one\n\ndata_x\n_rlnC 5.5\n_rlnD text\n')
    theirs, ours = starfile.read(path, always_dict=True), read_star_text(path)
    assert ours.block("").texts("rlnB") == theirs[""]["rlnB"].tolist()
    assert ours.block("x").number("rlnC") == theirs["x"]["rlnC"]
    assert ours.block("x").texts("rlnD") == ["text"]
    assert ours.with_column("rlnC").name == "x"
    assert ours.with_column("rlnE") is None
    assert ours.block("no", "x").name == "x"


def test_bytes_that_are_no_utf8_survive(tmp_path):
    path = tmp_path / "t.star"
    path.write_bytes(b"data_\nloop_\n_rlnA\nmi\xe4.mrc\n")
    star = read_star_text(path)
    text = star.with_rows(star.block(""), list(star.block("").rows))
    assert text.encode("utf-8", "surrogateescape") == path.read_bytes()


def test_damage_is_told(tmp_path):
    path = tmp_path / "t.star"
    path.write_text("data_\nloop_\n_rlnA\n_rlnB\n1 2\n3\n")
    block = read_star_text(path).block("")
    with pytest.raises(BadInput, match="cut off"):
        block.texts("rlnB")
    with pytest.raises(BadInput, match="cut off"):
        block.check()
    with pytest.raises(BadInput, match="has no rlnC"):
        block.numbers("rlnC")
    path.write_text("data_\nloop_\n_rlnA\nx\n")
    with pytest.raises(BadInput, match="no numbers"):
        read_star_text(path).block("").numbers("rlnA")
    path.write_text("nothing")
    with pytest.raises(BadInput, match="no STAR file"):
        read_star_text(path)
    with pytest.raises(BadInput, match="does not exist"):
        read_star_text(tmp_path / "none.star")
    with pytest.raises(BadInput, match="cannot be read"):
        read_star_text(tmp_path)


def test_numbers_that_c_writes_are_numbers(tmp_path):
    path = tmp_path / "t.star"
    path.write_text("data_\nloop_\n_rlnA\n-nan\ninf\n1e-3\n")
    np.testing.assert_array_equal(read_star_text(path).block("").numbers("rlnA"), [np.nan, np.inf, 1e-3])
    assert read_star_text(path).block("").number("rlnA") is None
