"""Averages as networks are shown them."""

import numpy as np

from cryogauge.classes.framing import Framing, find_framing, resampled, without_surroundings
from cryogauge.imaging.fourier import fourier_bin

#: Edge that the paper brings all averages to (section 3.1).
PUBLISHED_EDGE_PX = 210


def framed(images: np.ndarray, edge_px: int, *, framing: Framing | None = None, reach: float = 1.0) -> np.ndarray:
    """Averages with protein bright, resampled so that what each shows fills the frame.

    Parameters
    ----------
    images
        Shape ``(class, y, x)``.
    edge_px
        Of the frame.
    framing
        Of the images, where it is known already.
    reach
        Half width of the frame in frame radii: more than 1 shows more of the surroundings.

    Returns
    -------
    numpy.ndarray
        float32 ``(class, edge, edge)``, of mean 0 and standard deviation 1 in the whole image; 0 for images that are
        not usable.

    Raises
    ------
    BadInput
        When the images are not square or too small.
    """
    framing = find_framing(images) if framing is None else framing
    out = np.zeros((len(images), edge_px, edge_px), dtype=np.float32)
    for index in np.flatnonzero(framing.usable):
        image = without_surroundings(np.asarray(images[index], dtype=np.float32), framing.content_px[index])
        image = (image - image.mean(dtype=np.float64)) * (framing.sign[index] / image.std(dtype=np.float64))
        out[index] = resampled(image.astype(np.float32), reach * framing.frame_px[index], edge_px)
    return out


def published(images: np.ndarray, *, framing: Framing | None = None) -> np.ndarray:
    """Averages as CryoSift is shown them (section 3.1): 210 × 210, grey values from 0 to 1.

    Larger images are cropped in Fourier space, smaller ones padded with zeros. Protein is made bright.

    Returns
    -------
    numpy.ndarray
        float32 ``(class, 210, 210)``; 0 for images that are not usable.

    Raises
    ------
    BadInput
        When the images are not square or too small.
    """
    framing = find_framing(images) if framing is None else framing
    edge = images.shape[1]
    out = np.zeros((len(images), PUBLISHED_EDGE_PX, PUBLISHED_EDGE_PX), dtype=np.float32)
    start = max(PUBLISHED_EDGE_PX // 2 - edge // 2, 0)
    for index in np.flatnonzero(framing.usable):
        image = framing.sign[index] * np.asarray(images[index], dtype=np.float64)
        if edge > PUBLISHED_EDGE_PX:
            image = fourier_bin(image, edge / PUBLISHED_EDGE_PX)
        low, high = float(image.min()), float(image.max())
        size = image.shape[0]
        out[index, start : start + size, start : start + size] = (image - low) / (high - low)
    return out
