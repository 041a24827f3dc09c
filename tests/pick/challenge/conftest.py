"""A small challenge made here: particles in tomograms, and a model that finds most of them."""

import numpy as np
import pandas as pd
import pytest

from cryogauge.records import CZII_OBJECTS

_MEAN = (30, 6, 8, 25, 10, 5)
_EXTENT_A = (6300.0, 6300.0, 1840.0)


def make_challenge(tomograms=24, seed=0, recall=0.7, false=1.0):
    """Truth and picks as pick tables; scores of right picks are higher than those of wrong ones, mostly."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(tomograms):
        crowded = np.exp(rng.normal(0, 0.4))
        for kind, mean in zip(CZII_OBJECTS, _MEAN, strict=True):
            for place in rng.uniform(0, 1, (rng.poisson(mean * crowded), 3)) * _EXTENT_A:
                rows.append((f"TS_{number:03d}", kind.name, *place, np.nan))
    truth = pd.DataFrame(rows, columns=["tomogram", "object", "x_A", "y_A", "z_A", "score"])
    right = truth[rng.random(len(truth)) < recall].copy()
    right[["x_A", "y_A", "z_A"]] += rng.normal(0, 10, (len(right), 3))
    right["score"] = rng.beta(5, 2, len(right))
    wrong = truth.iloc[rng.integers(0, len(truth), int(false * len(truth)))].copy()
    wrong[["x_A", "y_A", "z_A"]] = rng.uniform(0, 1, (len(wrong), 3)) * _EXTENT_A
    wrong["score"] = rng.beta(2, 5, len(wrong))
    return truth, pd.concat([right, wrong], ignore_index=True)


def kaggle_csv(table):
    """A pick table as the bytes of the challenge's CSV."""
    names = {"tomogram": "experiment", "object": "particle_type", "x_A": "x", "y_A": "y", "z_A": "z"}
    renamed = table.rename(columns=names)[list(names.values())]
    return renamed.rename_axis("id").reset_index().to_csv(index=False).encode()


@pytest.fixture(scope="session")
def challenge():
    return make_challenge()


@pytest.fixture(scope="session")
def as_kaggle():
    return kaggle_csv


@pytest.fixture(scope="session")
def make():
    return make_challenge
