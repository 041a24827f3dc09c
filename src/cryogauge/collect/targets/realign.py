"""How a grid lies against how it lay before: two pictures of it, one kept, matched by turning and shifting.

A grid that was taken out comes back shifted by tens of µm and turned by degrees. For each angle of a fan the picture is
turned back and correlated with the kept one where both have pixels (Padfield, IEEE Trans. Image Process. 21, 2706,
2012, equations 19–22); the highest correlation tells angle and shift. Squares and holes repeat themselves, so that
it counts only where no other place correlates nearly as well.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from cryogauge.collect.targets.grey import block_means, stable_root

#: Pixels along an edge of the search, coarse and fine.
_COARSE_PX, _FINE_PX, _FINE_ANGLES = 192, 640, 7
#: Correlation below which nothing is told, and how much better than elsewhere it must be, as Fisher's z.
_ALIKE, _BETTER, _PERFECT = 0.6, 0.35, 0.999
#: Elsewhere begins so many pixels of the coarse search away; nearer than that another top is the same one's flank.
_ELSEWHERE_PX = 5.0
#: A grid lies as it did if that correlates as well but for this much.
_AS_WELL = 0.01
#: Share of the smaller picture that must overlap.
_OVERLAP = 0.5


@dataclass(frozen=True)
class Placement:
    """Where a grid's points are now on the stage: turned about the stage's origin, then shifted.

    Attributes
    ----------
    rotation_deg
        From stage x to stage y.
    shift_um
        (x, y).
    """

    rotation_deg: float = 0.0
    shift_um: tuple[float, float] = (0.0, 0.0)

    @property
    def turn(self) -> NDArray[np.float64]:
        """Matrix (2, 2) that turns a way (x, y) between points as they lay into that as they lie."""
        angle = math.radians(self.rotation_deg)
        return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])

    def now_um(self, xy_um: Any) -> NDArray[np.float64]:
        """Stage positions (x, y) of points that lay at ``xy_um``, shape ``(n, 2)`` or ``(2,)``."""
        return np.asarray(xy_um, np.float64) @ self.turn.T + np.array(self.shift_um)

    def before_um(self, xy_um: Any) -> NDArray[np.float64]:
        """Where points lay that lie at ``xy_um`` now; the inverse of :meth:`now_um`."""
        return (np.asarray(xy_um, np.float64) - np.array(self.shift_um)) @ self.turn


@dataclass(frozen=True)
class Lying:
    """A picture and how it lies on the stage.

    Attributes
    ----------
    image
        Grey values of shape (y, x).
    corner_um
        Stage x and y of the centre of pixel (0, 0).
    to_um
        Stage way of one pixel along columns and along rows: a matrix of shape (2, 2), µm, applied to (x, y).
    """

    image: NDArray[np.floating]
    corner_um: tuple[float, float]
    to_um: NDArray[np.float64]

    @property
    def middle_um(self) -> NDArray[np.float64]:
        """Stage x and y of its middle."""
        return self.stage_um((np.array(self.image.shape[::-1]) - 1) / 2)

    def stage_um(self, xy_px: Any) -> NDArray[np.float64]:
        """Stage positions (x, y) of places (x, y) in the picture, shape ``(n, 2)`` or ``(2,)``."""
        return np.asarray(xy_px, np.float64) @ self.to_um.T + np.array(self.corner_um)


@dataclass(frozen=True)
class Realigned:
    """What two pictures tell.

    Attributes
    ----------
    placement
        How the grid lies.
    correlation, elsewhere
        Of the pictures when matched so, and the highest of any other match.
    clear
        Whether the one is high enough, and high enough over the other.
    """

    placement: Placement
    correlation: float
    elsewhere: float
    clear: bool


def around(image: NDArray[np.floating], middle_um: Any, to_um: Any) -> Lying:
    """A picture by the stage position (x, y) of its middle."""
    way = np.asarray(to_um, np.float64)
    corner = np.asarray(middle_um, np.float64) - way @ ((np.array(image.shape[::-1]) - 1) / 2)
    return Lying(image, (float(corner[0]), float(corner[1])), way)


def realign(
    kept: Lying, view: Lying, *, about: Placement | None = None, most_um: float = 150.0, most_deg: float = 12.0
) -> Realigned:
    """Where the grid of a kept picture lies in a new one.

    Parameters
    ----------
    kept
        As the grid lay.
    view
        As it lies, of a part that the kept picture shows too.
    about
        What is known of the placement: where to look, and what is taken where nothing speaks against it.
    most_um, most_deg
        How far from that to look.
    """
    about = about or Placement()
    expected = about.before_um(view.middle_um)
    reach_um = max(np.abs(view.to_um) @ np.array(view.image.shape[::-1])) / 2
    coarse_um = 2 * (reach_um + most_um) / _COARSE_PX
    step = math.degrees(coarse_um / reach_um)
    turns = math.ceil(most_deg / step)
    angles = np.asarray(about.rotation_deg + step * np.arange(-turns, turns + 1), np.float64)
    found = _correlations(kept, view, angles, expected, coarse_um, most_um)
    half = found.shape[1] // 2
    far = [np.abs(np.arange(n) - n // 2) for n in found.shape]
    usual = found * ((far[0] <= 1)[:, None, None] & (far[1] <= 2)[:, None] & (far[2] <= 2))
    as_usual = bool(usual.max() >= found.max() - _AS_WELL)
    turn, y, x = np.unravel_index(int(np.argmax(usual if as_usual else found)), found.shape)
    away = np.hypot(*np.ogrid[-int(y) : len(found[0]) - int(y), -int(x) : len(found[0]) - int(x)]) > _ELSEWHERE_PX
    other, v, u = np.unravel_index(int(np.argmax(np.where(away, found, -1.0))), found.shape)
    (lies, correlation), (_, elsewhere) = (
        _refined(kept, view, angles[k], expected + coarse_um * np.array([i - half, j - half]), step, coarse_um)
        for k, j, i in ((turn, y, x), (other, v, u))
    )
    better = np.diff(np.arctanh(np.clip([elsewhere, correlation], -_PERFECT, _PERFECT))).item()
    return Realigned(
        lies, correlation, elsewhere, clear=bool(correlation >= _ALIKE and (as_usual or better >= _BETTER))
    )


def _refined(
    kept: Lying, view: Lying, angle_deg: float, at_um: NDArray[np.float64], step_deg: float, coarse_um: float
) -> tuple[Placement, float]:
    """The placement near an angle and a place of the view's middle in the kept picture, and its correlation."""
    reach_um = max(np.abs(view.to_um) @ np.array(view.image.shape[::-1])) / 2
    fine_um = max(2 * (reach_um + 4 * coarse_um) / _FINE_PX, min(_pixel_um(kept), _pixel_um(view)))
    near = angle_deg + step_deg * np.linspace(-1, 1, _FINE_ANGLES)
    fine = _correlations(kept, view, near, at_um, fine_um, 2 * coarse_um)
    (angle, dy, dx), correlation = _top(fine)
    at_um = at_um + fine_um * (np.array([dx, dy]) - fine.shape[1] // 2)
    rotation = float(near[0] + angle * (near[1] - near[0]))
    x_um, y_um = view.middle_um - Placement(rotation).now_um(at_um)
    return Placement(rotation, (float(x_um), float(y_um))), correlation


def _correlations(
    kept: Lying, view: Lying, angles_deg: NDArray[np.float64], about_um: NDArray[np.float64], step_um: float,
    most_um: float,
) -> NDArray[np.float32]:  # fmt: skip
    """Correlation for each angle and place (y, x) of the view's middle in the kept picture, about the middle one."""
    window = max(math.ceil(most_um / step_um), 2)
    half = math.ceil(max(np.abs(view.to_um) @ np.array(view.image.shape[::-1])) / 2 / step_um)
    there, there_known = _sampled(kept, about_um, np.eye(2) * step_um, half + window)
    shape = [fft.next_fast_len(2 * (half + window) + 1, real=True)] * 2
    kept_spectra: list[Any] = [fft.rfft2(each, shape) for each in (there, there**2, there_known)]
    found = np.empty((len(angles_deg), 2 * window + 1, 2 * window + 1), np.float32)
    for number, angle in enumerate(angles_deg):
        here, here_known = _sampled(view, view.middle_um, Placement(float(angle)).turn * step_um, half)
        spectra: list[Any] = [fft.rfft2(each, shape) for each in (here, here**2, here_known)]

        def summed(a: int, b: int, of: list[Any] = spectra) -> NDArray[np.float64]:
            whole: Any = fft.irfft2(kept_spectra[a] * np.conj(of[b]), shape)
            return whole[: 2 * window + 1, : 2 * window + 1]

        count = np.maximum(summed(2, 2), 1e-6)
        ours, theirs = summed(0, 2), summed(2, 0)
        together = summed(0, 0) - ours * theirs / count
        spread = (summed(1, 2) - ours**2 / count) * (summed(2, 1) - theirs**2 / count)
        good = (count > _OVERLAP * here_known.sum()) & (spread > 1e-9 * count**2)
        found[number] = np.where(good, together / np.sqrt(np.where(good, spread, 1.0)), -1.0)
    return np.clip(found, -1.0, 1.0)


def _sampled(
    picture: Lying, middle_um: NDArray[np.float64], way_um: NDArray[np.float64], half: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Grey values at places about one, ``way_um`` (2, 2) being the stage way of a column and a row; and where they are
    known (1) or not (0). Values are even about 0 and of like noise.
    """
    factor = max(1, int(math.hypot(*way_um[:, 0]) / _pixel_um(picture)))
    small = stable_root(block_means(picture.image, factor))
    known = small > small.min()
    small = small - small[known].mean() if known.any() else small
    inverse = np.linalg.inv(picture.to_um * factor)
    first = np.array(picture.corner_um) + picture.to_um @ np.full(2, (factor - 1) / 2)
    matrix = inverse @ way_um
    start: Any = inverse @ (middle_um - way_um @ np.full(2, half) - first)
    swap = np.array([[0, 1], [1, 0]])
    options: dict[str, Any] = {"output_shape": (2 * half + 1, 2 * half + 1), "order": 1, "cval": 0.0}
    grey, there = (
        np.asarray(ndimage.affine_transform(each, swap @ matrix @ swap, start[::-1], **options), np.float32)
        for each in (np.where(known, small, 0.0).astype(np.float32), known.astype(np.float32))
    )
    there = (there > 0.99).astype(np.float32)
    return grey * there, there


def _pixel_um(picture: Lying) -> float:
    return math.sqrt(abs(float(np.linalg.det(picture.to_um))))


def _top(values: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Place of the highest value between samples, by a parabola along each axis, and that value."""
    best = np.unravel_index(int(np.argmax(values)), values.shape)
    place = np.array(best, np.float64)
    for axis, at in enumerate(best):
        if 0 < at < values.shape[axis] - 1:
            line = np.take(np.moveaxis(values, axis, 0), [at - 1, at, at + 1], axis=0)
            others = tuple(n for other, n in enumerate(best) if other != axis)
            before, here, after = (float(each[others]) for each in line)
            bend = before - 2 * here + after
            place[axis] += 0.5 * (before - after) / bend if bend < 0 else 0.0
    return place, float(values[best])
