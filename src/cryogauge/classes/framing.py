"""What an average shows, and where: its contrast, how far its values reach, and how large what it shows is.

Programs mask averages by a circle, pad them, and show protein bright or dark; a grade must not hang on any of it.
"""

from dataclasses import dataclass

import numpy as np

from cryogauge.imaging.fourier import fourier_bin
from cryogauge.records import BadInput

#: Smallest box that can be judged (CryoSift, section 3.1).
SMALLEST_BOX_PX = 31
_COARSE_PX = 64
#: A ring is flat whose spread is less than the first part of the largest, and holds values from the second on.
_FLAT, _VARIED = 0.02, 0.08
_LEAST_CONTENT = 0.25  # of half the box; less is an image with large flat parts, not a mask
#: Half width of the frame in radii of what is shown, and its limits in radii of what the image holds.
_ROOM, _LEAST_FRAME = 1.35, 0.4
_HELD_PART = 0.97  # of what stands out lies within its radius
_DOUBTFUL, _SURE = 5.0, 10.0  # standard deviations of the highest peak: nothing found, and found for certain
_UNSURE_SIGN = 0.15


@dataclass(frozen=True)
class Framing:
    """How averages are to be looked at; arrays have an entry a class.

    Attributes
    ----------
    usable
        False for an image with NaN or infinite values, and for one of a single value.
    broken
        True for the first of these.
    sign
        1 where protein is bright, −1 where it is dark.
    content_px
        Radius in pixels, from the middle of the box, within which the image holds values: half the box, or less where a
        mask or padding makes the outside flat.
    frame_px
        Radius in pixels of what a grader looks at: what the average shows, and some room.
    """

    usable: np.ndarray
    broken: np.ndarray
    sign: np.ndarray
    content_px: np.ndarray
    frame_px: np.ndarray


def check_box(images: np.ndarray) -> None:
    """Raise ``BadInput`` for anything but a stack of square images of :data:`SMALLEST_BOX_PX` or more."""
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise BadInput(f"class averages must be square images, not an array of {images.shape}")
    if images.shape[1] < SMALLEST_BOX_PX:
        raise BadInput(
            f"the averages are {images.shape[1]} px wide; too little to judge",
            f"classify with boxes of at least {SMALLEST_BOX_PX} px",
        )


def find_framing(images: np.ndarray) -> Framing:
    """Contrast, extent and size of what each average shows.

    Contrast is told by each image where it is plain, and otherwise by all images of the stack together; where they do
    not tell either, protein is bright, as programs write it.

    Parameters
    ----------
    images
        Shape ``(class, y, x)``.

    Raises
    ------
    BadInput
        When the images are not square or too small.
    """
    check_box(images)
    count, edge = len(images), images.shape[1]
    usable, broken = np.ones(count, dtype=bool), np.zeros(count, dtype=bool)
    content = np.full(count, edge / 2)
    coarse = np.zeros((count, _COARSE_PX, _COARSE_PX), dtype=np.float32)
    rings, in_ring = _rings(edge)
    for index in range(count):
        image = np.asarray(images[index], dtype=np.float32)
        if not np.isfinite(image).all():
            broken[index], usable[index] = True, False
            continue
        spread = float(image.std(dtype=np.float64))
        if spread <= 1e-6 * float(np.abs(image).max()) or spread == 0:
            usable[index] = False
            continue
        content[index] = _content_px(image / spread, rings, in_ring)
        image = without_surroundings(image, content[index])
        coarse[index] = resampled((image - image.mean()) / image.std(), content[index], _COARSE_PX)
    y, radius = _standing_out(coarse)
    told = _contrast(coarse, y, radius)
    of_all = float(told[usable].clip(-1, 1).sum())
    usual = -1.0 if of_all <= -_UNSURE_SIGN * usable.sum() else 1.0
    sign = np.where(np.abs(told) >= _UNSURE_SIGN, np.sign(told), usual)
    frame = content * _frame_part(y, radius)
    return Framing(usable, broken, np.where(usable, sign, 1.0), content, np.where(usable, frame, content))


def without_surroundings(image: np.ndarray, content_px: float) -> np.ndarray:
    """An image with the median of the border of what it holds beyond that, in place of a mask's or padding's values."""
    edge = image.shape[0]
    if content_px >= edge / 2:
        return image
    axis = np.arange(edge) - edge // 2
    radius = np.hypot(axis[:, None], axis[None, :])
    border = np.median(image[(radius <= content_px) & (radius > 0.85 * content_px)])
    return np.where(radius <= content_px, image, border)


def resampled(image: np.ndarray, radius_px: float, edge_px: int) -> np.ndarray:
    """An image resampled by its Fourier transform so that a radius about its middle fills half of an edge.

    The middle is pixel ``edge // 2`` of both. Beyond the box its border's median is continued. Edges are rounded to
    even numbers of pixels on the way, so that the scale may be off by a pixel in the whole box.
    """
    edge = image.shape[0]
    image = image if edge % 2 == 0 else np.pad(image, ((0, 1), (0, 1)), mode="edge")  # keeps pixel edge // 2
    even = image.shape[0]
    target = max(2 * round(even * edge_px / (2 * radius_px) / 2), 2)
    if target < even:
        scaled = fourier_bin(image, even / target)
    elif target > even:
        scaled = _fourier_grown(image, target)
    else:
        scaled = image.astype(np.float32, copy=False)
    target = scaled.shape[0]
    if target >= edge_px:
        start = target // 2 - edge_px // 2
        return scaled[start : start + edge_px, start : start + edge_px]
    out = np.full((edge_px, edge_px), _border_median(scaled), dtype=np.float32)
    start = edge_px // 2 - target // 2
    out[start : start + target, start : start + target] = scaled
    return out


def _border_median(image: np.ndarray) -> float:
    return float(np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])))


def _fourier_grown(image: np.ndarray, edge: int) -> np.ndarray:
    """A smaller even image on more pixels, by zeros in its Fourier transform."""
    from cryogauge.imaging.transforms import irfft2, rfft2

    old = image.shape[0]
    spectrum = rfft2(image.astype(np.float32, copy=False))
    half = old // 2
    grown = np.zeros((edge, edge // 2 + 1), dtype=np.complex64)
    # Nyquist terms stand for both signs of a frequency and would be split among them: they are left out
    grown[:half, :half] = spectrum[:half, :half]
    grown[edge - half + 1 :, :half] = spectrum[half + 1 :, :half]
    return (irfft2(grown, (edge, edge)) * (edge / old) ** 2).astype(np.float32, copy=False)


def _rings(edge: int) -> tuple[np.ndarray, np.ndarray]:
    """Ring of each pixel about pixel ``edge // 2``, all beyond half the edge as one, and the pixels in each."""
    axis = np.arange(edge) - edge // 2
    rings = np.minimum(np.rint(np.hypot(axis[:, None], axis[None, :])).astype(np.intp), edge // 2)
    return rings, np.bincount(rings.ravel())


def _content_px(image: np.ndarray, rings: np.ndarray, in_ring: np.ndarray) -> float:
    """Radius that holds values: up to where rows and columns are flat, and rings are, counted in part as they fade.

    Both are told by spreads and not by equal neighbours, which depend on sampling and on the steps of 8 bits.
    """
    edge = image.shape[0]
    lines = np.maximum(image.std(axis=0), image.std(axis=1))
    varied = np.flatnonzero(lines > _FLAT * lines.max())
    half = min(max(edge // 2 - varied[0], varied[-1] - edge // 2 + 1), edge / 2)
    mean, square = (np.bincount(rings.ravel(), each.ravel()) / in_ring for each in (image, image * image))
    spread = np.sqrt(np.maximum(square - mean * mean, 0.0))[: int(half)]
    further = np.maximum.accumulate(spread[::-1])[::-1]
    held = np.log(np.maximum(further / further[0], 1e-9) / _FLAT) / np.log(_VARIED / _FLAT)
    faded = half - float((1.0 - np.clip(held, 0.0, 1.0)).sum())
    return faded if faded >= _LEAST_CONTENT * edge / 2 else half


def _standing_out(coarse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed images about the border's median, in units of its spread, and pixels' radii, 1 at the edge."""
    from scipy.ndimage import gaussian_filter

    axis = (np.arange(_COARSE_PX) - _COARSE_PX // 2) / (_COARSE_PX / 2)
    radius = np.hypot(axis[:, None], axis[None, :])
    smooth = gaussian_filter(coarse, (0, 1.5, 1.5))
    border = smooth[:, (radius > 0.8) & (radius <= 0.96)]
    low, middle, high = np.quantile(border, [0.25, 0.5, 0.75], axis=1)
    whole = smooth[:, radius <= 0.96].std(axis=1)
    # a border that is flat itself, as of a particle that was cut out, must not make anything stand out for certain
    spread = np.maximum((high - low) / 1.349, 0.06 * whole + 1e-9)
    return (smooth - middle[:, None, None]) / spread[:, None, None], radius


def _contrast(coarse: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Above 0 where bright parts stand out and below where dark ones do; the same with the other sign of an inverse."""
    inside = radius <= 0.96
    values = y[:, inside]
    skewed = (values**3).mean(axis=1) / ((np.abs(values) ** 3).mean(axis=1) + 1e-9)
    weight = np.exp(-((radius[inside] / 0.5) ** 2))
    central = (values * weight).sum(axis=1) / ((np.abs(values) * weight).sum(axis=1) + 1e-9)
    return skewed + central


def _frame_part(y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Half width of the frame in radii of the content, from where what stands out lies."""
    inside = radius <= 0.96
    order = np.argsort(radius[inside], kind="stable")
    far = radius[inside][order]
    weights = np.maximum(np.abs(y[:, inside][:, order]) - 3.0, 0.0)
    total = weights.sum(axis=1)
    part = np.cumsum(weights, axis=1) / np.maximum(total, 1e-9)[:, None]
    out = np.array([np.interp(_HELD_PART, each, far) for each in part])
    wanted = np.clip(_ROOM * out, _LEAST_FRAME, 1.0)
    peak = np.abs(y[:, inside]).max(axis=1)
    certain = np.clip((peak - _DOUBTFUL) / (_SURE - _DOUBTFUL), 0.0, 1.0)
    return 1.0 - certain * (1.0 - wanted)
