"""Tables of squares and holes as the finders give them, with a selection by a made-up person."""

import numpy as np
import pandas as pd


def squares(grid, count=60, seed=0, noise=0.3):
    """Squares of one grid; those of middling brightness near the middle were selected."""
    rng = np.random.default_rng([seed, hash_of(grid)])
    x, y = rng.uniform(0, 1000, (2, count))
    relative = rng.uniform(0.4, 1.3, count)
    away = np.hypot(x - 500, y - 500) / 500
    liked = -(((relative - 0.8) / 0.15) ** 2) - (away / 0.6) ** 2 + noise * rng.normal(size=count)
    return pd.DataFrame(
        {
            "score": np.clip((relative - 0.3) / 0.4, 0, 1), "square": range(count), "x_px": x, "y_px": y,
            "side_px": 40.0, "area_px": rng.normal(1600, 50, count), "relative": relative, "usable": 1.0,
            "brightness": 100 * relative, "kind": "intact", "why": "whole film",
            "chosen": (liked >= np.quantile(liked, 0.7)).astype(float), "grid": grid, "image": grid,
        }
    )  # fmt: skip


def holes(grid, count=60, seed=0):
    """Holes of one grid; the clean ones of middling brightness were selected."""
    rng = np.random.default_rng([seed, 7, hash_of(grid)])
    brightness, clean = rng.uniform(80, 120, count), rng.uniform(0.8, 1, count)
    liked = (np.abs(brightness - 100) < 8) & (clean > 0.85)
    return pd.DataFrame(
        {
            "score": clean, "hole": range(count), "x_px": rng.uniform(0, 500, count),
            "y_px": rng.uniform(0, 500, count), "diameter_px": 20.0, "brightness": brightness, "clean": clean,
            "confidence": 1.0, "bar_px": np.inf, "ice_nm": np.nan, "target": clean > 0.82, "why": "a bright hole",
            "chosen": liked.astype(float), "grid": grid, "image": grid,
        }
    )  # fmt: skip


def hash_of(name):
    return sum(map(ord, name))
