import pytest

from cryogauge.io import write_tilt_series
from cryogauge.score.store import load_judgement
from cryogauge.score.tomogram import ScoreSettings
from cryogauge.score.watch.preview import judge_preview


@pytest.mark.parametrize("aligned", [True, False])
def test_a_series_is_judged_by_its_preview(simulated, untrained_weights, tmp_path, aligned):
    paths = write_tilt_series(tmp_path, "TS_1", simulated.series)
    if not aligned:
        paths["xf"].unlink()
    settings = ScoreSettings(weights=str(untrained_weights), device="cpu")
    judgement = judge_preview(str(paths["mrc"]), "TS_1.mrc", settings, 20.0)
    assert judgement.row["tomogram"] == "TS_1.mrc"
    assert judgement.row["pixel_size_A"] == pytest.approx(20.0, rel=0.01)
    assert judgement.row["flags"][0] == "preview"
    assert tuple(judgement.notes) == judgement.row["flags"]
    note = judgement.notes["preview"]
    assert f"{len(simulated.series.table)} tilts at 19.9 Å" in note
    assert ("aligned by TS_1.xf" in note) == aligned
    assert ("aligned by cryogauge itself" in note) != aligned
    assert {"best", "xz"} <= judgement.pictures.keys()


def test_a_series_that_lands_is_told_as_one(simulated, land, watch_once, tmp_path):
    write_tilt_series(tmp_path / "landing", "TS_1", simulated.series)
    (told,) = watch_once()
    assert (told["event"], told["name"], told["kind"]) == ("scored", "TS_1.mrc", "tilt_series")
    assert told["scores"]["flags"][0] == "preview"
    assert load_judgement(tmp_path / "out" / told["folder"]).notes["preview"]
    (tmp_path / "landing" / "TS_1.rawtlt").write_text("0\n")
    (failed,) = watch_once()
    assert (failed["event"], failed["kind"]) == ("failed", "tilt_series")
