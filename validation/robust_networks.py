"""Networks of the rows of :mod:`validation.robust`, and what they find: for measurements that go on from there."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
import torch

from cryogauge.io.replace import replacing
from cryogauge.pick.predict import probability_map
from cryogauge.pick.presets import Preset
from validation import robust
from validation.held_out import WORK


@lru_cache(maxsize=8)
def network_of(way: str, seed: int, *, small: bool) -> torch.nn.Module:
    """The network of a row; learned where the row's folder in ``work/`` is not there."""
    return robust.taught(robust.planned(way, seed, small=small), seed, small=small)[0]


def map_of(networks: Sequence[torch.nn.Module], data: np.ndarray, preset: Preset, *, small: bool) -> np.ndarray:
    """Their mean probability, over half turns too unless ``small``; on one core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return probability_map(networks, data, preset, all_turns=not small)
    finally:
        torch.set_num_threads(threads)


def judged_picks(way: str, seed: int, *, tuned: bool, small: bool) -> pd.DataFrame:
    """Picks of a row in the tomograms that no row has seen.

    Above thresholds chosen on the other half of them when ``tuned``, else of a probability of a half and more.
    """
    plan = robust.planned(way, seed, small=small)
    kept = WORK / f"found-{plan.stem}.csv"
    world = robust.judged_world(small=small)
    if not kept.exists():
        with replacing(kept) as temporary:
            robust.found(network_of(way, seed, small=small), plan.preset, world).to_csv(temporary, index=False)
    picks = pd.read_csv(kept, dtype={"object": str, "tomogram": str})
    return robust.above_thresholds(picks, world) if tuned else robust.above_half(picks)
