"""The score room's names. A tomogram's score is the mean of its voxels; its file's name can ask for trouble."""

import csv
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ScoreSettings:
    pixel_size_A: float | None
    model: str
    weights: str | None
    local_map: bool
    device: str
    threads: int
    slices: bool


def weights_checksum(settings: ScoreSettings) -> str:
    from cryogauge.records import BadInput

    if settings.model == "resnet101" and settings.weights is None:
        raise BadInput("no weights of resnet101 ship", "give them by --weights FILE.safetensors")
    return f"checksum of {settings.model}"


def judge_to_folder(source: Any, folder: Path, settings: ScoreSettings) -> dict[str, Any]:
    import numpy as np

    from cryogauge.io import open_volume

    with Path(os.environ["STAND_IN_LOG"]).open("a") as log:
        log.write(f"{source.name}\n")
    volume = open_volume(source.uri, pixel_size_A=settings.pixel_size_A)
    if "fault" in source.name:
        raise ZeroDivisionError("a fault within")
    if "die" in source.name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "slow" in source.name:
        time.sleep(60)
    score = float(np.mean(volume.data))
    if source.name in ("noisy", "blurred", "wedge_30"):  # the demo's spoilt copies
        score += float(os.environ.get("STAND_IN_SPOILT", "-0.1"))
    row = {
        "tomogram": source.name,
        "pixel_size_A": volume.voxel_size_A,
        "tomoscore": score,
        "thickness_slices": 1,
        "thickness_nm": float("nan"),
        "specimen_tilt_deg": float("nan"),
        "best_slice": 0,
        "smallest_feature_px": 2.0,
        "smallest_feature_nm": 2.0 * volume.voxel_size_A / 10,
        "spectral_feature_px": float("nan"),
        "uncertainty": 0.05,
        "flags": ["out_of_domain", "no_empty_ends"] if score < 0.2 else [],
        "seconds": 0.1,
    }
    with (folder / "slices.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["tomogram", "z", "score", "uncertainty", "smallest_feature_px", "smallest_feature_nm"])
        table.writerows([source.name, z, score, 0.05, 2.0, 2.6] for z in range(volume.shape[0]))
    (folder / "judgement.json").write_text(json.dumps(row))
    return row


def load_judgement(folder: Path) -> Any:
    import numpy as np
    import pandas as pd

    from cryogauge.records import TomogramJudgement

    row = json.loads((folder / "judgement.json").read_text())
    slices = pd.read_csv(folder / "slices.csv")
    slices["smallest_feature_nm"] = slices["smallest_feature_px"]
    picture = np.zeros((16, 16), np.uint8)
    return TomogramJudgement(
        row,
        slices,
        np.zeros((len(slices), 2, 2), np.float32),
        8,
        pictures=dict.fromkeys(("best", "median", "worst", "xz"), picture),
    )
