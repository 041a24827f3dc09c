"""Live pages of sessions over real connections and in a real browser; the sessions are real, their microscope quick."""

import json
import os
import shutil
import threading
import time
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from cryogauge.collect.screen import orders
from cryogauge.collect.screen.log import read_steps
from cryogauge.collect.screen.orders import read_orders
from cryogauge.collect.screen.ranking import rank_grids
from cryogauge.io import write_mrc
from cryogauge.records import BadInput
from cryogauge.web.app import create_app, running
from cryogauge.web.collect_pages import SessionPages
from cryogauge.web.serve_pages import start_router
from tests.collect.screen.quick import EYES, Bench, judge, settings

WATCH, DRIVE = "0123456789abcdef-watch", "0123456789abcdef-drive"
BROWSER = {"accept": "text/html"}
LONG_MS = 30_000
EVIL = "<script>alert(1)</script>"


def served(folder, **tokens):
    groups = [SessionPages([folder]).group()]
    return running(create_app("cryogauge", start_router(groups), *groups[0].routers, **tokens))


def grading(picture, pixel_size_A, judging):
    """Exposures with something to say."""
    row = judge(picture, pixel_size_A, judging)
    return {**row, "said": "12 particles cover 2 % of the field.", "flags": "few_particles"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sessions") / "Tuesday's grids"
    folder.mkdir()
    orders.exclude(folder, "1/2", "Ben")
    orders.remark(folder, "1", "Ben", EVIL)
    wanted = settings(folder, {1: 0.9, 2: 0.6}, squares={"count": 3, "strategy": "best"})
    assert Bench(folder).run(wanted, replace(EYES, judge=grading)).finished
    return folder


@pytest.fixture(scope="module")
def address(finished):
    with served(finished.parent) as address:
        yield address


@pytest.fixture(scope="module")
def base(address):
    base = base_of(address)
    assert "/Tuesday-s-grids-" in base
    return base


def copied(finished, tmp_path):
    folder = tmp_path / "session"
    shutil.copytree(finished, folder)
    return folder


def told(base, **query):
    answer = httpx.get(f"{base}/api/changes", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ranked(base, **query):
    """What is told once the grids are ranked, which takes a moment."""
    answer = told(base, **query)
    while any(grid["score"] is None for grid in answer["head"]["grids"]):
        time.sleep(0.02)
        answer = told(base, **query)
    return answer


def base_of(address, client=httpx):
    """Address of the only session."""
    key = client.get(f"{address}collect/").text.partition('href="/collect/')[2].partition("/")[0]
    return f"{address}collect/{key}"


# ------------------------------------------------------------------ what is told
def test_the_start_lists_the_sessions(address, base):
    assert "/collect/" in httpx.get(address).text, "programs look here whether the server is there"
    start = httpx.get(address, headers=BROWSER)
    assert (start.status_code, start.headers["location"]) == (307, "/collect/"), "there is nothing else to choose"
    page = httpx.get(f"{address}collect/").text
    assert "Tuesday&#39;s grids" in page
    assert "<title>Tuesday&#39;s grids · cryogauge</title>" in httpx.get(base + "/").text  # tabs can be told apart
    assert "all grids are done" in page
    for path in ("/", "/grids/1", "/grids/2"):
        assert httpx.get(base + path).status_code == 200


def test_a_session_that_is_served_alone_is_the_start(finished, base, tmp_path):
    with served(finished) as address:
        assert httpx.get(address, headers=BROWSER, follow_redirects=True).url.path == urlsplit(base).path + "/"
    with served(tmp_path) as address:
        assert httpx.get(address, headers=BROWSER, follow_redirects=True).url.path == "/collect/", (
            "others may come there"
        )


def test_all_is_told_at_first_and_then_what_changed(finished, tmp_path):
    folder = copied(finished, tmp_path)
    with served(folder) as address:
        base = base_of(address)
        whole = ranked(base)
        assert whole["whole"]
        assert whole["head"]["state"] == "finished"
        steps = read_steps(folder)
        rows = [entry.result for (step, _), entry in steps.items() if step == "judged"]
        table = rank_grids({1: "grid 1", 2: "grid 2"}, steps, rows)
        grids = whole["head"]["grids"]
        assert [grid["slot"] for grid in grids] == table["slot"].tolist(), "the best first"
        for column in ("score", "squares_score", "holes_score", "exposures_score", "median_fit_A", "exposures"):
            np.testing.assert_allclose([grid[column] for grid in grids], table[column], rtol=1e-3)
        assert whole["words"][-1].endswith("The session is finished: all grids are done.")
        assert whole["head"]["totals"]["exposures"] == len(whole["exposures"]) == 12
        assert whole["head"]["orders"]["remarks"] == [["1", "Ben", EVIL]]
        assert httpx.get(f"{base}/api/changes", params={"cursor": whole["cursor"]}).status_code == 204

        grid = told(base, grid=1)
        assert {row[0].split("/")[0] for row in grid["exposures"]} == {"1"}
        states = {number: (state, why) for number, state, why in grid["grid"]["squares"]}
        assert states[2] == ("left out", "left out by Ben")
        assert sum(state == "exposed" for state, _ in states.values()) == 3
        assert len(grid["grid"]["outlines"]) == len(states)

        orders.exclude(folder, "1/20", "Ada")
        changed = told(base, cursor=grid["cursor"], grid=1)
        assert not changed["whole"]
        assert changed["exposures"] == []
        assert [20, "left out", "left out by Ada"] in changed["grid"]["squares"]
        assert changed["head"]["orders"]["excluded"] == {"1/2": "Ben", "1/20": "Ada"}
        for nonsense in ("x", "0.0.0.0.0", f"{grid['cursor']}.1", grid["cursor"].replace(".", ".x", 1)):
            assert told(base, cursor=nonsense)["whole"]


def test_numbers_that_are_none_are_null(base):
    answer = httpx.get(f"{base}/api/changes")
    assert "NaN" not in answer.text
    row = dict(zip(answer.json()["columns"], answer.json()["exposures"][0], strict=True))
    assert row["defocus_A"] is None
    assert row["said"] == "12 particles cover 2 % of the field."


def test_holes_of_a_square(base):
    square = told(base, grid=1)["exposures"][0][0].split("/")[1]
    seen = httpx.get(f"{base}/api/squares/1/{square}").json()
    assert seen["shape_px"] == [128, 128]
    assert {"hole", "x_px", "y_px", "score", "why", "chosen_because"} == set(seen["holes"][0])
    assert httpx.get(f"{base}/api/squares/1/2").json() is None, "nobody went there"
    assert httpx.get(f"{base}/api/squares/9/9").json() is None
    assert httpx.get(f"{base}/api/changes", params={"grid": 9}).status_code == 400
    assert httpx.get(f"{base}/grids/9").status_code == 400


def test_pictures_are_kept_by_the_browser(base):
    name = told(base, grid=1)["exposures"][0][0].replace("/", "_")
    for path in (f"exposures/{name}.jpg", f"exposures/{name}.jpg?small=1", "atlas/1.jpg", "atlas/1.jpg?small=1"):
        answer = httpx.get(f"{base}/{path}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.content.startswith(b"\xff\xd8")
        again = httpx.get(f"{base}/{path}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


# ------------------------------------------------------------------ damage
def test_missing_and_damaged_pictures_say_so(finished, tmp_path):
    folder = copied(finished, tmp_path)
    name = told_name(folder)
    (folder / "exposures" / f"exposure_{name}.mrc").write_bytes(b"short")
    (folder / "grids" / "01" / "atlas.mrc").unlink()
    outside = tmp_path / "outside.mrc"
    write_mrc(outside, np.ones((8, 8), np.float32), 1.0)
    square = next((folder / "grids" / "01").glob("square_*.mrc"))
    square.unlink()
    square.symlink_to(outside)
    with served(folder) as address:
        base = base_of(address)
        for path, words in (
            (f"exposures/{name}.jpg", "damaged"), ("atlas/1.jpg", "not there"), ("atlas/7.jpg", "not there"),
            (f"squares/1/{int(square.stem.split('_')[1])}.jpg", "outside the session"),
        ):  # fmt: skip
            answer = httpx.get(f"{base}/{path}")
            assert answer.headers["content-type"] == "image/svg+xml"
            assert words in answer.text.replace("</tspan>", " ").replace("’", "'")
        assert told(base, grid=1)["grid"]["shape_px"] is None
        for path in ("exposures/..%2f..%2fx.jpg", "exposures/1_2_3.jpg", "atlas/-1.jpg", "atlas/../../x.jpg"):
            assert httpx.get(f"{base}/{path}").status_code in (200, 307, 400, 404)
            assert "image/jpeg" not in httpx.get(f"{base}/{path}").headers.get("content-type", "")


def told_name(folder):
    return next((folder / "exposures").glob("exposure_1_*.mrc")).stem.removeprefix("exposure_")


def test_damaged_logs_leave_the_page_alive(finished, tmp_path):
    folder = copied(finished, tmp_path)
    lines = (folder / "session.jsonl").read_bytes().split(b"\n")
    with served(tmp_path) as address:
        base = base_of(address)
        (folder / "session.jsonl").write_bytes(b"\n".join([lines[0], lines[1], b"no json", *lines[2:]]) + b'{"n": 9')
        head = told(base)["head"]
        assert any("cannot be read" in each["text"] for each in head["alerts"])
        assert head["state"] == "finished"
        spoilt = [line.replace(b'"usable"', b'"useless"') for line in lines]
        (folder / "new").write_bytes(b"\n".join(spoilt))
        os.replace(folder / "new", folder / "session.jsonl")
        while not any("cannot be ranked" in each["text"] for each in told(base)["head"]["alerts"]):
            time.sleep(0.02)
        assert [grid["score"] for grid in told(base)["head"]["grids"]] == [None, None]
        (folder / "orders.jsonl").write_text("nonsense\n")
        assert any("is no order; it pauses" in each["text"] for each in told(base)["head"]["alerts"])
        nonsense = {"n": 0, "command": "squares", "arguments": {"target": "1"}, "at": 0}, {
            "n": 0, "outcome": "done", "at": 1, "result": {"all": 5, "queue": "x"},
        }  # fmt: skip
        (folder / "session.jsonl").write_text("".join(json.dumps(each) + "\n" for each in nonsense))
        answer = httpx.get(f"{base}/api/changes", params={"grid": 1})
        assert answer.status_code == 400
        assert "tells what cannot be" in answer.json()["message"]
        (folder / "session.jsonl").unlink()
        (folder / "orders.jsonl").unlink()
        head = told(base)["head"]
        assert (head["state"], head["grids"], head["queue"]) == ("not begun", [], [])


def test_a_session_may_come_later(tmp_path, finished):
    with served(tmp_path) as address:
        assert "has not begun" in httpx.get(f"{address}collect/").text
        copied(finished, tmp_path)
        assert httpx.get(f"{address}collect/").text.count('class="card"') == 1
        assert "all grids are done" in httpx.get(f"{address}collect/").text
        assert httpx.get(f"{address}collect/nothing-000000/").status_code == 400
    with pytest.raises(BadInput, match="is no folder"):
        SessionPages([tmp_path / "missing"])


# ------------------------------------------------------------------ people
def test_watching_is_not_driving(finished, tmp_path):
    folder = copied(finished, tmp_path)
    order = {"order": "pause", "by": "Ada"}
    with served(folder, token=WATCH, drive_token=DRIVE) as address:
        bare = address.partition("?")[0]
        with httpx.Client(follow_redirects=True) as watcher, httpx.Client(follow_redirects=True) as driver:
            watcher.get(f"{bare}?token={WATCH}")
            driver.get(f"{bare}?token={DRIVE}")
            base = base_of(bare, watcher)
            assert "<button" not in watcher.get(f"{base}/").text
            assert "Whoever is at this machine" not in driver.get(f"{base}/").text
            assert "You are watching" in watcher.get(f"{base}/").text
            assert 'id="pause"' in driver.get(f"{base}/").text
            refused = watcher.post(f"{base}/api/orders", json=order)
            assert refused.status_code == 403
            assert "not drive" in refused.json()["message"]
            assert not read_orders(folder).paused
            assert httpx.post(f"{base}/api/orders", json=order).status_code == 401
            assert driver.post(f"{base}/api/orders", json=order).status_code == 204
            assert read_orders(folder).paused == "Ada"
            evil = driver.post(f"{base}/api/orders", json=order, headers={"Origin": "http://evil.example"})
            assert evil.status_code == 403
    with served(folder, token=WATCH) as address, httpx.Client(follow_redirects=True) as client:
        client.get(address)
        base = base_of(address.partition("?")[0], client)
        assert client.post(f"{base}/api/orders", json=order).status_code == 403, "nobody drives"
    with served(folder, drive_token=DRIVE) as address:
        orders_at, bearer = f"{base_of(address)}/api/orders", {"Authorization": f"Bearer {DRIVE}"}
        assert httpx.post(orders_at, json=order).status_code == 403
        assert httpx.post(orders_at, json=order, headers=bearer).status_code == 204
    for tokens in ({"token": WATCH, "drive_token": WATCH}, {"drive_token": "short"}):
        with pytest.raises(BadInput):
            create_app("Test", **tokens)


def test_orders_are_those_of_people_on_what_there_is(finished, tmp_path):
    folder = copied(finished, tmp_path)
    before = (folder / "orders.jsonl").read_text()
    with served(folder) as address:
        orders_at = f"{base_of(address)}/api/orders"
        for wrong in (
            {"order": "pause", "by": " "}, {"order": "jump", "by": "Ada"}, {"order": "pause", "by": "Ada\u0007"},
            {"order": "exclude", "by": "Ada"}, {"order": "exclude", "by": "Ada", "target": "9"},
            {"order": "first", "by": "Ada", "target": "1/999"}, {"order": "first", "by": "Ada", "target": "../1"},
            {"order": "remark", "by": "Ada", "target": "1", "text": "  "},
            {"order": "remark", "by": "Ada", "target": "1", "text": "x" * 501},
        ):  # fmt: skip
            assert httpx.post(orders_at, json=wrong).status_code in (400, 422), wrong
        assert (folder / "orders.jsonl").read_text() == before
        for right in (
            {"order": "exclude", "by": "Ada", "target": "2"}, {"order": "include", "by": "Ada", "target": "1/2"},
            {"order": "first", "by": "Ada", "target": "1/0"}, {"order": "stop", "by": "Ada"},
            {"order": "remark", "by": "Ada", "target": "1/0", "text": "ice\nlike glass"},
        ):  # fmt: skip
            assert httpx.post(orders_at, json=right).status_code == 204, right
    given = read_orders(folder)
    assert (given.stopped, given.excluded, given.first) == ("Ada", {"2": "Ada"}, ["1/0"])
    assert given.remarks[-1] == ("1/0", "Ada", "ice like glass")


# ------------------------------------------------------------------ in a browser
def test_a_running_session_is_followed_paused_and_sent_on(visit, tmp_path):
    gates = threading.Semaphore(2)

    def gated(picture, pixel_size_A, judging):
        assert gates.acquire(timeout=300)
        return grading(picture, pixel_size_A, judging)

    folder = tmp_path / "live"
    folder.mkdir()
    wanted = settings(folder, {1: 0.9, 2: 0.6})
    session = threading.Thread(target=Bench(folder).run, args=(wanted, replace(EYES, judge=gated)))
    session.start()
    try:
        with served(folder) as address:
            page = visit(base_of(address) + "/")
            page.wait_for_selector("#newest li[data-name]:nth-child(2)", timeout=LONG_MS)
            assert page.inner_text("#pill") == "running"
            assert page.locator("#grids li").count() == 2
            assert page.inner_text("#queue li:first-child").startswith("square 1/") or "Square" in page.inner_text(
                "#queue"
            )
            page.click("#pause")
            page.wait_for_selector("#answer.fault", timeout=LONG_MS)
            assert not read_orders(folder).paused, "nobody said who"
            page.fill("#who", "Ada")
            page.click("#pause")
            page.wait_for_selector("#alerts .warn >> text=Ada", timeout=LONG_MS)
            gates.release()
            page.wait_for_selector("#pill.paused", timeout=LONG_MS)
            page.click("#go-on")
            page.wait_for_selector("#pill.running", timeout=LONG_MS)
            gates.release(99)
            page.wait_for_selector("#pill.finished", timeout=LONG_MS)
            page.wait_for_selector("#newest li[data-name]:nth-child(8)", timeout=LONG_MS)
            assert page.is_hidden("#pause")
            assert read_orders(folder).paused == ""
    finally:
        gates.release(99)
        session.join(60)
    page.wait_for_selector("#away:not([hidden])", timeout=LONG_MS)
    visit.complaints[:] = [each for each in visit.complaints if "net::ERR_" not in each]  # it was taken away


def choose_first(page):
    """Choose the square at the top of the list; wait for its own holes, not those of the one shown before."""
    number = page.inner_text("#squares tr a")
    page.click("#squares tr a")
    page.wait_for_selector(f"#square [aria-label^='Square {number} '] circle.exposed", timeout=LONG_MS)


def test_a_grid_is_looked_into_down_to_an_exposure(visit, address, base):
    page = visit(f"{base}/grids/1")
    page.wait_for_selector("#atlas polygon.exposed", timeout=LONG_MS)
    assert page.locator("#atlas polygon.left-out").count() >= 1
    page.select_option("#filter", "left out")
    assert "left out by Ben" in page.inner_text("#squares")
    page.select_option("#filter", "worked")
    choose_first(page)
    assert not page.is_checked("#follow"), "whoever chooses is not taken elsewhere"
    page.focus("#square circle.exposed")
    assert "exposed, score" in page.inner_text("#square-readout")
    by_score = page.eval_on_selector("#square circle.exposed", "each => each.style.fill")
    page.check("#colour-by [value=fit]")
    assert page.eval_on_selector("#square circle.exposed", "each => each.style.fill") != by_score
    assert "Å" in page.inner_text("#legend")
    page.keyboard.press("Tab")
    page.click("#thumbs a")
    page.wait_for_selector("#exposure:not([hidden]) dl", timeout=LONG_MS)
    assert "12 particles cover 2 % of the field." in page.inner_text("#exposure")
    assert "few particles" in page.inner_text("#exposure .flag")
    page.wait_for_function(
        "() => [...document.images].every(image => image.complete && image.naturalWidth > 0)", timeout=LONG_MS
    )
    chosen = page.url.partition("#")[2]
    assert chosen.count("/") == 2
    page.click("#zoom [data-zoom='1.6']")
    assert float(page.get_attribute("#atlas svg", "viewBox").split()[2]) < told(base, grid=1)["grid"]["shape_px"][1]
    page.focus("#atlas svg")
    before = page.inner_text("#square-heading")
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
        if page.inner_text("#square-heading") != before:
            break
    assert page.inner_text("#square-heading") != before
    assert EVIL in page.inner_text("#remarks")
    page.goto(f"{base}/")
    page.goto(f"{base}/grids/1#{chosen}")
    page.wait_for_selector("#exposure:not([hidden]) dl", timeout=LONG_MS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("() => document.documentElement.scrollWidth <= 390")  # plots are drawn anew


def test_a_late_answer_shows_no_square_but_the_one_asked_for_last(visit, expect, address, base):
    page = visit(f"{base}/grids/1")
    page.select_option("#filter", "worked")
    links = page.locator("#squares tr a")
    first, last = (links.nth(k).inner_text() for k in (0, 1))
    held = []
    page.route(f"**/api/squares/1/{first}", lambda route: held.append(route))
    page.reload()  # it may have been shown already
    page.select_option("#filter", "worked")
    links.nth(0).click()
    expect(page.locator("#square-heading")).to_have_text(f"Square {first}")
    links.nth(1).click()
    of_the_last = page.locator(f"#square [aria-label^='Square {last} '] circle.exposed").first
    expect(of_the_last).to_be_visible()
    with page.expect_response(f"**/api/squares/1/{first}"):
        held[0].continue_()
    # what an answer changes is changed by the second frame after it
    page.evaluate("() => new Promise(then => requestAnimationFrame(() => requestAnimationFrame(then)))")
    expect(of_the_last).to_be_visible()
    expect(page.locator(f"#square [aria-label^='Square {first} ']")).to_have_count(0)


def test_what_is_pointed_at_stays_told_while_the_session_goes_on(visit, expect, finished, tmp_path):
    folder = copied(finished, tmp_path)
    with served(folder) as address, visit(f"{base_of(address)}/grids/1") as page:
        choose_first(page)
        page.hover("#atlas polygon.left-out")
        expect(page.locator("#atlas-readout")).to_contain_text("Left out by Ben")
        page.focus("#square circle.exposed")
        assert "exposed, score" in page.inner_text("#square-readout")
        with (folder / "session.jsonl").open("a") as log:
            log.write("no json\n")
        page.wait_for_selector("#alerts >> text=cannot be read", timeout=LONG_MS)
        assert "exposed, score" in page.inner_text("#square-readout")
        assert "Left out by Ben" in page.inner_text("#atlas-readout")
        page.close()  # before the server, whose absence it would complain of


def test_an_order_leaves_zoom_and_the_keyboard_s_focus_where_they_were(visit, expect, finished, tmp_path):
    folder = copied(finished, tmp_path)
    with served(folder) as address, visit(f"{base_of(address)}/grids/1") as page:
        choose_first(page)
        whole = page.get_attribute("#atlas svg", "viewBox")
        page.click("#zoom button[data-zoom]:first-child")
        view = page.get_attribute("#atlas svg", "viewBox")
        assert view != whole
        for place, number in (("#atlas svg", 20), ("#square circle.exposed", 21)):
            page.focus(place)
            page.eval_on_selector("#atlas svg", "svg => { svg.dataset.before = 1; }")
            orders.exclude(folder, f"1/{number}", "Ada")
            page.wait_for_selector("#atlas svg:not([data-before])", timeout=LONG_MS)
            expect(page.locator(place).first).to_be_focused()
            assert page.get_attribute("#atlas svg", "viewBox") == view
        page.close()  # before the server, whose absence it would complain of


def test_no_button_works_before_its_script(base):
    for path in ("/", "/grids/1"):
        page = httpx.get(base + path).text
        tags = [part.partition(">")[0] for kind in ("<button", "<input", "<select") for part in page.split(kind)[1:]]
        assert tags
        assert all("disabled" in tag for tag in tags)


def test_what_is_written_to_the_folder_is_orders_alone(finished, tmp_path):
    folder = copied(finished, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with served(folder) as address:
        base = base_of(address)
        for path in ("/", "/grids/1", "/api/changes", "/api/changes?grid=1", "/atlas/1.jpg"):
            httpx.get(base + path)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert os.listdir(tmp_path) == ["session"]
