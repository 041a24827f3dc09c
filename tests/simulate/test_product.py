"""One tilt series as files: complete, readable, repeatable."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cryogauge.io import open_volume, read_picks, read_tilt_series, write_mrc
from cryogauge.records import BadInput
from cryogauge.simulate import SimulationSettings, read_settings, simulate_tilt_series

SMALL = SimulationSettings(
    specimen="virions", shape=(40, 64, 80), voxel_size_A=14.0, thickness_nm=40.0, tilt_step_deg=6.0, frames=4,
    keep_frames=True, seed=5,
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return simulate_tilt_series(SMALL, tmp_path_factory.mktemp("simulated") / "series")


def _data(path):
    return np.asarray(open_volume(path).data, dtype=np.float32)


def test_everything_is_there_and_of_one_size(made):
    assert all(path.exists() for path in made.values())
    for name in ("tomogram", "even", "odd", "potential", "biology"):
        volume = open_volume(made[name])
        assert volume.shape == SMALL.shape
        assert volume.voxel_size_A == pytest.approx(14.0)
    assert not list(made["settings"].parent.rglob("*.part"))


def test_the_series_is_the_sum_of_its_frames(made):
    series = read_tilt_series(made["mrc"])
    assert list(series.table["tilt_deg"]) == list(np.arange(-60.0, 61.0, 6.0))
    assert series.table["dose_e_A2"].sum() == pytest.approx(100.0)
    stacks = sorted(made["frames"].iterdir())
    assert len(stacks) == 21
    frames = _data(stacks[3])
    assert frames.shape == (4, 64, 80)
    np.testing.assert_allclose(frames.sum(axis=0), series.images[3], rtol=1e-4)


def test_the_tomogram_shows_the_specimen_and_the_halves_share_it(made):
    tomogram, even, odd, biology = (_data(made[name]) for name in ("tomogram", "even", "odd", "biology"))
    assert np.corrcoef(tomogram.ravel(), biology.ravel())[0, 1] < -0.05  # dark protein
    np.testing.assert_allclose((even + odd) / 2, tomogram, atol=0.05 * tomogram.std())
    middle = slice(14, 26)
    assert np.corrcoef(even[middle].ravel(), odd[middle].ravel())[0, 1] > 0.05
    assert not np.allclose(even, odd)


def test_the_tables_say_what_is_true(made):
    oracle = pd.read_csv(made["oracle"])
    assert list(oracle["z"]) == list(range(40))
    assert oracle["score"].between(0, 1).all()
    assert oracle["score"][15:25].mean() > oracle["score"][:3].mean() + 0.2
    assert (oracle["smallest_feature_nm"].isna() == (oracle["score"] < 0.2)).all()
    read_picks(made["picks"])
    truth = json.loads(made["truth"].read_text())
    assert truth["thickness_nm"] == pytest.approx(40.0, rel=0.01)
    assert truth["kind"] == "virions"
    bottom, top = _data(made["surfaces"])
    assert (top - bottom).mean() * 1.4 == pytest.approx(40.0, rel=0.01)


def test_its_settings_make_the_same_files_again(made, tmp_path):
    again = simulate_tilt_series(read_settings(made["settings"]), tmp_path)
    assert read_settings(made["settings"]) == SMALL
    for name in ("mrc", "tomogram", "biology", "oracle", "settings"):
        assert again[name].read_bytes() == made[name].read_bytes(), name
    other = simulate_tilt_series(replace(SMALL, seed=6, keep_frames=False), tmp_path / "other")
    assert "frames" not in other
    assert other["tomogram"].read_bytes() != made["tomogram"].read_bytes()


def test_own_densities_are_placed(tmp_path):
    grid = np.linalg.norm(np.indices((24,) * 3) - 11.5, axis=0)
    write_mrc(tmp_path / "ball.mrc", (grid < 8).astype(np.float32), 10.0)
    settings = replace(SMALL, specimen="mixture", densities=(str(tmp_path / "ball.mrc"),), keep_frames=False)
    written = simulate_tilt_series(settings, tmp_path / "out")
    assert set(read_picks(written["picks"])["object"]) == {"ball"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"specimen": "unicorn"}, "unicorn"),
        ({"thickness_nm": 80.0}, "the volume has 56"),
        ({"slab_tilt_deg": 30.0}, "tilted by 30"),
        ({"frames": 1}, "no two halves"),
        ({"dose_e_A2": -1.0}, "dose"),
        ({"schedule": "random"}, "schedule"),
        ({"shape": (8, 64, 64)}, "too small"),
        ({"seed": -1}, "negative"),
    ],
)
def test_what_cannot_be_simulated_is_refused_at_once(change, message):
    with pytest.raises(BadInput, match=message):
        replace(SMALL, **change)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[1]", "not a mapping"),
        ('{"thick": 3}', "unknown key: thick"),
        ('{"dose_e_A2": "a"}', "wrong kind"),
    ],
)
def test_settings_that_are_none_are_refused(tmp_path, text, message):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(BadInput, match=message):
        read_settings(tmp_path / "settings.json")
    with pytest.raises(BadInput, match="cannot be read"):
        read_settings(tmp_path / "nothing.json")
