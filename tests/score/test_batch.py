from dataclasses import replace

import pytest

from cryogauge.io import TomogramSource
from cryogauge.jobs import Failure, LedgerKey, Outcome
from cryogauge.score.batch import Scored, ScoreItem, artefacts, result_folder, settings_hash, whole_folder
from cryogauge.score.tomogram import ScoreSettings


def test_only_what_can_change_a_result_changes_the_hash():
    settings = ScoreSettings()
    digest = settings_hash(settings)
    for name, value in (("device", "cuda"), ("threads", 7), ("weights", "elsewhere.safetensors")):
        assert settings_hash(replace(settings, **{name: value})) == digest
    for name, value in (("pixel_size_A", 7.5), ("model", "resnet101"), ("local_map", False), ("slices", True)):
        assert settings_hash(replace(settings, **{name: value})) != digest
    assert settings_hash(settings, preview=20.0) != digest


def test_names_of_folders_are_readable_and_never_shared():
    names = ("TS_1", "TS 1", "monday/TS_1", "../../etc/TS_1", "λ结晶", "." * 90, "x" * 300)
    folders = [result_folder(LedgerKey(name, "content", "weights", "settings")) for name in names]
    assert len(set(folders)) == len(names)
    for folder in folders:
        parent, _, name = folder.partition("/")
        assert parent == "tomograms"
        assert "/" not in name
        assert not name.startswith(".")
        assert len(name) < 100
    assert "TS_1" in folders[0]


def test_a_folder_is_whole_or_not_there(tmp_path):
    folder = tmp_path / "tomograms" / "a"

    def fill(text, fails=False):
        def write(partial):
            (partial / "judgement.json").write_text(text)
            if fails:
                raise ZeroDivisionError
            return {"text": text}

        return write

    with pytest.raises(ZeroDivisionError):
        whole_folder(folder, fill("one", fails=True))
    assert list(folder.parent.iterdir()) == []
    assert whole_folder(folder, fill("two")) == {"text": "two"}
    with pytest.raises(ZeroDivisionError):
        whole_folder(folder, fill("three", fails=True))
    assert artefacts(tmp_path, "tomograms/a") == ["tomograms/a/judgement.json"]
    assert (folder / "judgement.json").read_text() == "two"


def test_outcomes_are_counted(tmp_path):
    def outcome(name, state, row=None, failure=None):
        return Outcome(ScoreItem(TomogramSource(name, name), tmp_path, ScoreSettings()), state, row or {}, failure)

    scored = Scored()
    scored.add(outcome("a", "done", {"scores": {"tomoscore": 0.5}, "folder": "tomograms/a"}))
    scored.add(outcome("b", "already_done", {"scores": {"tomoscore": 0.4}, "folder": "tomograms/b"}))
    scored.add(outcome("c", "failed", failure=Failure("it is empty", "copy it again")))
    assert [row["tomoscore"] for row in scored.rows] == [0.5, 0.4]
    assert scored.folders == {"a": tmp_path / "tomograms/a", "b": tmp_path / "tomograms/b"}
    assert [(failure.tomogram, failure.hint) for failure in scored.failures] == [("c", "copy it again")]
    assert scored.already_done == 1
