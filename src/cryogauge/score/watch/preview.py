"""A tilt series, judged by a quick reconstruction of its own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from cryogauge.io.tilts import read_tilt_series
from cryogauge.records import PREVIEW, TomogramJudgement
from cryogauge.score.quality import load_quality, shipped_weights
from cryogauge.score.store import save_judgement
from cryogauge.score.tomogram import ScoreSettings, judge_volume


def preview_to_folder(
    uri: str, name: str, folder: Path, settings: ScoreSettings, voxel_size_A: float, gain: str | None = None
) -> dict[str, Any]:
    """Reconstruct a tilt series coarsely, judge that, and keep the judgement in a folder.

    Parameters
    ----------
    uri
        What ``read_tilt_series`` takes.
    name
        What to call it.
    folder
        An existing folder.
    settings
        Of the score.
    voxel_size_A
        Of the reconstruction.
    gain
        Path of the gain reference of images that are not corrected.

    Returns
    -------
    dict
        Its row, of JSON types. Its first flag is ``preview``, with a note on the reconstruction and its alignment.

    Raises
    ------
    BadInput
        When the series cannot be read or reconstructed.
    """
    return save_judgement(judge_preview(uri, name, settings, voxel_size_A, gain), folder)


def judge_preview(
    uri: str, name: str, settings: ScoreSettings, voxel_size_A: float, gain: str | None = None
) -> TomogramJudgement:
    """Judge a quick reconstruction of a tilt series; see :func:`preview_to_folder`."""
    from cryogauge.imaging.preview import quick_tomogram

    series = read_tilt_series(uri, gain=gain)  # a voxel given for tomograms is not the pixel of images
    volume, _ = quick_tomogram(series, voxel_size_A)
    weights = shipped_weights(settings.model) if settings.weights is None else Path(settings.weights)
    quality = load_quality(settings.model, weights, threads=settings.threads, device=settings.device)
    judgement = judge_volume(volume, name, quality, local_map=settings.local_map)
    alignment = f"aligned by {Path(series.alignment).name}" if series.alignment else "aligned by cryogauge itself"
    note = (
        f"a quick reconstruction of {len(series.table)} tilts at {volume.voxel_size_A:.3g} Å a voxel, {alignment}: "
        "compare it with other previews only"
    )
    notes = {PREVIEW: note, **judgement.notes}
    return replace(judgement, row={**judgement.row, "flags": tuple(notes)}, notes=notes)
