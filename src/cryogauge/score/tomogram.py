"""The judgement of one tomogram: scores, thickness, second opinion, pictures, flags."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.imaging.feature_scale import score_of_feature_px, smallest_feature_px
from cryogauge.imaging.fourier import fourier_bin
from cryogauge.io import TomogramSource, open_volume, read_picture
from cryogauge.learn.weights import checksum
from cryogauge.records import SLICE_COLUMNS, BadInput, TomogramJudgement, Volume
from cryogauge.score import domain
from cryogauge.score.quality import (
    CompactQuality,
    SliceJudgement,
    SliceQuality,
    load_quality,
    shipped_weights,
)
from cryogauge.score.spectral import SpectralOpinion, spectral_second_opinion
from cryogauge.score.thickness import Surfaces, fit_surfaces
from cryogauge.score.tomoscore import thickness_slices, tomoscore

#: Scores that differ by more than this from the second opinion are flagged.
DISAGREEMENT = 0.35
#: Longest edge of the pictures kept for the report, pixels.
PICTURE_PX = 512


@dataclass(frozen=True)
class ScoreSettings:
    """How tomograms are to be judged.

    Attributes
    ----------
    pixel_size_A
        In place of what the files say.
    model, weights
        ``compact``, ``resnet101`` or a safetensors file; and weights in place of the shipped ones.
    local_map
        Keep the map of local quality.
    device
        ``auto``, ``cpu`` or ``cuda``.
    threads
        Processor threads of one worker.
    slices
        Inputs are single pictures.
    """

    pixel_size_A: float | None = None
    model: str = "compact"
    weights: str | None = None
    local_map: bool = True
    device: str = "auto"
    threads: int = 1
    slices: bool = False


def weights_checksum(settings: ScoreSettings) -> str:
    """Checksum of the weights that the settings choose; raises ``BadInput`` where there are none."""
    return checksum(_weights_path(settings))


def _weights_path(settings: ScoreSettings) -> Path:
    if settings.weights is not None:
        return Path(settings.weights)
    return shipped_weights(settings.model)


def _quality(settings: ScoreSettings) -> SliceQuality:
    return load_quality(settings.model, _weights_path(settings), threads=settings.threads, device=settings.device)


def score_tomogram(
    path: str | Path,
    *,
    pixel_size_A: float | None = None,
    model: str = "compact",
    weights: str | Path | None = None,
    local_map: bool = True,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> TomogramJudgement:
    """Judge a tomogram.

    Parameters
    ----------
    path
        Any file or URI that :func:`cryogauge.io.open_volume` reads.
    pixel_size_A
        Voxel size in place of the file's own.
    model, weights
        See :class:`ScoreSettings`.
    local_map
        Keep the map of local quality in the judgement.
    threads
        Processor threads; all there are by default.
    progress
        Called with the number of slices done.

    Raises
    ------
    BadInput
        When the file or the weights cannot be used.
    """
    from cryogauge.score.quality import available_threads

    settings = ScoreSettings(
        pixel_size_A,
        model,
        None if weights is None else str(weights),
        local_map,
        threads=threads or available_threads(),
    )
    volume = open_volume(path, pixel_size_A=pixel_size_A)
    return judge_volume(volume, Path(str(path)).stem, _quality(settings), local_map=local_map, progress=progress)


def judge_source(source: TomogramSource, settings: ScoreSettings) -> TomogramJudgement:
    """Judge what a batch item names: a tomogram, or a single picture where the settings say so."""
    quality = _quality(settings)
    if not settings.slices:
        volume = open_volume(source.uri, pixel_size_A=settings.pixel_size_A)
        return judge_volume(volume, source.name, quality, local_map=settings.local_map)
    if not isinstance(quality, CompactQuality):
        raise BadInput("resnet101 judges tomograms only", "use --model compact for single pictures")
    picture, pixel = read_picture(source.uri, pixel_size_A=settings.pixel_size_A)
    return judge_picture(picture, pixel, source.name, quality)


def judge_volume(
    volume: Volume,
    name: str,
    quality: SliceQuality,
    *,
    local_map: bool = True,
    progress: Callable[[int], None] | None = None,
) -> TomogramJudgement:
    """Judge an open volume with a loaded network; see :func:`score_tomogram`."""
    started = time.monotonic()
    if min(volume.shape[1:]) < 32:
        raise BadInput(f"{name} is only {volume.shape[2]} × {volume.shape[1]} pixels; a slice needs 32 or more")
    findings = domain.inspect(volume, name)
    judged = quality.judge(volume, progress)
    surfaces = (
        fit_surfaces(judged.presence, judged.tile_px, threshold=0.5) if judged.local_map.shape[1:] != (1, 1) else None
    )
    opinion = spectral_second_opinion(volume)
    notes = dict(findings)
    if isinstance(quality, CompactQuality):
        notes |= domain.unlike_training(volume, quality.card)
    notes |= _remarks(judged, surfaces, opinion)
    slices = _slice_table(name, judged, volume.voxel_size_A)
    order = np.argsort(judged.score, kind="stable")
    inside = order[judged.score[order] > 0.2]
    named = {
        "best_slice": int(order[-1]),
        "median_slice": int(inside[len(inside) // 2]) if len(inside) else int(order[len(order) // 2]),
        "worst_slice": int(order[0]),
    }
    total = tomoscore(judged.score)
    feature = float(smallest_feature_px(judged.score[order[-1]]))
    row: dict[str, Any] = {
        "tomogram": name,
        "pixel_size_A": volume.voxel_size_A,
        "tomoscore": total,
        "thickness_slices": thickness_slices(judged.score),
        "thickness_nm": surfaces.thickness_px * volume.voxel_size_A / 10.0 if surfaces else np.nan,
        "specimen_tilt_deg": surfaces.tilt_deg if surfaces else np.nan,
        "smallest_feature_px": feature,
        "smallest_feature_nm": feature * volume.voxel_size_A / 10.0,
        "spectral_feature_px": opinion.feature_px,
        "uncertainty": float((judged.uncertainty[inside] if len(inside) else judged.uncertainty).mean()),
        "flags": tuple(notes),
        "seconds": round(time.monotonic() - started, 2),
        **named,
    }  # fmt: skip
    planes = {"top": surfaces.top, "bottom": surfaces.bottom} if surfaces else {}
    return TomogramJudgement(
        row,
        slices,
        judged.local_map if local_map else np.zeros((0, 0, 0), dtype=np.float32),
        judged.tile_px,
        planes,
        _pictures(volume, named),
        notes,
    )


def judge_picture(picture: np.ndarray, pixel_size_A: float, name: str, quality: CompactQuality) -> TomogramJudgement:
    """Judge a single picture ``(y, x)``: a slice on its own, with no thickness and no second opinion."""
    started = time.monotonic()
    if min(picture.shape) < 32:
        raise BadInput(f"{name} is only {picture.shape[1]} × {picture.shape[0]} pixels; a slice needs 32 or more")
    domain.require_values(picture, name)
    judged = quality.judge_picture(picture)
    score = float(judged.score[0])
    feature = float(smallest_feature_px(score))
    row: dict[str, Any] = {
        "tomogram": name, "pixel_size_A": pixel_size_A, "tomoscore": score, "thickness_slices": 1,
        "thickness_nm": np.nan, "specimen_tilt_deg": np.nan, "best_slice": 0, "smallest_feature_px": feature,
        "smallest_feature_nm": feature * pixel_size_A / 10.0, "spectral_feature_px": np.nan,
        "uncertainty": float(judged.uncertainty[0]), "flags": (), "seconds": round(time.monotonic() - started, 2),
    }  # fmt: skip
    return TomogramJudgement(
        row,
        _slice_table(name, judged, pixel_size_A),
        judged.local_map,
        judged.tile_px,
        {},
        {"best": eight_bit(picture)},
    )


def _slice_table(name: str, judged: SliceJudgement, pixel_size_A: float) -> pd.DataFrame:
    px = smallest_feature_px(judged.score)
    table = pd.DataFrame(
        {"tomogram": name, "z": np.arange(len(judged.score)), "score": judged.score, "uncertainty": judged.uncertainty}
    )
    table = table.assign(smallest_feature_px=px, smallest_feature_nm=px * pixel_size_A / 10.0)
    return table[list(SLICE_COLUMNS)]


def _remarks(judged: SliceJudgement, surfaces: Surfaces | None, opinion: SpectralOpinion) -> dict[str, str]:
    """Flags that follow from the judgement itself."""
    notes: dict[str, str] = {}
    best = float(judged.score.max())
    if best <= 0.2:
        notes["nothing_found"] = f"no slice scores above 0.2 (the best has {best:.2f}): no biological feature was found"
    if surfaces is not None and surfaces.touches_end:
        notes["touches_end"] = "the specimen reaches an end of the volume: the thickness is a lower bound"
    if opinion.reason:
        notes["no_second_opinion"] = f"the second opinion needs empty slices at an end: {opinion.reason}"
    elif np.isfinite(opinion.feature_px):
        other = float(score_of_feature_px(opinion.feature_px))
        if abs(other - best) > DISAGREEMENT:
            notes["opinions_differ"] = (
                f"the network gives the best slice {best:.2f}, its spectrum alone {other:.2f}: look at it before use"
            )
    return notes


def _pictures(volume: Volume, named: dict[str, int]) -> dict[str, np.ndarray]:
    """Best, median and worst slice and a section along z through the middle, as 8-bit pictures."""
    pictures = {key.removesuffix("_slice"): eight_bit(volume.slice(z)) for key, z in named.items()}
    middle = volume.shape[1] // 2
    rows = slice(max(0, middle - 3), middle + 4)
    section = np.stack(
        [np.asarray(volume.data[z][rows], dtype=np.float32).mean(axis=0) for z in range(volume.shape[0])]
    )
    pictures["xz"] = eight_bit(section)
    return pictures


def eight_bit(image: np.ndarray) -> np.ndarray:
    """An 8-bit picture no longer than :data:`PICTURE_PX`, stretched between its first and last percent."""
    image = np.nan_to_num(np.asarray(image, dtype=np.float32))
    factor = max(image.shape) / PICTURE_PX
    if factor > 1:
        image = fourier_bin(image, factor)
    low, high = np.percentile(image, (1.0, 99.0))
    return (np.clip((image - low) / max(float(high - low), 1e-12), 0.0, 1.0) * 255).astype(np.uint8)
