"""The challenge's score of 500 tomograms with six kinds of 100 particles and 100 picks each, from tables in memory.

Four picks of five lie within a particle's size of one, the others anywhere. Reading the CSV, row by row, is timed apart
(``metric_read_seconds``), and so is all that ``cryogauge challenge score`` says beside the score.
"""

import time

import numpy as np
import pandas as pd

from cryogauge.pick.challenge import Rules, evaluate, read_submission, score_picks

FIGURES = ("metric_seconds_500x6x100",)
_EXTENT_A = (6300.0, 6300.0, 1840.0)


def run(small: bool = False) -> dict[str, float]:
    """Measure, the best of three; ``small`` takes 20 tomograms."""
    truth, picks = _tables(20 if small else 500)
    seconds = [_seconds(score_picks, truth, picks) for _ in range(3)]
    names = {"tomogram": "experiment", "object": "particle_type", "x_A": "x", "y_A": "y", "z_A": "z"}
    content = picks.rename(columns=names)[list(names.values())].rename_axis("id").reset_index().to_csv(index=False)
    return {
        "metric_seconds_500x6x100": min(seconds),
        "metric_read_seconds": _seconds(read_submission, content.encode()),
        "metric_all_seconds": _seconds(evaluate, truth, picks),
    }


def _seconds(function, *arguments) -> float:
    begun = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - begun


def _tables(tomograms: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    kinds = Rules().objects
    number = tomograms * len(kinds) * 100
    truth = pd.DataFrame(
        {
            "tomogram": np.repeat([f"TS_{k}" for k in range(tomograms)], len(kinds) * 100),
            "object": np.tile(np.repeat([each.name for each in kinds], 100), tomograms),
        }
    )
    places = rng.uniform(0, 1, (number, 3)) * _EXTENT_A
    near = places + rng.normal(0, 20, (number, 3))
    elsewhere = rng.random(number) < 0.2
    near[elsewhere] = rng.uniform(0, 1, (int(elsewhere.sum()), 3)) * _EXTENT_A
    tables = [truth.assign(x_A=p[:, 0], y_A=p[:, 1], z_A=p[:, 2]) for p in (places, near)]
    return tables[0].assign(score=np.nan), tables[1].assign(score=rng.random(number))
