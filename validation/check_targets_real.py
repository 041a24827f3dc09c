"""Squares and holes of public pictures, found without parameters, against marks set by eye before anything was tuned.

``real_squares_holes.csv`` holds positions alone: file, what, x and y in pixels, and whether it is whole. What is cut by
the border, a bar or a fold, or what the eye is not sure of, may be found or not. Finders were tuned on half of the
files (``_TUNED``); the figures are of the others, and the tuned ones stand beside them.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.collect.targets.holes import find_holes
from cryogauge.collect.targets.squares import find_squares
from cryogauge.io import read_picture
from validation.real_files import data_folder
from validation.targets import Count, count

FIGURES = ("square_precision_recall_real", "hole_precision_recall_real")
_MARKS = Path(__file__).with_name("real_squares_holes.csv")
_TUNED = {
    "square": ("ptolemy/20may08a_16760340.mrc", "leginon/08mar13e_00010gr_00004sq_v02.mrc"),
    "hole": (
        "ptolemy/medmag.png", "leginon/08mar13e_00010gr_00004sq_v02.mrc", "Magellon/26jun01b_00001hl.jpg",
        "Magellon/26jun01b_00002hl.jpg",  # of the same place
    ),
}  # fmt: skip


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures: the smaller of precision and recall over all marks of files that tuned nothing."""
    folder = data_folder()
    if folder is None:
        print("   not measured: CRYOGAUGE_DATA does not name the folder of real files")
        return {}
    results = {}
    for what, marks in pd.read_csv(_MARKS).groupby("what"):
        totals = {"real": Count(), "real_tuned": Count()}
        for name, rows in marks.groupby("file"):
            one = _compare(folder / "atlas_square_hole" / str(name), str(what), rows)
            print(f"     {what}s of {name}: {one.hit} of {one.sought} found, {one.right} of {one.found} right")
            totals["real_tuned" if name in _TUNED[str(what)] else "real"] += one
        for kind, total in totals.items():
            results[f"{what}_precision_recall_{kind}"] = total.smaller
            results[f"{what}_precision_{kind}"], results[f"{what}_recall_{kind}"] = total.precision, total.recall
            results[f"{what}_marks_{kind}"] = float(total.sought)
    return results


def _compare(path: Path, what: str, marks: pd.DataFrame) -> Count:
    picture, _ = read_picture(path)
    xy = marks[["x_px", "y_px"]].to_numpy(float)
    whole = marks["whole"].to_numpy(bool)
    if what == "square":
        squares = find_squares(picture)
        found, within = squares.table, 0.3 * squares.side_px
    else:
        holes = find_holes(picture)
        found, within = holes.table, 0.3 * holes.diameter_px
    places = found[["x_px", "y_px"]].to_numpy(float)
    if len(places) == 0:
        return Count(int(whole.sum()), 0, 0, 0)
    recall = count(places, xy[whole], xy[~whole], within)
    # what the eye called cut lies anywhere within itself
    near_cut = np.zeros(len(places), bool)
    if (~whole).any():
        near_cut = np.linalg.norm(places[:, None] - xy[~whole][None], axis=2).min(1) < within / 0.3
    precision = count(places[~near_cut], xy[whole], xy[~whole], within)
    return Count(recall.sought, recall.hit, precision.found, precision.right)
