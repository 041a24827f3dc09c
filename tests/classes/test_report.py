"""The contact sheet: what stands in it, how large it gets, and what a person can do on it."""

import re

import numpy as np
import pandas as pd
import pytest

from cryogauge.classes import report
from cryogauge.classes.report import band_of, write_contact_sheet
from cryogauge.records import BadInput
from cryogauge.records.classes import REASONS
from tests.classes.averages import particle, stack_of

GRADES = (4.9, 1.2, 3.5, 2.4, 0.7)


def graded(grades=GRADES, edge=64, **columns):
    """Averages and a table of grades, the first class empty."""
    rng = np.random.default_rng(0)
    images = np.stack([particle(edge, rng, radius_px=edge / 5) for _ in grades])
    told = {"particles": [100 * (number + 1) for number in range(len(grades))]} | columns
    stack = stack_of(images, 2.0, **told)
    table = stack.table.assign(grade=grades, uncertainty=0.25, mass_kDa=np.nan, score=0.5)
    table["flags"] = pd.Series([("empty",), *[()] * (len(grades) - 1)], dtype=object)
    for name in REASONS:
        table[f"p_{name}"] = [0.9 if name == "empty" else 0.1, *[0.2] * (len(grades) - 1)]
    return stack, table


@pytest.mark.parametrize(
    ("grade", "letter"), [(0.2, "A"), (1.5, "A"), (1.51, "B"), (2.5, "B"), (3.5, "C"), (4.5, "D"), (4.6, "F"), (7, "F")]
)
def test_letters(grade, letter):
    assert band_of(grade) == letter


def test_the_best_come_first_and_the_poor_say_why(tmp_path):
    stack, table = graded()
    page = write_contact_sheet(tmp_path / "sheet.html", stack, table, settings={"source": "job"}).read_text()
    assert [int(number) for number in re.findall(r'id="class-(\d+)"', page)] == [5, 2, 4, 3, 1]
    assert re.findall(r'id="band-(\w)"', page) == ["A", "B", "C", "F"]
    poor = page[page.index('id="class-1"') :]
    assert "empty" in poor
    assert page.count('class="why"') == 1


def test_a_mass_that_is_not_known_is_said_to_be(tmp_path):
    stack, table = graded()
    table.loc[0, "mass_kDa"] = 120.0
    page = write_contact_sheet(tmp_path / "sheet.html", stack, table).read_text()
    assert page.count("120\u00a0kDa") == 1
    assert page.count("mass\u00a0unknown") == len(table) - 1
    assert page.count("data:image/jpeg;base64,") == 5
    assert "http:" not in page
    assert "https:" not in page


def test_what_a_program_did_not_tell_is_left_out(tmp_path):
    stack, table = graded(particles=np.nan, resolution_A=np.nan, distribution=np.nan)
    page = write_contact_sheet(tmp_path / "sheet.html", stack, table).read_text()
    assert "nan" not in page.lower().replace("nand", "")
    assert 'value="resolution"' not in page


def test_broken_averages_are_shown_as_such(tmp_path):
    stack, table = graded()
    stack.images[0] = np.nan
    table["flags"] = pd.Series([("nan",), *[()] * 4], dtype=object)
    table.loc[0, [f"p_{name}" for name in REASONS]] = np.nan
    page = write_contact_sheet(tmp_path / "sheet.html", stack, table).read_text()
    assert "no numbers" in page


def test_grades_of_other_averages_are_refused(tmp_path):
    stack, table = graded()
    with pytest.raises(BadInput, match="5 averages but 4 grades"):
        write_contact_sheet(tmp_path / "sheet.html", stack, table[1:])
    assert not list(tmp_path.iterdir())


def test_the_more_classes_the_smaller_the_pictures(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    monkeypatch.setattr(report, "_SHEET_BYTES", 400_000)
    stack, table = graded(np.linspace(1, 5, 60), edge=200)
    stack.images[:] = rng.normal(size=stack.images.shape)  # nothing compresses worse
    assert write_contact_sheet(tmp_path / "sheet.html", stack, table).stat().st_size < 400_000


def test_cut_off_hand_and_find(browser, tmp_path):
    stack, table = graded()
    path = write_contact_sheet(
        tmp_path / "sheet.html", stack, table, title="<b>job</b>", settings={"source": "<script>alert(1)</script>"}
    )
    complaints = []
    context = browser.new_context(color_scheme="dark", viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    assert page.inner_text("h1") == "<b>job</b>"
    told = page.inner_text("#kept")
    assert told.startswith("4 of 5 classes, 93.3 % of the particles")  # 1400 of 1500
    page.focus("#cutoff")
    for _ in range(11):
        page.keyboard.press("ArrowLeft")
    assert page.inner_text("#cutoff-value") == "2.4"
    assert page.inner_text("#kept").startswith("3 of 5 classes, 73.3 %")
    assert page.inner_text("#class-3 .keep").strip() == "dropped"
    page.check("#class-1 input")
    page.uncheck("#class-5 input")
    assert page.text_content("#command") == (
        "cryogauge classes select GRADES --cutoff 2.4 --keep 1 --drop 5 --out selected"
    )
    assert page.inner_text("#kept").startswith("3 of 5 classes, 46.7 %")  # 100 + 200 + 400 of 1500
    page.select_option("#which", "changed")
    assert page.locator(".averages li:visible").count() == 2
    page.select_option("#which", "all")
    page.fill("#find", "empty")
    assert page.locator(".averages li:visible").count() == 1
    assert page.locator(".band:visible").count() == 1
    page.fill("#find", "")
    page.select_option("#sort", "particles")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
    assert not complaints
