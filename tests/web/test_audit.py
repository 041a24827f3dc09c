"""Judging suspected labels over real connections and in a real browser."""

import io
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from cryogauge.io.copick import open_project, read_project_picks
from cryogauge.pick.audit.session import AuditSession
from cryogauge.web.app import create_app, running
from cryogauge.web.audit import audit_router
from tests.pick.audit.folders import make_audit


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_audit(tmp_path_factory.mktemp("made"))


@pytest.fixture
def spoilt(made, tmp_path):
    """The audit in a folder of its own, without answers; the project is the same for all."""
    return replace(made, folder=Path(shutil.copytree(made.folder, tmp_path / "audit")))


@contextmanager
def serving(spoilt, *, count=7, token=None, **options):
    """The page for the first suggestions: its address and the session."""
    session = AuditSession(spoilt.folder, count)
    with running(create_app("Audit labels", audit_router(session, **options), token=token)) as address:
        yield address, session


def test_a_suggestion_and_its_picture_come_as_they_are(spoilt):
    with serving(spoilt) as (address, session):
        state = httpx.get(f"{address}api/next", params={"annotator": "Ada"}).json()
        assert (state["done"], state["total"], len(state["upcoming"])) == (0, 7, 4)
        first = state["upcoming"][0]
        row = session.suggestions.iloc[0]
        assert (first["kind"], first["object"], first["score"]) == (row["kind"], row["object"], row["score"])
        edge, middle = first["edge_px"], first["edge_px"] / 2
        own = first["circles"][0]
        assert own["role"] == "suggested"
        assert all(abs(own[axis] - middle) <= 0.5 for axis in "xyz")  # the voxel in the middle holds the place
        assert {each["role"] for each in first["circles"][1:]} == {"near"}
        answer = httpx.get(f"{address}api/suggestions/{first['id']}.png")
        assert answer.headers["content-type"] == "image/png"
        pixels = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert pixels.shape == (3 * edge, edge, 2)
        dark = pixels[edge // 2 - 2 : edge // 2 + 3, edge // 2 - 2 : edge // 2 + 3, 0]
        assert dark.mean() < np.median(pixels[..., 0][pixels[..., 1] > 0]) - 40


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("answer", {"annotator": "", "said": ""}),
        ("answer", {"annotator": "=1+1", "said": ""}),
        ("answer", {"said": "virus"}),
        ("answer", {"said": "x" * 300}),
        ("answer", {"said": 3}),
        ("answer", {"suggestion": "../../audit.json", "said": ""}),
        ("answer", {"suggestion": "0" * 12, "said": ""}),
        ("answer", {"seconds": -1, "said": ""}),
        ("undo", {"annotator": None}),
        ("write", {"user": "noisy", "session": "1"}),
        ("write", {"user": "../x", "session": "1"}),
        ("write", {"user": "noisy", "session": "a_b"}),
        ("write", {"user": "noisy"}),
    ],
)
def test_what_cannot_be_is_refused(spoilt, path, body):
    with serving(spoilt) as (address, session):
        full = {"annotator": "Ada", "suggestion": str(session.suggestions.index[0]), "seconds": 1.0}
        answer = httpx.post(f"{address}api/{path}", json=(full | body) if path == "answer" else body)
        assert answer.status_code in (400, 422)
        assert answer.json()["message"]
        assert not len(session.store.rows())
        for name in ("nothing", "..%2F..%2Faudit.json", "%2e%2e"):
            assert httpx.get(f"{address}api/suggestions/{name}.png").status_code in (400, 404)


def test_a_stranger_needs_the_token(spoilt):
    with serving(spoilt, token="0123456789abcdef") as (address, _):
        bare = address.partition("?")[0]
        assert httpx.get(f"{bare}api/next", params={"annotator": "Ada"}).status_code == 401
        assert httpx.post(f"{bare}api/write", json={"user": "noisy", "session": "2"}).status_code == 401
        with httpx.Client(follow_redirects=True) as client:
            assert "Who judges?" in client.get(address).text


def _shown(page, number):
    page.wait_for_function("n => Number(document.getElementById('views').dataset.shown) === n", arg=number)


def _done(page, text):
    page.wait_for_function("t => document.getElementById('far').textContent === t", arg=text)


def test_by_the_keyboard_alone_to_a_new_session(visit, spoilt):
    words = {"missing": "Missing?", "wrong": "Wrong?", "swapped": "Swapped?"}
    with serving(spoilt) as (address, session), visit(address) as page:
        page.keyboard.type("Ada")
        page.keyboard.press("Enter")
        rows = session.suggestions.to_dict("records")
        for number, row in enumerate(rows):
            _shown(page, number + 1)
            assert page.inner_text("#sort") == words[row["kind"]]
            assert row["object"] in page.inner_text("#question")
            assert row["other"] in page.inner_text("#question")
            assert page.inner_text("#score") == f"certainty {row['score']:.2f}"
            page.keyboard.press("ArrowRight" if number % 2 else "a")
        page.wait_for_selector("#over:visible")
        assert "All 7 are judged" in page.inner_text("#over")
        page.fill("#session", "audited")
        page.keyboard.press("Enter")
        page.wait_for_selector("#written:visible")
        told = page.inner_text("#written")
        assert "noisy/audited: 3 added, 2 removed, 2 renamed." in told
    project = open_project(spoilt.config)
    after = read_project_picks(project, user="noisy", session="audited")
    keys = ["tomogram", "object"]
    assert after.groupby(keys).size().equals(spoilt.truth.groupby(keys).size())


def test_reject_skip_undo_other_kinds_and_resume(visit, spoilt):
    with serving(spoilt, annotator="Ada") as (address, session), visit(address) as page:
        ids = list(session.suggestions.index)
        for number, key in enumerate(("r", "s", "2", "0", "ArrowLeft", "u", "7", "x", "a")):
            _shown(page, min(number, 6) + 1)
            page.keyboard.press(key)
        _done(page, "5 of 7")
        rows = session.suggestions.to_dict("records")
        first = {"missing": "", "wrong": rows[0]["object"], "swapped": rows[0]["object"]}[rows[0]["kind"]]
        fifth = {"missing": rows[4]["object"], "wrong": "", "swapped": rows[4]["other"]}[rows[4]["kind"]]
        wanted = {ids[0]: first, ids[1]: None, ids[2]: "large", ids[3]: "", ids[4]: fifth}
        assert session.store.answered("Ada") == wanted
        page.reload()
        _done(page, "5 of 7")
        _shown(page, 1)
        page.keyboard.press("s")
        _shown(page, 2)
        page.keyboard.press("s")
        page.wait_for_selector("#over:visible")
        page.click("#again")  # the three that were passed over
        page.wait_for_selector("#work:visible")
        _done(page, "4 of 7")


def test_circles_are_drawn_where_they_belong_and_can_be_hidden(visit, spoilt):
    with serving(spoilt, annotator="Ada") as (address, session), visit(address) as page:
        _shown(page, 1)
        shown = session.shown(str(session.suggestions.index[0]))
        own = shown["circles"][0]
        hue = page.get_attribute(f"#kinds [data-kind='{own['object']}']", "data-hue")

        def part_of_circle():
            """The part of the circle's own line in its colour, in the section xy."""
            return page.evaluate(
                """([x, y, radius, edge, hue]) => {
                  const canvas = document.querySelector("#view-xy canvas");
                  const scale = canvas.width / edge;
                  const wanted = [1, 3, 5].map((i) => parseInt(hue.slice(i, i + 2), 16));
                  let found = 0;
                  for (let i = 0; i < 360; i++) {
                    const at = [x + radius * Math.cos(i * Math.PI / 180), y + radius * Math.sin(i * Math.PI / 180)];
                    const got = canvas.getContext("2d").getImageData(at[0] * scale, at[1] * scale, 1, 1).data;
                    found += wanted.every((value, j) => Math.abs(value - got[j]) < 40);
                  }
                  return found / 360;
                }""",
                [own["x"], own["y"], own["radius"], shown["edge_px"], hue],
            )

        assert 0.3 < part_of_circle() < 0.9  # dashed
        page.keyboard.down("h")
        assert part_of_circle() == 0
        page.keyboard.up("h")
        assert part_of_circle() > 0.3
        visit.complaints.clear()  # the browser finds reading a canvas slow


def test_keys_faster_than_pictures_answer_what_is_shown(visit, spoilt):
    with serving(spoilt, annotator="Ada") as (address, session), visit(address) as page:
        _shown(page, 1)
        page.evaluate(
            "() => { for (let i = 0; i < 30; i++)"
            " document.dispatchEvent(new KeyboardEvent('keydown', { key: 'a', bubbles: true })); }"
        )
        _shown(page, 2)
        _done(page, "1 of 7")
        assert len(session.store.rows()) == 1


def test_a_server_that_went_away_is_told_and_a_refused_session_too(visit, spoilt):
    with serving(spoilt, annotator="Ada") as (address, _), visit(address) as page:
        _shown(page, 1)
        page.route("**/api/answer", lambda route: route.fulfill(status=500, body="broken"))
        page.keyboard.press("a")
        page.wait_for_selector("#problem:visible")
        assert "broken" in page.inner_text("#problem")
        page.unroute("**/api/answer")
        page.keyboard.press("Enter")
        page.wait_for_selector("#work:visible")
        _done(page, "0 of 7")
        page.click("#finish")
        page.fill("#session", "1")
        page.keyboard.press("Enter")
        page.wait_for_selector("#written:visible")
        assert "noisy/1 are the labels that were audited" in page.inner_text("#written")
        page.click("#return")
        assert page.locator("#work").is_visible()
        visit.complaints.clear()  # the browser told of both statuses


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out_of_the_page(visit, expect, spoilt, width):
    with serving(spoilt, annotator="A" * 64) as (address, _), visit(address, width, "dark") as page:
        _shown(page, 1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.click("#finish")
        expect(page.locator("#over")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
