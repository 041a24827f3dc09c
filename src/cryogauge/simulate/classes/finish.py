"""How programs leave their averages: masks, filters and scales."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2

#: Programs whose averages are imitated, and how often each is drawn.
PROGRAMS = ("relion", "cryosparc", "eman2", "stack")
_SHARES = (0.38, 0.36, 0.12, 0.14)


@dataclass(frozen=True)
class Finish:
    """The looks of one job.

    Attributes
    ----------
    program
        One of :data:`PROGRAMS`.
    mask_px
        Diameter of the circle outside which averages are cleared; infinite for none.
    edge_px
        Width of the circle's soft edge.
    cut_1_px
        Frequency at which averages end, cycles per pixel: programs begin coarse.
    halo, halo_1_px
        Share of the lowest frequencies that is lost, which leaves a dark rim about the particle, and up to where.
    streaks
        Share of the noise that is drawn out from the centre: aligning turns noise, and most so at the rim.
    scale
        Of the grey values as written.
    levels
        Whether pictures of 8 bit are all that is left, stretched to the display.
    """

    program: str
    mask_px: float
    edge_px: float
    cut_1_px: float = 0.5
    scale: float = 1.0
    halo: float = 0.0
    halo_1_px: float = 0.01
    streaks: float = 0.0
    levels: bool = False


def drawn_finish(
    box_px: int,
    diameter_px: float,
    pixel_size_A: float,
    noise: float,
    rng: np.random.Generator,
    *,
    program: str | None = None,
) -> Finish:
    """A finish as the programs' users choose it; ``noise`` is the standard deviation of a particle image's pixel."""
    program = program or str(rng.choice(PROGRAMS, p=_SHARES))
    halo = float(1.0 - 0.35 * rng.random() ** 2) if rng.random() < 0.9 else 0.0
    halo_1_px = pixel_size_A / float(np.exp(rng.uniform(np.log(16.0), np.log(160.0))))
    streaks = float(rng.uniform(0.2, 0.9)) if rng.random() < 0.35 else 0.0
    plain = Finish(program, np.inf, float(rng.uniform(2, 10)), halo=halo, halo_1_px=halo_1_px, streaks=streaks)
    snug = min(diameter_px * rng.uniform(1.05, 1.8), 0.98 * box_px)
    if program == "relion":
        cut = 0.5 if rng.random() < 0.6 else float(rng.uniform(0.12, 0.5))
        return replace(plain, mask_px=snug, edge_px=float(rng.uniform(3, 8)), cut_1_px=cut, scale=1.0 / noise)
    if program == "cryosparc":
        wide = box_px * rng.uniform(0.85, 0.97) if rng.random() < 0.75 else snug
        scale = float(np.exp(rng.normal(2, 1.5)))
        return replace(plain, mask_px=wide, edge_px=float(rng.uniform(0.05, 0.14)) * box_px, scale=scale)
    mask = np.inf if rng.random() < 0.5 else snug
    levels = program == "stack" and rng.random() < 0.4
    return replace(plain, mask_px=mask, levels=levels)


def finished(images: NDArray[np.floating], finish: Finish) -> NDArray[np.float32]:
    """Averages ``(class, y, x)`` masked and filtered, in units of contrast still; classes of zeros stay so."""
    box = images.shape[-1]
    mask = circle(box, finish.mask_px, finish.edge_px)
    done = np.asarray(images, dtype=np.float32)
    frequency = frequency_radius((box, box))
    keep = 1.0 - finish.halo * np.exp(-((frequency / finish.halo_1_px) ** 2))
    if finish.cut_1_px < 0.5:
        keep *= frequency <= finish.cut_1_px
    done = irfft2(rfft2(done) * keep.astype(np.float32), (box, box)).astype(np.float32)
    if finish.program == "eman2":
        done = np.stack([image - _rim(image) for image in done])
    return (done * mask).astype(np.float32)


def as_written(images: NDArray[np.float32], finish: Finish) -> NDArray[np.float32]:
    """The grey values of the file."""
    if finish.program in ("relion", "cryosparc"):
        return images * np.float32(finish.scale)
    spread = images.std(axis=(1, 2), keepdims=True)
    scaled = images / np.where(spread > 0, spread, 1.0)
    if not finish.levels:
        return scaled.astype(np.float32)
    low, high = (np.quantile(scaled, q, axis=(1, 2), keepdims=True) for q in (0.002, 0.998))
    return np.round(255 * np.clip((scaled - low) / np.maximum(high - low, 1e-6), 0, 1)).astype(np.float32)


def circle(box_px: int, diameter_px: float, edge_px: float) -> NDArray[np.float32]:
    """A disc about pixel ``box // 2`` that falls off to 0 at its diameter as a cosine."""
    if not np.isfinite(diameter_px):
        return np.ones((box_px, box_px), dtype=np.float32)
    place = np.arange(box_px) - box_px // 2
    depth = np.clip((0.5 * diameter_px - np.hypot(place[:, None], place[None, :])) / edge_px, 0.0, 1.0)
    return (0.5 - 0.5 * np.cos(np.pi * depth)).astype(np.float32)


def _rim(image: NDArray[np.floating]) -> np.floating:
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]).mean()
