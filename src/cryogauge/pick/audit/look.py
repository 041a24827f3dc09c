"""What a network says at labels and elsewhere: the evidence that labels are judged by."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from cryogauge.pick.predict import picks_of
from cryogauge.pick.presets import Preset
from cryogauge.records import BadInput, PickObject, check_picks

#: Two centres nearer than this part of the (larger) radius are of one particle. Labels by hand or by template matching
#: are off by up to half a radius; two particles that touch are two radii apart.
REACH = 0.75
#: Places drawn at random for each kind of each tomogram, to know what the network says where nothing is.
PLACES = 400
#: ``role`` is ``pick`` (the network's), ``label`` or ``place`` (drawn at random). ``probability`` is a pick's own
#: score, else the highest of the kind within reach. ``has`` says of a pick what label is in reach: ``own`` kind,
#: ``other``, or empty. ``other`` and ``other_probability`` are the best pick of another kind at a label, one without a
#: label of its own.
EVIDENCE_COLUMNS = (
    "tomogram", "role", "object", "x_A", "y_A", "z_A", "probability", "has", "other", "other_probability",
)  # fmt: skip
#: Columns of a place, as arrays have their axes.
AXES = ["z_A", "y_A", "x_A"]


def look(
    probability: np.ndarray,
    picks: pd.DataFrame,
    objects: Sequence[PickObject],
    voxel_size_A: float,
    preset: Preset,
    tomogram: str,
) -> pd.DataFrame:
    """What a probability map says of the labels of one tomogram.

    Parameters
    ----------
    probability
        Of :func:`cryogauge.pick.predict.probability_map`, or of anything that corrects labels in the same form:
        ``(kind, z / stride, y / stride, x / stride)`` for a preset of peaks, with the background as channel 0
        otherwise.
    picks
        The labels: a pick table, of which the rows of this tomogram and these kinds are taken.
    objects
        The kinds, labelled from 1 in the map's order.
    voxel_size_A
        Of the tomogram.
    preset
        How picks are found in the map, and its stride.
    tomogram
        Its name.

    Returns
    -------
    A row a pick, label and random place: :data:`EVIDENCE_COLUMNS`. The same arguments give the same places.

    Raises
    ------
    BadInput
        When the map has not a channel a kind.
    """
    check_picks(picks)
    background = 0 if preset.target == "peaks" else 1
    if len(probability) != len(objects) + background:
        raise BadInput(
            f"a map of {len(probability)} channels is not of {len(objects)} kinds", "give the picker's kinds"
        )
    labels = picks[(picks["tomogram"] == tomogram) & picks["object"].isin([each.name for each in objects])]
    labels = labels.drop_duplicates(["object", *AXES])
    found = picks_of(probability, objects, voxel_size_A, preset, tomogram)
    step_A = preset.network.stride * voxel_size_A
    has = _has(found, labels, objects)
    parts = [found.assign(role="pick", probability=found["score"], has=has)]
    rng = np.random.default_rng(0)
    for each in objects:
        map_ = probability[each.label - 1 + background]
        own = labels[labels["object"] == each.name]
        parts.append(own.assign(role="label", probability=_highest(map_, own[AXES].to_numpy(float), each, step_A)))
        drawn = _empty_places(rng, np.array(map_.shape) * step_A, own[AXES].to_numpy(float), each)
        places = pd.DataFrame(drawn, columns=pd.Index(AXES)).assign(object=each.name, role="place")
        parts.append(places.assign(probability=_highest(map_, drawn, each, step_A)))
    table = pd.concat(parts, ignore_index=True).assign(tomogram=tomogram)
    table["has"] = table.get("has", pd.Series(dtype=object)).fillna("")
    table[["other", "other_probability"]] = _others(table, objects)
    return table[list(EVIDENCE_COLUMNS)]


def _highest(map_: np.ndarray, places_A: np.ndarray, kind: PickObject, step_A: float) -> np.ndarray:
    """The highest value of a map within reach of each place ``(n, 3)``; 0 for places beyond its edges."""
    reach = max(REACH * kind.radius_A / step_A, 1.0)
    shape = np.array(map_.shape)
    out = np.zeros(len(places_A))
    for i, centre in enumerate(places_A / step_A):
        first = np.maximum(np.ceil(centre - reach).astype(int), 0)
        last = np.minimum(np.floor(centre + reach).astype(int) + 1, shape)
        if np.any(first >= last):
            continue
        box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        squares = [(np.arange(a, b) - c) ** 2 for a, b, c in zip(first, last, centre, strict=True)]
        near = squares[0][:, None, None] + squares[1][:, None] + squares[2] <= reach * reach
        out[i] = map_[box][near].max(initial=0.0)
    return out


def _empty_places(rng: np.random.Generator, size_A: np.ndarray, labels_A: np.ndarray, kind: PickObject) -> np.ndarray:
    """Places ``(n, 3)`` drawn at random, none so near a label that its particle would be in reach."""
    drawn = rng.uniform(0, 1, (PLACES, 3)) * size_A
    if not len(labels_A):
        return drawn
    distance, _ = KDTree(labels_A).query(drawn)
    return drawn[distance > 2 * REACH * kind.radius_A]


def _has(found: pd.DataFrame, labels: pd.DataFrame, objects: Sequence[PickObject]) -> np.ndarray:
    """Of each pick: ``own`` or ``other``, the kind of a label in reach, or empty."""
    has = np.full(len(found), "", dtype=object)
    kinds = found["object"].to_numpy()
    places = found[AXES].to_numpy(float)
    for kind in objects:
        of_kind = np.flatnonzero(kinds == kind.name)
        for label in sorted(objects, key=lambda each: each is kind):  # its own kind last: it says most
            near = _near(places[of_kind], labels[labels["object"] == label.name][AXES].to_numpy(float), kind, label)
            has[of_kind[near]] = "own" if label is kind else "other"
    return has


def _near(places: np.ndarray, labels: np.ndarray, one: PickObject, other: PickObject) -> np.ndarray:
    if not len(places) or not len(labels):
        return np.zeros(len(places), dtype=bool)
    distance, _ = KDTree(labels).query(places)
    return distance <= REACH * max(one.radius_A, other.radius_A)


def _others(table: pd.DataFrame, objects: Sequence[PickObject]) -> pd.DataFrame:
    """The best pick of another kind at each label: its kind and score; empty and 0 where there is none."""
    names, best = np.full(len(table), "", dtype=object), np.zeros(len(table))
    roles, kinds = table["role"].to_numpy(), table["object"].to_numpy()
    places, scores = table[AXES].to_numpy(float), table["probability"].to_numpy(float)
    free = (roles == "pick") & (table["has"] == "other").to_numpy()
    for kind in objects:
        rows = np.flatnonzero((roles == "label") & (kinds == kind.name))
        for other in objects:
            picks = np.flatnonzero(free & (kinds == other.name))
            if other is kind or not len(picks) or not len(rows):
                continue
            reach = REACH * max(kind.radius_A, other.radius_A)
            for row, near in zip(rows, KDTree(places[picks]).query_ball_point(places[rows], reach), strict=True):
                highest = scores[picks[near]].max(initial=0.0)
                if highest > best[row]:
                    names[row], best[row] = other.name, highest
    return pd.DataFrame({"other": names, "other_probability": best}, index=table.index)
