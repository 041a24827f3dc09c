"""What the paper's preset costs here: an epoch on 300 slices of 960 × 960, and the whole training at that pace.

ResNet101 of random weights takes as long as one of any other. The labels mean nothing; each category has 50 slices.
Broken off, it goes on from the last checkpoint when run again; the pace is that of the last run.
"""

import json
import shutil
from pathlib import Path

import numpy as np

from cryogauge.io import MrcWriter
from cryogauge.score.labelled import LabelledTomogram
from cryogauge.score.network import resnet101
from cryogauge.score.paper_preset import PaperSettings, SliceReader, paper_slices, train_paper

FIGURES = ("paper_epoch_seconds", "paper_full_hours")
WORK = Path(__file__).resolve().parent.parent / "work" / "benchmarks"
#: Slices of an epoch here, and those of the paper: 2,500 of each of six categories, 200 times.
SLICES, PAPER_SLICES, PAPER_EPOCHS = 300, 15_000, 200


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes 12 slices of 240 × 240."""
    count, edge = (12, 240) if small else (SLICES, PaperSettings().crop_px)
    folder = WORK / f"paper-{count}x{edge}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "slices.mrc"
    rng = np.random.default_rng(0)
    with MrcWriter(path, (count, edge, edge), 10.0) as writer:
        for _ in range(count):
            writer.append(rng.standard_normal((edge, edge), dtype=np.float32))
    tomogram = LabelledTomogram("slices", str(path), 10.0, np.arange(count), np.arange(count) % 6 / 5.0)
    settings = PaperSettings(crop_px=edge, per_category=count // 6, epochs=1)
    slices = paper_slices([tomogram], settings)
    done = train_paper(
        resnet101(), slices, SliceReader([tomogram], edge), settings, folder / "training", stage_minutes=600.0,
        say=lambda text: print(f"     {text}"),
    )  # fmt: skip
    assert done
    line = json.loads((folder / "training" / "log.jsonl").read_text())
    shutil.rmtree(folder)
    pace = float(line["seconds_a_slice"])
    return {
        "paper_epoch_seconds": pace * len(slices),
        "paper_full_hours": pace * PAPER_SLICES * PAPER_EPOCHS / 3600.0,
        "paper_slices": float(len(slices)),
    }
