"""The leaderboard over real connections and in a real browser."""

from contextlib import contextmanager

import httpx
import numpy as np
import pandas as pd
import pytest

from cryogauge.pick.challenge import Board, Contest
from cryogauge.records import CZII_OBJECTS
from cryogauge.web.app import create_app, running
from cryogauge.web.leaderboard import LARGEST_SUBMISSION_BYTES, leaderboard_router

KEY = "organiser-key-0123456789"
TOKEN = "0123456789abcdef"
HEAD = "id,experiment,particle_type,x,y,z\n"


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(0)
    rows = [
        (f"TS_{number}", kind.name, *(rng.uniform(0, 1, 3) * [6300, 6300, 1840]), np.nan)
        for number in range(4)
        for kind in CZII_OBJECTS
        for _ in range(8)
    ]
    return pd.DataFrame(rows, columns=["tomogram", "object", "x_A", "y_A", "z_A", "score"])


@pytest.fixture(scope="module")
def contest(truth):
    return Contest.of(truth, {"TS_0": "train", "TS_1": "public", "TS_2": "private", "TS_3": "private"})


@contextmanager
def serving(path, contest, *, reveal=False, token=None):
    with Board(path, contest) as board:
        router = leaderboard_router(board, reveal=reveal, organiser_key=KEY)
        app = create_app("Race", router, token=token, largest_body_bytes=LARGEST_SUBMISSION_BYTES)
        with running(app) as address:
            yield address


def _csv(table):
    rows = table.reset_index(drop=True).itertuples()
    return HEAD + "".join(f"{r.Index},{r.tomogram},{r.object},{r.x_A},{r.y_A},{r.z_A}\n" for r in rows)


def _submit(address, team, content, **more):
    return httpx.post(f"{address}api/submit", params={"team": team, **more}, content=content)


def test_submit_rank_and_keep(truth, contest, tmp_path):
    path = tmp_path / "board.sqlite"
    half = truth[truth.index % 2 == 0]
    with serving(path, contest) as address:
        assert "Nothing is submitted yet" in httpx.get(address).text
        answer = _submit(address, "Ada & Co", _csv(half), note="<i>half</i>")
        assert answer.status_code == 200
        told = answer.json()
        assert told["number"] == 1
        assert 0.4 < told["public"] < 0.7
        assert "private" not in told
        assert _submit(address, "Ben", _csv(truth)).json()["public"] == 1.0
        page = httpx.get(address).text
        assert page.index("Ben") < page.index("Ada &amp; Co")
        assert "private score<" not in page
    with serving(path, contest) as address:  # after a restart
        assert "Ada &amp; Co" in httpx.get(address).text
        history = httpx.get(f"{address}team", params={"name": "Ada & Co"}).text
        assert "&lt;i&gt;half&lt;/i&gt;" in history
        assert f"{told['public']:.5f}" in history
        assert httpx.get(f"{address}team", params={"name": "nobody"}).status_code == 400


def test_rows_that_cannot_be_used_and_slips_are_told(truth, contest, tmp_path):
    with serving(tmp_path / "board.sqlite", contest) as address:
        answer = _submit(address, "Ada", f"{HEAD}0,TS_1,ribosome,1,2,x\n1,TS_1,elephant,1,2,3\n")
        assert answer.status_code == 400
        told = answer.json()
        assert [each["line"] for each in told["problems"]] == [2, 3]
        assert told["problem_count"] == 2
        voxels = truth.assign(**{axis: truth[axis] / 10 for axis in ("x_A", "y_A", "z_A")})
        answer = _submit(address, "Ada", _csv(voxels))
        assert answer.status_code == 409
        assert "voxels" in answer.json()["suspicions"][0]
        assert _submit(address, "Ada", _csv(voxels), sure="true").status_code == 200
        for content, team in (("", "Ada"), ("no,csv\n1,2\n", "Ada"), (_csv(truth), "=1+1"), (_csv(truth), "")):
            answer = _submit(address, team, content)
            assert answer.status_code == 400
            assert answer.json()["message"]
        assert httpx.post(f"{address}api/submit", content=_csv(truth)).status_code == 422
        assert httpx.get(f"{address}standings").text.count("<tr>") == 2  # the head and one team


def test_size_and_foreign_pages_are_refused(truth, contest, tmp_path):
    with serving(tmp_path / "board.sqlite", contest) as address:
        assert _submit(address, "Ada", b"x" * (LARGEST_SUBMISSION_BYTES + 1)).status_code == 413
        answer = httpx.post(
            f"{address}api/submit", params={"team": "A"}, content=_csv(truth), headers={"Origin": "http://evil.example"}
        )
        assert answer.status_code == 403


def test_private_scores_are_for_the_organiser_until_revealed(truth, contest, tmp_path):
    path = tmp_path / "board.sqlite"
    public = truth[truth["tomogram"] == "TS_1"]
    with serving(path, contest) as address, httpx.Client(base_url=address, follow_redirects=True) as organiser:
        assert _submit(address, "Ada", _csv(public)).json()["public"] == 1.0  # overfitted
        _submit(address, "Ben", _csv(truth[truth.index % 2 == 0]))
        wrong = httpx.get(f"{address}organiser", params={"key": "wrong"})
        assert wrong.status_code == 400
        assert not wrong.cookies
        assert httpx.get(f"{address}submissions/1.csv").status_code == 400
        board = organiser.get("organiser", params={"key": KEY}).text
        assert "private score" in board
        assert board.index(">Ben<") < board.index(">Ada<")  # ranked by private score
        assert "0.00000" in board
        assert "0.00000" in organiser.get("team", params={"name": "Ada"}).text
        assert "private" in organiser.post("api/submit", params={"team": "Cid"}, content=_csv(truth)).json()
        sent = organiser.get("submissions/1.csv")
        assert sent.text == _csv(public)
        assert "attachment" in sent.headers["content-disposition"]
        assert organiser.get("submissions/99.csv").status_code == 400
        others = httpx.get(address).text + httpx.get(f"{address}team", params={"name": "Ada"}).text
        assert "0.00000" not in others
    with serving(path, contest, reveal=True) as address:
        page = httpx.get(address).text
        assert "private score" in page
        assert page.index(">Ben<") < page.index(">Ada<")
        assert httpx.get(f"{address}submissions/1.csv").status_code == 400  # their files stay the organiser's


def test_a_token_stands_before_everything(truth, contest, tmp_path):
    with serving(tmp_path / "board.sqlite", contest, token=TOKEN) as address:
        base = address.partition("?")[0]
        for path in ("", "standings", f"organiser?key={KEY}"):
            assert httpx.get(base + path).status_code == 401
        assert _submit(base, "Ada", _csv(truth)).status_code == 401
        with httpx.Client(follow_redirects=True) as client:
            assert "private score" in client.get(f"{base}organiser", params={"token": TOKEN, "key": KEY}).text


@pytest.fixture
def visit(browser):
    """``visit(address)`` → the page; fails at the end where anything complained or was asked of other machines."""
    contexts, complaints = [], []

    def open_page(address, width=1200):
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.on(
            "console",
            lambda message: (
                None
                if "Failed to load resource" in message.text  # refusals that the page tells of
                else complaints.append(message.text)
            ),
        )
        page.on("request", lambda sent: None if sent.url.startswith(address) else complaints.append(sent.url))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


def _send(page, team, name, content):
    page.fill("#team", team)
    page.set_input_files("#file", {"name": name, "mimeType": "text/csv", "buffer": content.encode()})
    page.click("#submit button")


def test_a_visitor_uploads_and_is_told(truth, contest, tmp_path, visit, expect):
    with serving(tmp_path / "board.sqlite", contest) as address, visit(address) as page:
        _send(page, "<b>bold", "truth.csv", _csv(truth))
        page.wait_for_selector("#answer .fail")
        assert "this is no name of a team" in page.inner_text("#answer")
        _send(page, "Bold <b>", "bad.csv", f"{HEAD}0,TS_1,<img src=x onerror=alert(1)>,1,2,3\n")
        page.wait_for_selector("#answer .fail li")
        assert "line 2: unknown kind of particle '<img" in page.inner_text("#answer")
        voxels = truth.assign(**{axis: truth[axis] / 10 for axis in ("x_A", "y_A", "z_A")})
        _send(page, "Bold <b>", "voxels.csv", _csv(voxels))
        page.wait_for_selector("#answer .warn button")
        assert "look like voxels" in page.inner_text("#answer")
        page.click("#answer button")
        page.wait_for_selector("#answer .score")
        assert page.inner_text("#answer .score") == "0.00000"
        _send(page, "Bold <b>", "truth.csv", _csv(truth))
        page.wait_for_selector("#answer .score:text-is('1.00000')")
        page.wait_for_selector("#standings td:text-is('1.00000')")
        page.click("#standings tbody a")
        expect(page.locator("h1")).to_have_text("Bold <b>")
        expect(page.locator("tbody tr")).to_have_count(2)
        expect(page.locator("svg circle")).to_have_count(2)


def test_a_file_that_is_too_large_is_not_sent_and_a_phone_can_read_it(truth, contest, tmp_path, visit):
    with serving(tmp_path / "board.sqlite", contest) as address:
        _submit(address, "A team with quite a long name, as people like to have", _csv(truth))
        with visit(address, width=390) as page:
            page.evaluate("document.getElementById('submit').dataset.largest = '1048576'")
            _send(page, "Ada", "large.csv", HEAD + "x" * 1_200_000)
            page.wait_for_selector("#answer .fail")
            assert "At most 1 MiB" in page.inner_text("#answer")
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
