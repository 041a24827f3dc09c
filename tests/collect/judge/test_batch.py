import numpy as np
import pandas as pd
import pytest

from cryogauge.collect.judge.batch import find_exposures, judge_batch
from cryogauge.collect.judge.classify import SHIPPED
from cryogauge.collect.judge.judge import EXPOSURE_COLUMNS, JudgeSettings
from cryogauge.collect.judge.page import write_exposures
from cryogauge.records import BadInput
from cryogauge.report import Failure


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_files_folders_and_patterns_are_found_once_each(tmp_path):
    for name in ("a/one.mrc", "a/two.tiff", "a/.hidden.mrc", "a/notes.txt", "b/one.mrc", "b/three.eer", "b/four.png"):
        touch(tmp_path / name)
    found = find_exposures([str(tmp_path / "a"), str(tmp_path / "b/*.mrc"), str(tmp_path / "b/four.png"),
                            str(tmp_path / "a/two.tiff")])  # fmt: skip
    assert list(found) == ["a_one.mrc", "two", "b_one.mrc", "four"]
    assert all(path.startswith(str(tmp_path)) for path in found.values())


@pytest.mark.parametrize("named", ["missing.mrc", "nothing*.mrc", "empty"])
def test_what_stands_for_no_exposure_is_refused(tmp_path, named):
    (tmp_path / "empty").mkdir()
    said = {"missing.mrc": "does not exist", "nothing*.mrc": "no exposure matches", "empty": "no exposures in"}[named]
    with pytest.raises(BadInput, match=said):
        find_exposures([str(tmp_path / named)])


def test_what_every_exposure_would_fail_by_is_told_once(tmp_path, monkeypatch):
    (tmp_path / "bare.safetensors").write_bytes(SHIPPED.read_bytes())
    other = SHIPPED.with_name("class-grader.safetensors")
    for weights, said in ((tmp_path / "bare.safetensors", "have no model card"), (other, "not of")):
        with pytest.raises(BadInput, match=said):
            next(judge_batch({}, tmp_path, JudgeSettings(), weights), None)
    monkeypatch.setenv("CRYOGAUGE_CTFFIND", "/nowhere/ctffind")
    with pytest.raises(BadInput, match="CTFFIND is not on the PATH"):
        next(judge_batch({}, tmp_path, JudgeSettings(ctf="ctffind"), SHIPPED), None)


def row(name, score, picture):
    values = dict.fromkeys(EXPOSURE_COLUMNS, 0.0)
    return values | {
        "exposure": name, "score": score, "kind": "great", "flags": "", "said": "Nothing is amiss.", "path": name,
        "picture": picture, "spectrum": "", "defocus_A": float("nan"), "particles": 3,
    }  # fmt: skip


def test_the_table_and_the_page_have_the_best_first(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(tmp_path / "p.jpg")
    rows = [row("bad <&>", 0.1, "p.jpg"), row("good", 0.9, "p.jpg")]
    failures = [Failure("broken", "it is truncated", "copy it again")]
    write_exposures(tmp_path, rows, failures, {"settings": JudgeSettings()})
    table = pd.read_csv(tmp_path / "exposures.csv")
    assert tuple(table.columns) == EXPOSURE_COLUMNS
    assert table.columns[0] == "score"
    assert list(table["exposure"]) == ["good", "bad <&>"]
    page = (tmp_path / "report.html").read_text()
    assert page.index("good") < page.index("bad &lt;&amp;&gt;")
    assert "it is truncated" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_the_page_says_the_class_once_and_calls_dark_spots_what_they_are(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(tmp_path / "p.jpg")
    spoilt = {"kind": "contaminated", "flags": "looks_spoilt", "said": "It looks contaminated, broken or blurred."}
    icy = {"spectrum": "p.jpg", "flags": "crystalline_ice", "said": "The ice is crystalline: there are spots."}
    rows = [row("good", 0.9, "p.jpg") | icy, row("spoilt", 0.1, "p.jpg") | spoilt]
    write_exposures(tmp_path, rows, [], {})
    good, bad = (tmp_path / "report.html").read_text().split("Score 0.10")
    assert "Score 0.90; it looks great. The ice is crystalline" in good, "a flag of something else says no class"
    assert "3 particles" in good
    assert bad.startswith(". It looks contaminated, broken or blurred.")
    assert "3 dark spots" in bad
