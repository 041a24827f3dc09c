"""Numbers by which a scorer tells targets apart, all relative to the image, so that they hold on other microscopes."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.collect.plugins import What
from cryogauge.records import BadInput

#: What each is, for the sentences.
FEATURES: dict[What, dict[str, str]] = {
    "squares": {
        "brightness": "brightness of its film",
        "size": "area",
        "usable": "share that is usable",
        "middle": "distance from the middle",
        "score": "the finder's score",
    },
    "holes": {
        "brightness": "brightness",
        "clean": "cleanness",
        "confidence": "how sure a hole it is",
        "bar": "distance from the bars",
        "middle": "distance from the middle",
        "ice": "thickness of its ice",
        "score": "the finder's score",
    },
}
_COLUMNS: dict[What, tuple[str, ...]] = {
    "squares": ("relative", "area_px", "usable", "x_px", "y_px", "score"),
    "holes": ("brightness", "clean", "confidence", "bar_px", "diameter_px", "x_px", "y_px", "ice_nm", "score"),
}


def target_features(table: pd.DataFrame, what: What) -> NDArray[np.float64]:
    """Features of the squares or holes of one image.

    Parameters
    ----------
    table
        As the finders return it, or as ``collect squares`` and ``collect holes`` write it, of one image.
    what
        Which they are.

    Returns
    -------
    ndarray
        Shape ``(targets, features)``, in the order of ``FEATURES``; NaN where unknown.

    Raises
    ------
    BadInput
        When a column is missing.
    """
    missing = [name for name in _COLUMNS[what] if name not in table.columns]
    if missing:
        raise BadInput(f"the table of {what} has no column {missing[0]}", f"give what cryogauge collect {what} writes")
    values = {name: table[name].to_numpy(float) for name in _COLUMNS[what]}
    made = {"middle": _from_middle(values["x_px"], values["y_px"]), "score": values["score"]}
    if what == "squares":
        made |= {
            "brightness": _log(values["relative"]),
            "size": _log(values["area_px"] / _usual(values["area_px"])),
            "usable": values["usable"],
        }
    else:
        made |= {
            "brightness": _log(values["brightness"] / _usual(values["brightness"])),
            "clean": values["clean"],
            "confidence": values["confidence"],
            "bar": np.clip(values["bar_px"] / values["diameter_px"], 0, 3),
            "ice": _log(values["ice_nm"]),
        }
    return np.column_stack([made[name] for name in FEATURES[what]])


def _usual(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else 1.0


def _log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(values, 0.02))


def _from_middle(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from the middle of all in the image, 1 for the farthest."""
    if len(x) == 0:
        return x
    away = np.hypot(x - (x.min() + x.max()) / 2, y - (y.min() + y.max()) / 2)
    return away / max(float(away.max()), 1e-9)
