"""One exposure of 4,096 × 4,096 pixels read and judged in full, as by a worker of ``cryogauge collect judge``.

What is timed is all that is done for one more exposure of a session: the file read, the contrast transfer fitted, the
picture looked at, the class told, both pictures written. The start of Python and the first loading of libraries are
done once a session and are not in it. As many threads as the machine has processors.
"""

import shutil
import time
from pathlib import Path

import numpy as np

from cryogauge.collect.judge.exposure import read_exposure
from cryogauge.collect.judge.judge import JudgeSettings, judge_exposure
from cryogauge.collect.judge.pictures import exposure_picture, spectrum_picture
from cryogauge.io import write_mrc
from cryogauge.simulate.micrographs import simulate_micrograph

FIGURES = ("exposure_seconds_4k",)
WORK = Path(__file__).resolve().parent.parent / "work" / "benchmarks" / "exposure"
_PIXEL_A, _RUNS = 0.9, 3


def run(small: bool = False) -> dict[str, float]:
    """Measure, the median of three; ``small`` takes 1,024 px."""
    edge = 1024 if small else 4096
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    made = simulate_micrograph("great", (edge, edge), _PIXEL_A, np.random.default_rng(0))
    write_mrc(WORK / "exposure.mrc", made.electrons[None], _PIXEL_A)
    settings = JudgeSettings(voltage_kV=made.optics.voltage_kV)
    _judge(settings)
    seconds = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        _judge(settings)
        seconds.append(time.perf_counter() - start)
    shutil.rmtree(WORK)
    return {"exposure_seconds_4k": float(np.median(seconds))}


def _judge(settings: JudgeSettings) -> None:
    judged = judge_exposure(read_exposure(WORK / "exposure.mrc"), settings)
    (WORK / "picture.jpg").write_bytes(exposure_picture(judged))
    if judged.power is not None and judged.fit is not None:
        (WORK / "spectrum.jpg").write_bytes(spectrum_picture(judged.power, judged.fit, settings))
