"""One exposure judged: a row of numbers, a score, flags with a sentence each, and pictures for the page."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cryogauge.collect.judge.classify import Opinion, classify, small_picture, without
from cryogauge.collect.judge.ctffind import ctffind
from cryogauge.collect.judge.doubt import count_doubt
from cryogauge.collect.judge.exposure import Exposure
from cryogauge.collect.judge.ice import ice_ring, ice_spots, ice_thickness_nm
from cryogauge.collect.judge.view import Particles, find_carbon, find_contamination, find_particles, widened
from cryogauge.imaging.ctf_astigmatic import AstigmaticFit, TilePower, fit_astigmatic, tile_power
from cryogauge.imaging.particle_count import USUAL_A, count_particles, density_um2
from cryogauge.imaging.particle_energy import band_energy
from cryogauge.records import BadInput
from cryogauge.simulate.micrographs import MICROGRAPH_CLASSES

#: Numbers that a row holds beside the score, its parts, the class and the flags.
INDICATORS = (
    "pixel_size_A", "frames", "motion_A", "motion_jump_A", "defocus_A", "astigmatism_A", "astigmatism_deg",
    "ctf_correlation", "ctf_resolution_A", "mean_counts", "ice_thickness_nm", "ice_ring", "contamination_fraction",
    "carbon_fraction", "particles", "particle_diameter_A", "particles_per_um2", "particle_coverage", "ice_spots",
    "particles_per_um2_error", "particle_coverage_error", "particle_power_A2",
)  # fmt: skip
#: What the score is the product of; 1 where nothing is amiss or nothing was measured.
PARTS = ("class", "motion", "ctf", "ice", "contamination", "carbon", "particles")
#: In place of a class that is not likelier than all others together.
UNSURE = "unsure"
#: Columns of ``exposures.csv``.
EXPOSURE_COLUMNS = (
    "score", "exposure", "kind", "flags", "said", *(f"part_{name}" for name in PARTS), *INDICATORS,
    *(f"p_{name}" for name in MICROGRAPH_CLASSES), "seconds", "path",
)  # fmt: skip
CTF_PIXEL_A = 4.0  # in coarser pixels no contrast transfer is looked for: they show no rings to speak of
_SMALLEST_A = 40.0  # across: smaller dark spots are noise, not particles
#: Where a measure begins to cost, and where it costs most: the factor that is left falls straight between them.
LIMITS = {
    "motion_A": (20.0, 80.0),
    "motion_jump_A": (4.0, 15.0),
    "ctf_resolution_A": (6.0, 15.0),
    "astigmatism": (0.06, 0.3),  # of the defocus
    "thick_ice_nm": (60.0, 150.0),
    "no_ice_nm": (10.0, 3.0),
    "ice_ring": (1.25, 2.0),
    "ice_spots": (1.7, 4.0),
    "contamination_fraction": (0.05, 0.4),
    "carbon_fraction": (0.1, 0.8),
    "few": (0.03, 0.0),  # coverage
    "crowded": (0.25, 0.5),
}
#: What each of them leaves at worst.
LEAVES = {
    "motion_A": 0.2, "motion_jump_A": 0.4, "ctf_resolution_A": 0.2, "astigmatism": 0.5, "thick_ice_nm": 0.1,
    "no_ice_nm": 0.1, "ice_ring": 0.2, "ice_spots": 0.2, "contamination_fraction": 0.2, "carbon_fraction": 0.3,
    "few": 0.3, "crowded": 0.2,
}  # fmt: skip
#: What the worst class leaves: the network errs on real micrographs, so that it alone spoils no exposure.
CLASS_LEAVES = 0.5
#: The same where no contrast transfer was looked for, as in thumbnails: nearly all that can be told there is the class.
CLASS_ALONE_LEAVES = 0.1
#: What is left where rings should show and none are found.
NO_CTF_LEAVES = 0.3


@dataclass(frozen=True)
class JudgeSettings:
    """How exposures are judged.

    Attributes
    ----------
    pixel_size_A
        In place of the files' own.
    voltage_kV, cs_mm, amplitude_contrast
        Of the microscope.
    ctf
        ``own`` fit, or ``ctffind``, which is then asked, or ``table``: whoever asks gives the fit.
    vacuum_counts
        Mean of a pixel without specimen, for the thickness of ice; None where that is not known.
    gain
        Reference that frames are multiplied by.
    model
        Weights of the micrograph network in place of those that come along.
    judges
        Names of plug-ins that judge too, each a :class:`cryogauge.collect.plugins.Judge`.
    mean_free_path_nm
        Of ice, as this microscope images it, see :func:`cryogauge.collect.judge.ice.ice_thickness_nm`; unless given,
        that with an energy filter's slit in. To be given where there is no filter.

    Raises
    ------
    BadInput
        When pixel size, counts or path are neither None nor a number above 0.
    """

    pixel_size_A: float | None = None
    voltage_kV: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.1
    ctf: Literal["own", "ctffind", "table"] = "own"
    vacuum_counts: float | None = None
    gain: str | None = None
    model: str | None = None
    judges: tuple[str, ...] = ()
    mean_free_path_nm: float | None = None

    def __post_init__(self) -> None:
        for name in ("pixel_size_A", "vacuum_counts", "mean_free_path_nm"):
            value: object = getattr(self, name)
            if value is not None and not (isinstance(value, (int, float)) and 0 < value < math.inf):
                raise BadInput(f"{name} cannot be {value!r:.80}", "give a number above 0, or leave it out")


@dataclass(frozen=True)
class Judged:
    """What is said of one exposure.

    Attributes
    ----------
    row
        Values of ``EXPOSURE_COLUMNS`` but ``exposure``, ``path`` and ``seconds``.
    flags
        A sentence for each flag, in the order in which they matter.
    picture
        What was looked at, float32 ``(y, x)``.
    particles, contamination, carbon
        What was found in it.
    power, fit
        The power spectrum and its fit; None where the pixel is unknown or too coarse.
    """

    row: dict[str, Any]
    flags: dict[str, str]
    picture: NDArray[np.float32]
    particles: Particles
    contamination: NDArray[np.bool_]
    carbon: NDArray[np.bool_]
    power: TilePower | None
    fit: AstigmaticFit | None


def judge_exposure(exposure: Exposure, settings: JudgeSettings, fit: AstigmaticFit | None = None) -> Judged:
    """Judge an exposure by itself, or with a fit of its contrast transfer that somebody else made.

    What could not be measured is NaN and costs nothing: without a pixel size there is no contrast transfer and no
    length in Å; without frames there is no motion; without counts in vacuum there is no thickness.

    Raises
    ------
    BadInput
        When the exposure is too small, the weights cannot be used, CTFFIND is wanted and not installed, or a given fit
        is wanted and there is none.
    Retryable
        When CTFFIND fails.
    """
    if settings.ctf == "table" and fit is None:
        raise BadInput("it does not stand in the table of contrast transfer", "fit it too, or use --ctf own")
    picture = small_picture(exposure.image, exposure.pixel_size_A)
    opinion = classify(picture, None if settings.model is None else Path(settings.model))
    carbon = find_carbon(picture)
    shunned = widened(carbon, 8)
    first = find_particles(picture, shunned)
    contamination = find_contamination(picture, first.diameter_px, carbon)
    particles = find_particles(picture, shunned | contamination) if contamination.any() else first
    pixel = exposure.pixel_size_A
    power = None
    if pixel <= CTF_PIXEL_A and not exposure.picture:
        power = tile_power(exposure.image, pixel)
        lens = {
            "voltage_kV": settings.voltage_kV, "cs_mm": settings.cs_mm,
            "amplitude_contrast": settings.amplitude_contrast,
        }  # fmt: skip
        if settings.ctf == "own":
            fit = fit_astigmatic(power, **lens)
        elif settings.ctf == "ctffind":
            fit = ctffind(exposure.image, pixel, **lens)
    values = {
        **_motion(exposure), **_transfer(fit), **_ice(exposure, power, settings),
        "pixel_size_A": pixel, "frames": exposure.frames,
        "contamination_fraction": float(contamination.mean()), "carbon_fraction": float(carbon.mean()),
    }  # fmt: skip
    if values["ice_thickness_nm"] > LIMITS["no_ice_nm"][0]:
        opinion = without("empty", opinion)
    crystalline = min(_left("ice_ring", values["ice_ring"]), _left("ice_spots", values["ice_spots"])) < 0.8
    spots = particles
    if fit is not None and power is not None:
        particles, counted = _counted(exposure, spots, shunned | contamination, fit, settings, crystalline)
    else:
        counted = _spots(particles, picture, pixel * max(exposure.image.shape) / max(picture.shape))
    values |= counted
    rings = fit is not None
    unsure = count_doubt(particles, particles is spots, opinion, values["carbon_fraction"], expects_rings=rings)
    parts, flags = weigh(values, opinion, expects_rings=rings, unsure=unsure)
    row = {
        "score": math.prod(parts.values()), "kind": opinion.kind if opinion.sure else UNSURE, "flags": " ".join(flags),
        "said": " ".join(flags.values()) or "Nothing is amiss.", **{f"part_{k}": v for k, v in parts.items()}, **values,
        **{f"p_{name}": float(p) for name, p in zip(MICROGRAPH_CLASSES, opinion.probability, strict=True)},
    }  # fmt: skip
    return Judged(row, flags, picture, particles, contamination, carbon, power, fit)


def weigh(
    values: dict[str, float], opinion: Opinion, *, expects_rings: bool, unsure: str = ""
) -> tuple[dict[str, float], dict[str, str]]:
    """What each part leaves of the score, and a sentence for each flag.

    Parameters
    ----------
    values
        The ``INDICATORS``.
    opinion
        Of the network.
    expects_rings
        Whether a contrast transfer was looked for. Where none was, the class weighs nearly all, and the number of
        particles nothing: only dark spots were counted, which may be a hundredth of the particles or far too many.
    unsure
        Why the count of particles is not to be relied on; it is then told so, and weighs the same.
    """
    cost = {name: _left(name, values[name]) for name in (
        "motion_A", "motion_jump_A", "ctf_resolution_A", "ice_ring", "ice_spots", "contamination_fraction",
        "carbon_fraction",
    )}  # fmt: skip
    cost["astigmatism"] = _left("astigmatism", values["astigmatism_A"] / max(values["defocus_A"], 1.0))
    cost["thick_ice_nm"] = _left("thick_ice_nm", values["ice_thickness_nm"])
    cost["no_ice_nm"] = _left("no_ice_nm", values["ice_thickness_nm"])
    coverage = values["particle_coverage"] if expects_rings else math.nan
    doubt = 0.0 if math.isnan(values["particle_coverage_error"]) else values["particle_coverage_error"]
    cost["few"] = _left("few", coverage + doubt)
    cost["crowded"] = _left("crowded", coverage)
    class_leaves = CLASS_LEAVES if expects_rings else CLASS_ALONE_LEAVES
    crystals = min(cost["ice_ring"], cost["ice_spots"])
    looks = opinion.kind if opinion.sure else ""
    lost = expects_rings and math.isnan(values["defocus_A"])
    parts = {
        "class": class_leaves + (1 - class_leaves) * opinion.score,
        "motion": cost["motion_A"] * cost["motion_jump_A"],
        "ctf": NO_CTF_LEAVES if lost else cost["ctf_resolution_A"] * cost["astigmatism"],
        "ice": cost["thick_ice_nm"] * cost["no_ice_nm"] * crystals,
        "contamination": cost["contamination_fraction"],
        "carbon": cost["carbon_fraction"],
        "particles": cost["few"] * cost["crowded"],
    }
    said = {
        "empty": (looks == "empty" or cost["no_ice_nm"] < 0.8, "It looks as if there were no ice here."),
        "no_particles": (looks == "no_particles", "It looks like vitreous ice without particles."),
        "crystalline_ice": (
            looks == "crystalline" or crystals < 0.8,
            _crystalline_sentence(values["ice_ring"], cost["ice_ring"] < 0.8, cost["ice_spots"] < 0.8),
        ),
        "looks_spoilt": (looks == "contaminated", "It looks contaminated, broken or blurred."),
        "unsure_class": (
            not expects_rings and not looks and parts["class"] < 0.8,
            f"Its class is not sure, perhaps {opinion.kind.replace('_', ' ')}.",
        ),
        "no_ctf": (lost, "No rings of contrast transfer were found."),
        "coarse_ctf": (
            not lost and cost["ctf_resolution_A"] < 0.8,
            f"The contrast transfer fits only to {values['ctf_resolution_A']:.1f} Å.",
        ),
        "astigmatic": (cost["astigmatism"] < 0.8, f"The lens is astigmatic by {values['astigmatism_A']:.0f} Å."),
        "moved": (
            cost["motion_A"] < 0.8 or cost["motion_jump_A"] < 0.8,
            f"The specimen moved by {values['motion_A']:.0f} Å, by {values['motion_jump_A']:.1f} Å at once at most.",
        ),
        "thick_ice": (cost["thick_ice_nm"] < 0.8, f"The ice is about {values['ice_thickness_nm']:.0f} nm thick."),
        "contaminated": (
            cost["contamination_fraction"] < 0.8,
            f"{100 * values['contamination_fraction']:.0f} % of the field is ice crystals or aggregates.",
        ),
        "carbon": (
            cost["carbon_fraction"] < 0.9,
            f"{100 * values['carbon_fraction']:.0f} % of the field is support film.",
        ),
        "unsure_count": (
            bool(unsure) and values["particles"] >= 1,
            f"About {values['particles']:.0f} {'particles' if expects_rings else 'dark spots'} are counted; not sure: "
            f"{unsure}.",
        ),
        "few_particles": (
            cost["few"] < 0.8 and not unsure and looks not in ("empty", "no_particles"),
            f"{values['particles']:.0f} particles are seen, which cover {100 * values['particle_coverage']:.1f} % of "
            "the field.",
        ),
        "crowded": (
            cost["crowded"] < 0.8 and not unsure,
            f"Particles are crowded: discs of their size would cover {100 * values['particle_coverage']:.0f} %.",
        ),
    }
    return parts, {flag: sentence for flag, (raised, sentence) in said.items() if raised}


def worth_of_ice(thickness_nm: float) -> float:
    """What ice of a thickness leaves of the score, 0 to 1."""
    return _left("thick_ice_nm", thickness_nm) * _left("no_ice_nm", thickness_nm)


def _left(name: str, value: float) -> float:
    """The factor that a measure leaves; 1 for what was not measured."""
    if math.isnan(value):
        return 1.0
    good, bad = LIMITS[name]
    done = min(max((value - good) / (bad - good), 0.0), 1.0) if math.isfinite(value) else 1.0
    return 1.0 - (1.0 - LEAVES[name]) * done


def _crystalline_sentence(ring: float, by_ring: bool, by_spots: bool) -> str:
    if by_ring:
        return f"The ice is crystalline: its rings have {ring:.1f} times the power beside them."
    if by_spots:
        return "The ice is crystalline: there are spots at its rings."
    return "The ice looks crystalline."


def _motion(exposure: Exposure) -> dict[str, float]:
    if len(exposure.path_px) < 2:
        return {"motion_A": math.nan, "motion_jump_A": math.nan}
    steps = np.linalg.norm(np.diff(exposure.path_px, axis=0), axis=1) * exposure.pixel_size_A
    return {"motion_A": float(steps.sum()), "motion_jump_A": float(steps.max())}


def _transfer(fit: AstigmaticFit | None) -> dict[str, float]:
    if fit is None:
        names = ("defocus_A", "astigmatism_A", "astigmatism_deg", "ctf_correlation", "ctf_resolution_A")
        return dict.fromkeys(names, math.nan)
    return {
        "defocus_A": fit.defocus_A, "astigmatism_A": fit.astigmatism_A, "astigmatism_deg": fit.astigmatism_deg,
        "ctf_correlation": fit.correlation,
        "ctf_resolution_A": fit.resolution_A if math.isfinite(fit.defocus_A) else math.nan,
    }  # fmt: skip


def _ice(exposure: Exposure, power: TilePower | None, settings: JudgeSettings) -> dict[str, float]:
    mean = math.nan if exposure.picture else float(exposure.image.mean(dtype=np.float64))
    vacuum = math.nan if settings.vacuum_counts is None else settings.vacuum_counts
    return {
        "mean_counts": mean,
        "ice_thickness_nm": ice_thickness_nm(mean, vacuum, settings.voltage_kV, settings.mean_free_path_nm),
        "ice_ring": math.nan if power is None else ice_ring(power),
        "ice_spots": math.nan if power is None else ice_spots(power),
    }


def _counted(
    exposure: Exposure,
    spots: Particles,
    besides: NDArray[np.bool_],
    fit: AstigmaticFit,
    settings: JudgeSettings,
    crystalline: bool,
) -> tuple[Particles, dict[str, float]]:
    """Particles by the band in which they are seen, or by the dark spots of the picture where those are far more:
    smooth ones have little but their shadow. Spots smaller than any particle that is looked for are noise. Nothing is
    told without rings, or in crystalline ice.
    """
    names = ("particles", "particle_diameter_A", "particles_per_um2", "particles_per_um2_error", "particle_coverage",
             "particle_coverage_error", "particle_power_A2")  # fmt: skip
    if math.isnan(fit.defocus_A) or crystalline:
        return Particles(np.zeros((0, 2), dtype=int), math.nan, math.nan), dict.fromkeys(names, math.nan)
    energy = band_energy(
        exposure.image, exposure.pixel_size_A, besides, defocus_A=fit.defocus_A, astigmatism_A=fit.astigmatism_A,
        astigmatism_deg=fit.astigmatism_deg, voltage_kV=settings.voltage_kV, cs_mm=settings.cs_mm,
        amplitude_contrast=settings.amplitude_contrast,
    )  # fmt: skip
    found = count_particles(energy)
    step_A = exposure.pixel_size_A * max(exposure.image.shape) / max(besides.shape)
    count, dark = len(found.centres_A), len(spots.centres_px)
    diameter_A = spots.diameter_px * step_A
    if diameter_A >= _SMALLEST_A and dark > count + 3.0 * math.sqrt(count + 3.0):
        density, error = density_um2(dark, float((~besides).sum()) * (step_A * 1e-4) ** 2, diameter_A)
        disc_um2 = math.pi / 4 * (diameter_A * 1e-4) ** 2
        told = (dark, diameter_A, density, error, density * disc_um2, error * disc_um2, energy.matter_A2)
        return spots, dict(zip(names, told, strict=True))
    told = (
        math.nan if math.isnan(found.density_um2) else count, found.diameter_A, found.density_um2, found.error_um2,
        found.coverage, found.coverage_error, energy.matter_A2,
    )  # fmt: skip
    shown_px = (found.diameter_A if math.isfinite(found.diameter_A) else USUAL_A) / step_A
    centres_px = np.rint(found.centres_A / step_A).astype(int)
    return Particles(centres_px, shown_px, found.coverage), dict(zip(names, told, strict=True))


def _spots(particles: Particles, picture: NDArray[np.float32], picture_pixel_A: float) -> dict[str, float]:
    """Particles by the dark spots of a picture whose contrast transfer is not known."""
    count = len(particles.centres_px)
    return {
        "particles": count,
        "particle_diameter_A": particles.diameter_px * picture_pixel_A,
        "particles_per_um2": count / (picture.size * (picture_pixel_A * 1e-4) ** 2),
        "particle_coverage": particles.coverage,
        "particles_per_um2_error": math.nan,
        "particle_coverage_error": math.nan,
        "particle_power_A2": math.nan,
    }
