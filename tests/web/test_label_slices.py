"""Labelling over real connections and in a real browser."""

import base64
import csv
import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
from PIL import Image

from cryogauge.io import TomogramSource, open_volume, write_mrc
from cryogauge.report.pictures import grey_levels
from cryogauge.score.labels import read_labels
from cryogauge.score.labels.session import LabelSession, slices_of_tomogram
from cryogauge.score.labels.store import LabelStore
from cryogauge.web.app import create_app, running
from cryogauge.web.label_slices import label_slices_router

SIZE_A = 20.0


@pytest.fixture(scope="module")
def tomograms(tmp_path_factory):
    """Two tomograms of 30 slices of 100 × 120 pixels; the first pixels of each slice say which it is."""
    folder = tmp_path_factory.mktemp("tomograms")
    random = np.random.default_rng(0)
    sources = []
    for name in ("secret_one", "secret_two"):
        path = folder / f"{name}.mrc"
        write_mrc(path, random.normal(size=(30, 100, 120)).astype(np.float32), SIZE_A)
        sources.append(TomogramSource(str(path), name))
    return sources


@contextmanager
def serving(tomograms, labels, *, count=30, **options):
    """The page for ``count`` slices of each tomogram: its address and the session."""
    found = [slices_of_tomogram(source, count, seed=1)[0] for source in tomograms]
    with LabelStore(labels) as store:
        session = LabelSession(store, [each for slices in found for each in slices], seed=1)
        with running(create_app("Label slices", label_slices_router(session, **options))) as address:
            yield address, session


def _next(address, name):
    answer = httpx.get(f"{address}api/next", params={"annotator": name})
    assert answer.status_code == 200, answer.text
    return answer.json()


def _say(address, name, showing, category, **more):
    said = {"annotator": name, "slice": showing["slice"], "repeat": showing["repeat"], "category": category}
    return httpx.post(f"{address}api/label", json={**said, "seconds": 1.5, **more})


def test_label_undo_and_resume(tomograms, tmp_path):
    labels = tmp_path / "labels.sqlite"
    with serving(tomograms, labels) as (address, _):
        first = _next(address, "Ada")
        assert (first["done"], first["total"], len(first["showings"])) == (0, 63, 4)
        second = _say(address, "Ada", first["showings"][0], 4, width_px=2.25).json()
        assert second["done"] == 1
        assert second["showings"][:3] == first["showings"][1:]
        _say(address, " Ada ", second["showings"][0], 0)  # the same person
        undone = httpx.post(f"{address}api/undo", json={"annotator": "Ada"}).json()
        assert undone["undone"] == second["showings"][0]
        assert undone["done"] == 1
    with serving(tomograms, labels) as (address, _):
        assert _next(address, "Ada") == second  # after a restart
        assert _next(address, "Ben")["done"] == 0
    table = read_labels(labels)
    assert table[["annotator", "category", "score", "width_px", "repeat"]].to_numpy().tolist() == [
        ["Ada", 4, 0.8, 2.25, False]
    ]
    assert table["uri"].isin([source.uri for source in tomograms]).all()


def test_a_label_given_twice_counts_once(tomograms, tmp_path):
    with serving(tomograms, tmp_path / "labels.sqlite") as (address, _):
        showing = _next(address, "Ada")["showings"][0]
        for category in (2, 5):
            assert _say(address, "Ada", showing, category).json()["done"] == 1
    assert read_labels(tmp_path / "labels.sqlite")["category"].tolist() == [2]


@pytest.mark.parametrize(
    "change",
    [
        {"category": 6},
        {"category": -1},
        {"category": 2.5},
        {"width_px": 0},
        {"seconds": -1},
        {"slice": 10_000},
        {"repeat": True, "slice": 1},
        {"annotator": ""},
        {"annotator": "=1+1"},
        {"annotator": "x" * 65},
        {"annotator": None},
    ],
)
def test_what_cannot_be_is_refused(tomograms, tmp_path, change):
    with serving(tomograms[:1], tmp_path / "labels.sqlite", count=3) as (address, session):
        said = {"annotator": "Ada", "slice": min(session.slices), "repeat": False, "category": 1, "seconds": 1.0}
        answer = httpx.post(f"{address}api/label", json=said | change)
        assert answer.status_code in (400, 422)
        assert answer.json()["message"]
        assert session.store.rows() == []
        assert httpx.post(f"{address}api/label", json=said).status_code == 200


def test_a_slice_comes_as_it_is(tomograms, tmp_path):
    with serving(tomograms, tmp_path / "labels.sqlite") as (address, session):
        for identity in (1, 40):
            answer = httpx.get(f"{address}api/slices/{identity}.png")
            assert answer.headers["content-type"] == "image/png"
            wanted = session.slices[identity]
            values = open_volume(wanted.uri).slice(wanted.z)
            shown = np.asarray(Image.open(io.BytesIO(answer.content)))
            assert shown.shape == values.shape
            assert np.array_equal(shown, grey_levels(values))
        assert httpx.get(f"{address}api/slices/9999.png").status_code == 400
        assert httpx.get(f"{address}api/slices/x.png").status_code == 422


def test_grey_levels():
    values = np.arange(1000.0).reshape(20, 50)
    levels = grey_levels(values)
    assert (levels.min(), levels.max()) == (0, 255)
    assert np.all(np.diff(levels.ravel().astype(int)) >= 0)
    values[3, 4] = np.nan
    assert grey_levels(values)[3, 4] == 0
    assert not grey_levels(np.full((4, 4), 7.0)).any()
    assert not grey_levels(np.full((4, 4), np.nan)).any()


def test_nothing_says_where_a_slice_comes_from(tomograms, tmp_path):
    with serving(tomograms, tmp_path / "labels.sqlite") as (address, _):
        answer = httpx.get(f"{address}api/next", params={"annotator": "Ada"})
        picture = httpx.get(f"{address}api/slices/1.png")
        for text in (httpx.get(address).text, answer.text, str(answer.headers), str(picture.headers)):
            assert "secret" not in text
        assert set(answer.json()["showings"][0]) == {"slice", "repeat", "pixel_size_A"}
        assert b"secret" not in picture.content


def test_two_people_at_once(tomograms, tmp_path):
    def label_all(name):
        with httpx.Client() as client:
            state = client.get(f"{address}api/next", params={"annotator": name}).json()
            while state["showings"]:
                showing = state["showings"][0]
                said = {"annotator": name, "slice": showing["slice"], "repeat": showing["repeat"], "seconds": 0.1}
                category = (showing["slice"] + (name == "Ben" and showing["slice"] % 2)) % 6
                answer = client.post(f"{address}api/label", json={**said, "category": category})
                assert answer.status_code == 200, answer.text
                state = answer.json()
        return state

    labels = tmp_path / "labels.sqlite"
    with serving(tomograms, labels) as (address, _), ThreadPoolExecutor(2) as pool:
        assert [state["done"] for state in pool.map(label_all, ("Ada", "Ben"))] == [63, 63]
        progress = httpx.get(f"{address}progress").text
        exported = list(csv.DictReader(io.StringIO(httpx.get(f"{address}export.csv").text)))
    assert len(exported) == 126
    table = read_labels(labels)
    assert table.groupby(["annotator", "repeat"]).size().to_dict() == {
        ("Ada", False): 60,
        ("Ada", True): 3,
        ("Ben", False): 60,
        ("Ben", True): 3,
    }
    assert "63 / 63" in progress
    assert [int(row["category"]) for row in exported] == table["category"].tolist()


def _shown(page, number):
    page.wait_for_function("n => Number(document.getElementById('view').dataset.shown) === n", arg=number)


def _done(page, text):
    page.wait_for_function("t => document.getElementById('far').textContent === t", arg=text)


def test_by_the_keyboard_alone(visit, tomograms, tmp_path):
    labels = tmp_path / "labels.sqlite"
    with serving(tomograms, labels) as (address, session), visit(address) as page:
        page.keyboard.type("Ada")
        page.keyboard.press("Enter")
        _shown(page, 1)
        expected = session.upcoming("Ada", 6)
        for number, key in enumerate("012345"):
            page.keyboard.press(key)
            _shown(page, number + 2)
        _done(page, "6 of 63")
        page.keyboard.press("7")  # no category
        page.keyboard.press(" ")  # nothing measured
        page.keyboard.press("u")
        _done(page, "5 of 63")
        _shown(page, 8)
        page.keyboard.press("u")
        _done(page, "4 of 63")
        _shown(page, 9)
        page.keyboard.press("1")
        page.keyboard.press("+")
        page.keyboard.press("+")
        page.keyboard.press("-")
        _done(page, "5 of 63")
        assert page.eval_on_selector("#picture", "e => e.style.filter") == "contrast(1.25)"
        page.reload()
        page.keyboard.type("Ada")
        page.keyboard.press("Enter")
        _done(page, "5 of 63")
    said = {(row["tomogram"], row["z"]): row["category"] for row in read_labels(labels).to_dict("records")}
    wanted = [session.slices[each.item] for each in expected[:5]]
    assert [said[each.tomogram, each.z] for each in wanted] == [0, 1, 2, 3, 1]


def test_keys_faster_than_pictures_label_what_is_shown(visit, tomograms, tmp_path):
    """A key pressed before the next slice is there must not label it unseen."""
    labels = tmp_path / "labels.sqlite"
    with serving(tomograms, labels, count=10, annotator="Ada") as (address, _), visit(address) as page:
        _shown(page, 1)
        page.evaluate(
            "() => { for (let i = 0; i < 30; i++)"
            " document.dispatchEvent(new KeyboardEvent('keydown', { key: '3', bubbles: true })); }"
        )
        _shown(page, 2)
        _done(page, "1 of 20")
    assert len(read_labels(labels)) == 1


def test_measuring_gives_width_and_category(visit, expect, tomograms, tmp_path):
    labels = tmp_path / "labels.sqlite"
    with serving(tomograms, labels, annotator="Ada") as (address, _), visit(address) as page:
        _shown(page, 1)
        box = page.locator("#view").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        expect(page.locator("#zoom")).to_have_text("700 %")  # 100 pixels in 726, when the view has its size
        scale = 7

        def drag(width_px, **options):
            page.mouse.move(x, y)
            page.mouse.down(**options)
            page.mouse.move(x + width_px * scale / 2, y, steps=2)
            page.mouse.move(x + width_px * scale, y)
            page.mouse.up(**options)

        for width, text in ((1, "5: 1 px"), (2, "4: 2 px"), (3, "3: 3 px"), (5, "2: 4–5 px"), (9, "1: 6 px or more")):
            drag(width)
            assert page.inner_text("#measured").splitlines() == [f"{width}.0 px · {width * 2:.2f} nm", text]
        page.keyboard.press("Escape")
        assert page.locator("#accept").is_disabled()
        page.keyboard.press("z")  # twice as large: the same drag is half as wide
        assert page.inner_text("#zoom") == "1400 %"
        drag(6)
        assert page.inner_text("#measured").startswith("3.0 px")
        drag(6, button="right")  # moves the slice, and the measurement with it
        assert page.inner_text("#measured").startswith("3.0 px")
        page.keyboard.press(" ")
        _done(page, "1 of 63")
        _shown(page, 2)
        assert page.locator("#accept").is_disabled()  # the measurement was of the slice before
        page.mouse.move(x, y)
        page.mouse.wheel(0, -100)
        expect(page.locator("#zoom")).not_to_have_text("1400 %")
    row = read_labels(labels).iloc[0]
    assert (row["category"], row["width_px"]) == (3, pytest.approx(3.0))


def test_pixels_are_shown_unsmoothed(visit, expect, tomograms, tmp_path):
    with serving(tomograms, tmp_path / "labels.sqlite", annotator="Ada") as (address, session), visit(address) as page:
        _shown(page, 1)
        expect(page.locator("#zoom")).to_have_text("700 %")
        shown = session.upcoming("Ada", 1)[0].item
        levels = np.asarray(Image.open(io.BytesIO(httpx.get(f"{address}api/slices/{shown}.png").content)))
        drawn = page.evaluate("document.getElementById('picture').toDataURL()").partition(",")[2]
        canvas = np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn))).convert("L"))
        top, left = (canvas.shape[0] - 700) // 2, (canvas.shape[1] - 840) // 2
        found = [
            np.array_equal(canvas[t : t + 700, s : s + 840], levels.repeat(7, 0).repeat(7, 1))
            for t in (top, top + 1)
            for s in (left, left + 1)
        ]
        assert any(found)
        page.keyboard.press("z")  # by the keyboard alone: about the middle
        drawn = page.evaluate("document.getElementById('picture').toDataURL()").partition(",")[2]
        canvas = np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn))).convert("L"))
        assert canvas[canvas.shape[0] // 2 + 7, canvas.shape[1] // 2 + 7] == levels[50, 60]


def test_to_the_end_and_back(visit, tomograms, tmp_path):
    with (
        serving(tomograms[:1], tmp_path / "labels.sqlite", count=3, annotator="Ada") as (address, _),
        visit(address) as page,
    ):
        for number in range(3):
            _shown(page, number + 1)
            page.keyboard.press("2")
        page.wait_for_selector("#over:visible")
        assert not page.locator("#work").is_visible()
        page.keyboard.press("u")
        page.wait_for_selector("#work:visible")
        _done(page, "2 of 3")


def test_a_server_that_went_away_is_told_and_nothing_is_lost(visit, tomograms, tmp_path):
    labels = tmp_path / "labels.sqlite"
    with serving(tomograms, labels, annotator="Ada") as (address, session), visit(address) as page:
        _shown(page, 1)
        before = session.upcoming("Ada", 1)
        page.route("**/api/label", lambda route: route.fulfill(status=500, body="broken"))
        page.keyboard.press("2")
        page.wait_for_selector("#problem:visible")
        assert "broken" in page.inner_text("#problem")
        page.unroute("**/api/label")
        visit.complaints.clear()  # the browser told of the status too
        page.keyboard.press("Enter")
        page.wait_for_selector("#work:visible")
        _done(page, "0 of 63")
        assert session.upcoming("Ada", 1) == before


@pytest.mark.parametrize("path", ["", "progress"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out_of_the_page(visit, tomograms, tmp_path, width, path):
    with (
        serving(tomograms, tmp_path / "labels.sqlite", annotator="A" * 64) as (address, _),
        visit(address, width, "dark") as page,
    ):
        _shown(page, 1)
        page.keyboard.press("2")
        _done(page, "1 of 63")
        if path:
            page.goto(address + path)
            assert "A" * 64 in page.inner_text("main")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
