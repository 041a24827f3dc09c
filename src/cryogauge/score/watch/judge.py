"""One thing of a watched folder, judged in a worker."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryogauge.io import TomogramSource, content_key
from cryogauge.jobs import LedgerKey
from cryogauge.records import Retryable
from cryogauge.score import ScoreSettings
from cryogauge.score.batch import result_folder, settings_hash, whole_folder
from cryogauge.score.watch.found import Found, Mark, mark_of

#: Voxel size of the reconstruction by which a tilt series is judged, Å.
PREVIEW_VOXEL_A = 20.0


@dataclass(frozen=True)
class WatchItem:
    """What a worker needs to judge one thing into the output folder ``out``."""

    found: Found
    out: Path
    settings: ScoreSettings
    gain: str | None = None


def key_of(item: WatchItem, weights_checksum: str) -> LedgerKey:
    """What the result depends on; raises ``BadInput`` when the thing cannot be read."""
    digest = hashlib.blake2b(digest_size=16)
    for path in item.found.paths:
        digest.update(content_key(path).encode())
    content = content_key(item.found.uri) if len(item.found.paths) == 1 else digest.hexdigest()
    return LedgerKey(item.found.name, content, weights_checksum, settings_digest(item.found, item.settings, item.gain))


def settings_digest(found: Found, settings: ScoreSettings, gain: str | None = None) -> str:
    """Hash of the settings that a thing of its kind is judged with."""
    more = {"preview_voxel_A": PREVIEW_VOXEL_A, "gain": gain} if found.kind == "tilt_series" else {}
    return settings_hash(settings, **more)


def judge_landed(item: WatchItem, key: LedgerKey) -> dict[str, Any]:
    """Judge a thing into its folder. Runs in a worker.

    Returns
    -------
    dict
        ``scores`` (values of ``SCORE_COLUMNS``), ``folder`` (relative to ``out``), ``found`` (as JSON).

    Raises
    ------
    Retryable
        When it changed while it was read.
    BadInput
        When it cannot be judged.
    """
    from cryogauge.score import judge_to_folder

    def fill(folder: Path) -> dict[str, Any]:
        _require_unchanged(item.found)
        if item.found.kind == "tilt_series":
            from cryogauge.score.watch.preview import preview_to_folder

            scores = preview_to_folder(
                item.found.uri, item.found.name, folder, item.settings, PREVIEW_VOXEL_A, item.gain
            )
        else:
            scores = judge_to_folder(TomogramSource(item.found.uri, item.found.name), folder, item.settings)
        _require_unchanged(item.found)
        return scores

    folder = result_folder(key)
    return {"scores": whole_folder(item.out / folder, fill), "folder": folder, "found": asdict(item.found)}


def found_from(row: dict[str, Any]) -> Found:
    """The ``found`` of a row, back from JSON."""
    return Found(**{**row, "mark": Mark(**row["mark"]), "paths": tuple(row["paths"])})


def _require_unchanged(found: Found) -> None:
    if mark_of(found.paths) != found.mark:
        raise Retryable(f"{found.name} changed while it was read", "it is tried again when it has settled")
