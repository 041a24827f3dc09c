"""A judgement as files: written by a worker, read back for the tables and the report."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.io import TomogramSource
from cryogauge.records import BadInput, TomogramJudgement
from cryogauge.score.tomogram import ScoreSettings, judge_source


def judge_to_folder(source: TomogramSource, folder: Path, settings: ScoreSettings) -> dict[str, Any]:
    """Judge one item of a batch and keep the judgement in a folder; returns its row as plain JSON values."""
    return save_judgement(judge_source(source, settings), folder)


def save_judgement(judgement: TomogramJudgement, folder: Path) -> dict[str, Any]:
    """Write ``judgement.json``, ``slices.csv``, ``local_map.npz`` and a PNG a picture into an existing folder.

    Returns
    -------
    The judgement's row as plain JSON values.
    """
    from PIL import Image

    judgement.slices.to_csv(folder / "slices.csv", index=False)
    np.savez_compressed(folder / "local_map.npz", quality=np.round(judgement.local_map * 255).astype(np.uint8))
    for name, picture in judgement.pictures.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
    row = _plain(judgement.row)
    content = {
        "row": row, "tile_px": judgement.tile_px, "surfaces": judgement.surfaces,
        "pictures": sorted(judgement.pictures), "notes": judgement.notes,
    }  # fmt: skip
    (folder / "judgement.json").write_text(json.dumps(content, indent=1, ensure_ascii=False))
    return row


def load_judgement(folder: Path) -> TomogramJudgement:
    """Read a judgement back; the local map is kept in 255 steps. Raises ``BadInput`` when a file is missing."""
    from PIL import Image

    try:
        content = json.loads((folder / "judgement.json").read_text())
        slices = pd.read_csv(folder / "slices.csv", dtype={"tomogram": str})
        with np.load(folder / "local_map.npz", allow_pickle=False) as arrays:
            local_map = arrays["quality"].astype(np.float32) / 255.0
        pictures = {name: np.asarray(Image.open(folder / f"{name}.png")) for name in content["pictures"]}
    except (OSError, KeyError, ValueError) as error:
        raise BadInput(
            f"the judgement in {folder} is incomplete: {error}", "delete the folder and score again"
        ) from error
    row: dict[str, Any] = {name: float("nan") if value is None else value for name, value in content["row"].items()}
    row["flags"] = tuple(content["row"]["flags"])
    surfaces = {name: tuple(plane) for name, plane in content["surfaces"].items()}
    return TomogramJudgement(row, slices, local_map, content["tile_px"], surfaces, pictures, content["notes"])


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Values that JSON holds: NaN becomes null, numpy numbers plain ones."""
    out: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, tuple):
            out[name] = list(value)
        elif isinstance(value, (float, np.floating)):
            out[name] = None if math.isnan(value) else float(value)
        elif isinstance(value, np.integer):
            out[name] = int(value)
        else:
            out[name] = value
    return out
