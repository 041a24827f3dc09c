"""Mass of what a class shows, from its grey values (CryoSift, section 2.1.2), and the factor behind it."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cryogauge.classes.framing import Framing, find_framing
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.records import BadInput

#: kDa for a grey value of 1 on 1 Å² in the authors' public code: averages of particles normalised by cryoSPARC.
PUBLISHED_FACTOR = 26.455
#: Volume of protein: 0.73 ml of a gram.
_A3_PER_KDA = 1212.0
#: Lightest particle of which an average has ever shown anything, with room to spare.
_LIGHTEST_KDA = 10.0
#: Standard deviations of the background above its mean from which a pixel belongs to the particle.
_STANDS_OUT = 3.0
_GRID = 512


def class_masses_kDa(
    images: np.ndarray,
    pixel_size_A: float | None,
    factor: float = PUBLISHED_FACTOR,
    *,
    framing: Framing | None = None,
) -> np.ndarray:
    """Masses of the particles that averages show.

    Pixels more than three standard deviations above the mean are the particle, the rest is background; the mean of the
    background is taken off, and the particle's pixels are added up, times the pixel's area, times the factor. Mean and
    standard deviation are those of a ring at the border of what the image holds, by their median and quartiles: over
    the whole image the particle itself would raise both. Protein is made bright first, where it is dark.

    Parameters
    ----------
    images
        Shape ``(class, y, x)``, in the grey values of the program: what they are in units of is in the factor.
    pixel_size_A
        None gives NaN for all.
    factor
        kDa for a grey value of 1 on 1 Å².
    framing
        Of the images, where it is known already.

    Returns
    -------
    numpy.ndarray
        float64 ``(class,)``; NaN where nothing stands out or an image has no values, and for all of
        :func:`stretched` averages.
    """
    masses = np.full(len(images), np.nan)
    if pixel_size_A is None or stretched(images):
        return masses
    framing = find_framing(images) if framing is None else framing
    edge = images.shape[-1]
    axis = np.arange(edge) - edge // 2
    radius = np.hypot(axis[:, None], axis[None, :])
    for index in np.flatnonzero(framing.usable):
        image = framing.sign[index] * np.asarray(images[index], dtype=np.float64)
        held = framing.content_px[index]
        ring = image[(radius <= held) & (radius >= 0.85 * held)]
        low, middle, high = np.quantile(ring, [0.25, 0.5, 0.75])
        spread = max((high - low) / 1.349, 1e-9 * (np.ptp(image) + 1e-30))
        particle = (image > middle + _STANDS_OUT * spread) & (radius <= held)
        if particle.any():
            background = image[~particle & (radius <= held)].mean()
            masses[index] = float((image[particle] - background).sum()) * pixel_size_A**2 * factor
    masses[~(masses > 0)] = np.nan
    return masses


def possible_masses_kDa(masses_kDa: np.ndarray, pixel_size_A: float | None, framing: Framing) -> np.ndarray:
    """Masses, and NaN for those that nothing in the image can have: its grey values are not what the factor is for.

    The most is what a ball of protein weighs that is as wide as what the image holds, the least 10 kDa.

    Parameters
    ----------
    masses_kDa
        Of :func:`class_masses_kDa`, ``(class,)``.
    framing
        Of the same averages.
    """
    width_A = 2.0 * framing.content_px * (np.nan if pixel_size_A is None else pixel_size_A)
    most = np.pi / 6.0 * width_A**3 / _A3_PER_KDA
    return np.where((masses_kDa >= _LIGHTEST_KDA) & (masses_kDa <= most), masses_kDa, np.nan)


def stretched(images: np.ndarray) -> bool:
    """Whether grey values are whole numbers alone, as of 8-bit pictures: stretched for display, each in its own way.

    Averages themselves are means, which are whole by no chance. Flat ones tell nothing.
    """
    known = [image[np.isfinite(image)] for image in images]
    varied = [each for each in known if each.size and np.ptp(each)]
    return bool(varied) and all(bool((each == np.rint(each)).all()) for each in varied)


def mode_of_masses(masses_kDa: np.ndarray) -> float:
    """The mass at which a Gaussian kernel density of the masses is highest; NaN of none, of one that mass."""
    from scipy.stats import gaussian_kde

    known = masses_kDa[np.isfinite(masses_kDa)]
    if len(known) == 0:
        return float("nan")
    if np.ptp(known) <= 1e-9 * abs(float(known.mean())):
        return float(known[0])
    grid = np.linspace(known.min(), known.max(), _GRID)
    return float(grid[np.argmax(gaussian_kde(known)(grid))])


def mass_deviations(masses_kDa: np.ndarray) -> np.ndarray:
    """How far each mass lies from the mean, the median and the mode of all, in parts of these: ``(class, 3)``."""
    known = masses_kDa[np.isfinite(masses_kDa)]
    if len(known) == 0:
        return np.full((len(masses_kDa), 3), np.nan)
    of_all = np.array([known.mean(), np.median(known), mode_of_masses(known)])
    return (masses_kDa[:, None] - of_all) / of_all


@dataclass(frozen=True)
class MassCalibration:
    """A factor between grey values and mass.

    Attributes
    ----------
    factor
        kDa for a grey value of 1 on 1 Å².
    interval
        95 % confidence interval of the factor; infinite from one specimen.
    r2
        Part of the known masses' variance that calibrated masses explain; NaN below two specimens.
    specimens
        How many it rests on.
    """

    factor: float
    interval: tuple[float, float]
    r2: float
    specimens: int


def calibrate_mass(measured: np.ndarray, known_kDa: np.ndarray) -> MassCalibration:
    """The factor that turns measured sums into masses: a line through the origin whose errors grow with the mass.

    Parameters
    ----------
    measured
        Masses by :func:`class_masses_kDa` with a factor of 1, one a specimen.
    known_kDa
        What the specimens weigh.

    Raises
    ------
    BadInput
        When the two differ in length, or a number is not positive.
    """
    from scipy.stats import t

    measured, known_kDa = np.asarray(measured, dtype=float), np.asarray(known_kDa, dtype=float)
    if measured.shape != known_kDa.shape or measured.ndim != 1 or len(measured) == 0:
        raise BadInput(f"{measured.size} measured masses do not go with {known_kDa.size} known ones")
    if not (np.all(measured > 0) and np.all(known_kDa > 0) and np.isfinite(measured * known_kDa).all()):
        raise BadInput("masses must be positive numbers", "leave out specimens in whose averages nothing stands out")
    logs = np.log(known_kDa / measured)
    middle, count = float(logs.mean()), len(logs)
    half = float("inf")
    if count > 1:
        half = float(t.ppf(0.975, count - 1) * logs.std(ddof=1) / np.sqrt(count))
    factor = float(np.exp(middle))
    spread = float(((known_kDa - known_kDa.mean()) ** 2).sum())
    missed = float(((known_kDa - factor * measured) ** 2).sum())
    r2 = 1.0 - missed / spread if spread > 0 else float("nan")
    return MassCalibration(factor, (float(np.exp(middle - half)), float(np.exp(middle + half))), r2, count)


def write_mass_calibration(path: Path, calibration: MassCalibration) -> None:
    """Write a calibration as JSON; what is no number becomes null."""
    plain = asdict(calibration)
    plain["interval"] = [each if np.isfinite(each) else None for each in calibration.interval]
    plain["r2"] = calibration.r2 if np.isfinite(calibration.r2) else None
    write_json_file(path, plain)


def read_mass_factor(path: Path) -> float:
    """The factor of a calibration that :func:`write_mass_calibration` wrote.

    Raises
    ------
    BadInput
        When the file cannot be read or holds no positive factor.
    """
    hint = "give a file that `cryogauge classes calibrate-mass` wrote"
    held = read_json_file(path, hint)
    factor = held.get("factor") if isinstance(held, dict) else None
    if not isinstance(factor, int | float) or not (factor > 0 and np.isfinite(factor)):
        raise BadInput(f"{path} holds no calibration of masses", hint)
    return float(factor)
