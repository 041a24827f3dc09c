"""Noise on labels that one can dial: true picks with some left out, moved or misnamed, and others that never were.

What was done to each label is known, so that whoever finds wrong labels, or learns in spite of them, can be judged.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cryogauge.records import CZII_OBJECTS, BadInput, PickObject, check_picks

#: What can have become of a label, and of a true pick without one.
CHANGES = ("kept", "shifted", "swapped", "false")
REMOVED = ("missed", "dropped")
_RATES = ("miss_rate", "false_rate", "swap_rate")
_AXES = ["x_A", "y_A", "z_A"]
_ANGLES = ["rot", "tilt", "psi"]
_TRIES = 10_000  # places looked at for a false pick before the tomogram is called full
_HALF = 0.5 + 1e-9  # products of decimal fractions that fall short of a half by rounding are halves


@dataclass(frozen=True)
class LabelNoise:
    """How wrong labels are.

    A rate counts exactly: of n picks it takes rate × n, rounded half up, for each kind over all its tomograms.

    Attributes
    ----------
    miss_rate
        Part of a kind's true picks that are left out, from 0 to 1; of those that ``keep`` leaves.
    false_rate
        Part of the labels of a kind's name, as they are in the end, that stand where no particle of the kind is; below
        1. To L true labels of that name come false_rate / (1 − false_rate) × L.
    shift_A
        Standard deviation of a Gaussian by which every true label is moved along each axis, Å.
    swap_rate
        Part of a kind's remaining true picks that get another kind's name, drawn in proportion to how many true picks
        the other kinds have.
    keep
        By kind, the part of its true picks that are labelled at all, from 0 to 1: an imbalance between kinds. 1 for
        those not named.
    kinds
        Rates of single kinds in place of those above: ``{"ribosome": {"miss_rate": 0.5}}``.
    """

    miss_rate: float = 0.0
    false_rate: float = 0.0
    shift_A: float = 0.0
    swap_rate: float = 0.0
    keep: Mapping[str, float] = field(default_factory=dict)
    kinds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = [(name, getattr(self, name)) for name in _RATES]
        for kind, rates in self.kinds.items():
            unknown = set(rates) - set(_RATES)
            if unknown:
                raise BadInput(f"{kind} cannot have its own {', '.join(sorted(unknown))}", f"it can: {_listed(_RATES)}")
            given += [(f"{name} of {kind}", rate) for name, rate in rates.items()]
        given += [(f"part of {kind} to keep", part) for kind, part in self.keep.items()]
        for what, rate in given:
            if not 0 <= rate <= 1:
                raise BadInput(f"the {what} is {rate:g}", "it is a part of all, from 0 to 1")
            if what.startswith("false_rate") and rate == 1:
                raise BadInput(f"the {what} is 1", "below 1, some of the labels are true")
        if not (math.isfinite(self.shift_A) and self.shift_A >= 0):
            raise BadInput(f"labels cannot be moved by {self.shift_A:g} Å", "give a standard deviation in Å, or 0")

    def rate(self, what: str, kind: str) -> float:
        """A rate as it counts for a kind."""
        return float(self.kinds.get(kind, {}).get(what, getattr(self, what)))

    @property
    def needs_sizes(self) -> bool:
        """Whether labels are put somewhere, so that it matters how large the tomograms are."""
        own = [rates.get("false_rate", 0.0) for rates in self.kinds.values()]
        return max([self.shift_A, self.false_rate, *own]) > 0


class NoisyPicks(NamedTuple):
    """Labels with noise, and what they lack.

    Attributes
    ----------
    labels
        The picks' columns and four more: ``change``, one of ``CHANGES``; ``truth``, the row of the true pick counted
        from 0, −1 for a false label; ``true_object``, its kind, empty for a false one; ``moved_A``, the distance from
        it, NaN for a false one. A label that was both moved and misnamed is ``swapped``. The true ones come first, in
        the picks' order.
    removed
        Rows of the true picks without a label, with ``change``, one of ``REMOVED`` (left out by ``miss_rate``, or by
        ``keep``), and ``truth``.
    """

    labels: pd.DataFrame
    removed: pd.DataFrame


def noisy_picks(
    picks: pd.DataFrame,
    noise: LabelNoise,
    *,
    seed: int,
    shapes_A: Mapping[str, tuple[float, float, float]] | None = None,
    objects: Sequence[PickObject] = CZII_OBJECTS,
) -> NoisyPicks:
    """Labels as a careless person would give them, from true picks.

    In this order: ``keep``, ``miss_rate``, ``swap_rate``, ``shift_A``, ``false_rate``. A false label lies uniformly in
    a tomogram, farther than its kind's radius from each true particle of that kind, labelled or not; how many a
    tomogram gets is drawn in proportion to its volume. Its score is that of a true label of its name, and its
    orientation, where the picks have any, is drawn from all alike, so that neither gives it away. A label that would
    leave its tomogram stays at the edge.

    What is drawn for a pick depends on the seed and on the picks of its kind in its tomogram, in whatever order: other
    kinds and tomograms change only how many are taken, not which come first. So the picks missed at a rate are among
    those missed at a higher one, and likewise the false ones.

    Parameters
    ----------
    picks
        The truth: ``PICK_COLUMNS``, and optionally ``rot, tilt, psi`` in degrees and others.
    noise
        How wrong.
    seed
        The same seed gives the same noise; not negative.
    shapes_A
        How far each tomogram reaches from the centre of its first voxel to that of its last, (z, y, x) in Å. Needed
        for false labels; those also come into tomograms that are named here alone.
    objects
        Radii of the kinds, needed for false labels.

    Returns
    -------
    NoisyPicks
        ``labels, removed``; without noise the labels are the picks.

    Raises
    ------
    BadInput
        When a column is missing, a position is no number, a kind is named that has no picks, names are to be swapped
        and there is one kind only, a size or radius is unknown that is needed, or a tomogram has no room for a false
        label.
    """
    truth = _checked(picks, noise, seed)
    shapes = {name: np.array(shape, dtype=float)[::-1] for name, shape in (shapes_A or {}).items()}
    names = truth["object"].to_numpy(dtype=object)
    counts = {str(kind): int(count) for kind, count in pd.Series(names).value_counts().sort_index().items()}
    place = truth[_AXES].to_numpy(dtype=float)
    drawn = {what: _per_pick(truth, seed, what) for what in ("keep", "miss", "swap", "name")}
    dropped, missed, swapped = (np.zeros(len(truth), dtype=bool) for _ in range(3))
    for kind in counts:
        own = names == kind
        dropped |= _lowest(drawn["keep"], own, 1 - noise.keep.get(kind, 1.0))
        missed |= _lowest(drawn["miss"], own & ~dropped, noise.rate("miss_rate", kind))
        swapped |= _lowest(drawn["swap"], own & ~dropped & ~missed, noise.rate("swap_rate", kind))
    called = names.copy()
    for row in np.flatnonzero(swapped):
        called[row] = _another(names[row], counts, drawn["name"][row])
    left = ~dropped & ~missed
    labels = truth[left].copy()
    labels["object"] = called[left]
    moved = _moved(truth, place, noise.shift_A, shapes, seed)
    labels[_AXES] = moved[left]
    change = np.where(swapped, "swapped", "shifted" if noise.shift_A > 0 else "kept")
    labels["change"], labels["truth"], labels["true_object"] = change[left], np.flatnonzero(left), names[left]
    labels["moved_A"] = np.linalg.norm(moved - place, axis=1)[left]
    false = [_false(kind, truth, labels, noise, shapes, objects, seed) for kind in counts]
    removed = truth[~left].assign(change=np.where(missed, "missed", "dropped")[~left], truth=np.flatnonzero(~left))
    return NoisyPicks(
        pd.concat([labels, *(each for each in false if len(each))], ignore_index=True), removed.reset_index(drop=True)
    )


def _checked(picks: pd.DataFrame, noise: LabelNoise, seed: int) -> pd.DataFrame:
    """The picks with names as text, and rows counted from 0."""
    check_picks(picks)
    if seed < 0:
        raise BadInput(f"a seed cannot be {seed}", "give 0 or more")
    if not np.isfinite(picks[_AXES].to_numpy(dtype=float)).all():
        raise BadInput("some picks have a position that is no number", "leave them out")
    truth = picks.reset_index(drop=True).copy()
    for column in ("tomogram", "object"):
        truth[column] = truth[column].astype(str).astype(object)
    kinds = sorted(set(truth["object"]))
    unknown = sorted({*noise.keep, *noise.kinds} - set(kinds))
    if unknown:
        raise BadInput(f"no pick is called {unknown[0]}", f"there are {_listed(kinds)}")
    if len(kinds) == 1 and noise.rate("swap_rate", kinds[0]) > 0:
        raise BadInput(f"all picks are called {kinds[0]}: there is no other name to swap", "set the swap rate to 0")
    return truth


def _random(seed: int, *words: str) -> np.random.Generator:
    """Numbers of their own for a seed and words."""
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "little")])


def _per_pick(truth: pd.DataFrame, seed: int, what: str) -> np.ndarray:
    """A number between 0 and 1 for each pick, shape ``(pick,)``, whatever the order of the rows."""
    drawn = np.zeros(len(truth))
    for tomogram, kind, rows in _groups(truth):
        drawn[rows] = _random(seed, tomogram, kind, what).random(len(rows))
    return drawn


def _groups(truth: pd.DataFrame) -> list[tuple[str, str, np.ndarray]]:
    """Tomogram, kind and rows of each kind's picks in each tomogram, by position."""
    order = truth.sort_values(_AXES, kind="stable")
    groups = order.groupby(["tomogram", "object"], sort=True).indices
    return [(str(names[0]), str(names[1]), order.index[rows].to_numpy()) for names, rows in groups.items()]  # type: ignore[index]


def _lowest(drawn: np.ndarray, among: np.ndarray, rate: float) -> np.ndarray:
    """Which rows have the lowest numbers of some: rate × as many as there are, rounded half up."""
    rows = np.flatnonzero(among)
    chosen = np.zeros(len(drawn), dtype=bool)
    chosen[rows[np.argsort(drawn[rows], kind="stable")[: _part(rate, len(rows))]]] = True
    return chosen


def _part(rate: float, count: int) -> int:
    return math.floor(rate * count + _HALF)


def _another(name: str, counts: Mapping[str, int], drawn: float) -> str:
    """Another kind's name, in proportion to how many picks the kinds have."""
    others = [kind for kind in counts if kind != name]
    ends = np.cumsum([counts[kind] for kind in others])
    return others[int(np.searchsorted(ends, drawn * ends[-1], side="right"))]


def _moved(
    truth: pd.DataFrame, place: np.ndarray, shift_A: float, shapes: Mapping[str, np.ndarray], seed: int
) -> np.ndarray:
    """Where the labels of all picks would stand, (x, y, z) in Å, shape ``(pick, 3)``."""
    if shift_A == 0:
        return place
    moved = place.copy()
    for tomogram, kind, rows in _groups(truth):
        moved[rows] += shift_A * _random(seed, tomogram, kind, "shift").normal(size=(len(rows), 3))
        if tomogram in shapes:  # a pick that is outside already may stay there
            ends = np.maximum(shapes[tomogram], place[rows])
            moved[rows] = np.clip(moved[rows], np.minimum(0.0, place[rows]), ends)
    return moved


def _false(
    kind: str,
    truth: pd.DataFrame,
    labels: pd.DataFrame,
    noise: LabelNoise,
    shapes: Mapping[str, np.ndarray],
    objects: Sequence[PickObject],
    seed: int,
) -> pd.DataFrame:
    """False labels of a kind, in all tomograms."""
    rate = noise.rate("false_rate", kind)
    named = labels[labels["object"] == kind]
    count = _part(rate / (1 - rate), len(named))
    if not count:
        return labels[:0]
    radius_A = {each.name: each.radius_A for each in objects}.get(kind)
    if radius_A is None:
        raise BadInput(f"the radius of {kind} is unknown, and false labels keep it from the true ones", "give it in Å")
    unknown = sorted(set(truth["tomogram"]) - set(shapes))
    if unknown:
        raise BadInput(f"the size of {unknown[0]} is unknown, and false labels lie all over it", "give its size")
    flat = [tomogram for tomogram, ends in shapes.items() if not (np.isfinite(ends).all() and ends.min() > 0)]
    if flat:
        raise BadInput(f"{flat[0]} has no volume", "give its size along z, y and x in Å")
    shared = _shared(kind, count, shapes, seed)
    own = truth[truth["object"] == kind]
    places, angles, scores = [], [], []
    for tomogram, number in shared.items():
        there = own.loc[own["tomogram"] == tomogram, _AXES].to_numpy(dtype=float)
        places.append(_empty_places(kind, tomogram, number, shapes[tomogram], there, radius_A, seed))
        random = _random(seed, tomogram, kind, "looks")
        angles.append(_orientations(random, number))
        scores.append(random.choice(named["score"].to_numpy(dtype=float), number))
    columns: dict[str, Any] = {"tomogram": np.repeat(list(shared), list(shared.values())), "object": kind}
    columns |= dict(zip(_AXES, np.concatenate(places).T, strict=True)) | {"score": np.concatenate(scores)}
    if set(_ANGLES) <= set(truth.columns) and truth[_ANGLES].notna().all(axis=None):
        columns |= dict(zip(_ANGLES, np.concatenate(angles).T, strict=True))
    table = pd.DataFrame(columns | {"change": "false", "truth": -1, "true_object": ""})
    return table.reindex(columns=labels.columns)


def _shared(kind: str, count: int, shapes: Mapping[str, np.ndarray], seed: int) -> dict[str, int]:
    """How many of a kind's false labels each tomogram gets.

    They arrive in each tomogram after exponential times with a rate that is its volume, and the first ``count`` are
    taken: numbers as if each label were drawn into a tomogram by volume, and each tomogram's arrivals are its own.
    """
    arrivals = {
        tomogram: np.cumsum(_random(seed, tomogram, kind, "arrivals").exponential(size=count)) / np.prod(ends)
        for tomogram, ends in sorted(shapes.items())
    }
    last = np.sort(np.concatenate(list(arrivals.values())))[count - 1]
    numbers = {tomogram: int((times <= last).sum()) for tomogram, times in arrivals.items()}
    return {tomogram: number for tomogram, number in numbers.items() if number}


def _empty_places(
    kind: str, tomogram: str, count: int, ends: np.ndarray, there: np.ndarray, radius_A: float, seed: int
) -> np.ndarray:
    """The first ``count`` of a tomogram's random places, (x, y, z), that are farther than a radius from all there."""
    from scipy.spatial import KDTree

    random = _random(seed, tomogram, kind, "places")
    tree = KDTree(there) if len(there) else None
    found, tried = np.zeros((0, 3)), 0
    while len(found) < count and tried < _TRIES * count:
        places = random.random((1000, 3)) * ends
        tried += len(places)
        if tree is not None:
            places = places[tree.query(places)[0] > radius_A]
        found = np.concatenate([found, places])
    if len(found) < count:
        raise BadInput(
            f"{tomogram} has no room for {count} false {kind}: of {tried} places, {len(found)} were farther than "
            f"{radius_A:g} Å from each true one",
            "lower the false rate, or the radius",
        )
    return found[:count]


def _orientations(random: np.random.Generator, count: int) -> np.ndarray:
    """Rot, tilt, psi in degrees of rotations drawn from all alike, shape ``(pick, 3)``."""
    rot, height, psi = random.random((3, count))
    return np.stack([360 * rot - 180, np.rad2deg(np.arccos(1 - 2 * height)), 360 * psi - 180], axis=1)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
