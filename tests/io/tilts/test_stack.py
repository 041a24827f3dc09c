"""Stacks with what lies beside them."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io import find_tilt_series, read_tilt_series, write_exclusions
from cryogauge.io.tilts.aretomo import read_aln, read_tlt
from cryogauge.io.tilts.imod import read_angles, read_xf
from cryogauge.records import BadInput
from tests.io.tilts.makers import META, aln_text, mdoc_text, real_files, rotation_xf, write_mrc_file

TILTS = [-3.0, 0.0, 3.0]


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "TS_01.st"
    write_mrc_file(path, 3)
    path.with_suffix(".rawtlt").write_text("-3\n0\n3\n")
    (tmp_path / "TS_01.st.mdoc").write_text(mdoc_text(TILTS, ExposureDose=["3"] * 3, PriorRecordDose=["3", "0", "6"]))
    return path


def test_an_etomo_folder(stack):
    stack.with_suffix(".tlt").write_text("-2.5 6\n 0.5 3\n 3.5 9\n")
    stack.with_suffix(".xtilt").write_text("0.25\n0.25\n0.25\n")
    stack.with_suffix(".xf").write_text("".join(rotation_xf(80 + i, (i, -2), 1.02) for i in range(3)))
    com = "$tilt -StandardInput\nInputProjections TS_01.ali\nOFFSET 1.0\nXAXISTILT 0.5\nEXCLUDELIST2 1,3-3\n"
    stack.with_name("tilt.com").write_text(com)
    for path in (stack, stack.with_name("TS_01.st.mdoc"), stack.with_suffix(".tlt"), stack.parent):
        read = read_tilt_series(path)
        table = read.table
        assert read.source == str(stack)
        assert read.alignment == str(stack.with_suffix(".xf"))
        assert isinstance(read.images, np.memmap)
        assert list(table["tilt_deg"]) == [-1.5, 1.5, 4.5]
        assert list(table["xtilt_deg"]) == [0.75] * 3
        assert list(read.used) == [False, True, False]
        assert list(table["prior_dose_e_A2"]) == [3, 0, 6]
        assert np.allclose(table["axis_deg"], [80, 81, 82], atol=1e-5)
        assert np.allclose(table["magnification"], 1.02, atol=1e-6)
        assert np.allclose(table["shift_x_A"], [0, 2, 4], atol=1e-5)  # 2 Å a pixel
        assert np.allclose(table["shift_y_A"], -4, atol=1e-5)
    com = stack.with_name("tilt.com")
    com.write_text(com.read_text().replace("TS_01.ali", "TS_02.ali"))  # another series of the folder
    assert list(read_tilt_series(stack).table["tilt_deg"]) == [-2.5, 0.5, 3.5]
    com.write_text("InputProjections TS_01_ali.mrc\nEXCLUDELIST 7\n")
    with pytest.raises(BadInput, match="leaves out view 7 of 3"):
        read_tilt_series(stack)
    com.write_text("InputProjections TS_01_ali.mrc\nEXCLUDELIST two\n")
    with pytest.raises(BadInput, match="'two' is no view"):
        read_tilt_series(stack)


def tlt_text(rows):
    """A ``_TLT.txt`` as AreTomo 3 prints it."""
    return "".join(f"{tilt:8.2f}  {place:4d}  {dose:8.2f}\n" for tilt, place, dose in rows)


def test_an_output_folder_of_aretomo_3(tmp_path):
    """The stack, its ``_TLT.txt`` and its ``.aln``; the halves and the tomogram are no tilt series."""
    stack = tmp_path / "TS_01.mrc"
    for name in ("TS_01.mrc", "TS_01_EVN.mrc", "TS_01_ODD.mrc", "TS_01_Vol.mrc"):
        write_mrc_file(tmp_path / name, 3)
    tlt = tmp_path / "TS_01_TLT.txt"
    tlt.write_text(tlt_text([(-3.02, 2, 3.1), (0.01, 1, 3.0), (3.0, 3, 3.2)]))
    with pytest.raises(BadInput, match="no file says the tilt axis"):
        read_tilt_series(stack)
    rows = [(1, 84.5, 10, -20, -2.0), (2, 84.6, -3, 4, 1.0), (3, 84.6, 0, 0, 4.0)]
    stack.with_suffix(".aln").write_text(aln_text(rows, 3))
    for path in (stack, tlt, tmp_path):
        table = read_tilt_series(path).table
        assert list(table["tilt_deg"]) == [-2, 1, 4]
        assert list(table["dose_e_A2"]) == [3.1, 3.0, 3.2]
        assert list(table["prior_dose_e_A2"]) == pytest.approx([3.0, 0, 6.1])
    assert [each.uri for each in find_tilt_series([str(tlt), str(stack)])] == [str(stack)]
    stack.with_suffix(".aln").write_text(aln_text([(i, 85, 0, 0, t) for i, t in enumerate([20, 0, -20])], 3))
    with pytest.raises(BadInput, match="other tilts"):  # than those of the _TLT.txt
        read_tilt_series(stack)
    stack.unlink()
    with pytest.raises(BadInput, match=r"no stack beside .*TS_01_TLT"):
        read_tilt_series(tlt)


def test_doses_of_the_mdoc_count_before_those_of_aretomo(stack):
    tlt = stack.with_name("TS_01_TLT.txt")
    tlt.write_text(tlt_text([(-3, 2, 5), (0, 1, 5), (3, 3, 5)]))
    assert list(read_tilt_series(stack).table["prior_dose_e_A2"]) == [3, 0, 6]
    stack.with_name("TS_01.st.mdoc").write_text(mdoc_text(TILTS))
    assert list(read_tilt_series(stack).table["prior_dose_e_A2"]) == [5, 0, 10]


@given(
    st.permutations(range(1, 8)),
    st.lists(st.integers(1, 900), min_size=7, max_size=7),
    st.integers(1, 3),
    st.integers(0, 1),
)
def test_what_aretomo_3_lists_is_read_back(places, doses, columns, first):
    """With all three numbers, or as AreTomo 3 takes it too with fewer; counted from 1 or from 0."""
    tilts = np.linspace(-60, 60, 7)
    rows = [(t, p - first, d / 100) for t, p, d in zip(tilts, places, doses, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a_TLT.txt"
        path.write_text("".join(" ".join(line.split()[:columns]) + "\n" for line in tlt_text(rows).splitlines()))
        found = read_tlt(path, 7)
    assert np.array_equal(found.tilt_deg, tilts)
    if columns < 3:
        assert np.isnan(found.dose_e_A2).all()
        assert np.isnan(found.prior_dose_e_A2).all()
        return
    assert np.allclose(found.dose_e_A2, np.array(doses) / 100)
    for place, prior in zip(places, found.prior_dose_e_A2, strict=True):
        before = [d for p, d in zip(places, doses, strict=True) if p < place]
        assert prior == pytest.approx(sum(before) / 100)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (tlt_text([(-3, 1, 3), (0, 2, 3)]), "2 lines for 3 images"),
        (tlt_text([(-3, 1, 3), (0, 2, 3), (3, 2, 3)]), "one place"),
        (tlt_text([(-3, 1, 3), (0, 2, 3), (300, 3, 3)]), "a tilt that cannot be"),
        ("-3 1 3\n0 2\n3 3 3\n", "no list of tilts"),
        ("tilt 1 3\n0 2 3\n3 3 3\n", "no list of tilts"),
    ],
)
def test_lists_that_are_none_of_aretomo_3_s(tmp_path, text, words):
    path = tmp_path / "a_TLT.txt"
    path.write_text(text)
    with pytest.raises(BadInput, match=words):
        read_tlt(path, 3)
    path.write_text(tlt_text([(-3, 1, 0), (0, 2, 0), (3, 3, 0)]))
    assert np.isnan(read_tlt(path, 3).dose_e_A2).all()  # what AreTomo 3 writes where it knows no dose


def test_an_aligned_stack_is_not_aligned_again(stack):
    ali = stack.rename(stack.with_suffix(".ali"))
    ali.with_suffix(".tlt").write_text("-2.5\n0.5\n3.5\n")
    ali.with_suffix(".xf").write_text(rotation_xf(80, (5, 5)) * 3)
    read = read_tilt_series(ali)
    assert read.alignment == str(ali)
    assert not read.table[["axis_deg", "shift_x_A", "shift_y_A"]].to_numpy().any()
    assert list(read.table["tilt_deg"]) == [-2.5, 0.5, 3.5]


@pytest.mark.parametrize("first", [0, 1])
def test_aretomo_counts_from_0_or_1(stack, first):
    rows = [(first + 1, 84.5, 10, -20, 1.0), (first + 2, 84.6, -3, 4, 4.0)]
    stack.with_suffix(".aln").write_text(aln_text(rows, 3, (16, 12), [(0, first, -2.0)]))
    read = read_tilt_series(stack)
    assert read.alignment == str(stack.with_suffix(".aln"))
    assert list(read.used) == [False, True, True]
    assert list(read.table["tilt_deg"]) == [-2, 1, 4]
    assert list(read.table["axis_deg"]) == pytest.approx([84.55, 84.5, 84.6])
    # The stack is binned: AreTomo saw 16 × 12 pixels of 1 Å.
    assert list(read.table["shift_x_A"]) == [0, 10, -3]
    assert list(read.table["shift_y_A"]) == [0, -20, 4]


def test_aretomo_and_imod_mean_the_same(stack):
    """AreTomo writes its alignment as .xf too: a rotation by ROT, and minus it times TX, TY."""
    rows = [(i, 84.5 + i, 10.0 * i, -20.0 + i, tilt) for i, tilt in enumerate(TILTS)]
    stack.with_suffix(".aln").write_text(aln_text(rows, 3))
    aretomo = read_tilt_series(stack).table
    stack.with_suffix(".xf").write_text("".join(rotation_xf(rot, (tx, ty)) for _, rot, tx, ty, _ in rows))
    with pytest.raises(BadInput, match=r"both align TS_01\.st") as refused:
        read_tilt_series(stack)
    assert "--alignment" in refused.value.hint
    imod = read_tilt_series(stack, alignment=stack.with_suffix(".xf")).table
    columns = ["axis_deg", "shift_x_A", "shift_y_A", "tilt_deg"]
    assert np.allclose(aretomo[columns], imod[columns], atol=1e-4)
    assert read_tilt_series(stack, alignment=stack.with_suffix(".aln")).alignment.endswith(".aln")
    assert read_tilt_series(stack.with_suffix(".aln")).alignment.endswith(".aln")


def test_alignments_of_other_stacks_are_refused(stack):
    aln = stack.with_suffix(".aln")
    rows = [(i, 85, 0, 0, tilt) for i, tilt in enumerate(TILTS)]
    for text, words in [
        (aln_text(rows, 4), "of a stack of 4 images, not 3"),
        (aln_text([(i, 85, 0, 0, t) for i, t in enumerate([20, 0, -20])], 3), "other tilts"),
        (aln_text([(0, 85, 0, 0, 1.5e24), *rows[1:]], 3), "a tilt that cannot be"),
        (aln_text([rows[0], rows[0]], 3), "sections that the stack"),
        ("# RawSize = 8 6 3\n1 2 3\n", "no .aln"),
        ("nonsense", "no .aln"),
    ]:
        aln.write_text(text)
        with pytest.raises(BadInput, match=words):
            read_tilt_series(stack)
    aln.unlink()
    with pytest.raises(BadInput, match="does not exist"):
        read_tilt_series(stack, alignment=stack.with_suffix(".xf"))


def test_an_mdoc_in_the_order_of_recording_is_sorted_to_the_stack(stack):
    stack.with_suffix(".rawtlt").write_text("-20\n0\n20\n")
    mdoc = stack.with_name("TS_01.st.mdoc")
    mdoc.write_text(mdoc_text([0, 20.1, -19.9], PriorRecordDose=["0", "3", "6"], ExposureDose=["3"] * 3))
    assert list(read_tilt_series(stack).table["prior_dose_e_A2"]) == [6, 0, 3]
    mdoc.write_text(mdoc_text([0, 20, 40]))
    assert list(read_tilt_series(stack).table["tilt_deg"]) == [-20, 0, 20]  # an offset is the specimen's
    mdoc.write_text(mdoc_text([0, 20, 60]))
    with pytest.raises(BadInput, match="other tilts"):
        read_tilt_series(stack)
    mdoc.write_text(mdoc_text([0, 20]))
    with pytest.raises(BadInput, match=r"3 images, its \.mdoc 2"):
        read_tilt_series(stack)


def test_the_pixel_size_of_the_recording_is_scaled_to_a_binned_stack(stack):
    mdoc = stack.with_name("TS_01.st.mdoc")
    for head, pixel in [
        ("PixelSpacing = 1.5\nImageSize = 8 6", 1.5),
        ("PixelSpacing = 1.5\nImageSize = 32 24", 6.0),
        ("PixelSpacing = 1.5\nImageSize = 24 32", 6.0),
        ("PixelSpacing = 1.5\nImageSize = 4 3", 0.75),
        ("PixelSpacing = 1.5\nImageSize = 32 32", 2.0),  # the header's
        ("ImageSize = 8 6", 2.0),
    ]:
        mdoc.write_text(mdoc_text(TILTS, head=head))
        assert read_tilt_series(stack).pixel_size_A == pixel
    assert read_tilt_series(stack, pixel_size_A=4.4).pixel_size_A == 4.4
    with pytest.raises(BadInput, match="cannot be"):
        read_tilt_series(stack, pixel_size_A=-1)


def test_frames_without_a_stack(tmp_path):
    shown = "\\\\storage\\x\\TS_02_{}.mrc"
    mdoc = tmp_path / "mdocs" / "TS_02.mrc.mdoc"
    mdoc.parent.mkdir()
    mdoc.write_text(mdoc_text(TILTS, SubFramePath=[shown.format(i) for i in range(3)]))
    with pytest.raises(BadInput, match=r"3 movies, 3 of which are not to be found, first .*TS_02_0.mrc"):
        read_tilt_series(mdoc)
    frames = [write_mrc_file(tmp_path / "frames" / f"TS_02_{i}.mrc", 4, seed=i, dtype=np.uint16) for i in range(3)]
    read = read_tilt_series(mdoc)
    assert read.images.shape == (3, 6, 8)
    assert np.array_equal(np.asarray(read.images), np.stack([each.sum(axis=0) for each in frames]))
    assert np.array_equal(read.images[1][2:, ::3], frames[1].sum(axis=0)[2:, ::3])
    assert list(read.table["image"]) == ["TS_02_0.mrc", "TS_02_1.mrc", "TS_02_2.mrc"]
    assert all(path.startswith(str(tmp_path)) for path in read.table["movie"])
    assert (read.alignment, read.pixel_size_A) == ("", 2.0)
    (tmp_path / "mdocs" / "TS_02.xf").write_text(rotation_xf(85, (1, 2)) * 3)
    assert list(read_tilt_series(mdoc).table["shift_x_A"]) == pytest.approx([2] * 3, abs=1e-5)
    write_mrc_file(tmp_path / "frames" / "TS_02_1.mrc", 4, (6, 10))
    with pytest.raises(BadInput, match="10 × 6 pixels"):
        read_tilt_series(mdoc).images[1]


def test_aretomo_sorts_the_frames_it_stacks(tmp_path):
    mdoc = tmp_path / "TS_02.mdoc"
    mdoc.write_text(mdoc_text([0, 20, -20], SubFramePath=["0.mrc", "1.mrc", "2.mrc"]))
    frames = [write_mrc_file(tmp_path / f"{i}.mrc", 4, seed=i) for i in range(3)]
    (tmp_path / "TS_02.aln").write_text(aln_text([(i + 1, 85, i, 0, 20 * i - 19) for i in range(3)], 3))
    read = read_tilt_series(mdoc)
    assert list(read.table["tilt_deg"]) == [-19, 1, 21]
    assert list(read.table["shift_x_A"]) == [0, 2, 4]
    assert np.array_equal(read.images[0], frames[2].sum(axis=0))
    text = write_exclusions(read, [False, True, True], tmp_path / "out", "a")["relion"].read_text()
    assert "2.mrc" not in text
    assert "0.mrc" in text


@real_files
def test_real_transforms():
    """Tilt axes of real .xf files are those their projects state."""
    one = read_xf(META / "cets-imod/TS_03.xf", 40)
    assert one.axis_deg == pytest.approx(85.25, abs=0.25)
    assert np.allclose(one.magnification, 1, atol=1e-5)
    assert read_angles(META / "cets-imod/TS_03.tlt", 40)[[0, -1]].tolist() == [-57, 60]
    other = read_xf(META / "warpylib/00254.xf", 41)
    assert other.axis_deg == pytest.approx(-4.3, abs=0.01)
    assert read_angles(META / "warpylib/00254.tlt", 41)[0] == -60.01
    for name, count in [("riboNew05", 72), ("riboNew08", 72), ("riboNew11", 31)]:
        plain = read_xf(META / f"emClarity/{name}.xf", count)  # of a stack that was turned before
        assert not plain.axis_deg.any()
        assert not plain.shift_px.any()


@real_files
def test_real_alignments_of_aretomo():
    old = read_aln(META / "lil-aretomo/example_v1_3_0.aln", 41)
    assert old.section.tolist() == list(range(41))
    assert old.axis_deg == pytest.approx(-93.6692)
    assert old.shift_px[17].tolist() == [0, 0]
    new = read_aln(META / "cryoet-alignment/test.aln", 90)
    assert (len(new.dark), len(new.section)) == (4, 4)
    assert new.shift_px[1].tolist() == [34.451, -8.599]


@real_files
def test_a_real_stack_with_a_real_mdoc(tmp_path):
    data = write_mrc_file(tmp_path / "TS_017.st", 60, (4, 4))
    for end in ("mdoc", "tlt"):
        (tmp_path / f"TS_017.{end}").write_bytes((META / f"cryoCAT/TS_017__017.{end}").read_bytes())
    read = read_tilt_series(tmp_path)
    assert np.array_equal(read.images, data)
    assert read.pixel_size_A == pytest.approx(1.971 * 1024)
    assert read.table["axis_deg"].to_numpy() == pytest.approx(82.9)
    assert read.table["defocus_A"].to_numpy() == pytest.approx(30000)
