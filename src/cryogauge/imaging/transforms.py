"""Real Fourier transforms in the precision of their input, on several threads, with plain types."""

from typing import cast

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from cryogauge.imaging.threads import thread_count

_YX = (-2, -1)


def rfft2(images: NDArray[np.floating], axes: tuple[int, int] = _YX) -> NDArray[np.complexfloating]:
    """Transform of one image or of each in a stack; ``(..., y, x)`` becomes ``(..., y, x // 2 + 1)``."""
    return cast("NDArray[np.complexfloating]", scipy.fft.rfft2(images, axes=axes, workers=thread_count()))


def irfft2(
    spectra: NDArray[np.complexfloating], shape: tuple[int, int], axes: tuple[int, int] = _YX
) -> NDArray[np.floating]:
    """Images of the given ``(y, x)`` shape back from :func:`rfft2`."""
    return cast("NDArray[np.floating]", scipy.fft.irfft2(spectra, s=shape, axes=axes, workers=thread_count()))


def rfft(rows: NDArray[np.floating]) -> NDArray[np.complexfloating]:
    """Transform along the first axis, on the calling thread."""
    return cast("NDArray[np.complexfloating]", scipy.fft.rfft(rows, axis=0))


def irfft(spectra: NDArray[np.complexfloating], length: int) -> NDArray[np.floating]:
    """Rows of the given length back from :func:`rfft`."""
    return cast("NDArray[np.floating]", scipy.fft.irfft(spectra, n=length, axis=0))


def fast_length(length: int) -> int:
    """The next length at which a real transform is quick."""
    return cast(int, scipy.fft.next_fast_len(length, real=True))


def frequency_radius(shape: tuple[int, int], pixel_size: float = 1.0) -> NDArray[np.float64]:
    """Spatial frequency of each term of :func:`rfft2`, shape ``(y, x // 2 + 1)``, in cycles per unit of pixel size."""
    fy = np.fft.fftfreq(shape[0], pixel_size)[:, None]
    return np.hypot(fy, np.fft.rfftfreq(shape[1], pixel_size)[None, :])
