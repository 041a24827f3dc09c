"""What a session does now, and what somebody should look at, in words."""

from collections.abc import Iterable
from itertools import islice

from cryogauge.collect.screen.follow import Followed
from cryogauge.collect.screen.rules import fits_looked_for
from cryogauge.web.collect_classes import class_alerts

_ALIKE = 6  # exposures after one another that are poor, or lost, call for somebody


def alerts(followed: Followed, silent_s: float) -> list[dict[str, str]]:
    """What somebody should look at, the gravest first: ``level`` (``fail``, ``warn``) and ``text``.

    Parameters
    ----------
    followed
        The session.
    silent_s
        How long it has told nothing though it runs; 0 where that is not long.
    """
    state, sentence = followed.state()
    words = last_words(followed)
    told = [{"level": "fail", "text": sentence}] if state in ("cut off", "stopped") else []
    warnings = [sentence] if state in ("pausing", "paused", "stopping") else []
    warnings += [f"{text}." for text in followed.problems.values()]
    if silent_s:
        warnings.append(f"Nothing was done for {silent_s / 60:.0f} min: {words}")
    elif state == "running" and _waits(words):
        warnings.append(f"It waits: {words}")
    if state == "running":
        warnings += _poor(followed)
    if state not in ("finished", "stopped"):
        warnings += _lost(followed)
    warnings += class_alerts(followed)
    return told + [{"level": "warn", "text": text} for text in warnings]


def doing(followed: Followed) -> str:
    """What is being done now, as far as the log tells, or what was said last."""
    entry = followed.under_way()
    if entry is not None and followed.state()[0] in ("running", "pausing", "stopping"):
        parts = str(entry.arguments["target"]).split("/")
        square = "/".join(parts[:2])
        known = {
            "tile": f"taking the atlas of grid {parts[0]}", "squares": f"finding the squares of grid {parts[0]}",
            "square": f"looking at square {square}", "expose": f"exposing hole {parts[-2:][0]} of square {square}",
        }  # fmt: skip
        if entry.command in known:
            return known[entry.command]
    words = last_words(followed)
    return "waiting" if _waits(words) else words


def last_words(followed: Followed) -> str:
    """The session's last sentence, without its time."""
    return followed.words[-1][21:] if followed.words else ""


def _waits(words: str) -> bool:
    """Whether a session waits that said this last."""
    return words.startswith("waiting") or "tried again in" in words


def _poor(followed: Followed) -> Iterable[str]:
    """A sentence on exposures that are all poor of late."""
    good_A = followed.about().get("skip", {}).get("good_resolution_A", 8.0)
    latest = list(islice(reversed(followed.rows.values()), _ALIKE))
    fits = fits_looked_for(latest)
    if len(fits) == _ALIKE and not any(fit_A <= good_A for _, fit_A in fits):
        said = str(latest[0].get("said", ""))[:200]
        yield f"None of the last {_ALIKE} exposures fits to {good_A:g} Å or better. The last one: {said}"


def _lost(followed: Followed) -> Iterable[str]:
    """A sentence on exposures lost after one another."""
    ended = [entry for entry in islice(reversed(followed.of.get("expose", {}).values()), _ALIKE) if entry.outcome]
    lost = next((n for n, entry in enumerate(ended) if entry.outcome != "failed"), len(ended))
    if lost > 1:
        yield f"The last {lost} exposures were lost: {ended[0].result}."
