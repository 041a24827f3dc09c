"""What the page of a grid shows of its 2-D classes, and what of them somebody should look at."""

from collections.abc import Iterable
from typing import Any

from cryogauge.collect.screen.follow import Followed
from cryogauge.collect.screen.rounds import CLASSES

_NUMBERS = (
    "round", "at_s", "exposures", "particles", "used", "classes", "good_share", "best_grade", "best_resolution_A",
    "views", "crowd_share", "views_covered", "spread_by", "flags", "said", "averages",
)  # fmt: skip


def classes_told(followed: Followed, slot: int) -> dict[str, Any]:
    """Rounds of classification of a grid: ``every`` how many particles, ``rounds``, and ``each`` class of the last."""
    rounds = _rounds(followed, slot)
    last = next((row for row in reversed(rounds) if row.get("averages")), None)
    return {
        "every": followed.about().get("classes", {}).get("every", 0),
        "rounds": [{name: row.get(name) for name in _NUMBERS} for row in rounds],
        "shown": last["round"] if last else 0, "each": last["each"] if last else [],
    }  # fmt: skip


def class_alerts(followed: Followed) -> Iterable[str]:
    """A sentence on each grid whose last round was poor or one-sided."""
    for slot in followed.about().get("grids", {}):
        rounds = _rounds(followed, int(slot))
        if rounds and rounds[-1].get("flags"):
            yield f"Classes of grid {slot}: {rounds[-1]['said']}"


def _rounds(followed: Followed, slot: int) -> list[dict[str, Any]]:
    """What came of the rounds of a grid, in their order."""
    entries = followed.of.get(CLASSES, {}).items()
    return [entry.result for target, entry in entries if target.startswith(f"{slot}/") and entry.outcome == "done"]
