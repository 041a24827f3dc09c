"""Groups of holes that one stage position reaches by image shift.

Moving the stage costs more than shifting beam and image, which reach some µm. The holes are covered by as few discs of
that radius as a greedy choice finds (at most 1 + ln n times the fewest, n the most holes in a disc: Chvátal, Math.
Oper. Res. 4, 233, 1979); a disc's centre is a hole, so that the stage goes to one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import KDTree

from cryogauge.records import BadInput
from cryogauge.records.session import CollectionSession


@dataclass(frozen=True)
class ShiftGroups:
    """Which place belongs to which group.

    Attributes
    ----------
    group
        Number of each place's group, from 0, the largest group first.
    centre
        For each group, which place is its centre.
    shift_um
        ``(place, 2)``: (x, y) from the centre of its group.
    """

    group: NDArray[np.int64]
    centre: NDArray[np.int64]
    shift_um: NDArray[np.float64]


def shift_groups(xy_um: NDArray[np.floating], reach_um: float) -> ShiftGroups:
    """Group places: each belongs to the nearest of the centres, none lies beyond the reach.

    Parameters
    ----------
    xy_um
        Places (x, y), shape ``(n, 2)``, in µm of the specimen, along any axes.
    reach_um
        Farthest from its centre that a place may lie.

    Raises
    ------
    BadInput
        When the reach is no positive number, or a place is none.
    """
    xy = np.asarray(xy_um, np.float64).reshape(-1, 2)
    if not (np.isfinite(reach_um) and reach_um > 0):
        raise BadInput(f"a reach of {reach_um:g} µm reaches nothing", "give a positive number of µm")
    if not np.isfinite(xy).all():
        raise BadInput("a place has no position", "leave it out")
    if not len(xy):
        return ShiftGroups(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 2)))
    tree = KDTree(xy)
    near: Any = tree.query_ball_point(xy, reach_um)
    left = np.array([len(each) for each in near])
    covered, centres = np.zeros(len(xy), bool), []
    while not covered.all():
        chosen = int(left.argmax())
        centres.append(chosen)
        for place in near[chosen]:
            if not covered[place]:
                covered[place] = True
                left[near[place]] -= 1
    nearest: Any = KDTree(xy[centres]).query(xy)[1]
    used, group = np.unique(nearest, return_inverse=True)
    order = np.argsort(-np.bincount(group), kind="stable")
    group = np.argsort(order)[group]
    centre = np.array(centres, np.int64)[used][order]
    return ShiftGroups(group, centre, xy - xy[centre[group]])


def grouped_places(session: CollectionSession, reach_um: float) -> dict[str, int]:
    """Groups of a session's holes by their names, from 1; those of each grid and registration apart.

    Points that are labelled to be acquired count as holes: a Navigator file knows no others. Holes without a stage
    position, those labelled not to be acquired, and points that stand for several holes each have no group.

    Raises
    ------
    BadInput
        When the reach is no positive number.
    """
    labels, places = session.labels, session.places
    said = labels[(labels["subject_kind"] == "place") & (labels["label"] == "acquire")]
    wanted, refused = (places["place"].isin(said["subject"][said["value"] == value]) for value in "10")
    several = places["extra"].str.contains('"HoleArray"', regex=False, na=False)
    own = ((places["kind"] == "hole") & ~refused) | ((places["kind"] == "point") & wanted & ~several)
    holes = places[own & places[["stage_x_um", "stage_y_um"]].notna().all(axis=1)]
    groups: dict[str, int] = {}
    first = 1
    for _, some in holes.groupby(["grid", "registration"], dropna=False, sort=False):
        made = shift_groups(some[["stage_x_um", "stage_y_um"]].to_numpy(np.float64), reach_um)
        groups |= dict(zip(some["place"], (made.group + first).tolist(), strict=True))
        first += len(made.centre)
    return groups


def with_shift_groups(holes: pd.DataFrame, reach_um: float, pixel_size_A: float) -> pd.DataFrame:
    """A table of holes with the groups of its targets.

    Parameters
    ----------
    holes
        As of :func:`cryogauge.collect.targets.holes.find_holes`.
    reach_um
        As of :func:`shift_groups`.
    pixel_size_A
        Of the image.

    Returns
    -------
    DataFrame
        With ``shift_group`` (−1 for what is no target), ``shift_centre`` (whether the stage goes there), and
        ``shift_x_um``, ``shift_y_um`` along columns and rows of the image (NaN for what is no target).

    Raises
    ------
    BadInput
        When the pixel size is not known, or the reach no positive number.
    """
    if not pixel_size_A > 0:
        raise BadInput("without a pixel size nobody knows how far holes are apart", "give it with --pixel-size")
    targets = np.flatnonzero(holes["target"].to_numpy(bool)) if len(holes) else np.zeros(0, np.int64)
    xy_um = holes[["x_px", "y_px"]].to_numpy(np.float64)[targets] * pixel_size_A / 1e4
    groups = shift_groups(xy_um, reach_um)
    number, is_centre = np.full(len(holes), -1), np.zeros(len(holes), bool)
    shift = np.full((len(holes), 2), np.nan)
    number[targets], shift[targets] = groups.group, groups.shift_um
    is_centre[targets[groups.centre]] = True
    return holes.assign(shift_group=number, shift_centre=is_centre, shift_x_um=shift[:, 0], shift_y_um=shift[:, 1])
