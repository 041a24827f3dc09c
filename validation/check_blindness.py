"""Blind to what is not structure: scores of real files before and after changes that leave their structure alone."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from cryogauge.records import Volume
from cryogauge.score.tomogram import judge_volume
from validation.blindness import unchanged_in_structure
from validation.held_out import held_out, shipped_model
from validation.real_files import (
    MEMBRANE,
    MICROTUBULE,
    TOMOGRAM_171,
    data_folder,
    read,
    single_slices,
    tomogram,
    without_phases,
)

FIGURES = ("grey_value_invariance", "clip_invariance", "spot_invariance", "phase_random_max")


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures: the largest change of any slice's score, in volumes and in single pictures."""
    if data_folder() is None:
        print("   not measured: CRYOGAUGE_DATA does not name the folder of real files")
        return {}
    worst: dict[str, float] = defaultdict(float)
    for model, changes in (("volume", _volumes(small)), ("picture", _pictures(small))):
        for figure, name, change in changes:
            worst[figure] = max(worst[figure], change)
            worst[f"{figure}_{model}"] = max(worst[f"{figure}_{model}"], change)
            if change >= 0.1:
                print(f"     {figure}: {change:.3f} in {name}")
    return dict(worst)


def _volumes(small: bool) -> Iterator[tuple[str, str, float]]:
    """Figure, file and largest change of a slice's score, of the model for tomograms."""
    simulated = np.asarray(next(held_out("slices-test", small=True)).open().data[:], dtype=np.float32)
    names = (MICROTUBULE, MEMBRANE) if small else (TOMOGRAM_171, MICROTUBULE, MEMBRANE)
    for name in names:
        data, size = read(name, "volume")
        before = tomogram(name).slices["score"].to_numpy(float)

        def judged(changed: np.ndarray, size: float = size) -> np.ndarray:
            return judge_volume(Volume(changed, size), "changed", shipped_model()).slices["score"].to_numpy(float)

        other = read(TOMOGRAM_171 if name != TOMOGRAM_171 else MICROTUBULE, "volume")[0]
        for reference in (simulated, other):
            for figure, changed in unchanged_in_structure(data, reference):
                yield figure, name, float(np.abs(judged(changed) - before).max())
        yield "phase_random_max", name, float(judged(without_phases(data, seed=5)).max())


def _pictures(small: bool) -> Iterator[tuple[str, str, float]]:
    """The same of the model for single pictures; each gets the histogram of the next but a few."""
    names = single_slices()[:: 20 if small else 1]

    def judged(picture: np.ndarray) -> float:
        return float(shipped_model().judge_picture(picture).score[0])

    for index, name in enumerate(names):
        data = read(name, "picture")[0]
        before = judged(data)
        reference = read(names[(index + 37) % len(names)], "picture")[0]
        for figure, changed in unchanged_in_structure(data, reference):
            yield figure, name, abs(judged(changed) - before)
        yield "phase_random_max", name, judged(without_phases(data, seed=5))
