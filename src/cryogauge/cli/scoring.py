"""A batch of the score room, told as it goes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cryogauge.cli.progress import Progress

if TYPE_CHECKING:
    from cryogauge.io import TomogramSource
    from cryogauge.jobs import Outcome
    from cryogauge.score import ScoreSettings
    from cryogauge.score.batch import Scored, ScoreItem


def score_all(
    sources: "Sequence[TomogramSource]",
    out: Path,
    settings: "ScoreSettings",
    *,
    weights_checksum: str,
    workers: int,
    progress: Progress,
    debug: bool = False,
) -> "Scored":
    """Judge what :func:`cryogauge.score.batch.score_batch` takes, and tell ``progress`` of each outcome.

    Parameters
    ----------
    sources, out, settings, weights_checksum, workers
        As there.
    progress
        Told of each outcome.
    debug
        Print the traceback of each failure.
    """
    from cryogauge.score.batch import Scored, score_batch

    scored = Scored()
    for outcome in score_batch(sources, out.absolute(), settings, weights_checksum=weights_checksum, workers=workers):
        progress.advance(failed=outcome.state == "failed", worked=outcome.state != "already_done")
        _say_failure(progress, outcome, debug=debug)
        scored.add(outcome)
    return scored


def _say_failure(progress: Progress, outcome: "Outcome[ScoreItem]", *, debug: bool) -> None:
    failure = outcome.failure
    if failure is None:
        return
    if debug and failure.traceback:
        progress.say(failure.traceback.rstrip())
    progress.say(f"failed: {outcome.item.source.name}: {failure.message}")
    if failure.hint:
        progress.say(f"hint: {failure.hint}")
