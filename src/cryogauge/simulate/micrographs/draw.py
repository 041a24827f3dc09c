"""Micrographs of six classes, drawn at random.

The classes are those that screening sessions sort by (Li, Cash, Tesmer & Cianfrocco, Structure 28, 858, 2020). What
a class may show is wide and overlaps with the others' on purpose: a good micrograph may hold an ice crystal, an empty
hole a frosted edge. What says nothing of the class is drawn alike for all: pixel size, dose, how grainy and uneven the
ice is, the edge of a hole, faults of beam and camera.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cryogauge.records import BadInput
from cryogauge.simulate.classes.assemble import random_structure
from cryogauge.simulate.classes.structure import Structure
from cryogauge.simulate.fields import smooth_field
from cryogauge.simulate.micrographs import crystals, matter
from cryogauge.simulate.micrographs.camera import flawed
from cryogauge.simulate.micrographs.exposure import Optics, expose
from cryogauge.simulate.micrographs.field import Field, empty_field

#: In the order of the network's answers, and what each means.
MICROGRAPH_CLASSES = {
    "great": "many distinct particles in thin vitreous ice",
    "decent": "particles, but faint, few, crowded, or beside carbon",
    "contaminated": "ice crystals, aggregates, cracks, or blurred by drift",
    "empty": "no ice: vacuum, or a grid bar",
    "crystalline": "crystalline ice",
    "no_particles": "vitreous ice without particles",
}

#: Room around a field, so that what leaves it on one side does not come in on the other.
_MARGIN_A = 250.0
#: Real ice is grainier than water alone makes it: solutes, surfaces, motion of the ice. Factors between these.
_GRAIN = (1.5, 30.0)
#: Crystals, alone or in clumps, that one call draws.
_MOST_CRYSTALS = 300


@dataclass(frozen=True)
class Micrograph:
    """A simulated micrograph.

    Attributes
    ----------
    electrons
        float32 ``(y, x)``, counted in each pixel.
    pixel_size_A
        Edge of a pixel.
    kind
        Its class.
    field, optics
        What was exposed, and how: the truth.
    """

    electrons: np.ndarray
    pixel_size_A: float
    kind: str
    field: Field
    optics: Optics


def simulate_micrograph(kind: str, shape: tuple[int, int], pixel_size_A: float, rng: np.random.Generator) -> Micrograph:
    """A micrograph of a class, everything else drawn at random.

    Parameters
    ----------
    kind
        One of :data:`MICROGRAPH_CLASSES`.
    shape
        Pixels (y, x).
    pixel_size_A
        Edge of a pixel; a field of 0.2 to 0.6 µm is usual.
    rng
        Draws everything.

    Raises
    ------
    BadInput
        For an unknown class.
    """
    if kind not in _MAKERS:
        raise BadInput(f"no class of micrographs is called {kind!r}", f"one of: {', '.join(_MAKERS)}")
    margin = int(np.ceil(_MARGIN_A / pixel_size_A))
    field = empty_field((shape[0] + 2 * margin, shape[1] + 2 * margin), pixel_size_A)
    optics = _MAKERS[kind](field, rng)
    field.grain *= np.float32(_between(*_GRAIN, rng))
    electrons = expose(field, optics, rng)[margin:-margin, margin:-margin]
    field = field.without_margin(margin)
    return Micrograph(flawed(electrons, rng), pixel_size_A, kind, field, optics)


def _between(low: float, high: float, rng: np.random.Generator) -> float:
    """A number between two, evenly on a logarithmic scale."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _optics(field: Field, rng: np.random.Generator, lowest_um: float, highest_um: float, **more: Any) -> Optics:
    """A usual exposure with a defocus between two values."""
    return Optics(
        defocus_A=1e4 * _between(lowest_um, highest_um, rng),
        astigmatism_A=float(abs(rng.normal(0, 250))),
        astigmatism_deg=float(rng.uniform(0, 180)),
        dose_e_A2=float(rng.uniform(20, 80)),
        voltage_kV=float(rng.choice([200.0, 300.0])),
        amplitude_contrast=float(rng.uniform(0.05, 0.12)),
        b_factor_A2=float(rng.uniform(40, 200)),
        binning=max(field.pixel_size_A / float(rng.uniform(0.6, 1.3)), 1.0),
        drift_deg=float(rng.uniform(0, 180)),
        **more,
    )


def _structure(low_A: float, high_A: float, rng: np.random.Generator) -> Structure:
    """A made-up particle with a diameter between two."""
    made = random_structure(rng, "made-up")
    for _ in range(40):
        if low_A <= made.diameter_A <= high_A:
            break
        made = random_structure(rng, "made-up")
    return made


def _ice(field: Field, thickness_A: float, rng: np.random.Generator, *, edge: float = 0.0, torn: float = 0.0) -> None:
    """Ice of about a thickness, as uneven as may be; with a chance of ``edge`` some film beside it; a part torn."""
    thickness = matter.uneven_ice_A(field, thickness_A, 0.5 * rng.random() ** 2, rng)
    if rng.random() < 0.8:
        waves = smooth_field(field.shape, _between(60, 1500, rng) / field.pixel_size_A, rng)
        thickness = np.maximum(thickness * (1 + np.float32(_between(0.002, 0.07, rng)) * waves), 0)
    beyond = None
    if rng.random() < edge:
        beyond = matter.beyond_edge_A(field, rng.uniform(0.03, 0.5), rng)
        near = np.exp(-np.square(np.minimum(beyond, 0) / rng.uniform(100, 1500)))
        thickness = thickness * (1 + np.float32(2 * rng.random() ** 2) * near)
    if torn:
        thickness = matter.torn(field, thickness, torn, rng)
    matter.add_ice(field, thickness)
    if beyond is not None:
        _add_film(field, beyond, rng)


def _add_film(field: Field, beyond_A: np.ndarray, rng: np.random.Generator) -> None:
    """Carbon, or the gold of a foil."""
    if rng.random() < 0.7:
        rim = float(rng.choice([0.0, rng.uniform(0.3, 3.0)]))
        matter.add_carbon(field, beyond_A, _between(60, 600, rng), rng, rim=rim)
    else:
        crystals.add_metal(field, beyond_A, rng.uniform(0.3, 3.0), rng)


def _scraps(field: Field, rng: np.random.Generator, chance: float) -> None:
    if rng.random() < chance:
        matter.add_scraps(field, rng.uniform(0.02, 0.5), rng.uniform(0.1, 0.5), rng)


def _specks(field: Field, rng: np.random.Generator, mean: float) -> None:
    """A few small crystals, as anywhere."""
    crystals.add_frost(field, int(rng.poisson(mean)), _between(50, 220, rng), rng, opacity=_between(0.7, 4, rng))


def _frosted(field: Field, part: float, radius_A: float, rng: np.random.Generator) -> None:
    """Crystals, as opaque as one another and of about a radius at most, until they lie over a part of the field."""
    radius_A = min(radius_A, float(np.sqrt(part * field.area_A2 / (2 * np.pi))))
    opacity, clean = _between(0.3, 5, rng), float(field.contamination.mean())
    for _ in range(_MOST_CRYSTALS):
        if field.contamination.mean() - clean >= part:
            break
        crystals.add_frost(field, 1, radius_A, rng, opacity=opacity)


def _great(field: Field, rng: np.random.Generator) -> Optics:
    _ice(field, rng.uniform(150, 500), rng, edge=0.04)
    matter.add_particles(field, _structure(75, 350, rng), rng.uniform(0.12, 0.9), rng.uniform(0.7, 1.4), rng)
    _scraps(field, rng, 0.5)
    if rng.random() < 0.35:  # people forgive what leaves most of the field
        _frosted(field, _between(0.004, 0.035, rng), _between(40, 350, rng), rng)
    else:
        _specks(field, rng, 1.2)
    return _optics(field, rng, 1.0, 3.2)


def _decent(field: Field, rng: np.random.Generator) -> Optics:
    """Particles, and one or two reasons why it is not great."""
    faults = set(rng.choice(["film", "thick", "few", "crowded", "small", "frost", "support"], rng.integers(1, 3),
                            replace=False, p=[0.2, 0.16, 0.13, 0.17, 0.15, 0.15, 0.04]))  # fmt: skip
    thickness = rng.uniform(600, 1400) if "thick" in faults else rng.uniform(200, 700)
    _ice(field, thickness, rng, edge=float("film" in faults))
    if "support" in faults:
        matter.add_carbon(field, np.full(field.shape, 1e3, dtype=np.float32), rng.uniform(20, 80), rng)
    coverage = rng.uniform(0.04, 0.12) if "few" in faults else rng.uniform(0.12, 0.45)
    coverage = _between(0.7, 2.5, rng) if "crowded" in faults else coverage
    contrast = rng.uniform(0.6, 1.0) if "thick" in faults else rng.uniform(0.55, 1.0)
    made = _structure(55, 115, rng) if "small" in faults else _structure(80, 300, rng)
    matter.add_particles(field, made, coverage, contrast, rng)
    _scraps(field, rng, 0.6)
    if "frost" in faults:
        _frosted(field, _between(0.02, 0.09, rng), _between(50, 500, rng), rng)
    else:
        _specks(field, rng, 1.0)
    return _optics(field, rng, 1.1, 3.5, drift_A=float(rng.uniform(0, 12)))


def _contaminated(field: Field, rng: np.random.Generator) -> Optics:
    """With particles as often as not, and spoilt by one or two of what spoils them."""
    faults = set(rng.choice(["large", "small", "aggregate", "drift", "crack", "torn", "far"], rng.integers(1, 3),
                            replace=False, p=[0.26, 0.22, 0.15, 0.18, 0.09, 0.08, 0.02]))  # fmt: skip
    if faults == {"far"}:
        faults.add("large")
    torn = rng.uniform(0.05, 0.5) if "torn" in faults else 0.0
    _ice(field, rng.uniform(200, 1200), rng, edge=0.25, torn=torn)
    made = _structure(70, 300, rng)
    if faults == {"drift"}:  # where there is nothing to blur, drift is not seen
        matter.add_particles(field, made, rng.uniform(0.1, 0.7), rng.uniform(0.7, 1.4), rng)
    elif rng.random() < 0.7:
        matter.add_particles(field, made, rng.uniform(0.03, 0.6), rng.uniform(0.4, 1.2), rng)
    _scraps(field, rng, 0.6)
    if "large" in faults:
        radius = _between(300, 2500, rng)
        part = _between(0.12, 0.5, rng)
        count = int(np.clip(part * field.area_A2 / (np.pi * radius**2), 1, 200))
        crystals.add_frost(field, count, radius, rng, opacity=_between(0.3, 5, rng))
    if "small" in faults:
        _frosted(field, _between(0.1, 0.5, rng), _between(50, 350, rng), rng)
    if "aggregate" in faults:
        for _ in range(int(rng.integers(1, 9))):
            place = rng.uniform(0, 1, 2) * field.shape
            matter.add_aggregate(field, made, place, _between(200, 1500, rng), rng)
    if "crack" in faults:
        matter.add_cracks(field, int(rng.integers(1, 4)), rng)
    _specks(field, rng, 1.5)
    drift = min(_between(5, 40, rng) * field.pixel_size_A, 2 * _MARGIN_A) if "drift" in faults else 0.0
    lowest, highest = (5.0, 25.0) if "far" in faults else (0.8, 4.0)
    return _optics(field, rng, lowest, highest, drift_A=drift, jumped=bool(rng.random() < 0.3))


def _empty(field: Field, rng: np.random.Generator) -> Optics:
    """Nothing but the beam; an edge of film or foil; or a bar in the way."""
    sort = rng.choice(["nothing", "edge", "film", "bar"], p=[0.52, 0.38, 0.03, 0.07])
    if sort == "edge":
        beyond = matter.beyond_edge_A(field, rng.uniform(0.03, 0.8), rng)
        if rng.random() < 0.4:  # ice that clings to the edge
            cling = np.exp(-np.square(np.minimum(beyond, 0) / rng.uniform(50, 400)))
            matter.add_ice(field, rng.uniform(200, 1500) * cling)
        _add_film(field, beyond, rng)
    everywhere = np.full(field.shape, 1e3, dtype=np.float32)
    if sort == "film":
        matter.add_carbon(field, everywhere, _between(60, 500, rng), rng)
    if sort == "bar":
        crystals.add_metal(field, everywhere, rng.uniform(2.0, 5.0), rng)
    if sort != "bar" and rng.random() < 0.12:
        _specks(field, rng, 2.0)
    return _optics(field, rng, 0.5, 6.0)


def _crystalline(field: Field, rng: np.random.Generator) -> Optics:
    _ice(field, rng.uniform(200, 1200), rng, edge=0.2)
    if rng.random() < 0.3:
        matter.add_particles(field, _structure(70, 250, rng), rng.uniform(0.03, 0.4), rng.uniform(0.3, 0.9), rng)
    _scraps(field, rng, 0.4)
    crystals.add_crystalline_ice(field, _between(0.02, 0.25, rng), rng)
    _specks(field, rng, 1.5)
    return _optics(field, rng, 0.8, 4.0, drift_A=float(rng.choice([0.0, rng.uniform(0, 30)])))


def _no_particles(field: Field, rng: np.random.Generator) -> Optics:
    """Ice, thin or thick, even or not, often with some crystals on it."""
    _ice(field, _between(200, 1800, rng), rng, edge=0.22)
    if rng.random() < 0.55:
        _frosted(field, _between(0.0005, 0.06, rng), _between(30, 400, rng), rng)
    _scraps(field, rng, 0.5)
    return _optics(field, rng, 0.6, 4.0)


_MAKERS = {
    "great": _great,
    "decent": _decent,
    "contaminated": _contaminated,
    "empty": _empty,
    "crystalline": _crystalline,
    "no_particles": _no_particles,
}
