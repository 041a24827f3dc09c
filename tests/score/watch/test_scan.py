import os
import time

import numpy as np
import pandas as pd
import pytest

from cryogauge.io import write_mrc, write_tilt_series
from cryogauge.records import TILT_COLUMNS, TiltSeries
from cryogauge.score.watch.found import mark_of
from cryogauge.score.watch.scan import Scanner


def look(scanner):
    return {each.name: each for each in scanner.look()}


def write(path, content=b"content"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_tomograms_are_named_by_their_place(tmp_path):
    for name in ("a.mrc", "b/a.mrc", "b/c/d.REC.gz", "e.hdf", ".hidden.mrc", ".cache/a.mrc", "out/f.mrc", "note.txt"):
        write(tmp_path / name)
    write(tmp_path / os.fsdecode(b"\xff.mrc"))
    (tmp_path / "link.mrc").symlink_to(tmp_path / "a.mrc")
    (tmp_path / "dangling.mrc").symlink_to(tmp_path / "nowhere")
    found = look(Scanner(tmp_path, tmp_path / "out"))
    assert sorted(found) == ["\\xff.mrc", "a.mrc", "b/a.mrc", "b/c/d.REC.gz", "e.hdf", "link.mrc"]
    assert found["a.mrc"].mark == mark_of([str(tmp_path / "a.mrc")])
    assert found["a.mrc"].mark.size_bytes == 7


def test_a_folder_that_is_away_is_told_from_an_empty_one(tmp_path):
    scanner = Scanner(tmp_path / "mount", tmp_path / "out")
    with pytest.raises(OSError, match="mount"):
        scanner.look()
    (tmp_path / "mount").mkdir()
    assert scanner.look() == []


def test_a_zarr_folder_is_one_thing_that_changes_with_its_chunks(tmp_path):
    chunk = write(tmp_path / "a.zarr" / "0" / "0.0.0")
    scanner = Scanner(tmp_path, tmp_path / "out")
    assert look(scanner) == {}, "not yet a Zarr"
    write(tmp_path / "a.zarr" / ".zgroup", b"{}")
    before = look(scanner)["a.zarr"].mark
    assert before.files == 2
    chunk.write_bytes(b"longer content")
    assert look(scanner)["a.zarr"].mark != before
    long_ago = time.time() - 3600
    for path in (chunk, tmp_path / "a.zarr" / ".zgroup", tmp_path / "a.zarr" / "0", tmp_path / "a.zarr"):
        os.utime(path, (long_ago, long_ago))
    quiet = look(scanner)["a.zarr"].mark
    chunk.write_bytes(b"")
    assert look(scanner)["a.zarr"].mark == quiet, "one that was long quiet is only glanced at"
    write(tmp_path / "a.zarr" / ".zattrs", b"{}")
    assert look(scanner)["a.zarr"].mark.size_bytes == 4


def _series(tilts=(-20.0, 0.0, 20.0)):
    table = pd.DataFrame(0.0, index=range(len(tilts)), columns=list(TILT_COLUMNS)).assign(tilt_deg=tilts)
    return TiltSeries(np.zeros((len(tilts), 8, 8), np.float32), 3.0, table, "made")


def test_a_stack_with_its_mdoc_is_a_series_and_no_tomogram(tmp_path):
    write_tilt_series(tmp_path, "TS_1", _series())
    write_mrc(tmp_path / "TS_1_rec.mrc", np.zeros((4, 8, 8), np.float32), 10.0)
    found = look(Scanner(tmp_path, tmp_path / "out"))
    assert {name: each.kind for name, each in found.items()} == {"TS_1.mrc": "tilt_series", "TS_1_rec.mrc": "tomogram"}
    series = found["TS_1.mrc"]
    assert {os.path.basename(path) for path in series.paths} == {
        "TS_1.mrc", "TS_1.mrc.mdoc", "TS_1.tlt", "TS_1.rawtlt", "TS_1.xf"
    }  # fmt: skip
    assert series.lacks == ""
    (tmp_path / "TS_1.tlt").write_text("0\n")
    assert look(Scanner(tmp_path, tmp_path / "out"))["TS_1.mrc"].mark != series.mark
    plain = look(Scanner(tmp_path, tmp_path / "out", tilt_series=False))
    assert {each.kind for each in plain.values()} == {"tomogram"}
    assert sorted(plain) == ["TS_1.mrc", "TS_1_rec.mrc"]


def test_an_mdoc_of_frames_waits_for_all_of_them(tmp_path):
    sections = "".join(
        f"[ZValue = {i}]\nTiltAngle = {angle}\nSubFramePath = X:\\session\\frames\\TS_1_{i}.tif\n"
        for i, angle in enumerate((-20, 0, 20))
    )
    write(tmp_path / "frames" / "TS_1_0.tif")
    write(tmp_path / "TS_1_001_fractions.mrc")
    write(tmp_path / "TS_1.mdoc", b"half a ")
    scanner = Scanner(tmp_path, tmp_path / "out")
    assert look(scanner) == {}, "frames are no tomograms, whatever is known of them"
    write(tmp_path / "TS_1.mdoc", sections.encode())
    assert look(scanner)["TS_1.mdoc"].lacks == "2 of its 3 images are not here yet"
    for i in (1, 2):
        write(tmp_path / "frames" / f"TS_1_{i}.tif")
    found = look(scanner)
    assert list(found) == ["TS_1.mdoc"]
    assert found["TS_1.mdoc"].lacks == ""
    assert len(found["TS_1.mdoc"].paths) == 4
    (tmp_path / "frames" / "TS_1_1.tif").unlink()
    assert "1 of its 3" in look(scanner)["TS_1.mdoc"].lacks
