"""Grading 1,000 averages of 160 × 160 through the command line, from its start to its end.

The averages are noise and blobs, which take as long as any; the network is the one that comes with the package.
Reading, the contact sheet and the tables are part of it. As many threads as the machine has processors.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from cryogauge.io import MrcWriter

FIGURES = ("class_seconds_1000",)
WORK = Path(__file__).resolve().parent.parent / "work" / "benchmarks" / "classes"


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` grades fifty."""
    count, edge = (50, 96) if small else (1000, 160)
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    rng = np.random.default_rng(0)
    with MrcWriter(WORK / "averages.mrcs", (count, edge, edge), 1.5, stack=True) as writer:
        for _ in range(count):
            noise = rng.normal(size=(edge, edge))
            blob = gaussian_filter(rng.normal(size=(edge, edge)), edge / 16) * 8
            writer.append(gaussian_filter(noise + blob, 1.0).astype(np.float32)[None])
    call = ["classes", "grade", str(WORK / "averages.mrcs"), "--pixel-size", "1.5", "--out", str(WORK / "graded")]
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "cryogauge", *call], check=True, capture_output=True)
    seconds = time.perf_counter() - start
    shutil.rmtree(WORK)
    return {"class_seconds_1000": seconds}
