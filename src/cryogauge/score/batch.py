"""A batch of tomograms: its items, its ledger, the folders of its results, its outcomes."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch
from cryogauge.jobs.ledger import settings_digest

if TYPE_CHECKING:
    from cryogauge.io import TomogramSource
    from cryogauge.report import Failure
    from cryogauge.score import ScoreSettings

LEDGER = "ledger.sqlite"
RESULTS = "tomograms"


@dataclass(frozen=True)
class ScoreItem:
    """What a worker needs to judge one tomogram into the output folder ``out``."""

    source: "TomogramSource"
    out: Path
    settings: "ScoreSettings"


@dataclass
class Scored:
    """What came of a batch.

    Attributes
    ----------
    rows
        Values of ``SCORE_COLUMNS`` of those that were judged, in any order.
    folders
        Where each of them lies, by name.
    failures
        Those that could not be judged.
    already_done
        How many of the judged ones an earlier run had done.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)
    failures: "list[Failure]" = field(default_factory=list)
    already_done: int = 0

    def add(self, outcome: Outcome[ScoreItem]) -> None:
        """Count an outcome in."""
        from cryogauge.report import Failure

        name = outcome.item.source.name
        if outcome.failure is not None:
            self.failures.append(Failure(name, outcome.failure.message, outcome.failure.hint))
            return
        self.rows.append(outcome.row["scores"])
        self.folders[name] = outcome.item.out / outcome.row["folder"]
        self.already_done += outcome.state == "already_done"


def settings_hash(settings: "ScoreSettings", **more: object) -> str:
    """Hash of what can change a result: the version and every setting but where it runs and from which path.

    Parameters
    ----------
    settings
        Of the score.
    more
        What else the result depends on, of JSON types.
    """
    parts = {
        "pixel_size_A": settings.pixel_size_A,
        "model": settings.model,
        "local_map": settings.local_map,
        "slices": settings.slices,
        **more,
    }
    return settings_digest(parts)


def score_batch(
    sources: "Sequence[TomogramSource]",
    out: Path,
    settings: "ScoreSettings",
    *,
    weights_checksum: str,
    workers: int,
) -> Iterator[Outcome[ScoreItem]]:
    """Judge every source that the ledger in ``out`` does not know yet.

    Parameters
    ----------
    sources
        Tomograms, each of a name of its own.
    out
        The output folder, which exists.
    settings
        How they are judged.
    weights_checksum
        Checksum of the weights that ``settings`` choose.
    workers
        Worker processes.

    Yields
    ------
    Outcome
        One for each source, in the order in which they finish; its row holds ``scores`` (values of
        ``SCORE_COLUMNS``) and ``folder`` (of the judgement, relative to ``out``).

    Raises
    ------
    BadInput
        When the ledger cannot be used.
    Retryable
        When workers do not start.
    """
    from cryogauge.io import content_key

    digest = settings_hash(settings)

    def key(item: ScoreItem) -> LedgerKey:
        return LedgerKey(item.source.name, content_key(item.source.uri), weights_checksum, digest)

    items = [ScoreItem(source, out, settings) for source in sources]
    with Ledger(out / LEDGER) as ledger:
        yield from run_batch(
            judge,
            items,
            key=key,
            ledger=ledger,
            artefacts=lambda item, key: artefacts(item.out, result_folder(key)),
            workers=workers,
            threads_per_worker=settings.threads,
        )


def judge(item: ScoreItem, key: LedgerKey) -> dict[str, Any]:
    """Judge one tomogram into its folder. Runs in a worker."""
    from cryogauge.score import judge_to_folder

    folder = result_folder(key)
    scores = whole_folder(item.out / folder, lambda partial: judge_to_folder(item.source, partial, item.settings))
    return {"scores": scores, "folder": folder}


def result_folder(key: LedgerKey) -> str:
    """Where a result lies in the output folder: of a readable name, and never that of another result."""
    readable = re.sub(r"[^\w.+-]+", "_", key.item).strip("._")[:80]
    return f"{RESULTS}/{readable}-{key.digest}"


def whole_folder(folder: Path, fill: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Let ``fill`` write into a folder that appears when it is whole; returns what ``fill`` does."""
    partial = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)  # left by a worker that was killed
    partial.mkdir(parents=True)
    try:
        filled = fill(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return filled


def artefacts(out: Path, folder: str) -> list[str]:
    """The files of a result, relative to the output folder, as the ledger keeps them."""
    return sorted(path.relative_to(out).as_posix() for path in (out / folder).iterdir())
