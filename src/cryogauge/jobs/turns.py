"""What to show whom next when people judge many things: blind, the same after a restart, and some of them twice."""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

#: Part of the things shown twice, and how many others are shown in between at least.
REPEAT_FRACTION = 0.05
REPEAT_DISTANCE = 20


@dataclass(frozen=True)
class Showing:
    """One thing shown to somebody.

    Attributes
    ----------
    item
        Which one, by its number.
    repeat
        Whether it has been shown before, to see how well somebody agrees with herself.
    """

    item: int
    repeat: bool


@dataclass(frozen=True)
class Progress:
    """How far somebody is: things shown so far and in all, those shown twice included."""

    done: int
    total: int


class Turns:
    """Everybody's own order of the same things; safe to use from several threads.

    Parameters
    ----------
    groups
        ``{item: the group it is of}``, such as the tomogram of a slice.
    uncertainty
        ``{item: a model's uncertainty}`` of those chosen for it; the others count as random.
    seed
        The same seed, things and names give the same orders.
    """

    def __init__(self, groups: Mapping[int, str], uncertainty: Mapping[int, float], *, seed: int) -> None:
        self._groups = groups
        self._uncertainty = uncertainty
        self._seed = seed
        self._orders: dict[str, list[Showing]] = {}
        self._lock = threading.Lock()

    def order(self, person: str) -> list[Showing]:
        """All that somebody is to be shown."""
        with self._lock:
            if person not in self._orders:
                self._orders[person] = showing_order(self._groups, self._uncertainty, f"{self._seed} {person}")
            return self._orders[person]

    def upcoming(self, person: str, judged: Sequence[tuple[int, bool]], count: int) -> list[Showing]:
        """What to show next, ``count`` at most; none when all is judged.

        Parameters
        ----------
        person
            Who is asked.
        judged
            ``(item, whether as a repeat)`` of all that this person has judged, in their order.
        count
            How many are wanted.
        """
        done = set(judged)
        first_at = {item: place for place, (item, repeat) in enumerate(judged) if not repeat}
        found: list[Showing] = []
        late: list[Showing] = []
        for each in self.order(person):
            if (each.item, each.repeat) in done:
                continue
            if each.repeat and len(judged) - first_at.get(each.item, len(judged)) < REPEAT_DISTANCE:
                late.append(each)  # its first answer was taken back, or the things are others than last time
            else:
                found.append(each)
            if len(found) == count:
                return found
        # At the end there may be too few left to put in between.
        return (found + [each for each in late if each.item in first_at])[:count]

    def progress(self, person: str, judged: Iterable[tuple[int, bool]]) -> Progress:
        """How far somebody is who has judged these."""
        order = {(each.item, each.repeat) for each in self.order(person)}
        return Progress(len(order & set(judged)), len(order))


def showing_order(groups: Mapping[int, str], uncertainty: Mapping[int, float], key: str) -> list[Showing]:
    """The order in which somebody sees things.

    Random, but even over the groups from the beginning: each round shows one thing of each. Where things were chosen
    for a model's uncertainty, every second one is of these, the least certain first. ``REPEAT_FRACTION`` of them come
    again, each at least ``REPEAT_DISTANCE`` others after it was first shown.

    Parameters
    ----------
    groups
        ``{item: its group}``.
    uncertainty
        ``{item: the model's uncertainty}`` of those chosen for it; the others count as random.
    key
        What the order depends on, such as a seed and a person's name.
    """
    random = generator_of(key)
    drawn = _in_rounds({each: group for each, group in sorted(groups.items()) if each not in uncertainty}, random)
    unsure = sorted(uncertainty, key=lambda each: (-uncertainty[each], each))
    merged: list[int] = []
    while drawn and unsure:
        pair = [drawn.pop(0), unsure.pop(0)]
        merged += pair if random.random() < 0.5 else pair[::-1]
    return _with_repeats([*merged, *drawn, *unsure], random)


def generator_of(key: str) -> np.random.Generator:
    """A source of chance that depends on a text alone."""
    return np.random.default_rng(np.frombuffer(hashlib.sha256(key.encode()).digest(), np.uint32))


def _in_rounds(groups: Mapping[int, str], random: np.random.Generator) -> list[int]:
    members: dict[str, list[int]] = defaultdict(list)
    for each, group in groups.items():
        members[group].append(each)
    for items in members.values():
        random.shuffle(items)
    rounds: list[int] = []
    for turn in range(max(map(len, members.values()), default=0)):
        present = [items[turn] for items in members.values() if turn < len(items)]
        random.shuffle(present)
        rounds += present
    return rounds


def _with_repeats(items: Sequence[int], random: np.random.Generator) -> list[Showing]:
    after: dict[int, list[int]] = defaultdict(list)  # {number shown so far: those that come again then}
    used: set[int] = set()
    for turn in range(round(REPEAT_FRACTION * len(items))):
        place = min(REPEAT_DISTANCE * (turn + 2) - int(random.integers(REPEAT_DISTANCE)), len(items))
        early = [each for each in items[: max(place - REPEAT_DISTANCE, 0)] if each not in used]
        if early:
            again = early[int(random.integers(len(early)))]
            used.add(again)
            after[place].append(again)
    order: list[Showing] = []
    for place, each in enumerate(items, start=1):
        order.append(Showing(each, repeat=False))
        order += [Showing(again, repeat=True) for again in after[place]]
    return order
