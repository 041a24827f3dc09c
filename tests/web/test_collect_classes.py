"""2-D classes on a grid's page: what the server tells of them, their pictures, and the alerts."""

import io

import httpx
import numpy as np
import pytest
from PIL import Image

from cryogauge.collect.screen.log import Log
from cryogauge.io import write_mrc
from cryogauge.web.app import create_app, running
from cryogauge.web.collect_alerts import alerts
from cryogauge.web.collect_classes import classes_told
from cryogauge.web.collect_pages import SessionPages
from cryogauge.web.serve_pages import start_router
from tests.collect.screen.quick import Bench, settings
from tests.collect.screen.written import Written

EACH = [
    {"class": 4, "grade": 2.91, "flags": "", "resolution_A": 9.1, "share": 0.6, "view": 1, "picture": 1},
    {"class": 2, "grade": 4.5, "flags": "blurred off_centre", "resolution_A": float("nan"), "share": 0.4, "view": 0,
     "picture": 0},
]  # fmt: skip


def row_of(slot, number, *, flags="", said="All is well.", **more):
    return {
        "grid": slot, "round": number, "at_s": 10.0, "exposures": 9, "particles": 500 * number, "used": 500,
        "classes": 2, "good_share": 0.6, "best_grade": 2.91, "best_resolution_A": 9.1, "views": 1.0,
        "crowd_share": 1.0, "views_covered": float("nan"), "spread_by": "likeness", "flags": flags, "said": said,
        "averages": f"grids/{slot:02d}/classes_{number:03d}.mrcs", "each": EACH, **more,
    }  # fmt: skip


def made(written, slot, number, **more):
    return written.step("classes", f"{slot}/{number}", row_of(slot, number, **more))


@pytest.fixture
def written(tmp_path):
    written = Written(tmp_path)
    written.squares(1)
    return written


def texts(session):
    return [each["text"] for each in alerts(session, 0.0)]


def test_the_last_round_of_a_grid_calls_for_somebody(written):
    made(written, 1, 1, flags="poor_classes", said="Poor classes.")
    assert texts(written.session) == ["Classes of grid 1: Poor classes."]
    made(written, 1, 2)
    assert texts(written.session) == [], "better now"
    made(written, 2, 1, flags="one_sided", said="One-sided: one view.")
    assert texts(written.session) == ["Classes of grid 2: One-sided: one view."]


def test_a_round_that_came_to_nothing_hides_no_averages(written):
    made(written, 1, 1)
    made(written, 1, 2, classes=0, averages="", each=[], said="No classes were made: the disk is full.")
    told = classes_told(written.session, 1)
    assert [row["round"] for row in told["rounds"]] == [1, 2]
    assert (told["shown"], [row["class"] for row in told["each"]]) == (1, [4, 2])
    assert classes_told(written.session, 12) == {"every": 0, "rounds": [], "shown": 0, "each": []}


def served(folder):
    groups = [SessionPages([folder]).group()]
    return running(create_app("cryogauge", start_router(groups), *groups[0].routers))


def base_of(address):
    key = httpx.get(f"{address}collect/").text.partition('href="/collect/')[2].partition("/")[0]
    return f"{address}collect/{key}"


def test_the_page_of_a_grid_shows_rounds_and_averages(tmp_path, visit):
    assert Bench(tmp_path).run(settings(tmp_path, {1: 0.9})).finished
    y, x = np.mgrid[:40, :40] - 20
    stack = np.stack([np.hypot(y, x) < 8, np.abs(x) < 6]).astype(np.float32)
    write_mrc(tmp_path / "grids" / "01" / "classes_001.mrcs", stack, 4.0)
    log = Log(tmp_path, print)
    log.settle("classes", "1/1", row_of(1, 1, flags="one_sided", said="One-sided: one view."))
    log.close()
    with served(tmp_path) as address:
        base = base_of(address)
        told = httpx.get(f"{base}/api/changes", params={"grid": 1})
        classes = told.json()["grid"]["classes"]
        assert "NaN" not in told.text
        assert (classes["shown"], classes["rounds"][0]["views_covered"]) == (1, None)
        assert [row["grade"] for row in classes["each"]] == [2.91, 4.5]
        first, second = (httpx.get(f"{base}/classes/1/1/{k}.jpg") for k in (0, 1))
        assert first.headers["content-type"] == second.headers["content-type"] == "image/jpeg"
        shown = [np.asarray(Image.open(io.BytesIO(each.content)), float) for each in (first, second)]
        assert shown[0][0, 20] < 60 < 200 < shown[1][0, 20], "each its own"
        assert httpx.get(f"{base}/classes/1/1/2.jpg").headers["content-type"].startswith("image/svg")
        assert httpx.get(f"{base}/classes/1/1/-1.jpg").status_code == 422
        with visit(f"{base}/grids/1") as page:
            page.wait_for_selector("#class-strip li:nth-child(2)", timeout=30_000)
            assert page.inner_text("#class-strip li:first-child").split() == ["2.9", "60", "%"]
            assert "blurred, off centre" in page.get_attribute("#class-strip li:nth-child(2)", "title")
            assert "One-sided: one view." in page.inner_text("#class-words")
            assert "one sided" in page.inner_text("#class-rounds")
            assert "One-sided: one view." in page.inner_text("#alerts")
            page.evaluate("document.querySelector('#classes').scrollIntoView()")
            page.wait_for_function(
                "() => [...document.querySelectorAll('#class-strip img')].every(each => each.naturalWidth > 0)"
            )
            page.set_viewport_size({"width": 390, "height": 800})
            page.wait_for_function("() => document.documentElement.scrollWidth <= 390")  # plots are drawn anew
