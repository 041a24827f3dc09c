"""A batch of the score room, told as it goes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cryogauge.cli.progress import Progress

if TYPE_CHECKING:
    from cryogauge.io import TomogramSource
    from cryogauge.score import ScoreSettings
    from cryogauge.score.batch import Scored


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
        progress.count(outcome.item.source.name, outcome, debug=debug)
        scored.add(outcome)
    return scored
