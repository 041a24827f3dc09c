"""The report as a file; how it behaves in a browser is in test_browser.py."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from cryogauge.records import SCORE_COLUMNS
from cryogauge.report import Failure, write_report

SETTINGS = {"model": "compact", "weights": "compact-1", "version": "0.1.0"}


class Page(HTMLParser):
    """Tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.text, self._silent = [], "", False
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._silent = tag in ("script", "style")

    def handle_endtag(self, tag):
        self._silent = False

    def handle_data(self, data):
        if not self._silent:
            self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def _page(path):
    return Page(path.read_text(encoding="utf-8"))


def test_every_column_of_the_scores_has_a_heading(tmp_path, make_judgement):
    page = _page(write_report(tmp_path / "report.html", [make_judgement()], settings=SETTINGS))
    shown = {attrs["data-column"] for attrs in page.all("th") if "data-column" in attrs}
    assert shown - {"rank"} == set(SCORE_COLUMNS)


def test_ranked_by_tomoscore_and_missing_scores_last(tmp_path, make_judgement):
    scores = {"b": 0.4, "a": 0.9, "none": float("nan"), "c": 0.0}
    judgements = (make_judgement(i, tomogram=name, tomoscore=score) for i, (name, score) in enumerate(scores.items()))
    source = write_report(tmp_path / "report.html", judgements, settings=SETTINGS).read_text()
    assert re.findall(r'<a href="#t\d+" title="(\w+)"', source) == ["a", "b", "c", "none"]
    assert re.findall(r'<details class="tomogram" id="(t\d+)"', source) == ["t0", "t1", "t2", "t3"]


def test_each_tomogram_has_its_pictures_curve_and_lines(tmp_path, make_judgement):
    page = _page(write_report(tmp_path / "report.html", [make_judgement()], settings=SETTINGS))
    pictures = page.all("img")
    assert [picture["src"].split(";")[0] for picture in pictures] == [
        "data:image/jpeg",  # xz
        "data:image/jpeg",  # best
        "data:image/png",  # local map
        "data:image/jpeg",
        "data:image/jpeg",
    ]
    assert all(picture["loading"] == "lazy" and picture["alt"] for picture in pictures)
    curve = next(attrs for attrs in page.all("svg") if "curve" in attrs["class"])
    assert len(curve["data-scores"].split()) == 120
    assert [attrs["class"] for attrs in page.all("path") if "surface" in attrs.get("class", "")] == [
        "surface top",
        "surface bottom",
    ]


def test_what_strangers_write_stays_text(tmp_path, make_judgement):
    evil = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
    judgement = make_judgement(tomogram=evil, flags=("<b>",), notes={"<b>": evil, "remark": evil})
    failures = [Failure(evil, evil, evil)]
    page = _page(write_report(tmp_path / "report.html", [judgement], failures, settings={evil: evil}))
    assert len(page.all("script")) == 1
    assert all(picture["src"].startswith("data:") for picture in page.all("img"))
    assert not [attrs for _, attrs in page.tags if "onerror" in attrs]
    # Name three times, flag's sentence, remark, failure's three, setting's two.
    assert page.text.count("alert('x')") == 10


def test_nothing_is_fetched_and_only_our_script_may_run(tmp_path, make_judgement):
    source = write_report(tmp_path / "report.html", [make_judgement()], settings=SETTINGS).read_text()
    page = Page(source)
    policy = next(attrs["content"] for attrs in page.all("meta") if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "script-src 'sha256-" in policy
    addresses = [attrs[key] for _, attrs in page.tags for key in ("src", "href") if key in attrs]
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert set(re.findall(r"https?://[^\s\"')]+", source)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    ("judgements", "failures"),
    [(0, []), (0, [Failure("broken", "it is empty")]), (1, [Failure("broken", "it is empty")])],
)
def test_few_or_none(tmp_path, make_judgement, judgements, failures):
    made = [make_judgement(i) for i in range(judgements)]
    text = _page(write_report(tmp_path / "report.html", made, failures, settings={})).text
    assert f"{judgements} tomogram" in text
    assert ("it is empty" in text) == bool(failures)


def test_a_single_picture_and_a_judgement_without_extras(tmp_path, make_judgement):
    alone = make_judgement(slices=1, second_opinion=False, surfaces=False, best_slice=0, median_slice=None)
    del alone.pictures["xz"], alone.row["worst_slice"], alone.pictures["worst"], alone.pictures["median"]
    bare = make_judgement(1, best_slice=float("nan"), tomoscore=0.0, smallest_feature_px=float("nan"))
    object.__setattr__(bare, "local_map", np.empty((0, 0, 0), np.float32))
    bare.pictures.clear()
    page = _page(write_report(tmp_path / "report.html", [alone, bare], settings=SETTINGS))
    assert len(page.all("img")) == 2  # the slice and its map
    assert len([attrs for attrs in page.all("svg") if "curve" in attrs["class"]]) == 1  # one slice has no curve
    assert "There is none: it needs slices without specimen" in page.text
    assert "The network sees no feature" in page.text


def test_missing_scores_of_slices_leave_gaps(tmp_path, make_judgement):
    judgement = make_judgement()
    judgement.slices.loc[10:20, "score"] = np.nan
    source = write_report(tmp_path / "report.html", [judgement], settings=SETTINGS).read_text()
    curve = re.search(r'<path class="line" d="(M[^"]*)"/><circle', source)
    assert curve is not None
    assert curve[1].count("M") == 2
    assert not re.search(r'd="[^"]*nan', source)


def test_two_hundred_noisy_tomograms_stay_below_25_megabytes(tmp_path, make_judgement):
    # Four judgements in turn, so that the test spends its time on the report and not on making noise.
    made = [make_judgement(i, edge=512, slices=300) for i in range(4)]
    path = write_report(tmp_path / "report.html", (made[i % 4] for i in range(200)), settings=SETTINGS)
    assert path.stat().st_size < 25e6
    # … and use what they may: pictures are not sacrificed without need.
    assert path.stat().st_size > 20e6


def test_judgements_are_taken_one_at_a_time(tmp_path, make_judgement):
    alive = []

    class Watched(np.ndarray):
        def __del__(self):
            alive.pop()

    def judgements():
        for i in range(6):
            judgement = make_judgement(i, edge=640)
            alive.append(i)
            judgement.pictures["best"] = judgement.pictures["best"].view(Watched)
            yield judgement
            del judgement
            assert len(alive) <= 1

    write_report(tmp_path / "report.html", judgements(), settings=SETTINGS)
    assert not alive


def test_a_failed_report_leaves_the_old_one(tmp_path, make_judgement):
    path = write_report(tmp_path / "report.html", [make_judgement()], settings=SETTINGS)
    before = path.read_bytes()
    broken = make_judgement()
    broken.pictures["best"] = np.zeros((4, 4, 5), np.uint8)
    with pytest.raises((TypeError, ValueError)):
        write_report(path, [broken], settings=SETTINGS)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
