"""Judgements as files come back as they were."""

import numpy as np
import pytest

from cryogauge.io import TomogramSource, write_mrc
from cryogauge.records import SCORE_COLUMNS, BadInput, Volume
from cryogauge.score.quality import CompactQuality
from cryogauge.score.store import judge_to_folder, load_judgement, save_judgement
from cryogauge.score.tomogram import ScoreSettings, judge_volume


@pytest.fixture(scope="module")
def judgement(untrained_weights):
    noise = np.random.default_rng(0).standard_normal((12, 64, 80)).astype(np.float32)
    return judge_volume(Volume(noise, 12.5), "nüße, 1", CompactQuality(untrained_weights, 1))


def test_a_judgement_comes_back(judgement, tmp_path):
    save_judgement(judgement, tmp_path)
    found = load_judgement(tmp_path)
    assert found.row.keys() == judgement.row.keys()
    for name, value in judgement.row.items():
        assert (
            found.row[name] == pytest.approx(value, nan_ok=True)
            if isinstance(value, float)
            else found.row[name] == value
        )
    assert found.flags == judgement.flags
    assert found.notes == judgement.notes
    assert found.tile_px == judgement.tile_px
    assert found.surfaces == {name: pytest.approx(plane) for name, plane in judgement.surfaces.items()}
    np.testing.assert_allclose(found.local_map, judgement.local_map, atol=0.5 / 255 + 1e-6)
    assert list(found.slices.columns) == list(judgement.slices.columns)
    np.testing.assert_allclose(found.slices["score"], judgement.slices["score"], rtol=1e-6)
    for name, picture in judgement.pictures.items():
        np.testing.assert_array_equal(found.pictures[name], picture)


def test_a_worker_gives_plain_values(untrained_weights, tmp_path):
    import json

    write_mrc(tmp_path / "a.mrc", np.random.default_rng(1).standard_normal((10, 48, 48)).astype(np.float32), 10.0)
    folder = tmp_path / "out"
    folder.mkdir()
    settings = ScoreSettings(weights=str(untrained_weights))
    row = judge_to_folder(TomogramSource(str(tmp_path / "a.mrc"), "a"), folder, settings)
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert set(SCORE_COLUMNS) <= row.keys()
    assert load_judgement(folder).row["tomogram"] == "a"


def test_a_name_of_digits_stays_a_name(untrained_weights, tmp_path):
    noise = np.random.default_rng(0).standard_normal((6, 32, 32)).astype(np.float32)
    save_judgement(judge_volume(Volume(noise, 10.0), "007", CompactQuality(untrained_weights, 1)), tmp_path)
    assert set(load_judgement(tmp_path).slices["tomogram"]) == {"007"}


@pytest.mark.parametrize("missing", ["judgement.json", "slices.csv", "local_map.npz", "best.png"])
def test_an_incomplete_folder_is_refused(judgement, tmp_path, missing):
    save_judgement(judgement, tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(BadInput, match="incomplete") as caught:
        load_judgement(tmp_path)
    assert "score again" in caught.value.hint
