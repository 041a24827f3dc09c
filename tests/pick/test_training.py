import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from cryogauge.pick.challenge import Rules, score_picks
from cryogauge.pick.networks import NetworkPlan
from cryogauge.pick.patches import LabelledTomogram, Sampling, normalised
from cryogauge.pick.peaks import Picking
from cryogauge.pick.predict import picks_of, probability_map
from cryogauge.pick.presets import PRESETS, find_preset, varied
from cryogauge.pick.thresholds import above, tune_thresholds
from cryogauge.pick.training import outputs_of, painter, train_network
from cryogauge.records import BadInput, PickObject
from tests.pick.worlds import LARGE, SMALL, TINY, VOXEL_A, draw_world

OBJECTS = (SMALL, LARGE)
RULES = Rules(OBJECTS, beta=1.0)


def labelled(seed: int) -> tuple[LabelledTomogram, pd.DataFrame]:
    data, picks = draw_world(seed)
    labels = picks["object"].map({each.name: each.label for each in OBJECTS}).to_numpy(int)
    return LabelledTomogram(
        f"w{seed}", normalised(data), picks[["z_A", "y_A", "x_A"]].to_numpy() / VOXEL_A, labels
    ), picks


def found(network, preset, seed):
    tomogram, truth = labelled(seed)
    return picks_of(probability_map([network], tomogram.data, preset), OBJECTS, VOXEL_A, preset, tomogram.name), truth


def test_it_learns_to_find_what_it_has_not_seen(tmp_path):
    network = train_network(
        [labelled(seed)[0] for seed in range(3)], OBJECTS, VOXEL_A, TINY, tmp_path, steps=150, seed=1
    )
    picks, truth = found(network, TINY, 10)
    thresholds = tune_thresholds(truth, picks, RULES)
    unseen, known = found(network, TINY, 11)
    score = score_picks(known, above(unseen, thresholds), RULES)
    assert score.score > 0.8, score.objects.to_string()


def test_labelled_voxels_teach_it_too(tmp_path):
    preset = replace(
        PRESETS["deepfindet"],
        network=NetworkPlan("deepfindet", architecture={"filters": (6, 8, 12), "bottom": 1}),
        sampling=Sampling((24, 24, 24), batch=6, around=1.0, jitter_px=8, own_scale=True),
        picking=Picking("components", smallest=0.3),
        learning_rate=1e-2,
        size=0.8,
        tile_px=48,
    )
    network = train_network([labelled(seed)[0] for seed in range(3)], OBJECTS, VOXEL_A, preset, tmp_path, steps=150)
    picks, truth = found(network, preset, 10)
    score = score_picks(truth, picks, RULES)
    assert score.score > 0.35, score.objects.to_string()


def test_a_stage_that_ended_is_taken_up_where_it_was(tmp_path):
    data = [labelled(0)[0]]
    assert train_network(data, OBJECTS, VOXEL_A, TINY, tmp_path, steps=8, stage_minutes=0.0) is None
    lines: list[str] = []
    assert train_network(data, OBJECTS, VOXEL_A, TINY, tmp_path, steps=8, say=lines.append) is not None
    assert "8 steps" in lines[0]


def test_stages_are_one_training(tmp_path, minute_a_look):
    """Cut into stages of one step or not, the same batches give the same weights."""
    data = [labelled(0)[0]]
    whole = train_network(data, OBJECTS, VOXEL_A, TINY, tmp_path / "whole", steps=3, seed=3)
    minute_a_look("cryogauge.learn.training")
    parts, stages = None, 0
    while parts is None:
        parts = train_network(data, OBJECTS, VOXEL_A, TINY, tmp_path / "parts", steps=3, seed=3, stage_minutes=2.5)
        stages += 1
    assert stages > 1
    assert whole is not None
    for one, two in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-5)


def test_minutes_are_spent_and_no_more(tmp_path):
    lines: list[str] = []
    network = train_network(
        [labelled(0)[0]], OBJECTS, VOXEL_A, TINY, tmp_path, minutes=0.05, say=lines.append, report_every=1
    )
    assert network is not None
    spent = [json.loads(line)["seconds"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert spent[-1] + 1e-2 >= 3.0
    assert all(second <= 3.0 for second in spent[:-1])  # written to a hundredth


def test_several_networks_are_averaged():
    class Says(torch.nn.Module):
        def __init__(self, logit):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.tensor(float(logit)))

        def forward(self, x):
            return torch.ones_like(x[:, :, ::2, ::2, ::2]).expand(-1, 2, -1, -1, -1) * self.weight

    data = np.zeros((32, 64, 64), np.float16)
    one, two, both = (
        probability_map([Says(v).eval() for v in values], data, TINY).mean() for values in ([0.0], [2.0], [0.0, 2.0])
    )
    assert both == pytest.approx((one + two) / 2, abs=1e-6)


def test_presets_fit_together():
    for name, preset in PRESETS.items():
        painted = painter(preset, OBJECTS, VOXEL_A)(
            preset.sampling.patch_px, np.array([[20.0, 20, 20]]), np.array([1]), None
        )
        assert painted.shape[-3:] == tuple(n // preset.network.stride for n in preset.sampling.patch_px), name
        assert painted.max() == 1, name
    assert outputs_of(PRESETS["fast"], OBJECTS) == 2
    assert outputs_of(PRESETS["deepfinder"], OBJECTS) == 3


def test_presets_can_be_varied():
    changed = varied(PRESETS["deepfindet"], loss="focal-tversky", find="dbscan", size=0.6, mirrors=True, noise=0.5)
    assert (changed.loss, changed.picking.method, changed.size) == ("focal-tversky", "dbscan", 0.6)
    assert changed.augmentation.mirrors
    assert changed.augmentation.noise == 0.5
    assert varied(PRESETS["fast"]) == PRESETS["fast"]
    with pytest.raises(BadInput, match="in peaks picks are not found by components"):
        varied(PRESETS["fast"], find="components")
    with pytest.raises(BadInput, match="does not go with targets as peaks"):
        varied(PRESETS["fast"], loss="dice")
    with pytest.raises(BadInput, match="2 radii"):
        varied(PRESETS["fast"], size=2.0)


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no preset is called 'slow'"):
        find_preset("slow")
    with pytest.raises(BadInput, match="say how long"):
        train_network([labelled(0)[0]], OBJECTS, VOXEL_A, TINY, tmp_path)
    with pytest.raises(BadInput, match="without gaps"):
        outputs_of(TINY, (SMALL, PickObject("far", 5, 30.0)))
    with pytest.raises(BadInput, match="does not go with"):
        replace(TINY, target="spheres")
    with pytest.raises(BadInput, match="multiples of 8"):
        replace(TINY, tile_px=30)
    with pytest.raises(BadInput, match="need a map"):
        painter(replace(PRESETS["deepfindet"], target="shapes"), OBJECTS, VOXEL_A)
