"""Pictures of a judged exposure: what was found where, and its power spectrum beside the fit."""

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cryogauge.imaging.ctf import ctf_1d
from cryogauge.imaging.ctf_astigmatic import AstigmaticFit, TilePower
from cryogauge.report.pictures import grey_levels

if TYPE_CHECKING:
    from PIL.Image import Image

    from cryogauge.collect.judge.judge import Judged, JudgeSettings

_EDGE_PX = 400
_SPECTRUM_PX = 320
_FINEST_A = 3.0
#: Red, green and blue of particles, contamination and support film: told apart by those who confuse red and green.
_PARTICLE, _CONTAMINATION, _CARBON = (86, 180, 233), (230, 120, 0), (204, 121, 167)


def exposure_picture(judged: "Judged") -> bytes:
    """JPEG of the exposure with rings about particles and outlines about contamination and support film."""
    from PIL import Image, ImageDraw

    smooth = ndimage.gaussian_filter(judged.picture, 1.0)
    colours = np.repeat(grey_levels(smooth)[..., None], 3, axis=2)
    for mask, colour in ((judged.contamination, _CONTAMINATION), (judged.carbon, _CARBON)):
        inner = np.asarray(ndimage.binary_erosion(mask, iterations=2), dtype=bool)
        colours[mask & ~inner] = colour
    image = Image.fromarray(colours)
    draw = ImageDraw.Draw(image)
    radius = 0.5 * judged.particles.diameter_px
    for y, x in judged.particles.centres_px:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=_PARTICLE)
    factor = _EDGE_PX / max(image.size)
    if factor < 1:
        width, height = (round(n * factor) for n in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    return _jpeg(image)


def spectrum_picture(power: TilePower, fit: AstigmaticFit, settings: "JudgeSettings") -> bytes:
    """JPEG of the power spectrum, zero in the middle: measured on the left, fitted on the right."""
    from PIL import Image

    edge, pixel = power.edge_px, power.pixel_size_A
    half = np.log(np.maximum(power.power, 1e-30))
    whole = np.concatenate([half, half[(-np.arange(edge)) % edge][:, edge // 2 - 1 : 0 : -1]], axis=1)
    whole = np.fft.fftshift(whole)
    axis = (np.arange(edge) - edge // 2) / (edge * pixel)
    radius = np.hypot(axis[:, None], axis[None, :])
    ring = (radius * edge * pixel).round().astype(int)
    mean = np.bincount(ring.ravel(), whole.ravel()) / np.maximum(np.bincount(ring.ravel()), 1)
    # log power less what surrounds it, of one height at all frequencies
    slow = ndimage.gaussian_filter1d(mean, max(len(mean) / 20, 3.0), mode="nearest")
    rings = mean - slow
    height = np.sqrt(ndimage.gaussian_filter1d(np.square(rings), len(mean) / 6, mode="nearest")) + 1e-4
    shown = ndimage.gaussian_filter((whole - slow[ring]) / height[ring], 1.0)
    shown = np.clip(0.5 + shown / 6, 0, 1)
    if np.isfinite(fit.defocus_A):
        shown[:, edge // 2 :] = _fitted(radius, axis, fit, settings)[:, edge // 2 :]
    reach = int(min(0.46 * edge, edge * pixel / _FINEST_A))
    middle = slice(edge // 2 - reach, edge // 2 + reach)
    grey = (shown[middle, middle] * 255).astype(np.uint8)
    return _jpeg(Image.fromarray(grey).resize((_SPECTRUM_PX, _SPECTRUM_PX), Image.Resampling.LANCZOS))


def _fitted(
    radius: NDArray[np.float64], axis: NDArray[np.float64], fit: AstigmaticFit, settings: "JudgeSettings"
) -> NDArray[np.float64]:
    direction = np.arctan2(axis[:, None], axis[None, :]) - np.deg2rad(fit.astigmatism_deg)
    defocus = fit.defocus_A + 0.5 * fit.astigmatism_A * np.cos(2 * direction)
    transfer = np.square(
        ctf_1d(
            radius, defocus, voltage_kV=settings.voltage_kV, cs_mm=settings.cs_mm,
            amplitude_contrast=settings.amplitude_contrast,
        )
    )  # fmt: skip
    return np.where(radius <= (1 / fit.resolution_A if fit.resolution_A > 0 else 0), transfer, 0.25 * transfer + 0.1)


def _jpeg(image: "Image") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
