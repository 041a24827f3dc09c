"""Lists of tomograms, told by their content."""

import pytest

from cryogauge.io.picks.frame import Tomogram
from cryogauge.io.picks.tomograms import bare_name, read_tomograms
from cryogauge.records import BadInput
from tests.io.picks.makers import DATA, real_files


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3 a/TS_03.rec\n12 0012\n", [("TS_03", 3), ("0012", 12)]),
        ("TS_1.mrc\n\nTS_2.mrc\n* index = 5\n", [("TS_1", 1), ("TS_2", 5)]),
        ("# no 4\n/x/cell one.rec\n> a.tbl\n! m.omd\n", [("cell one", 1)]),
        ("data_tomoman_tomolist\n\nloop_\n_tomoman_tomo_num\n_tomoman_stack_dir\n7 a/pos1/\n9 pos2\n",
         [("pos1", 7), ("pos2", 9)]),
    ],
)  # fmt: skip
def test_numbers_and_names(text, found, tmp_path):
    path = tmp_path / "list.any"
    path.write_text(text)
    assert list(read_tomograms(path)) == [Tomogram(name, number) for name, number in found]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "lists no tomograms"),
        (b"some words\nof no use\n", "lists no tomograms"),
        (b"\xff\xfe\x00", "no list of tomograms"),
        (b"1 a\n1 b\n", "the number 1 twice"),
        (b"1 a\n2 a.mrc\n", "the name a twice"),
        (b"data_x\nloop_\n_rlnTomoName\nTS_1\n", "lists no tomograms with"),
    ],
)
def test_what_is_no_list(content, words, tmp_path):
    path = tmp_path / "list"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=words):
        read_tomograms(path)


def test_bare_names():
    names = ["a/b/TS_1.mrc", "TS_1.rec.gz", "0243_12.23Apx.mrc", "TS_1.st:mrc", r"C:\x\TS_1.tomostar", "v1.2"]
    assert [bare_name(name) for name in names] == ["TS_1", "TS_1.rec.gz", "0243_12.23Apx", "TS_1", "TS_1", "v1.2"]


@real_files
def test_real_lists():
    project = read_tomograms(DATA / "metadata" / "cets-relion" / "tomograms.star")
    assert project[0] == Tomogram("TS_01", None, 1.35, (4000, 4000, 2000))
    numbered = read_tomograms(DATA / "picks" / "ChlamyAnnotations" / "tomolist_num_dir.star")
    assert numbered[0] == Tomogram("01122021_BrnoKrios_arctis_lam1_pos3", 1)
