"""Networks of the rows of :mod:`validation.robust`, and what they find: for measurements that go on from there."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import torch

from cryogauge.io.replace import replacing
from cryogauge.pick.predict import probability_map
from cryogauge.pick.presets import Preset
from cryogauge.pick.thresholds import above, tune_thresholds
from validation import robust
from validation.held_out import WORK
from validation.picking import REVISION, digest


def preset_of(name: str) -> Preset:
    """The preset of a row."""
    return replace(robust.BASE, robust=robust.LEVELS[name])


@lru_cache(maxsize=8)
def network_of(name: str, seed: int, *, small: bool) -> torch.nn.Module:
    """The network of a row at equal steps; learned where the row's folder in ``work/`` is not there."""
    world, folder = robust.training_world(seed, small=small), WORK / row_name(name, seed, small=small)
    network, _ = robust._taught(name, preset_of(name), world, seed, folder, _steps(small))
    return network


def row_name(name: str, seed: int, *, small: bool) -> str:
    """What a row at equal steps is kept under: it ends with the digest of all that it depends on."""
    settings = preset_of(name), robust.NOISE, _steps(small), small, REVISION
    return f"robust-{name}-steps-{seed}-{digest(*settings, code=robust._DECIDING)}"


def _steps(small: bool) -> int:
    return 12 if small else robust.STEPS


def map_of(networks: Sequence[torch.nn.Module], data: np.ndarray, preset: Preset, *, small: bool) -> np.ndarray:
    """Their mean probability, over half turns too unless ``small``; on one core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return probability_map(networks, data, preset, all_turns=not small)
    finally:
        torch.set_num_threads(threads)


def judged_picks(name: str, seed: int, *, small: bool) -> pd.DataFrame:
    """Picks of a row in the tomograms that no row has seen, above thresholds chosen on the other half of them."""
    kept = WORK / f"picks-{row_name(name, seed, small=small)}.csv"
    if not kept.exists():
        world = robust.judged_world(small=small)
        picks = robust.found(network_of(name, seed, small=small), preset_of(name), world)
        with replacing(kept) as temporary:
            _cut(picks, world).to_csv(temporary, index=False)
    return pd.read_csv(kept, dtype={"object": str, "tomogram": str})


def _cut(picks: pd.DataFrame, world: robust.World) -> pd.DataFrame:
    half = len(world.names) // 2
    parts = []
    for chosen, used in ((world.names[:half], world.names[half:]), (world.names[half:], world.names[:half])):
        truth = world.truth[world.truth["tomogram"].isin(chosen)]
        thresholds = tune_thresholds(truth, picks[picks["tomogram"].isin(chosen)], robust.RULES)
        parts.append(above(picks[picks["tomogram"].isin(used)], thresholds))
    return pd.concat(parts, ignore_index=True)
