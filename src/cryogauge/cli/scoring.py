"""A batch of tomograms through the score room: its items, its ledger, its outcomes."""

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryogauge.cli.progress import Progress
from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch

if TYPE_CHECKING:
    from cryogauge.io import TomogramSource
    from cryogauge.report import Failure
    from cryogauge.score import ScoreSettings

LEDGER = "ledger.sqlite"
_RESULTS = "tomograms"


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


def settings_hash(settings: "ScoreSettings") -> str:
    """Hash of what can change a result: the version and every setting but where it runs and from which path."""
    from cryogauge import __version__

    parts = {
        "version": __version__,
        "pixel_size_A": settings.pixel_size_A,
        "model": settings.model,
        "local_map": settings.local_map,
        "slices": settings.slices,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def score_all(
    sources: "Sequence[TomogramSource]",
    out: Path,
    settings: "ScoreSettings",
    *,
    weights_checksum: str,
    workers: int,
    progress: Progress,
    debug: bool = False,
) -> Scored:
    """Judge every source that the ledger in ``out`` does not know yet.

    Parameters
    ----------
    sources
        Tomograms, each of a name of its own.
    out
        The output folder, which exists.
    settings
        Passed to the score room.
    weights_checksum
        Checksum of the weights that ``settings`` choose.
    workers
        Worker processes.
    progress
        Told of each outcome.
    debug
        Print the traceback of each failure.
    """
    from cryogauge.io import content_key
    from cryogauge.report import Failure

    digest = settings_hash(settings)

    def key(item: ScoreItem) -> LedgerKey:
        return LedgerKey(item.source.name, content_key(item.source.uri), weights_checksum, digest)

    scored = Scored()
    items = [ScoreItem(source, out.absolute(), settings) for source in sources]
    with Ledger(out / LEDGER) as ledger:
        for outcome in run_batch(
            judge,
            items,
            key=key,
            ledger=ledger,
            artefacts=_artefacts,
            workers=workers,
            threads_per_worker=settings.threads,
        ):
            name = outcome.item.source.name
            progress.advance(failed=outcome.state == "failed", worked=outcome.state != "already_done")
            if outcome.failure is not None:
                scored.failures.append(Failure(name, outcome.failure.message, outcome.failure.hint))
                _say_failure(progress, outcome, debug=debug)
                continue
            scored.rows.append(outcome.row["scores"])
            scored.folders[name] = out / outcome.row["folder"]
            scored.already_done += outcome.state == "already_done"
    return scored


def judge(item: ScoreItem, key: LedgerKey) -> dict[str, Any]:
    """Judge one tomogram into its folder, which appears when it is whole. Runs in a worker."""
    from cryogauge.score import judge_to_folder

    folder = item.out / _folder(item, key)
    partial = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)  # left by a worker that was killed
    partial.mkdir(parents=True)
    try:
        scores = judge_to_folder(item.source, partial, item.settings)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return {"scores": scores, "folder": _folder(item, key)}


def _folder(item: ScoreItem, key: LedgerKey) -> str:
    """Where a result lies in the output folder: of a readable name, and never that of another result."""
    readable = re.sub(r"[^\w.+-]+", "_", item.source.name).strip("._")[:80]
    return f"{_RESULTS}/{readable}-{key.digest}"


def _artefacts(item: ScoreItem, key: LedgerKey) -> list[str]:
    folder = item.out / _folder(item, key)
    return sorted(path.relative_to(item.out).as_posix() for path in folder.iterdir())


def _say_failure(progress: Progress, outcome: Outcome[ScoreItem], *, debug: bool) -> None:
    failure = outcome.failure
    if failure is None:
        return
    if debug and failure.traceback:
        progress.say(failure.traceback.rstrip())
    progress.say(f"failed: {outcome.item.source.name}: {failure.message}")
    if failure.hint:
        progress.say(f"hint: {failure.hint}")
