"""Judgements that look like a tomogram's, made of noise and a few shapes."""

import numpy as np
import pandas as pd
import pytest

from cryogauge.imaging.feature_scale import smallest_feature_px
from cryogauge.records import TomogramJudgement


def _grain(rng, shape, detail):
    """8-bit noise with smooth structure beneath it: as hard to compress as a slice of a tomogram."""
    coarse = rng.normal(size=tuple(-(-edge // 16) for edge in shape)).repeat(16, 0).repeat(16, 1)
    values = detail * coarse[: shape[0], : shape[1]] + rng.normal(size=shape)
    return np.clip(values / values.std() * 42 + 128, 0, 255).astype(np.uint8)


@pytest.fixture
def make_judgement():
    """``make(seed, **changes_of_the_row)`` → a complete TomogramJudgement."""

    def make(seed=0, *, slices=120, edge=320, notes=None, surfaces=True, second_opinion=True, **row):
        rng = np.random.default_rng(seed)
        z = np.arange(slices)
        height = rng.uniform(0.25, 0.92)
        centre, half = slices / 2, slices * rng.uniform(0.2, 0.35)
        scores = height / (1 + np.exp((np.abs(z - centre) - half) / 2.5)) + 0.02 * rng.normal(size=slices)
        scores = np.clip(scores, 0, 1)
        inside = scores[scores > 0.2]
        tomoscore = float(inside.mean()) if inside.size else 0.0
        feature = float(smallest_feature_px(tomoscore))
        order = np.argsort(scores)
        local_map = np.clip(
            scores[:, None, None] * rng.uniform(0.4, 1.3, (slices, edge // 16, edge // 16)), 0, 1
        ).astype(np.float32)
        values = {
            "tomogram": f"tomogram_{seed:03d}",
            "pixel_size_A": 10.0,
            "tomoscore": tomoscore,
            "thickness_slices": int(inside.size),
            "thickness_nm": float(2 * half),
            "specimen_tilt_deg": 3.2,
            "best_slice": int(order[-1]),
            "median_slice": int(order[slices // 2]),
            "worst_slice": int(order[0]),
            "smallest_feature_px": feature,
            "smallest_feature_nm": feature,
            "spectral_feature_px": feature * 1.1 if second_opinion else float("nan"),
            "uncertainty": 0.031,
            "flags": (),
            "seconds": 8.4,
            **row,
        }
        table = pd.DataFrame(
            {"tomogram": values["tomogram"], "z": z, "score": scores, "uncertainty": 0.02 + 0.05 * scores}
        )
        planes = {"top": (centre - half - 4, 0.03, 0.0), "bottom": (centre + half - 4, 0.03, 0.0)}
        pictures = {word: _grain(rng, (edge, edge), 0.8) for word in ("best", "median", "worst")}
        return TomogramJudgement(
            row=values,
            slices=table,
            local_map=local_map,
            tile_px=16,
            surfaces=planes if surfaces else {},
            pictures={**pictures, "xz": _grain(rng, (slices, edge), 0.8)},
            notes=notes or {},
        )

    return make
