"""The report in a real browser: Chromium, where there is one."""

import re

import pytest

from cryogauge.report import Failure, write_report

LONG = "2025-11-04_grid2_lamella_017_position_3_" + "x" * 120 + "_äöü_λ_結晶"


@pytest.fixture
def open_report(browser, tmp_path, make_judgement):
    """``open_report(width)`` → the page; fails at the end if anything was requested or complained."""
    contexts, complaints = [], []

    def judgements():
        yield make_judgement(0, tomogram="middle", tomoscore=0.5, smallest_feature_nm=3.0, thickness_nm=float("nan"))
        yield make_judgement(1, tomogram=LONG, tomoscore=0.9, smallest_feature_nm=4.0, thickness_nm=90.0)
        yield make_judgement(
            2,
            tomogram="<script>alert(1)</script>",
            tomoscore=0.3,
            smallest_feature_nm=20.0,
            thickness_nm=150.0,
            flags=("out_of_domain", "no_empty_slices"),
            notes={"out_of_domain": "Unlike anything the network was trained on."},
        )

    def open_page(width=1280, scheme="light"):
        path = write_report(
            tmp_path / "report.html", judgements(), [Failure(LONG, "it is empty", "copy it again")], settings={}
        )
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:")) else complaints.append(request.url),
        )
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


def _column(page, name):
    place = page.evaluate(f"document.querySelector('th[data-column={name}]').cellIndex")
    return [row.query_selector_all("td,th")[place].inner_text() for row in page.query_selector_all("#table tbody tr")]


def _sorted_by(page):
    return page.eval_on_selector_all("[aria-sort]", "all => all.map(e => [e.dataset.column, e.ariaSort])")


def test_sorts_by_a_click_and_by_the_keyboard(open_report):
    page = open_report()
    assert _column(page, "tomoscore") == ["0.90", "0.50", "0.30"]
    assert _sorted_by(page) == [["rank", "ascending"]]
    page.click("th[data-column=smallest_feature_nm] button")
    assert _column(page, "smallest_feature_nm") == ["3.0", "4.0", "20.0"]  # by value, not as text
    assert _sorted_by(page) == [["smallest_feature_nm", "ascending"]]
    page.focus("th[data-column=smallest_feature_nm] button")
    page.keyboard.press("Enter")
    assert _column(page, "smallest_feature_nm") == ["20.0", "4.0", "3.0"]
    assert _sorted_by(page) == [["smallest_feature_nm", "descending"]]


def test_empty_cells_sort_last_in_either_direction(open_report):
    page = open_report()
    for expected in (["90", "150", "–"], ["150", "90", "–"]):
        page.click("th[data-column=thickness_nm] button")
        assert _column(page, "thickness_nm") == expected


def test_finds_by_name_and_flag(open_report):
    page = open_report()
    rows = page.locator("#table tbody tr:visible")
    sections = page.locator(".tomogram:visible")
    page.fill("#find", "LAMELLA 結晶")
    assert (rows.count(), sections.count()) == (1, 1)
    assert page.inner_text("#shown") == "1 of 3 shown"
    page.fill("#find", "empty slices")
    assert rows.count() == 1
    page.fill("#find", "nothing of the kind")
    assert rows.count() == 0
    page.fill("#find", "")
    assert rows.count() == 3
    page.check("#only-flagged")
    assert rows.count() == 1


def test_a_name_opens_its_tomogram(open_report, expect):
    page = open_report()
    page.fill("#find", "middle")
    page.click("#table tbody tr:visible a")
    section = page.locator(".tomogram[open]")
    expect(section).to_have_count(1)  # at hashchange
    assert section.locator(".name").inner_text() == "middle"
    images = section.locator("img")
    assert images.count() == 5
    for index in range(5):
        images.nth(index).scroll_into_view_if_needed()
        page.wait_for_function("i => document.querySelectorAll('[open] img')[i].naturalWidth > 0", arg=index)


def test_the_curve_says_a_slice_s_numbers(open_report, expect):
    page = open_report()
    page.click("#open-all")
    section = page.locator("#t0")
    section.locator(".curve").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert section.locator(".readout").inner_text().startswith("z 2: score 0.")
    section.locator(".curve").hover()
    expect(section.locator(".readout")).to_have_text(re.compile(r"z (5[5-9]|6[0-4]): "))  # movements wait for a frame
    page.click("#close-all")
    assert page.locator(".tomogram[open]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out_of_the_page(open_report, width, scheme):
    page = open_report(width, scheme)
    page.click("#open-all")
    page.click(".guide summary")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_whole_table_fits_a_laptop(open_report):
    page = open_report(1280)
    assert page.eval_on_selector(".ranking", "e => e.scrollWidth - e.clientWidth") == 0


def test_paper_gets_the_open_sections_only(open_report):
    page = open_report()
    page.click("#t1 summary")
    page.emulate_media(media="print")
    assert [page.locator(f"#t{i}").is_visible() for i in range(3)] == [False, True, False]
    assert not page.locator("#find").is_visible()
