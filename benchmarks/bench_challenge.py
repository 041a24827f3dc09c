"""``cryogauge challenge score`` on 500 tomograms with six kinds of 100 particles and 100 picks each.

The command runs in a process of its own, from its start to its last line: reading two CSVs, the score, intervals,
one-to-one matching and precision–recall curves. Four picks of five lie within a particle's size of one, the others
anywhere, and all have scores. The score alone, from tables in memory, is ``metric_alone_seconds``.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io import write_picks
from cryogauge.pick.challenge import Rules, score_picks

FIGURES = ("metric_seconds_500x6x100",)
_EXTENT_A = (6300.0, 6300.0, 1840.0)


def run(small: bool = False) -> dict[str, float]:
    """Measure, the best of three; ``small`` takes 20 tomograms."""
    truth, picks = _tables(20 if small else 500)
    with tempfile.TemporaryDirectory(prefix="cryogauge-bench-") as folder:
        paths = [Path(folder) / name for name in ("truth.csv", "picks.csv")]
        for path, table in zip(paths, (truth, picks), strict=True):
            write_picks(path, table)
        call = [sys.executable, "-m", "cryogauge", "challenge", "score", *map(str, paths), "--json"]
        whole = _best(lambda: subprocess.run(call, check=True, stdout=subprocess.DEVNULL))
    return {
        "metric_seconds_500x6x100": whole,
        "metric_alone_seconds": _best(lambda: score_picks(truth, picks)),
    }


def _best(function: Callable[[], object]) -> float:
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def _tables(tomograms: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    kinds = Rules().objects
    number = tomograms * len(kinds) * 100
    names = pd.DataFrame(
        {
            "tomogram": np.repeat([f"TS_{k}" for k in range(tomograms)], len(kinds) * 100),
            "object": np.tile(np.repeat([each.name for each in kinds], 100), tomograms),
        }
    )
    places = rng.uniform(0, 1, (number, 3)) * _EXTENT_A
    near = places + rng.normal(0, 20, (number, 3))
    elsewhere = rng.random(number) < 0.2
    near[elsewhere] = rng.uniform(0, 1, (int(elsewhere.sum()), 3)) * _EXTENT_A
    truth, picks = (names.assign(x_A=p[:, 0], y_A=p[:, 1], z_A=p[:, 2]) for p in (places, near))
    return truth.assign(score=np.nan), picks.assign(score=rng.random(number))
