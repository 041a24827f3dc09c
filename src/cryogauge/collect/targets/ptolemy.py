"""Found squares and holes in the JSON that Ptolemy writes, which programs of sites read already.

A list of objects with ``vertices``, ``center``, ``area``, ``brightness`` and ``score``, positions as (x, y) in pixels
of the image (Kim et al., arXiv 2112.01534, and its public program).
"""

from typing import Any

import numpy as np
import pandas as pd

#: Corners of the polygon that stands for a round hole.
_CORNERS = 16


def ptolemy_squares(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The squares of :func:`cryogauge.collect.targets.squares.find_squares` as Ptolemy would list them, best first."""
    return [
        _entry(row["vertices"], (row["x_px"], row["y_px"]), row["area_px"], row["brightness"], row["score"])
        for row in table.to_dict("records")
    ]


def ptolemy_holes(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The holes of :func:`cryogauge.collect.targets.holes.find_holes` as Ptolemy would list them, best first."""
    turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    entries = []
    for row in table.to_dict("records"):
        radius = row["diameter_px"] / 2
        rim = zip(row["x_px"] + radius * np.cos(turn), row["y_px"] + radius * np.sin(turn), strict=True)
        centre = (row["x_px"], row["y_px"])
        entries.append(_entry(rim, centre, np.pi * radius**2, row["brightness"], row["score"]))
    return entries


def _entry(vertices: Any, centre: tuple[float, float], area: float, brightness: float, score: float) -> dict[str, Any]:
    return {
        "vertices": [[float(x), float(y)] for x, y in vertices],
        "center": [float(centre[0]), float(centre[1])],
        "area": float(area),
        "brightness": float(brightness),
        "score": float(score),
    }
