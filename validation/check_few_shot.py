"""What one labelled tomogram is worth after simulation, beside seven: the both ends of the curve.

The simulation that is learned from first is another than the test's: twice as crowded, thinner, of two thirds of the
contrast at half as much dose again, better aligned. The labelled phantoms are those of :mod:`validation.picking`.
"""

from dataclasses import replace

from cryogauge.pick.labelled import LabelledSource
from cryogauge.pick.presets import find_preset
from cryogauge.pick.train import Order
from cryogauge.simulate.phantom import PhantomSettings
from cryogauge.simulate.phantom.mixture import CHALLENGE_IMAGING
from validation.held_out import WORK
from validation.picking import (
    REVISION,
    SEEDS,
    SMALL_SHAPE,
    digest,
    judge,
    kept_row,
    measure,
    phantoms,
    settings_of,
    taught,
)

FIGURES = ("few_shot_fraction",)
_PRETRAINING_SEED, _PRETRAINED, _MINUTES, _FEW_MINUTES = 701, 7, 20.0, 10.0
_COUNTS = (1, 7)


def run(small: bool = False) -> dict[str, float]:
    """Train on the simulation, then on each number of labelled phantoms; on one and seven when ``small``."""
    settings = PhantomSettings(
        shape=SMALL_SHAPE if small else settings_of(small=False).shape,
        crowding=2.0,
        thickness_nm=(120.0, 200.0),
        imaging=replace(CHALLENGE_IMAGING, contrast_factor=1.0, dose_e_A2=90.0, shift_sd_A=3.0),
    )
    minutes = 0.2 if small else _MINUTES
    folder = WORK / f"pretrained-{digest(settings, find_preset('fast'), minutes, REVISION)}"
    source = LabelledSource(str(phantoms(_PRETRAINING_SEED, _PRETRAINED, settings)), user="phantom")
    start = taught(Order(source, "fast", minutes=minutes, seed=_PRETRAINING_SEED), folder)
    scores = {
        0: kept_row(folder.name, lambda: judge(start, folder / "picked", settings_of(small=small)), small=small)[
            "weighted_f4"
        ]
    }
    for count in _COUNTS[: 2 if small else None]:
        scores[count] = measure("fast", SEEDS[0], small=small, minutes=_FEW_MINUTES, start=start, learned=count)
    print("     " + "  ".join(f"{count}: {score:.3f}" for count, score in sorted(scores.items())))
    found = {f"few_shot_f4_{count}": score for count, score in scores.items()}
    return found | {"few_shot_fraction": scores[1] / scores[max(scores)]}
