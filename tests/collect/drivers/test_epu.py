"""EPU's files as pictures, while they are being written and when they are damaged."""

import math

import pytest

from cryogauge.collect.drivers import epu
from cryogauge.collect.drivers.control import Control, VirtualClock
from cryogauge.collect.drivers.watched import Watched
from cryogauge.records import BadInput
from cryogauge.records.microscope import Settings
from tests.collect.drivers.epu_files import write


def watched(folder, **options):
    return epu.connect(Settings(options={"folder": str(folder), **options}), Control(VirtualClock()))


def test_units(tmp_path):
    write(tmp_path)
    (picture,) = watched(tmp_path).arrivals()
    assert picture.data.shape == (12, 16)
    assert picture.pixel_size_A == pytest.approx(1.0558)
    assert picture.defocus_A == pytest.approx(27_000.0)  # −2.7 µm there: underfocus
    assert picture.dose_e_A2 == pytest.approx(50.0)  # 5e21 per m²
    stage = picture.stage
    assert (stage.x_um, stage.y_um, stage.z_um) == pytest.approx((-97.1, 152.0, 85.0))
    assert stage.tilt_deg == pytest.approx(10.0)  # 0.1745 rad
    assert (picture.mode, picture.slit_in) == ("exposure", True)


def test_a_small_copy_has_larger_pixels(tmp_path):
    write(tmp_path, suffix=".jpg", shape=(16, 32), picture=(8, 16))
    (picture,) = watched(tmp_path).arrivals()
    assert picture.pixel_size_A == pytest.approx(2 * 1.0558)


def test_every_level_arrives_once_in_the_order_of_time(tmp_path):
    driver = watched(tmp_path)
    for number, mode in enumerate(("exposure", "square", "hole", "exposure")):
        write(tmp_path, mode, number)
    assert [picture.mode for picture in driver.arrivals()] == ["exposure", "square", "hole", "exposure"]
    assert driver.arrivals() == []
    write(tmp_path, "hole", 7)
    assert [picture.mode for picture in driver.arrivals()] == ["hole"]


def test_what_is_still_being_written_comes_later(tmp_path):
    driver = watched(tmp_path)
    path = write(tmp_path, suffix="")  # the XML is there, the picture is not yet
    whole = path.with_suffix(".xml").read_bytes()
    assert driver.arrivals() == []
    write(tmp_path)
    path.with_suffix(".xml").write_bytes(whole[:500])  # and now the XML is not whole
    assert driver.arrivals() == []
    path.with_suffix(".xml").write_bytes(whole)
    assert len(driver.arrivals()) == 1
    assert driver.notes == []


@pytest.mark.parametrize(
    "content",
    [
        b"<letter/>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>",
        b"not XML",
        b'<MicroscopeImage xmlns="http://schemas.datacontract.org/2004/07/Fei.SharedObjects"/>',
    ],
)
def test_a_bad_file_is_noted_and_the_rest_goes_on(tmp_path, content):
    driver = watched(tmp_path, patience_s=60.0)
    write(tmp_path, number=1).with_suffix(".xml").write_bytes(content)
    write(tmp_path, number=2)
    assert len(driver.arrivals()) == 1
    driver.clock.sleep(61.0)
    assert driver.arrivals() == []
    assert len(driver.notes) == 1
    driver.clock.sleep(61.0)
    driver.arrivals()
    assert len(driver.notes) == 1


def test_a_file_that_went_away_ends_nothing(tmp_path):
    def read(path, mode):
        raise FileNotFoundError(path)

    driver = Watched(
        "epu", "EPU", Settings(), Control(VirtualClock()),
        pictures=lambda: [(tmp_path / "gone.xml", "hole")], read=read, patience_s=60.0,
    )  # fmt: skip
    assert driver.arrivals() == []
    driver.clock.sleep(61.0)
    assert driver.arrivals() == []
    assert len(driver.notes) == 1


def test_numbers_that_are_not_told(tmp_path):
    write(tmp_path, dose_e_m2="", defocus_m="", taken="yesterday")
    (picture,) = watched(tmp_path).arrivals()
    assert math.isnan(picture.dose_e_A2)
    assert math.isnan(picture.defocus_A)
    assert picture.recorded_at_s > 1e9  # when the file was written
    with pytest.raises(BadInput, match="numericValue"):
        epu.read_epu_picture(write(tmp_path, number=3, pixel_m="").with_suffix(".xml"), "exposure")


@pytest.mark.parametrize("options", [{}, {"folder": "nowhere"}, {"folder": ".", "surprise": 1}])
def test_wrong_options_are_refused(options):
    with pytest.raises(BadInput):
        epu.connect(Settings(options=options), Control())
