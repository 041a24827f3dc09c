"""Which slices to show, and in which order: blind, the same again after a restart, and with some shown twice."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

#: Part of the slices shown twice, and how many others are shown in between at least.
REPEAT_FRACTION = 0.05
REPEAT_DISTANCE = 20


@dataclass(frozen=True)
class Showing:
    """One slice shown to somebody.

    Attributes
    ----------
    slice_id
        Which slice.
    repeat
        Whether it has been shown before, to see how well somebody agrees with herself.
    """

    slice_id: int
    repeat: bool


def choose_slices(
    depth: int, count: int, key: str, uncertainty: np.ndarray | None = None
) -> tuple[list[int], set[int]]:
    """Slices of one tomogram to be labelled.

    Without ``uncertainty`` one at random from each of ``count`` equal layers. With it, half of them are found that way,
    so that the labels can calibrate a model too; the other half are those that the model is least sure of, kept
    apart where that is possible, since neighbours hold nearly the same.

    Parameters
    ----------
    depth
        Number of slices.
    count
        How many are wanted.
    key
        What the choice depends on, such as a seed and the tomogram's content: the same key, the same slices.
    uncertainty
        The model's, one value a slice, shape ``(depth,)``; NaN where it has none.

    Returns
    -------
    z
        Indices, ascending.
    unsure
        Those among them that were taken for the model's uncertainty.
    """
    random = _generator(key)
    count = min(count, depth)
    wanted = 0 if uncertainty is None else min(count // 2, int(np.isfinite(uncertainty).sum()))
    # the random ones first, of all slices: drawn of what the uncertain ones leave, they would be too easy
    layers = np.array_split(np.arange(depth), count - wanted) if count > wanted else []
    drawn = [int(random.choice(layer)) for layer in layers]
    unsure: list[int] = []
    if uncertainty is not None:
        order = [int(z) for z in np.argsort(-uncertainty, kind="stable") if np.isfinite(uncertainty[z])]
        left = [z for z in order if z not in set(drawn)]
        apart = max(depth // (2 * count), 1)
        for distance in (apart, 1):
            for z in left:
                if len(unsure) < wanted and all(abs(z - other) >= distance for other in unsure):
                    unsure.append(z)
    rest = np.setdiff1d(np.arange(depth), [*unsure, *drawn])
    drawn += [int(z) for z in random.permutation(rest)[: count - len(unsure) - len(drawn)]]
    return sorted([*unsure, *drawn]), set(unsure)


def showing_order(groups: Mapping[int, str], uncertainty: Mapping[int, float], key: str) -> list[Showing]:
    """The order in which somebody sees the slices.

    Random, but even over the tomograms from the beginning: each round shows one slice of each. Where slices were
    chosen for the model's uncertainty, every second one is of these, the least certain first. ``REPEAT_FRACTION`` of
    the slices come again, each at least ``REPEAT_DISTANCE`` slices after it was first shown.

    Parameters
    ----------
    groups
        ``{slice id: its tomogram}``.
    uncertainty
        ``{slice id: the model's uncertainty}`` of those chosen for it; the others count as random.
    key
        What the order depends on, such as a seed and a person's name.
    """
    random = _generator(key)
    drawn = _in_rounds({each: group for each, group in sorted(groups.items()) if each not in uncertainty}, random)
    unsure = sorted(uncertainty, key=lambda each: (-uncertainty[each], each))
    merged: list[int] = []
    while drawn and unsure:
        pair = [drawn.pop(0), unsure.pop(0)]
        merged += pair if random.random() < 0.5 else pair[::-1]
    return _with_repeats([*merged, *drawn, *unsure], random)


def _in_rounds(groups: Mapping[int, str], random: np.random.Generator) -> list[int]:
    members: dict[str, list[int]] = defaultdict(list)
    for each, group in groups.items():
        members[group].append(each)
    for slices in members.values():
        random.shuffle(slices)
    rounds: list[int] = []
    for turn in range(max(map(len, members.values()), default=0)):
        present = [slices[turn] for slices in members.values() if turn < len(slices)]
        random.shuffle(present)
        rounds += present
    return rounds


def _with_repeats(slices: Sequence[int], random: np.random.Generator) -> list[Showing]:
    after: dict[int, list[int]] = defaultdict(list)  # {number of slices shown: those that come again then}
    used: set[int] = set()
    for turn in range(round(REPEAT_FRACTION * len(slices))):
        place = min(REPEAT_DISTANCE * (turn + 2) - int(random.integers(REPEAT_DISTANCE)), len(slices))
        early = [each for each in slices[: max(place - REPEAT_DISTANCE, 0)] if each not in used]
        if early:
            again = early[int(random.integers(len(early)))]
            used.add(again)
            after[place].append(again)
    order: list[Showing] = []
    for place, each in enumerate(slices, start=1):
        order.append(Showing(each, repeat=False))
        order += [Showing(again, repeat=True) for again in after[place]]
    return order


def _generator(key: str) -> np.random.Generator:
    return np.random.default_rng(np.frombuffer(hashlib.sha256(key.encode()).digest(), np.uint32))
