"""Sessions of EPU, SmartScope, CryoRL, and SerialEM's metadata of images, made small and real."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from cryogauge.collect.drivers.epu import read_epu_picture
from cryogauge.io import write_mrc
from cryogauge.io.session import check_session, import_session, read_session, with_grid, write_session
from cryogauge.records import BadInput
from tests.collect.drivers import epu_files

HEAD = "21mar02c_grid1c_00019gr_00023sq_v01_00006hl_v01"
DATA = os.environ.get("CRYOGAUGE_DATA", "")
real = pytest.mark.skipif(not DATA, reason="CRYOGAUGE_DATA names no folder of real files")


# ------------------------------------------------------------------ EPU
def test_a_session_of_epu(tmp_path):
    folder = tmp_path / "session"
    for mode in ("square", "hole", "exposure"):
        epu_files.write(folder, mode)
    epu_files.write(folder, "square", 1, suffix=".jpg", shape=(12, 16), picture=(6, 8))
    session = import_session([folder])
    images = session.images.set_index("image")
    assert list(images["level"]) == ["square", "square", "hole", "exposure"]
    exposure = images.loc["FoilHole_200_Data_300_6_20250108_150000"]
    assert exposure["pixel_size_A"] == pytest.approx(1.0558)
    np.testing.assert_allclose(
        exposure[["stage_x_um", "stage_y_um", "stage_z_um", "tilt_deg"]].astype(float), [-97.1, 152, 85, 10], rtol=1e-6
    )
    assert exposure["defocus_A"] == pytest.approx(27000)
    assert exposure["dose_e_A2"] == pytest.approx(50)
    assert exposure["recorded_at"] == "2025-01-08T15:49:00.115828+00:00"
    smaller = images.loc["GridSquare_20250108_150001"]
    assert (smaller["height_px"], smaller["width_px"]) == (6, 8)
    assert smaller["pixel_size_A"] == pytest.approx(2 * 1.0558)
    parents = dict(zip(session.places["image"], session.places["parent"], strict=True))
    assert parents == {
        "FoilHole_200_20250108_150000": "GridSquare_20250108_150001",  # the last of the square
        "FoilHole_200_Data_300_6_20250108_150000": "FoilHole_200_20250108_150000",
    }
    write_session(tmp_path / "shared", session)
    assert check_session(tmp_path / "shared") == []
    assert (read_session(tmp_path / "shared").images["file"] != "").all()


def test_holes_that_epu_exposed_by_image_shift_are_told(tmp_path):
    first = epu_files.write(tmp_path / "session", "exposure")
    epu_files.write(tmp_path / "session", "exposure", 1)
    assert not import_session([tmp_path / "session"]).about.notes  # one hole, twice
    for suffix in (".mrc", ".xml"):
        path = first.with_suffix(suffix)
        shutil.copy(path, path.with_name(path.name.replace("FoilHole_200", "FoilHole_201")))
    (note,) = import_session([tmp_path / "session"]).about.notes
    assert note.startswith("2 holes were exposed by image shift")


def test_the_driver_that_watches_epu_reads_the_same(tmp_path):
    path = epu_files.write(tmp_path / "session", "exposure")
    (image,) = import_session([tmp_path / "session"]).images.to_dict("records")
    seen = read_epu_picture(path.with_suffix(".xml"), "exposure")
    assert image["pixel_size_A"] == pytest.approx(seen.pixel_size_A)
    assert (image["defocus_A"], image["dose_e_A2"]) == pytest.approx((seen.defocus_A, seen.dose_e_A2))
    place = (image["stage_x_um"], image["stage_y_um"], image["stage_z_um"], image["tilt_deg"])
    assert place == pytest.approx((seen.stage.x_um, seen.stage.y_um, seen.stage.z_um, seen.stage.tilt_deg))


def test_a_damaged_picture_of_epu_is_left_out_with_a_line(tmp_path):
    folder = tmp_path / "session"
    epu_files.write(folder, "square")
    epu_files.write(folder, "hole", pixel_m="NaN")
    epu_files.write(folder, "exposure", suffix="").with_suffix(".xml").write_text("<MicroscopeImage")
    session = import_session([folder])
    assert len(session.images) == 1
    assert [note.startswith("left out: ") for note in session.about.notes] == [True, True]
    (folder / "Images-Disc1" / "GridSquare_100" / "GridSquare_20250108_150000.xml").write_text("<a/>")
    with pytest.raises(BadInput, match="no picture that can be used"):
        import_session([folder])


# ------------------------------------------------------------------ SmartScope
@pytest.fixture
def smartscope(tmp_path):
    folder = tmp_path / "square"
    folder.mkdir()
    write_mrc(folder / "abc.mrc", np.zeros((1, 30, 40), np.float32), 100.0)
    targets = [{"coordinates": [1.0, 2.0, 5.0, 6.0], "label": "good"}, {"coordinates": [9, 9, 12, 12], "label": None}]
    image = {"image": "abc.mrc", "shape_x": 30, "shape_y": 40, "grid_type": "Carbon", "targets": targets}
    (folder / "metadata.yaml").write_text(yaml.dump([image], default_flow_style=None))
    return folder


def test_what_smartscope_trains_on(smartscope, tmp_path):
    session = import_session([smartscope / "metadata.yaml"], "g")
    assert list(session.places["kind"]) == ["hole", "hole"]
    np.testing.assert_array_equal(session.places["outline_x_px"][0], [1, 5, 5, 1])
    np.testing.assert_array_equal(session.places["outline_y_px"][0], [2, 2, 6, 6])
    assert session.labels[["subject", "label", "value", "by", "by_kind"]].to_numpy().tolist() == [
        ["abc/0", "class", "good", "SmartScope", "unknown"]
    ]
    write_session(tmp_path / "shared", session)
    assert check_session(tmp_path / "shared") == []
    assert read_session(tmp_path / "shared").images["file"][0]


def test_a_damaged_export_of_smartscope_is_told(smartscope):
    file = smartscope / "metadata.yaml"
    whole = yaml.safe_load(file.read_text())
    for change in ({"image": "../x.mrc"}, {"shape_x": -1}, {"targets": [{"coordinates": [1, 2, 3]}]}, {"targets": 3}):
        file.write_text(yaml.dump([*whole, {**yaml.safe_load(file.read_text())[0], "image": "b.mrc", **change}]))
        session = import_session([smartscope])
        assert len(session.about.notes) == 1
        assert len(session.pictures) == 1
    for text in ("a: &a [1]\nb: *a", "3", "[", "!!python/object/apply:os.system ['false']"):
        file.write_text(text)
        with pytest.raises(BadInput):
            import_session([smartscope])


def test_rows_at_fault_are_left_out_with_what_refers_to_them(smartscope):
    file = smartscope / "metadata.yaml"
    file.write_text(file.read_text().replace("[1.0, 2.0, 5.0, 6.0]", "[-900.0, 2.0, 900.0, 6.0]"))
    session = import_session([smartscope])
    assert list(session.places["place"]) == ["abc/1"]
    assert session.labels.empty
    assert "lies beyond its parent" in session.about.notes[0]
    assert "subject 'abc/0' is not in the table places" in session.about.notes[1]


# ------------------------------------------------------------------ CryoRL
def test_tables_by_leginons_names(tmp_path):
    one, two, three = (tmp_path / f"{name}.csv" for name in ("ctf", "times", "predicted"))
    one.write_text(
        f"21mar02c_grid1c_00019gr,1830,-915,-1,-1\n{HEAD}_00005en,3,4,-1,-1\n"
        f"{HEAD}_00005en-a,3,4,6.5,0.9\n{HEAD}_00006en-a,5,6,100000.0,0.1\n"
    )
    two.write_text(f"{HEAD}_00005en-a,2021-03-02 11:51:50\n")
    three.write_text(f"{HEAD}_00005en-a 7.25\n")
    session = import_session([one, two, three])
    images = session.images.set_index("image")
    assert list(session.grids["grid"]) == ["21mar02c_grid1c"]
    assert images["level"].value_counts().to_dict() == {"exposure": 3, "atlas": 1, "square": 1, "hole": 1}
    assert images["recorded_at"][f"{HEAD}_00005en-a"] == "2021-03-02T11:51:50"
    measured = session.measurements.pivot_table(index="subject", columns="quantity", values="value")
    assert measured["ctf_resolution_A"].dropna().to_dict() == {f"{HEAD}_00005en-a": 6.5, f"{HEAD}_00006en-a": 20.0}
    assert measured.loc[f"{HEAD}_00005en-a", "predicted_ctf_resolution_A"] == 7.25
    assert measured.loc["21mar02c_grid1c_00019gr", "atlas_offset_y_px"] == -915
    parents = session.places.set_index("image")["parent"]
    assert parents[f"{HEAD}_00005en"] == HEAD
    assert parents[HEAD] == "21mar02c_grid1c_00019gr_00023sq_v01"
    write_session(tmp_path / "shared", with_grid(session, mesh_per_inch=300))
    assert check_session(tmp_path / "shared") == []


def test_lines_that_are_damaged_are_left_out_and_counted(tmp_path):
    path = tmp_path / "ctf.csv"
    good = f"{HEAD}_00005en-a,3,4,6.5,0.9\n"
    bad = [f"{HEAD}_00006en-a,nan,4,6.5,0.9", f"{HEAD}_00006en-a,3,4", "x,1,2,3,4", f"{HEAD}_00006en-a,3,4,-7,0.9"]
    path.write_text(good + "\n".join(bad * 2))
    notes = import_session([path]).about.notes
    assert [note.partition(":")[0] for note in notes[:4]] == [f"ctf.csv, line {n}" for n in (2, 3, 4, 5)]
    assert notes[-1] == "ctf.csv: 3 more lines are left out"
    path.write_text(f"{HEAD}_00006en-a,inf,4,6.5,0.9\n")
    with pytest.raises(BadInput, match="line 1: left out"):
        import_session([path])


# ------------------------------------------------------------------ .mdoc, and what is none
def test_an_mdoc_with_its_stack(tmp_path):
    stack = np.arange(2 * 6 * 8, dtype=np.int16).reshape(2, 6, 8)
    write_mrc(tmp_path / "maps.mrc", stack, 50.0)
    section = "[ZValue = {}]\nTiltAngle = 0.1\nStagePosition = 10 -20\nStageZ = 3\nMagnification = 2250\n" \
        "PixelSpacing = 50\nTargetDefocus = -2.5\nExposureDose = 0\nDateTime = 25-Mar-21  17:00:46\n\n"  # fmt: skip
    head = "PixelSpacing = 50\nVoltage = 300\nImageFile = maps.mrc\nImageSize = 8 6\n\n"
    path = tmp_path / "maps.mrc.mdoc"
    path.write_text(head + section.format(0) + section.format(1) + section.format(2).replace("-20", "nan"))
    session = import_session([path])
    assert session.about.voltage_kV == 300
    assert list(session.images["image"]) == ["maps/0", "maps/1"]
    assert session.about.notes == (
        "maps.mrc.mdoc: left out: item section 2 has a number in StagePosition that is not finite",
    )
    image = session.images.iloc[1]
    assert (image["stage_x_um"], image["stage_y_um"], image["defocus_A"]) == (10, -20, 25000)
    assert image["recorded_at"] == "2021-03-25T17:00:46"
    assert np.isnan(image["dose_e_A2"])
    written = write_session(tmp_path / "shared", session)
    assert (written.images["file"] != "").all()
    assert check_session(tmp_path / "shared") == []


def test_pictures_of_an_mdoc_that_image_shift_moved_are_told(tmp_path):
    section = "[ZValue = {}]\nStagePosition = 100 50\nImageShift = {}\nPixelSpacing = 2\n\n"
    path = tmp_path / "multishot.mdoc"
    shifts = ("5.2 -3.1", "0 0", "-4.8 3.3")
    path.write_text("ImageSize = 8 6\n\n" + "".join(section.format(n, shift) for n, shift in enumerate(shifts)))
    (note,) = import_session([path]).about.notes
    assert note.startswith("multishot.mdoc: 2 pictures were taken with image shift")


def test_what_is_of_no_known_kind_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("the grid was thick today\n")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(BadInput, match="known"):
            import_session([path])
    (tmp_path / "empty.mdoc").write_text("ImageSize = 0 0\n[ZValue = 0]\nStagePosition = 1 2\n")
    with pytest.raises(BadInput, match=r"nothing can be used .*height_px is 0"):
        import_session([tmp_path / "empty.mdoc"])
    with pytest.raises(BadInput, match="nothing to import"):
        import_session([])


@real
def test_the_whole_table_of_cryorl(tmp_path):
    folder = Path(DATA) / "tables" / "CryoRL-pytorch"
    names = ("target_CTF_Y1.csv", "timestamps.csv", "target_CTF_Y1_val.csv", "Y1_2_regress_8bit_res50_val_by_hl.txt")
    session = import_session([folder / name for name in names])
    assert session.about.notes == ()
    assert len(session.images) == 8340
    assert (session.images["recorded_at"] != "").all()
    table = pd.read_csv(folder / names[0], header=None)
    ctf = session.measurements.query("quantity == 'ctf_resolution_A'")
    assert len(ctf) == (table[3] != -1).sum()
    assert ctf["value"].sum() == pytest.approx(table[3][table[3] != -1].clip(upper=20).sum())
    write_session(tmp_path / "shared", session)
    assert check_session(tmp_path / "shared") == []


@real
def test_every_real_mdoc_can_be_imported(tmp_path):
    paths = [path for path in sorted(Path(DATA).rglob("*.mdoc")) if "frames_mdoc" not in path.parts]
    assert paths
    for number, path in enumerate(paths):
        session = import_session([path])
        assert len(session.images) >= 1
        assert not [note for note in session.about.notes if "left out: " in note]
        write_session(tmp_path / str(number), session)
        assert check_session(tmp_path / str(number)) == []
