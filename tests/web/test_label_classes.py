"""Grading averages over real connections and in a real browser."""

from contextlib import contextmanager

import httpx
import numpy as np

from cryogauge.classes.labels import ClassLabelStore, read_class_labels
from cryogauge.classes.labels.session import ClassLabelSession
from cryogauge.records import ClassStack
from cryogauge.web.app import create_app, running
from cryogauge.web.label_classes import label_classes_router
from tests.classes.averages import particle, stack_of

WORDING = "I agree that my grades are used."


def stacks(count=5):
    """Two jobs of averages."""
    rng = np.random.default_rng(0)
    made = [stack_of(np.stack([particle(40, rng, radius_px=8) for _ in range(count)])) for _ in range(2)]
    return [
        ClassStack(each.images, each.pixel_size_A, each.table, source=f"/secret/job{number}.mrcs")
        for number, each in enumerate(made)
    ]


@contextmanager
def serving(labels, *, consent=None, count=5, **options):
    with ClassLabelStore(labels) as store:
        session = ClassLabelSession(store, stacks(count), seed=1, consent=consent)
        router = label_classes_router(lambda job: session, **options)
        with running(create_app("Grade classes", router)) as address:
            yield address, session


def _next(address, name):
    answer = httpx.get(f"{address}api/next", params={"annotator": name})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_blind_resumed_and_each_once(tmp_path):
    labels = tmp_path / "labels.sqlite"
    with serving(labels) as (address, _):
        state = _next(address, "Ada")
        assert (state["done"], state["total"]) == (0, 10)
        assert set(state["showings"][0]) == {"image", "repeat", "pixel_size_A"}
        picture = httpx.get(f"{address}api/images/{state['showings'][0]['image']}.png")
        for text in (httpx.get(address).text, str(state), str(picture.headers)):
            assert "secret" not in text
        said = {"annotator": "Ada", "seconds": 2.0, "grade": 2, **_only(state["showings"][0])}
        for _ in range(2):
            after = httpx.post(f"{address}api/label", json=said).json()
            assert after["done"] == 1
        assert httpx.get(f"{address}api/examples/A.png").headers["content-type"] == "image/png"
        assert httpx.get(f"{address}api/examples/E.png").status_code == 400
    with serving(labels) as (address, _):
        assert _next(address, "Ada") == after
        assert _next(address, "Ben")["done"] == 0
        undone = httpx.post(f"{address}api/undo", json={"annotator": "Ada"}).json()
        assert undone["undone"] == state["showings"][0]
        assert "Nothing is graded" in httpx.get(f"{address}progress").text
    assert read_class_labels(labels).empty


def _only(showing):
    return {name: showing[name] for name in ("image", "repeat")}


REFUSED = (
    {"grade": 0.9}, {"grade": 5.1}, {"grade": "A"}, {"image": 99}, {"repeat": True}, {"seconds": -1},
    {"annotator": "=1+1"}, {"annotator": ""},
)  # fmt: skip


def test_what_cannot_be_is_refused(tmp_path):
    with serving(tmp_path / "labels.sqlite") as (address, session):
        said = {"annotator": "Ada", "image": min(session.images), "repeat": False, "grade": 1, "seconds": 1.0}
        for change in REFUSED:
            answer = httpx.post(f"{address}api/label", json=said | change)
            assert answer.status_code in (400, 422), change
            assert answer.json()["message"]
        assert session.store.rows() == []


def test_no_grade_without_consent_and_the_wording_beside_each(tmp_path):
    with serving(tmp_path / "labels.sqlite", consent=WORDING) as (address, session):
        assert WORDING in httpx.get(address).text
        said = {"annotator": "Ada", "seconds": 1.0, "grade": 3, **_only(_next(address, "Ada")["showings"][0])}
        assert httpx.post(f"{address}api/label", json=said).status_code == 400
        assert session.store.rows() == []
        assert httpx.post(f"{address}api/label", json=said | {"agreed": True}).status_code == 200
        (row,) = session.store.rows()
        assert row["consent"] == WORDING
        assert row["labelled_at"].startswith("20")


def _shown(page, number):
    page.wait_for_function("n => Number(document.getElementById('view').dataset.shown) === n", arg=number)


def _done(page, text):
    page.wait_for_function("t => document.getElementById('far').textContent === t", arg=text)


def test_by_the_keyboard_to_the_end(visit, tmp_path):
    labels = tmp_path / "labels.sqlite"
    with serving(labels, consent=WORDING, count=3) as (address, _), visit(address, 1280, "dark") as page:
        page.keyboard.type("Ada")
        page.keyboard.press("Enter")
        assert page.locator("#who").is_visible()  # the box is not ticked
        page.check("#agreed")
        page.keyboard.press("Enter")
        for number, key in enumerate("1b3Df5"):
            _shown(page, number + 1)
            page.keyboard.press(key)
        page.wait_for_selector("#over:visible")
        page.keyboard.press("u")
        _done(page, "5 of 6")
        _shown(page, 7)
        page.click("#legend [data-grade='4']")
        page.wait_for_selector("#over:visible")
        assert page.is_hidden("#problem")
        page.goto(f"{address}progress")
        assert "6 / 6" in page.inner_text("main")
    assert read_class_labels(labels)["grade"].tolist() == [1, 2, 3, 4, 5, 4]


def test_nothing_sticks_out_of_a_narrow_page(visit, tmp_path):
    with serving(tmp_path / "labels.sqlite", annotator="A" * 64) as (address, _), visit(address, 390) as page:
        _shown(page, 1)
        page.keyboard.press("2")
        _done(page, "1 of 10")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.goto(f"{address}progress")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
