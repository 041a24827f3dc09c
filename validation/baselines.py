"""Blob picking and matched filtering on the phantoms that pickers are judged by: how far one comes without learning.

Three methods give candidates: ``blobs``, differences of Gaussians of each kind's size; ``matched_filter``, the
tomogram correlated with the look-alikes that the phantoms were made from, in many directions, where missing wedge, CTF
and the spectrum of everything else are allowed for; ``matched_decoy``, the same with a ball as large as the
particle in its place. What the decoy reaches is owed to mass alone, not to shape.

The matched filter knows more than any user would: the very shapes, and the middle of the range of defoci. From which
score on a pick is kept is chosen for all alike, on phantoms that pickers learn from.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import scipy.fft
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from cryogauge.imaging.ctf import ctf_1d
from cryogauge.imaging.threads import thread_count
from cryogauge.io import find_tomograms, open_volume, read_picks, write_picks
from cryogauge.pick.batch import choose
from cryogauge.pick.challenge import score_picks
from cryogauge.pick.peaks import find_peaks
from cryogauge.pick.thresholds import above, tune_thresholds
from cryogauge.records import CZII_OBJECTS, PICK_COLUMNS, PickObject
from cryogauge.simulate.phantom import PhantomSettings
from cryogauge.simulate.phantom.species import Shape, load_shapes
from validation.held_out import WORK
from validation.picking import JUDGED, LEARNED, SEEDS, TEST_SEED, phantoms, settings_of, truth_of

#: Kinds that the challenge's score counts, and the directions in which each is looked for: one where it looks alike
#: from all sides at this voxel size, fewer where symmetry turns it onto itself.
TURNS = {
    "apo-ferritin": 1,
    "beta-galactosidase": 96,
    "ribosome": 192,
    "thyroglobulin": 288,
    "virus-like-particle": 1,
}
#: Phantoms of the first training set on which thresholds are chosen.
TUNED = 2
#: Voxels along each axis that become one.
_BIN = 2
#: What detector, dose and misalignment leave of a frequency f, in cycles a binned voxel: exp(−(f / this)²).
_ENVELOPE = 0.35
#: The narrower Gaussian of a blob is the particle's radius over the first; the wider one is so many times as wide.
_BLOB, _WIDER = 1.7, 1.6
#: Candidates: so many standard deviations above the rest, and no more of a kind in a tomogram.
_LEAST_SD, _MOST = 2.0, 1500

#: From a kind to the map of its scores.
Scorer = Callable[[PickObject], NDArray[np.float32]]


@dataclass(frozen=True)
class Whitened:
    """A tomogram made ready for templates.

    Attributes
    ----------
    shape
        ``(z, y, x)`` of the tomogram.
    spectrum
        complex ``(z, y, x // 2 + 1)``: its transform times the filter, which is the CTF over the power within the wedge
        and 0 outside.
    variance
        float32 of the same shape: what a template's squared transform is weighted by to get the variance of its score.
    """

    shape: tuple[int, ...]
    spectrum: NDArray[np.complexfloating]
    variance: NDArray[np.float32]


def measure(method: str, *, small: bool) -> float:
    """Weighted F4 of a method of :data:`METHODS` on the phantoms that all are judged by.

    Beside it the same with thresholds chosen on those very phantoms is printed, which is too kind.
    """
    settings = settings_of(small=small)
    learned = phantoms(SEEDS[0], LEARNED, settings)
    judged = phantoms(TEST_SEED, 3 if small else JUDGED, settings)
    offered, candidates = candidates_of(learned, TUNED, method, settings), candidates_of(judged, None, method, settings)
    known, truth = truth_of(learned), truth_of(judged)
    thresholds = tune_thresholds(known[known["tomogram"].isin(offered["tomogram"])], offered)
    found = score_picks(truth, above(candidates, thresholds))
    kind = score_picks(truth, above(candidates, tune_thresholds(truth, candidates)))
    for what, each in (("", found), (" (thresholds of the test set)", kind)):
        by_kind = each.objects[each.objects["weight"] > 0].set_index("object")["f_beta"]
        listed = "  ".join(f"{name} {value:.2f}" for name, value in by_kind.items())
        print(f"     {method}{what}: {listed}  -> {each.score:.3f}", flush=True)
    return found.score


def candidates_of(config: Path, count: int | None, method: str, settings: PhantomSettings) -> pd.DataFrame:
    """Candidates of a method in the first phantoms of a project, each phantom's kept in ``work/``."""
    recipe = hashlib.sha256(repr((TURNS, _BIN, _ENVELOPE, _BLOB, _WIDER, _LEAST_SD, _MOST)).encode()).hexdigest()[:10]
    folder = WORK / f"baselines-{config.parent.name}-{recipe}"
    folder.mkdir(parents=True, exist_ok=True)
    tables = []
    for source in choose(find_tomograms([config]), "wbp")[:count]:
        kept = folder / f"{source.name}-{method}.csv"
        if not kept.exists():
            write_picks(kept, find_candidates(source.uri, source.name, method, settings))
        tables.append(read_picks(kept))
    return pd.concat(tables, ignore_index=True)


def find_candidates(uri: str, name: str, method: str, settings: PhantomSettings) -> pd.DataFrame:
    """Candidates of a method in one tomogram: a table of ``PICK_COLUMNS``, the best of each kind first."""
    data = binned(np.asarray(open_volume(uri).data, dtype=np.float32))
    score_of = METHODS[method](data, settings)
    parts = []
    for each in CZII_OBJECTS:
        if each.name in TURNS:
            parts.append(_peaks(in_deviations(score_of(each)), each, settings.voxel_size_A, name))
    return pd.concat(parts, ignore_index=True)


def binned(volume: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of blocks of ``_BIN`` voxels along each axis; what is left over at the far sides is cut off."""
    z, y, x = (n // _BIN for n in volume.shape)
    blocks = volume[: z * _BIN, : y * _BIN, : x * _BIN].reshape(z, _BIN, y, _BIN, x, _BIN)
    return blocks.mean(axis=(1, 3, 5), dtype=np.float32)


def in_deviations(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map less its median over its robust standard deviation, so that one threshold serves all tomograms."""
    centred = scores - np.median(scores)
    return (centred / (1.4826 * np.median(np.abs(centred)))).astype(np.float32)


def _peaks(heat: NDArray[np.float32], each: PickObject, voxel_size_A: float, name: str) -> pd.DataFrame:
    step_A = _BIN * voxel_size_A
    centres, scores = find_peaks(heat, each.radius_A / step_A, threshold=_LEAST_SD)
    # a binned voxel's middle lies between those of the voxels it was made of
    z, y, x = centres[:_MOST].T * step_A + 0.5 * (_BIN - 1) * voxel_size_A
    return pd.DataFrame(
        {"tomogram": name, "object": each.name, "x_A": x, "y_A": y, "z_A": z, "score": scores[:_MOST]},
        columns=list(PICK_COLUMNS),
    )


def _blobs(data: NDArray[np.float32], settings: PhantomSettings) -> Scorer:
    def score_of(each: PickObject) -> NDArray[np.float32]:
        width = each.radius_A / (_BIN * settings.voxel_size_A) / _BLOB
        # protein is dark
        around, here = (np.asarray(ndimage.gaussian_filter(data, sigma)) for sigma in (_WIDER * width, width))
        return (around - here).astype(np.float32)

    return score_of


def _matched(
    data: NDArray[np.float32], settings: PhantomSettings, template_of: Callable[[Shape], list[NDArray[np.float32]]]
) -> Scorer:
    shapes = {shape.name: shape for _, shape in load_shapes(None, _BIN * settings.voxel_size_A)[0]}
    whitened = whiten(data, settings)
    return lambda each: correlate(whitened, template_of(shapes[each.name]))


def _matched_filter(data: NDArray[np.float32], settings: PhantomSettings) -> Scorer:
    return _matched(data, settings, turned)


def _matched_decoy(data: NDArray[np.float32], settings: PhantomSettings) -> Scorer:
    return _matched(data, settings, lambda shape: [ball(shape)])


#: Each makes, of a binned tomogram, what maps the scores of a kind.
METHODS = {"blobs": _blobs, "matched_filter": _matched_filter, "matched_decoy": _matched_decoy}


def whiten(data: NDArray[np.float32], settings: PhantomSettings) -> Whitened:
    """Filter a binned tomogram so that the correlation with a bare template is the best linear detector of it."""
    z, y, x = data.shape
    fz, fy, fx = np.fft.fftfreq(z)[:, None, None], np.fft.fftfreq(y)[None, :, None], np.fft.rfftfreq(x)[None, None, :]
    radius = np.sqrt(fz**2 + fy**2 + fx**2)
    # the specimen turns about y
    steepest = np.tan(np.deg2rad(settings.imaging.tilt_range_deg))
    seen = np.broadcast_to(np.abs(fz) <= steepest * np.abs(fx) + 1.0 / z, radius.shape)
    spectrum = _transform(data - data.mean())
    power = _radial_power(spectrum, radius, seen)
    ctf = ctf_1d(radius / (_BIN * settings.voxel_size_A), float(np.mean(settings.defocus_A)))
    gain = np.where(seen, ctf * np.exp(-((radius / _ENVELOPE) ** 2)) / power, 0.0).astype(np.float32)
    return Whitened(data.shape, spectrum * gain, (gain**2 * power).astype(np.float32))


def _transform(volume: NDArray[np.float32]) -> NDArray[np.complexfloating]:
    return cast("NDArray[np.complexfloating]", scipy.fft.rfftn(volume, workers=thread_count()))


def _radial_power(
    spectrum: NDArray[np.complexfloating], radius: NDArray[np.float64], seen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Mean power of each term's shell within the wedge, in the spectrum's shape, nowhere near 0."""
    shell = np.minimum((radius * 200).astype(int), 99)
    sums = np.bincount(shell[seen], np.abs(spectrum[seen]) ** 2, minlength=100)
    mean = ndimage.gaussian_filter1d(sums / np.maximum(np.bincount(shell[seen], minlength=100), 1), 1.5)
    return np.maximum(mean, 1e-4 * mean.max())[shell]


def correlate(whitened: Whitened, templates: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The best score of several templates at each voxel, each in units of its standard deviation in noise.

    Parameters
    ----------
    whitened
        From :func:`whiten`.
    templates
        Cubes of an odd number of voxels, potential positive, their middle what is looked for.
    """
    best: NDArray[np.float32] | None = None
    for template in templates:
        transform = _transform(_wrapped(template, whitened.shape))
        scores = scipy.fft.irfftn(whitened.spectrum * transform.conj(), s=whitened.shape, workers=thread_count())
        scores /= np.sqrt((np.abs(transform) ** 2 * whitened.variance).sum())
        best = scores if best is None else np.maximum(best, scores)
    assert best is not None
    return best


def _wrapped(template: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The template in a volume of this shape, its middle at the first voxel; what is too wide laps over."""
    out = np.zeros(shape, dtype=np.float32)
    places = [(np.arange(n) - n // 2) % whole for n, whole in zip(template.shape, shape, strict=True)]
    np.add.at(out, np.ix_(*places), template)
    return out


def turned(shape: Shape) -> list[NDArray[np.float32]]:
    """A particle in each of its directions."""
    half = int(np.ceil(shape.reach_px))
    middle_in = (np.array(shape.density.shape) - 1) / 2
    middle_out = np.full(3, half)
    made = []
    for turn in directions(TURNS[shape.name]):
        made.append(
            ndimage.affine_transform(
                shape.density, turn, offset=middle_in - turn @ middle_out, output_shape=(2 * half + 1,) * 3, order=1
            )
        )
    return made


def directions(count: int) -> NDArray[np.float64]:
    """So many rotations ``(count, 3, 3)``, spread evenly: a super-Fibonacci spiral (Alexa, CVPR 2022)."""
    # the two irrational numbers of the spiral
    first, second = np.sqrt(2.0), 1.533751168755204288118041
    s = np.arange(count) + 0.5
    inner, outer = np.sqrt(s / count), np.sqrt(1.0 - s / count)
    alpha, beta = 2.0 * np.pi * s / first, 2.0 * np.pi * s / second
    quaternions = [inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta)]
    return Rotation.from_quat(np.stack(quaternions, axis=1)).as_matrix()


def ball(shape: Shape) -> NDArray[np.float32]:
    """A ball of the volume within a particle's outline, its edge a voxel wide."""
    radius = float(np.cbrt(3.0 * shape.mask.sum() / (4.0 * np.pi)))
    half = int(np.ceil(radius)) + 1
    z, y, x = np.mgrid[-half : half + 1, -half : half + 1, -half : half + 1]
    return np.clip(radius + 0.5 - np.sqrt(z**2 + y**2 + x**2), 0.0, 1.0).astype(np.float32)
