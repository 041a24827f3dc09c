"""Q-scores against closed forms, a count by thousands of places, and the line published for real maps.

Isolated Gaussians of many widths have a score in closed form. For a real structure, scores by eight places a shell are
compared with those of the published procedure by a thousand. Then its maps are simulated: the potential of its atoms,
with noise that leaves half maps a correlation of 0.143 at a resolution, filtered by what the whole map is worth in each
shell. Their mean score should fall with the resolution as that of real maps does; it lies above the published line, as
the model has no error. Last, scores by the rule of the paper's text, that places belong to the nearest atom, are set
beside those by the rule of the authors' program, which are ours.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial import KDTree

from cryogauge.imaging.model_map import model_map
from cryogauge.imaging.q_score import OWNERSHIP, SIGMA_A, expected_q, q_scores
from cryogauge.imaging.transforms import fast_length
from cryogauge.io.model_atoms import heavy, read_atoms
from validation.real_files import data_folder

FIGURES = (
    "q_score_closed_error_max",
    "q_score_places_error",
    "q_score_resolution_r",
    "q_score_above_line",
    "q_score_nearest_above",
)
MODEL = "pdb/polnet/3qm1.pdb"
#: Resolutions of the simulated maps; how signal falls off in particles, exp(−B s² / 2) in power.
RESOLUTIONS_A, FALL_OFF_A2 = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0), 100.0
_VOXEL_A, _MARGIN_A = 0.45, 10.0
_PLACES, _ATOMS = 1000, 150


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes 300 of the structure's atoms."""
    figures = {"q_score_closed_error_max": closed_error()}
    folder = data_folder()
    if folder is None or not (folder / MODEL).is_file():
        print("   the rest is not measured: CRYOGAUGE_DATA does not name the folder of real files")
        return figures
    atoms = heavy(read_atoms(folder / MODEL))
    atoms = atoms[(atoms["kind"] == "protein") & (atoms["chain"] == atoms["chain"].iloc[0])]
    atoms = atoms[: 300 if small else None].reset_index(drop=True)
    places = atoms[["x_A", "y_A", "z_A"]].to_numpy(float)
    low = places.min(axis=0) - _MARGIN_A
    edges = np.ceil((np.ptp(places, axis=0) + 2 * _MARGIN_A) / _VOXEL_A)
    n_x, n_y, n_z = (fast_length(int(n)) for n in edges)
    true = model_map(atoms, (n_z, n_y, n_x), _VOXEL_A, (low[0], low[1], low[2]))
    means, nearest = [], []
    for resolution_A in RESOLUTIONS_A:
        density = at_resolution(true, resolution_A)
        scores = q_scores(density, _VOXEL_A, places - low)
        means.append(float(np.mean(scores)))
        nearest.append(float(np.mean(q_scores(density, _VOXEL_A, places - low, ownership=1.0))))
        line = expected_q(resolution_A)
        print(f"     {resolution_A:g} Å: mean Q {means[-1]:.3f}, published line {line:.3f}")
        if resolution_A == 3.0:
            few = np.random.default_rng(1).choice(len(places), min(_ATOMS, len(places)), replace=False)
            wanted = np.array([slow_q(density, places - low, int(atom)) for atom in few])
            figures["q_score_places_error"] = float(abs(np.mean(scores[few] - wanted)))
            figures["q_score_places_error_each"] = float(np.abs(scores[few] - wanted).mean())
    lines = [expected_q(each) for each in RESOLUTIONS_A]
    figures["q_score_resolution_r"] = float(np.corrcoef(means, lines)[0, 1])
    figures["q_score_above_line"] = float(np.mean(np.subtract(means, lines)))
    figures["q_score_nearest_above"] = float(np.mean(np.subtract(nearest, means)))
    return figures


def closed_error() -> float:
    """Largest difference from the closed form over widths of an isolated Gaussian from 0.5 to 2.5 Å."""
    voxel, centre = 0.2, 6.03
    axis = (np.arange(61) * voxel - centre) ** 2
    square = axis[:, None, None] + axis[None, :, None] + axis[None, None, :]
    radii = np.arange(21) * 0.1
    errors = []
    for sigma in np.linspace(0.5, 2.5, 21):
        wanted = np.corrcoef(np.exp(-(radii**2) / 2 / SIGMA_A**2), np.exp(-(radii**2) / 2 / sigma**2))[0, 1]
        found = q_scores(np.exp(-square / 2 / sigma**2), voxel, np.full((1, 3), centre))[0]
        errors.append(abs(found - wanted))
    return float(max(errors))


def at_resolution(true: NDArray[np.floating], resolution_A: float, seed: int = 0) -> NDArray[np.float32]:
    """A map that two halves agree on by 0.143 at a resolution, with the noise that goes with that, and filtered."""
    frequency = [np.fft.fftfreq(n, _VOXEL_A) for n in true.shape]
    frequency[2] = np.fft.rfftfreq(true.shape[2], _VOXEL_A)
    z, y, x = np.meshgrid(*frequency, indexing="ij", sparse=True)
    square = z**2 + y**2 + x**2
    signal = np.asarray(scipy.fft.rfftn(true))
    noise = np.asarray(scipy.fft.rfftn(np.random.default_rng(seed).normal(size=true.shape)))
    shells = np.rint(np.sqrt(square) * min(true.shape) * _VOXEL_A).astype(int)
    # Halves of 0.143 are a whole map of a third of its noise in power.
    ratio = np.minimum(np.exp(np.log(1 / 3) + FALL_OFF_A2 / 2 * (resolution_A**-2 - square)), 1e6)
    noise *= np.sqrt(_power(signal, shells) / _power(noise, shells) / ratio)
    return np.asarray(scipy.fft.irfftn((signal + noise) * ratio / (1 + ratio), s=true.shape), np.float32)


def slow_q(density: NDArray[np.floating], places_A: NDArray[np.floating], atom: int) -> float:
    """The procedure as published, with its own reference A exp(…) + B, by many places at random."""
    rng = np.random.default_rng(atom)
    low, high = density.mean() - density.std(), min(density.mean() + 10 * density.std(), density.max())
    tree = KDTree(np.delete(places_A, atom, axis=0))
    reference, values, weights = [], [], []
    for radius in np.arange(21) * 0.1:
        way = rng.normal(size=(_PLACES, 3))
        points = places_A[atom] + radius * way / np.linalg.norm(way, axis=1, keepdims=True)
        own = points[tree.query(points)[0] >= OWNERSHIP * radius]
        if len(own):
            values.append(map_coordinates(density, (own[:, ::-1] / _VOXEL_A).T, order=1))
            reference.append(np.full(len(own), (high - low) * np.exp(-0.5 * (radius / SIGMA_A) ** 2) + low))
            weights.append(np.full(len(own), 1.0 / len(own)))
    u, v, w = (np.concatenate(each) for each in (reference, values, weights))
    u, v = u - np.average(u, weights=w), v - np.average(v, weights=w)
    return float((w * u * v).sum() / np.sqrt((w * u * u).sum() * (w * v * v).sum()))


def _power(spectrum: NDArray[np.complexfloating], shells: NDArray[np.integer]) -> NDArray[np.floating]:
    """Mean power of each term's shell."""
    sums = np.bincount(shells.ravel(), (np.abs(spectrum) ** 2).ravel())
    return (sums / np.bincount(shells.ravel()))[shells]
