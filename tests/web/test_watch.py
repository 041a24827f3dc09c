"""The live page over real connections and in a real browser; results as a watch leaves them, without a network."""

import json
import shutil

import httpx
import numpy as np
import pandas as pd
import pytest

from cryogauge.records import SLICE_COLUMNS, TomogramJudgement
from cryogauge.score.store import save_judgement
from cryogauge.score.watch.engine import Watch, WatchSettings
from cryogauge.web.app import create_app, running
from cryogauge.web.watch import watch_router

EVIL = "<script>alert(1)</script>.mrc"


@pytest.fixture
def watch(tmp_path):
    (tmp_path / "landing").mkdir()
    (tmp_path / "out").mkdir()
    with Watch(WatchSettings(tmp_path / "landing", tmp_path / "out"), weights_checksum="w") as watch:
        watch.begin()
        yield watch


@pytest.fixture
def address(watch):
    with running(create_app("cryogauge watch", watch_router(watch))) as address:
        yield address


@pytest.fixture
def tell(watch):
    """Tells of a judgement or a failure as a run does."""

    def scored(name, score, flags=(), kind="tomogram"):
        key = f"{len(watch.feed.after()):012x}"
        folder = f"tomograms/x-{key}"
        columns = {name: np.linspace(0, score, 12) for name in SLICE_COLUMNS}
        slices = pd.DataFrame(columns | {"tomogram": name, "z": np.arange(12), "uncertainty": 0.1})
        row = {
            "tomogram": name, "pixel_size_A": 10.0, "tomoscore": score, "thickness_slices": 5, "thickness_nm": 80.0,
            "specimen_tilt_deg": 1.0, "best_slice": 11, "median_slice": 5, "worst_slice": 0, "seconds": 1.0,
            "smallest_feature_px": 2.0, "smallest_feature_nm": 2.0, "spectral_feature_px": float("nan"),
            "uncertainty": 0.1, "flags": tuple(flags),
        }  # fmt: skip
        picture = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
        pictures = dict.fromkeys(("best", "median", "worst", "xz"), picture)
        notes = {flag: f"note on {flag}" for flag in flags}
        (watch.settings.out / folder).mkdir(parents=True)
        judgement = TomogramJudgement(row, slices, np.zeros((12, 2, 2), np.float32), 32, pictures=pictures, notes=notes)
        save_judgement(judgement, watch.settings.out / folder)
        scores = json.loads((watch.settings.out / folder / "judgement.json").read_text())["row"]
        found = {"name": name, "uri": f"/l/{name}", "kind": kind, "paths": [], "mark": MARK}
        watch._tell_scored(key, {"scores": scores, "folder": folder, "found": found})
        watch._mind_alerts()
        return key

    def failed(name, message):
        watch._tell("failed", name=name, message=message, hint="copy it again")

    scored.failed = failed
    return scored


MARK = {"files": 1, "size_bytes": 1, "newest_ns": 1}


def test_an_empty_session_has_a_page(address):
    page = httpx.get(address)
    assert page.status_code == 200
    assert "Nothing is judged yet" in page.text
    assert httpx.get(f"{address}feed.jsonl").json()["event"] == "session_start"


def test_the_page_ranks_alerts_and_names_what_is_broken(address, tell):
    for number in range(5):
        tell(f"low_{number}.mrc", 0.1 + number / 100)
    tell.failed(EVIL, "it is <b>empty</b>")
    text = httpx.get(address).text
    names = [f"low_{number}.mrc</a>" for number in (4, 3, 2, 1, 0)]
    places = [text.index(name) for name in names]
    assert places == sorted(places)
    assert "last 5 below 0.3" in text
    assert text.index("low_4.mrc</a> <span") == places[0], "the last one is marked"
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.mrc" in text
    assert "it is &lt;b&gt;empty&lt;/b&gt;" in text

    tell("low_0.mrc", 0.95, flags=("preview", "out_of_domain"), kind="tilt_series")
    text = httpx.get(address).text
    assert text.count("low_0.mrc</a>") == 1, "the latest judgement of a name counts"
    assert text.index("low_0.mrc</a>") < text.index("low_4.mrc</a>")
    assert "preview, out of domain" in text
    assert "since" not in text.partition("Trend")[0], "the alert is over"


def test_nothing_is_sent_when_nothing_changed(address, tell):
    first = httpx.get(f"{address}live")
    revision = first.headers["X-Revision"]
    assert httpx.get(f"{address}live?revision={revision}").status_code == 204
    tell("a.mrc", 0.5)
    changed = httpx.get(f"{address}live?revision={revision}")
    assert changed.status_code == 200
    assert "a.mrc" in changed.text
    assert "<html" not in changed.text
    assert httpx.get(f"{address}live?revision={changed.headers['X-Revision']}").status_code == 204


def test_each_judgement_has_a_page_with_its_pictures(address, tell, watch):
    key = tell("a.mrc", 0.5, flags=("touches_end",))
    page = httpx.get(f"{address}item/{key}")
    assert page.status_code == 200
    assert "note on touches_end" in page.text
    for name in ("best", "median", "worst", "xz"):
        assert f"/picture/{key}/{name}.png" in page.text
        picture = httpx.get(f"{address}picture/{key}/{name}.png")
        assert picture.headers["content-type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
    (watch.settings.out / "secret.png").write_bytes(b"secret")
    for path in (
        "item/unknown", f"picture/{key}/local_map.png", f"picture/{key}/..%2F..%2Fsecret.png", "picture/x/best.png"
    ):  # fmt: skip
        assert httpx.get(address + path).status_code in (400, 404)
    shutil.rmtree(watch.settings.out / "tomograms")
    assert httpx.get(f"{address}item/{key}").status_code == 400
    assert httpx.get(address).status_code == 200


def test_the_page_follows_the_session(browser, expect, watch, tell):
    complaints = []
    tell("first.mrc", 0.5)
    page = browser.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    with running(create_app("cryogauge watch", watch_router(watch))) as address:
        page.goto(address)
        assert page.locator("#ranking tbody tr").count() == 1
        page.focus("#ranking a")
        tell(EVIL, 0.9)
        page.wait_for_selector("#ranking tbody tr:nth-child(2)")
        first = page.locator("#ranking tbody tr").first
        assert EVIL in first.inner_text()
        assert "newest" in first.inner_text()
        assert page.evaluate("document.activeElement.textContent") == "first.mrc", "the focus stays"
        for number in range(5):
            tell(f"low_{number}.mrc", 0.1)
        page.wait_for_selector("[role=alert]")
        assert page.title().startswith("▲")
        assert not complaints
        page.click("#ranking a")
        expect(page.locator("h1")).to_have_text(EVIL)
        expect(page.locator("figure img")).to_have_count(4)
        page.wait_for_function("() => [...document.images].every(image => image.complete && image.naturalWidth > 0)")
        page.goto(address)
    assert not complaints
    page.wait_for_selector("#away:not([hidden])")
    page.close()
