"""Picking a tomogram of the CZII challenge's size: seconds and peak memory of ``fast`` on six kinds.

The tomogram is noise and the network untaught, which takes as long as any. It is picked through the batch that
``cryogauge pick predict`` runs, in a worker process; the seconds are those of the second of two tomograms, when
libraries are loaded and kernels compiled. Memory is the largest resident size that a process of the batch had.
"""

import resource
import shutil
from pathlib import Path

import numpy as np

from cryogauge import __version__
from cryogauge.io import MrcWriter, find_tomograms
from cryogauge.learn.weights import save_weights
from cryogauge.pick.batch import PickSettings, pick_batch
from cryogauge.pick.model import picker_card
from cryogauge.pick.networks import build
from cryogauge.pick.presets import find_preset
from cryogauge.records import CZII_OBJECTS
from cryogauge.simulate.phantom.mixture import CHALLENGE_SHAPE, CHALLENGE_VOXEL_A

FIGURES = ("predict_seconds_630", "predict_peak_mib")
WORK = Path(__file__).resolve().parent.parent / "work" / "benchmarks" / "pick"


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes a tomogram of a fortieth of the volume."""
    shape = (48, 128, 128) if small else CHALLENGE_SHAPE
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "out").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("first", "second"):
        with MrcWriter(WORK / f"{name}.mrc", shape, CHALLENGE_VOXEL_A) as writer:
            for _ in range(shape[0]):
                writer.append(rng.normal(size=shape[1:]).astype(np.float32))
    preset = find_preset("fast")
    card = picker_card(
        preset, CZII_OBJECTS, CHALLENGE_VOXEL_A, {}, recipe="none", data="none", seed=0, code_version=__version__
    )
    weights = WORK / "picker.safetensors"
    save_weights(build(preset.network, len(CZII_OBJECTS)), card, weights)
    rows = [each.row for each in pick_batch(find_tomograms([WORK]), WORK / "out", PickSettings((str(weights),)))]
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    shutil.rmtree(WORK)
    return {"predict_seconds_630": rows[-1]["seconds"], "predict_peak_mib": peak_kib / 1024}
