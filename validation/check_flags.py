"""Tomograms of the trained kind that are called unlike it, and textures without structure that are not."""

import numpy as np

from cryogauge.records import Volume
from cryogauge.score.tomogram import judge_volume
from validation.held_out import held_out, judged, shipped_model
from validation.textures import textures

FIGURES = ("flag_false_rate", "texture_refused_fraction")


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures; every texture that gets a score is printed."""
    flags = [
        "out_of_domain" in judged(tomogram.path).flags
        for name in ("slices-test", "thickness-test")
        for tomogram in held_out(name, small=small)
    ]
    refused, as_pictures = [], []
    for name, texture in textures((16, 96, 96) if small else (48, 192, 192)):
        judgement = judge_volume(Volume(texture, 12.0), name, shipped_model())
        best = float(judgement.slices["score"].max())
        refused.append(best < 0.1 or "out_of_domain" in judgement.flags)
        single = max(float(shipped_model().judge_picture(texture[z]).score[0]) for z in range(0, len(texture), 8))
        as_pictures.append(single < 0.1)
        if best >= 0.1 or single >= 0.1:
            print(f"     {name}: {best:.2f} {' '.join(judgement.flags)}; a slice alone {single:.2f}")
    return {
        "flag_false_rate": float(np.mean(flags)),
        "texture_refused_fraction": float(np.mean(refused)),
        "texture_refused_fraction_pictures": float(np.mean(as_pictures)),
    }
