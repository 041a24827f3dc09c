"""Leginon's files as pictures: what names say, what headers and the database tell, and what comes late."""

import math
import os
import shutil
from pathlib import Path

import pytest

from cryogauge.collect.drivers import leginon
from cryogauge.collect.drivers.control import Control, VirtualClock
from cryogauge.records import BadInput
from cryogauge.records.microscope import Mode, Settings
from tests.collect.drivers.leginon_files import SESSION, write

DATA = os.environ.get("CRYOGAUGE_DATA", "")
HOLE = "00010gr_00002sq_00005hl"


def watched(folder, *modes, **options):
    settings = Settings({mode.name: mode for mode in modes}, options={"folder": str(folder), **options})
    return leginon.connect(settings, Control(VirtualClock()))


def test_names_say_the_mode(tmp_path):
    driver = watched(tmp_path, levels={"hln": "hole"})
    for number, name in enumerate(("00010gr", "00010gr_00002sq_v01", HOLE, f"{HOLE}_00003en", f"{HOLE}_00001fc",
                                   "00010gr_00002sq_00005hln", "00010gr_00002odd")):  # fmt: skip
        os.utime(write(tmp_path, name), (number, number))
    for name in (f"{HOLE}_00003en-a", f"{HOLE}_00003en-a-DW", f"{HOLE}_pow", "reference"):
        write(tmp_path, name)
    assert [picture.mode for picture in driver.arrivals()] == [
        "atlas", "square", "hole", "exposure", "focus", "hole", "odd",
    ]  # fmt: skip
    assert driver.arrivals() == []
    write(tmp_path, f"{HOLE}_00004en")
    assert [picture.mode for picture in driver.arrivals()] == ["exposure"]


def test_the_pixel_is_the_table_s_then_the_header_s_then_the_mode_s(tmp_path):
    usual = Mode("hole", 10.0, (24, 32))
    write(tmp_path, HOLE, pixel_A=1.0)  # as Leginon writes what it does not know
    assert watched(tmp_path, usual).arrivals()[0].pixel_size_A == 20.0  # half the columns
    write(tmp_path, "00010gr", pixel_A=2400.0)
    told = {picture.mode: picture.pixel_size_A for picture in watched(tmp_path, usual).arrivals()}
    assert told == {"atlas": pytest.approx(2400.0), "hole": 20.0}
    table = tmp_path / "images.csv"
    table.write_text(f"image,pixel_size_A\n{SESSION}_{HOLE},21.5\n{SESSION}_00010gr,\n")
    told = {picture.mode: picture.pixel_size_A for picture in watched(tmp_path, usual, table=str(table)).arrivals()}
    assert told == {"atlas": pytest.approx(2400.0), "hole": 21.5}


def test_a_pixel_that_nobody_tells_is_noted(tmp_path):
    driver = watched(tmp_path)
    write(tmp_path, HOLE, pixel_A=1.0)
    assert driver.arrivals() == []
    driver.clock.sleep(61.0)
    assert driver.arrivals() == []
    assert "does not tell its pixel size" in driver.notes[0]


def test_what_the_database_tells(tmp_path):
    table = tmp_path / "images.tsv"
    table.write_text(
        "image\tstage_x_um\tstage_y_um\tstage_z_um\ttilt_deg\tdefocus_A\tdose_e_A2\trecorded_at\n"
        f"{SESSION}_{HOLE}\t120.5\t-34\t10\t-0.1\t15000\tNULL\t2026-06-01 10:00:00\n"
    )
    write(tmp_path, HOLE)
    driver = watched(tmp_path, table=str(table))
    (picture,) = driver.arrivals()
    assert (picture.stage.x_um, picture.stage.y_um, picture.stage.z_um, picture.stage.tilt_deg) == (
        120.5,
        -34,
        10,
        -0.1,
    )
    assert picture.defocus_A == 15_000
    assert math.isnan(picture.dose_e_A2)
    write(tmp_path, f"{HOLE}_00003en")
    assert driver.arrivals() == []  # the table does not know it yet
    with table.open("a") as file:
        file.write(f"{SESSION}_{HOLE}_00003en\t121\t-34\t10\t0\t15000\t40\t2026-06-01 10:05:00\n")
    (picture,) = driver.arrivals()
    assert picture.dose_e_A2 == 40
    assert driver.notes == []


def test_without_the_database_the_stage_is_not_told(tmp_path):
    write(tmp_path, HOLE)
    (picture,) = watched(tmp_path).arrivals()
    assert all(math.isnan(value) for value in vars(picture.stage).values())


def test_what_is_still_being_written_comes_later(tmp_path):
    driver = watched(tmp_path)
    path = write(tmp_path, HOLE)
    whole = path.read_bytes()
    for part in (0, 500, len(whole) - 10):
        path.write_bytes(whole[:part])
        assert driver.arrivals() == []
    path.write_bytes(whole)
    assert len(driver.arrivals()) == 1
    assert driver.notes == []


@pytest.mark.parametrize("options", [{}, {"folder": "nowhere"}, {"folder": ".", "surprise": 1}])
def test_wrong_options_are_refused(options):
    with pytest.raises(BadInput):
        leginon.connect(Settings(options=options), Control())


@pytest.mark.skipif(not DATA, reason="CRYOGAUGE_DATA names no folder of real files")
def test_real_images(tmp_path):
    shutil.copytree(Path(DATA) / "atlas_square_hole" / "leginon", tmp_path / "session")
    modes = Mode("square", 500.0, (512, 512)), Mode("hole", 50.0, (512, 512))
    driver = watched(tmp_path / "session", *modes)
    assert {picture.mode: picture.data.shape for picture in driver.arrivals()} == {
        "square": (512, 512), "hole": (512, 512),
    }  # fmt: skip
    assert driver.notes == []
