"""What to leave out, as each program takes it; the round trip is through our own readers."""

import shutil

import numpy as np
import pytest
import starfile

from cryogauge.io import read_tilt_series, write_exclusions
from cryogauge.io.tilts.aretomo import read_aln
from cryogauge.io.tilts.mdoc import mdoc_table, parse_mdoc
from cryogauge.records import BadInput
from tests.io.tilts.makers import DATA, META, aln_text, mdoc_text, real_files, write_mrc_file
from tests.io.tilts.test_relion import project, real_project  # noqa: F401
from tests.io.tilts.test_warp import series as warp_series  # noqa: F401
from tests.io.tilts.test_warp import xml

TILTS = [-6, -3, 0, 3, 6]
KEEP = np.array([False, True, True, False, True])


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "in" / "TS_01.st"
    write_mrc_file(path, 5)
    path.with_suffix(".rawtlt").write_text("\n".join(map(str, TILTS)))
    return path


def state(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_stack_without_an_mdoc(stack, tmp_path):
    stack.with_suffix(".xf").write_text("1 0 0 1 0 0\n" * 5)
    before = state(stack.parent)
    paths = write_exclusions(read_tilt_series(stack), KEEP, tmp_path / "out", "TS_01")
    assert state(stack.parent) == before
    assert set(paths) == {"imod", "aretomo"}
    text = paths["imod"].read_text()
    assert [line for line in text.splitlines() if not line.startswith("#")] == ["EXCLUDELIST2 1,4"]
    assert "excludeviews -views 1,4 TS_01.st" in text
    assert "newstack -secs 1-2,4 TS_01.st" in text.replace("2-3,5", "?")
    assert paths["aretomo"].read_text().split() == ["-3.000", "0.000", "6.000"]
    # What was written is what tilt.com takes: read back, the same images are left out.
    shutil.copy(paths["imod"], stack.with_name("tilt.com"))
    com = stack.with_name("tilt.com")
    com.write_text("InputProjections TS_01.ali\n" + com.read_text())
    assert list(read_tilt_series(stack).used) == list(KEEP)
    everything = write_exclusions(read_tilt_series(stack), np.ones(5, bool), tmp_path / "more", "a")
    assert "EXCLUDELIST2 1,4" in everything["imod"].read_text()  # what it did not use before stays out
    com.unlink()
    nothing = write_exclusions(read_tilt_series(stack), np.ones(5, bool), tmp_path / "none", "a")
    assert all(line.startswith("#") for line in nothing["imod"].read_text().splitlines())


def test_an_mdoc_in_another_order_than_the_stack(stack, tmp_path):
    frames = [f"{tilt}.tif" for tilt in (0, 3, -3, -6, 6)]
    stack.with_name("TS_01.st.mdoc").write_text(mdoc_text([0, 3, -3, -6, 6], SubFramePath=frames))
    paths = write_exclusions(read_tilt_series(stack), KEEP, tmp_path / "out", "TS_01")
    assert paths["relion"] == paths["warp"] == paths["aretomo"] == tmp_path / "out" / "TS_01.mdoc"
    assert list(mdoc_table(parse_mdoc(paths["relion"]))["tilt_deg"]) == [0, -3, 6]
    assert list(mdoc_table(parse_mdoc(paths["relion"]))["movie"]) == ["0.tif", "-3.tif", "6.tif"]


@pytest.mark.parametrize("first", [0, 1])
def test_the_alignment_of_aretomo_loses_its_rows_to_dark_frames(stack, tmp_path, first):
    rows = [(first + i, 85, i, -i, tilt) for i, tilt in enumerate(TILTS) if i != 1]
    aln = stack.with_suffix(".aln")
    aln.write_text(aln_text(rows, 5, darks=[(1, first + 1, -3)]))
    before = read_tilt_series(stack)
    paths = write_exclusions(before, KEEP, tmp_path / "out", "TS_01")
    text = paths["aretomo"].read_text()
    darks = [line.split()[3:] for line in text.splitlines() if line.startswith("# DarkFrame")]
    assert darks == [[str(i), str(first + i), f"{TILTS[i]:.2f}"] for i in (0, 1, 3)]
    assert text.index("# DarkFrame") < text.index("# AlphaOffset") < text.index("# SEC")
    assert text.endswith(aln.read_text()[aln.read_text().index("# Local") :])
    again = read_tilt_series(stack, alignment=paths["aretomo"])
    assert list(again.used) == [False, False, True, False, True]
    kept = again.used
    assert again.table[kept].equals(before.table[kept].assign(used=True))
    assert read_aln(paths["aretomo"], 5).section.tolist() == [2, 4]


def test_a_series_of_relion_loses_rows(project, tmp_path):  # noqa: F811
    star = project / "Align/job005/tilt_series/0012.star"
    before = star.read_text()
    for uri in (star, f"{star.parents[1]}/aligned_tilt_series.star::0012"):
        read = read_tilt_series(uri, pixel_size_A=1.5)
        paths = write_exclusions(read, [True, False, True], project / "out", "0012")
        assert set(paths) == {"imod", "aretomo", "relion"}
        again = read_tilt_series(paths["relion"], pixel_size_A=1.5)
        assert again.table.equals(read.table.iloc[[0, 2]].assign(dose_e_A2=3.0).reset_index(drop=True))
        assert star.read_text() == before
    with pytest.raises(BadInput, match="never altered"):
        write_exclusions(read, [True, False, True], star.parent, "0012")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_series_of_warp_is_told_by_use_tilt(warp_series, tmp_path, encoding):  # noqa: F811
    warp_series.write_bytes(xml(encoding=encoding))
    read = read_tilt_series(warp_series)
    paths = write_exclusions(read, [False, True, True], tmp_path / "out", "TS_1")
    assert set(paths) == {"imod", "aretomo", "warp"}
    shutil.copy(paths["warp"], warp_series)
    assert list(read_tilt_series(warp_series).used) == [False, True, False]
    kept = paths["warp"].read_bytes().decode(encoding)
    assert kept == xml(encoding=encoding).decode(encoding).replace("True\nTrue\nFalse", "False\nTrue\nFalse")
    warp_series.write_bytes(xml(encoding=encoding).decode(encoding).replace("UseTilt", "Other").encode(encoding))
    paths = write_exclusions(read_tilt_series(warp_series), [False, True, True], tmp_path / "out", "TS_1")
    shutil.copy(paths["warp"], warp_series)
    assert list(read_tilt_series(warp_series).used) == [False, True, True]


def test_wrong_choices(stack, tmp_path):
    stack.with_suffix(".xf").write_text("1 0 0 1 0 0\n" * 5)
    read = read_tilt_series(stack)
    with pytest.raises(BadInput, match="5 images"):
        write_exclusions(read, [True], tmp_path / "out", "a")
    with pytest.raises(BadInput, match="every image"):
        write_exclusions(read, np.zeros(5, bool), tmp_path / "out", "a")
    with pytest.raises(BadInput, match="never altered"):
        write_exclusions(read, KEEP, stack.parent, "TS_01")
    with pytest.raises(BadInput, match="not a folder"):
        write_exclusions(read, KEEP, stack, "a")
    assert not (tmp_path / "out").exists()


@real_files
@pytest.mark.parametrize("series", ["TS_01", "TS_43", "TS_54"])
def test_rows_are_dropped_as_relions_own_job_drops_them(tmp_path, series):
    """ExcludeTiltImages of a real project: what it kept of CtfFind's rows, told to us, gives its file."""
    uri = f"{real_project(tmp_path, series, 'CtfFind')}::{series}"
    theirs = starfile.read(DATA / f"metadata/cets-relion/ExcludeTiltImages__{series}.star")
    rows = starfile.read(DATA / f"metadata/cets-relion/CtfFind__{series}.star")
    keep = rows["rlnMicrographName"].isin(theirs["rlnMicrographName"]).to_numpy()
    assert 0 < keep.sum() <= len(keep)
    ours = starfile.read(write_exclusions(read_tilt_series(uri), keep, tmp_path / "out", series)["relion"])
    by_name = ours.set_index("rlnMicrographName").loc[theirs["rlnMicrographName"]].reset_index()
    assert by_name[theirs.columns].equals(theirs)


@real_files
def test_a_real_mdoc_and_a_real_xml(tmp_path):
    write_mrc_file(tmp_path / "TS_42.mrc", 36, (4, 4))
    shutil.copy(META / "oscem-extractor-life/TS_42.mrc.mdoc", tmp_path)
    keep = np.arange(36) % 5 > 0
    paths = write_exclusions(read_tilt_series(tmp_path / "TS_42.mrc"), keep, tmp_path / "out", "TS_42")
    whole, part = mdoc_table(parse_mdoc(tmp_path / "TS_42.mrc.mdoc")), mdoc_table(parse_mdoc(paths["relion"]))
    assert part.equals(whole[keep].reset_index(drop=True))
    path = tmp_path / "017.xml"
    shutil.copy(META / "cryoCAT/TS_017__017.xml", path)
    write_mrc_file(tmp_path / "tiltstack/017/017.st", 60, (4, 4))
    written = write_exclusions(read_tilt_series(path), np.arange(60) != 7, tmp_path / "out", "017")["warp"]
    old, new = path.read_bytes().decode("utf-16").splitlines(), written.read_bytes().decode("utf-16").splitlines()
    assert len(old) == len(new)
    assert [(a.strip(), b.strip()) for a, b in zip(old, new, strict=True) if a != b] == [("True", "False")]
