"""Kinds of specimens: what is drawn into a slab of ice."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cryogauge.records import PICK_COLUMNS, BadInput, Volume
from cryogauge.simulate import contamination, filaments
from cryogauge.simulate.canvas import CELL, MATRIX, MEDIUM, ORGANELLE, Canvas, empty_canvas
from cryogauge.simulate.fields import smooth_field
from cryogauge.simulate.rasterise import add_blobs
from cryogauge.simulate.particles import PROTEIN_A3_PER_KDA, Template, generated_template, template_from_map


@dataclass(frozen=True)
class Specimen:
    """A specimen and all that is known of it.

    Attributes
    ----------
    potential_V
        float32 ``(z, y, x)``: potential above vitreous ice of everything in the slab.
    biology_V
        The part of it that is biological structure.
    voxel_size_A
        Voxel size.
    top_px, bottom_px
        Surfaces of the slab, z in voxels at each ``(y, x)``.
    picks
        Centres and Euler angles (ZYZ, degrees) of the placed complexes: ``PICK_COLUMNS`` and ``rot, tilt, psi``.
    kind
        Name of the kind.
    """

    potential_V: np.ndarray
    biology_V: np.ndarray
    voxel_size_A: float
    top_px: np.ndarray
    bottom_px: np.ndarray
    picks: pd.DataFrame
    kind: str

    @property
    def thickness_nm(self) -> float:
        """Mean thickness perpendicular to the slab's mean plane, nm."""
        middle = 0.5 * (self.top_px + self.bottom_px)
        ny, nx = middle.shape
        y, x = np.mgrid[:ny, :nx]
        design = np.stack([np.ones(middle.size), x.ravel(), y.ravel()], axis=1)
        _, b, c = np.linalg.lstsq(design, middle.ravel(), rcond=None)[0]
        along_z = float((self.top_px - self.bottom_px).mean()) * self.voxel_size_A / 10.0
        return along_z / float(np.sqrt(1.0 + b * b + c * c))


@dataclass(frozen=True)
class SlabShape:
    """How the slab departs from a flat sheet; see :func:`cryogauge.simulate.canvas.empty_canvas`."""

    slab_tilt_deg: float = 0.0
    wedge: float = 0.0
    curvature: float = 0.0
    roughness_A: float = 0.0
    curtain_A: float = 0.0
    offset: float = 0.0


def make_specimen(
    kind: str,
    shape: tuple[int, int, int],
    voxel_size_A: float,
    thickness_nm: float,
    seed: int,
    *,
    slab: SlabShape = SlabShape(),
    contaminants: bool | None = None,
    densities: tuple[tuple[str, Volume], ...] = (),
) -> Specimen:
    """Draw a specimen.

    Parameters
    ----------
    kind
        One of :data:`KINDS`.
    shape
        ``(z, y, x)`` voxels of the volume; the slab is centred in it, with empty ice above and below.
    voxel_size_A
        5–50 Å.
    thickness_nm
        Mean thickness of the slab.
    seed
        The same seed draws the same specimen.
    slab
        Tilt, wedge, curvature and relief of the slab.
    contaminants
        Gold, frost and carbon: drawn at random by default, always with True, never with False.
    densities
        Named density maps of the user's, placed in the place of generated complexes.

    Raises
    ------
    BadInput
        Unknown kind, voxel size out of range, or a slab that does not fit.
    """
    if kind not in KINDS:
        raise BadInput(f"no specimen is called {kind!r}", f"one of: {', '.join(KINDS)}")
    if not 4.0 <= voxel_size_A <= 60.0:
        raise BadInput(f"a pixel size of {voxel_size_A:g} Å is outside 4–60 Å", "choose --pixel-size between 5 and 50")
    rng = np.random.default_rng(seed)
    templates = tuple(template_from_map(name, volume, voxel_size_A) for name, volume in densities)
    canvas = empty_canvas(
        shape, voxel_size_A, thickness_nm, rng, templates=templates, slab_tilt_deg=slab.slab_tilt_deg, wedge=slab.wedge,
        curvature=slab.curvature, roughness_A=slab.roughness_A, curtain_A=slab.curtain_A, offset=slab.offset,
    )  # fmt: skip
    KINDS[kind](canvas)
    canvas.biology *= canvas.coverage()
    if contaminants or (contaminants is None and rng.random() < 0.6):
        _contaminate(canvas)
    picks = pd.concat(canvas.picks, ignore_index=True) if canvas.picks else pd.DataFrame(columns=list(PICK_COLUMNS))
    if canvas.picks:
        z = np.clip((picks["z_A"].to_numpy(float) / voxel_size_A).round().astype(int), 0, shape[0] - 1)
        y = (picks["y_A"].to_numpy(float) / voxel_size_A).round().astype(int) % shape[1]
        x = (picks["x_A"].to_numpy(float) / voxel_size_A).round().astype(int) % shape[2]
        picks = picks[(z <= canvas.top[y, x]) & (z >= canvas.bottom[y, x])].reset_index(drop=True)
        picks.insert(0, "tomogram", "")
    return Specimen(
        canvas.biology + canvas.other, canvas.biology, voxel_size_A, canvas.top, canvas.bottom, picks, kind
    )


# ---------------------------------------------------------------------------------------------------


def _complexes(canvas: Canvas) -> tuple[Template, ...]:
    """The user's densities, or a handful of generated complexes between 150 kDa and 1.2 MDa."""
    if canvas.templates:
        return canvas.templates
    rng = canvas.rng
    made = []
    for k in range(int(rng.integers(2, 5))):
        mass = float(np.exp(rng.uniform(np.log(150.0), np.log(1200.0))))
        made.append(
            generated_template(
                f"complex-{k + 1}", mass, canvas.voxel_size_A, rng, symmetry=int(rng.choice([1, 1, 2, 3, 4, 6, 7])),
                elongation=float(rng.uniform(0.7, 1.6)), hollow=bool(rng.random() < 0.15),
            )
        )  # fmt: skip
    return tuple(made)


def _ribosome(canvas: Canvas) -> Template:
    """A ribosome-like grain: 3–4 MDa, half of it RNA."""
    mass = float(canvas.rng.uniform(2400.0, 4300.0))
    return generated_template("ribosome", mass, canvas.voxel_size_A, canvas.rng, nucleic_fraction=0.55, elongation=1.1)


def _count(canvas: Canvas, region: int, volume_fraction: float, template: Template) -> int:
    """How many copies of a template fill a fraction of a region."""
    room = float((canvas.region == region).sum())
    own = 4.0 / 3.0 * np.pi * template.radius_px**3
    return int(min(volume_fraction * room / max(own, 1.0), 60_000))


def _cytosol(canvas: Canvas, region: int, crowding: float) -> None:
    """Ribosomes, middling complexes and small proteins, to a total volume fraction of about ``crowding``."""
    rng = canvas.rng
    canvas.forbid_membranes()
    ribosome = _ribosome(canvas)
    canvas.place(ribosome, _count(canvas, region, crowding * rng.uniform(0.05, 0.6), ribosome), allowed=region)
    for template in _complexes(canvas):
        canvas.place(template, _count(canvas, region, crowding * rng.uniform(0.02, 0.2), template), allowed=region)
    canvas.crowd(crowding * rng.uniform(0.4, 1.0), region)


def _organelle(canvas: Canvas, allowed: int) -> None:
    """A mitochondrion-like body: two membranes and cristae, or a vesicle with dense or watery content."""
    rng = canvas.rng
    largest = float(np.clip(0.3 * canvas.shape[2] * canvas.voxel_size_A, 450.0, 3500.0))
    radius_A = float(np.exp(rng.uniform(np.log(300.0), np.log(largest))))
    outer = canvas.vesicle(radius_A, lumen=ORGANELLE, allowed=allowed)
    if radius_A > 1200.0 and rng.random() < 0.7:
        canvas.inner_vesicle(outer, float(rng.uniform(140.0, 260.0)), lumen=MATRIX, allowed=ORGANELLE)
        canvas.occupied[np.abs(canvas.biology) > 0.6] = 1
        field = canvas.sheet_field(float(rng.uniform(300.0, 900.0)), float(rng.uniform(0.2, 0.7)))
        pitch, width = canvas.px(rng.uniform(450.0, 1100.0)), canvas.px(rng.uniform(120.0, 260.0))
        base = np.arange(-40, 41) * pitch
        canvas.sheets(field, np.concatenate([base, base + width]), MATRIX)
        canvas.crowd(float(rng.uniform(0.1, 0.35)), MATRIX)
        canvas.region[canvas.region == MATRIX] = ORGANELLE
    elif rng.random() < 0.7:
        canvas.crowd(float(rng.uniform(0.03, 0.3)), ORGANELLE)
    # a later organelle must not fill this one again
    canvas.occupied[canvas.region == ORGANELLE] = 1


def _cell_walls(canvas: Canvas, allowed: int) -> None:
    """Single and double membranes that cross the slab."""
    rng = canvas.rng
    for _ in range(int(rng.integers(0, 3))):
        field = canvas.sheet_field(float(rng.uniform(800.0, 4000.0)), float(rng.uniform(0.05, 0.35)))
        level = rng.uniform(-0.4, 0.4) * canvas.shape[2]
        gap = canvas.px(rng.uniform(120.0, 500.0))
        levels = [level] if rng.random() < 0.4 else [level, level + gap]
        canvas.sheets(field, np.array(levels), allowed)


def _bundle(canvas: Canvas, count: int, kind: str, allowed_z: bool = True) -> None:
    """Microtubules or actin running roughly alike, with a few strays."""
    rng = canvas.rng
    heading = rng.uniform(0, 2 * np.pi)
    for _ in range(count):
        angle = heading + rng.normal(0, 0.15) if rng.random() < 0.8 else rng.uniform(0, 2 * np.pi)
        direction = np.array([rng.normal(0, 0.08 if allowed_z else 0.0), np.sin(angle), np.cos(angle)])
        length = rng.uniform(0.4, 1.6) * canvas.shape[2]
        start = canvas.somewhere(canvas.px(130.0)) - 0.5 * length * direction
        persistence = canvas.px(3e5 if kind == "microtubule" else 4e4)
        path = filaments.bent_path(start, direction, length, persistence, rng)
        draw = filaments.add_microtubule if kind == "microtubule" else filaments.add_actin
        draw(canvas.biology, path, canvas.voxel_size_A, rng)


def _contaminate(canvas: Canvas) -> None:
    """Gold, frost and a carbon edge, each with its own chance."""
    rng = canvas.rng
    area_A2 = canvas.shape[1] * canvas.shape[2] * canvas.voxel_size_A**2
    if rng.random() < 0.6:
        diameter = float(rng.choice([50.0, 100.0, 100.0, 150.0]))
        count = int(rng.poisson(min(60.0, area_A2 / 1.5e6 * rng.uniform(0.1, 1.5))))
        contamination.add_gold(canvas.other, canvas.on_surface(count), diameter, canvas.voxel_size_A, rng)
    if rng.random() < 0.5:
        count = int(rng.poisson(min(25.0, area_A2 / 4e7 * rng.uniform(0.2, 3.0) + 1)))
        largest = float(np.clip(0.15 * canvas.shape[2] * canvas.voxel_size_A, 200.0, 1800.0))
        diameter = float(np.exp(rng.uniform(np.log(150.0), np.log(largest))))
        contamination.add_frost(canvas.other, canvas.on_surface(count), diameter, canvas.voxel_size_A, rng)
    if rng.random() < 0.2:
        y = np.arange(canvas.shape[1])[:, None] - canvas.shape[1] * rng.uniform(-0.2, 0.6)
        bend = smooth_field(canvas.shape[1:], canvas.shape[1] / 6, rng) * canvas.shape[1] * 0.02
        film_px = max(canvas.px(rng.uniform(100.0, 220.0)), 1.0)
        canvas.other += contamination.carbon_film(
            canvas.shape, float(canvas.bottom.min()), film_px, -(y + bend), rng
        )


# --- kinds -----------------------------------------------------------------------------------------


def _lamella(canvas: Canvas) -> None:
    """A slice out of a cell: crowded cytosol through and through, membranes and organelles cut open."""
    rng = canvas.rng
    _cell_walls(canvas, MEDIUM)
    for _ in range(int(rng.integers(0, 5))):
        _organelle(canvas, MEDIUM)
    if rng.random() < 0.3:
        _bundle(canvas, int(rng.integers(1, 8)), "microtubule")
    if rng.random() < 0.3:
        _bundle(canvas, int(rng.integers(3, 25)), "actin")
    _cytosol(canvas, MEDIUM, float(rng.uniform(0.08, 0.45)))


def _cell(canvas: Canvas) -> None:
    """A flat cell edge in ice: plasma membrane, cytosol within, little outside."""
    rng = canvas.rng
    flatten = min(1.0, 0.5 * canvas.thickness_px / canvas.px(6000.0))
    centre = canvas.centre + np.array([0, *rng.uniform(-0.4, 0.4, 2)]) * canvas.shape[2]
    canvas.vesicle(canvas.voxel_size_A * canvas.shape[2] * rng.uniform(0.35, 0.8), lumen=CELL, allowed=MEDIUM,
                   flatten=max(flatten, 0.1), centre=centre, roughness=0.03)  # fmt: skip
    for _ in range(int(rng.integers(0, 4))):
        _organelle(canvas, CELL)
    if rng.random() < 0.5:
        _bundle(canvas, int(rng.integers(3, 30)), "actin")
    _cytosol(canvas, CELL, float(rng.uniform(0.05, 0.35)))
    canvas.crowd(float(rng.uniform(0.0, 0.02)), MEDIUM)


def _platelet(canvas: Canvas) -> None:
    """A platelet-like cell: marginal band of microtubules, granules, glycogen."""
    rng = canvas.rng
    flatten = float(np.clip(0.5 * canvas.thickness_px / (0.5 * canvas.shape[2]), 0.15, 1.0))
    canvas.vesicle(canvas.voxel_size_A * canvas.shape[2] * 0.55, lumen=CELL, allowed=MEDIUM, flatten=flatten,
                   centre=canvas.centre, roughness=0.04)  # fmt: skip
    for _ in range(int(rng.integers(1, 6))):
        _organelle(canvas, CELL)
    _bundle(canvas, int(rng.integers(2, 9)), "microtubule")
    canvas.forbid_membranes()
    spots = np.array([canvas.somewhere(canvas.px(200.0)) for _ in range(int(rng.integers(5, 120)))])
    contamination.add_glycogen(canvas.biology, spots, canvas.voxel_size_A, rng)
    _cytosol(canvas, CELL, float(rng.uniform(0.05, 0.25)))


def _vesicles(canvas: Canvas) -> None:
    """Liposomes of all sizes in ice, some nested, with a few complexes."""
    rng = canvas.rng
    largest = 0.45 * canvas.thickness_px * canvas.voxel_size_A
    for _ in range(int(rng.integers(2, 14))):
        radius = float(np.exp(rng.uniform(np.log(180.0), np.log(max(largest, 240.0)))))
        outer = canvas.vesicle(radius, lumen=ORGANELLE, allowed=MEDIUM)
        if rng.random() < 0.3:
            canvas.inner_vesicle(outer, float(rng.uniform(130.0, 500.0)), lumen=MATRIX, allowed=ORGANELLE)
    canvas.forbid_membranes()
    for template in _complexes(canvas):
        canvas.place(template, int(rng.integers(0, 60)), allowed=MEDIUM)
    canvas.crowd(float(rng.uniform(0.0, 0.03)), MEDIUM)


def _filaments(canvas: Canvas) -> None:
    """Microtubules and actin in buffer, with complexes about."""
    rng = canvas.rng
    _bundle(canvas, int(rng.integers(2, 12)), "microtubule")
    if rng.random() < 0.6:
        _bundle(canvas, int(rng.integers(4, 40)), "actin")
    canvas.forbid_membranes()
    for template in _complexes(canvas):
        canvas.place(template, int(rng.integers(0, 80)))
    canvas.crowd(float(rng.uniform(0.0, 0.06)), MEDIUM)


def _mixture(canvas: Canvas) -> None:
    """Purified complexes in thin ice at any concentration, a vesicle here and there."""
    rng = canvas.rng
    for _ in range(int(rng.integers(0, 3))):
        canvas.vesicle(float(rng.uniform(200.0, 700.0)), lumen=ORGANELLE, allowed=MEDIUM)
    canvas.forbid_membranes()
    concentration = float(np.exp(rng.uniform(np.log(0.01), np.log(0.25))))
    kinds = (*_complexes(canvas), *(() if canvas.templates else (_ribosome(canvas),)))
    for template in kinds:
        canvas.place(template, 1 + _count(canvas, MEDIUM, concentration / len(kinds), template))
    canvas.crowd(float(rng.uniform(0.0, 0.05)), MEDIUM)


def _thylakoid(canvas: Canvas) -> None:
    """Stacked sheets with studded surfaces, cytosol between the stacks."""
    rng = canvas.rng
    field = canvas.sheet_field(float(rng.uniform(1500.0, 5000.0)), float(rng.uniform(0.05, 0.3)))
    pitch, lumen = canvas.px(rng.uniform(180.0, 420.0)), canvas.px(rng.uniform(70.0, 110.0))
    levels = []
    for stack in rng.uniform(-0.5, 0.5, int(rng.integers(1, 4))) * canvas.shape[2]:
        for k in range(int(rng.integers(2, 12))):
            levels += [stack + k * pitch, stack + k * pitch + lumen]
    canvas.sheets(field, np.array(levels), MEDIUM)
    _cytosol(canvas, MEDIUM, float(rng.uniform(0.05, 0.4)))


def _bacterium(canvas: Canvas) -> None:
    """A rod with two membranes, crowded cytosol with a clear nucleoid, ice around."""
    rng = canvas.rng
    thick_A = canvas.thickness_px * canvas.voxel_size_A
    outer = canvas.vesicle(0.47 * thick_A * rng.uniform(0.8, 1.2), lumen=ORGANELLE, allowed=MEDIUM, elongation=2.5,
                           flatten=1.0 - 1e-3, centre=canvas.centre, roughness=0.02)  # fmt: skip
    canvas.inner_vesicle(outer, float(rng.uniform(200.0, 320.0)), lumen=CELL, allowed=ORGANELLE)
    canvas.crowd(0.05, ORGANELLE)
    _cytosol(canvas, CELL, float(rng.uniform(0.15, 0.35)))
    path = filaments.bent_path(canvas.somewhere(), np.array([0.0, 1.0, 1.0]), canvas.shape[2], canvas.px(2e4), rng)
    filaments.add_actin(canvas.biology, path, canvas.voxel_size_A, rng)


def _axoneme(canvas: Canvas) -> None:
    """A cilium lying in ice: nine doublets and two singlets inside a membrane-less bundle."""
    rng = canvas.rng
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([rng.normal(0, 0.02), np.sin(angle), np.cos(angle)])
    length = 1.5 * canvas.shape[2]
    path = filaments.bent_path(canvas.centre - 0.5 * length * direction, direction, length, canvas.px(1e6), rng)
    filaments.add_axoneme(canvas.biology, path, canvas.voxel_size_A, rng)
    canvas.crowd(float(rng.uniform(0.0, 0.03)), MEDIUM)


def _virions(canvas: Canvas) -> None:
    """Enveloped virions with spikes and dense cores."""
    rng = canvas.rng
    spike = generated_template("spike", 400.0, canvas.voxel_size_A, rng, symmetry=3, elongation=1.8)
    for _ in range(int(rng.integers(3, 14))):
        radius_A = float(min(rng.uniform(380.0, 650.0), 0.4 * canvas.thickness_px * canvas.voxel_size_A))
        centre, radii, rotation, _ = canvas.vesicle(radius_A, lumen=ORGANELLE, allowed=MEDIUM, roughness=0.02, elongation=1.05)  # fmt: skip
        directions = rng.standard_normal((int(rng.integers(15, 50)), 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        stalks = centre + (directions * (radii + canvas.px(90.0))) @ rotation.T
        spots = stalks[(stalks[:, 0] > 1) & (stalks[:, 0] < canvas.shape[0] - 2)]
        mass = np.full(len(spots), 400.0 * PROTEIN_A3_PER_KDA * 2.6 / canvas.voxel_size_A**3)
        add_blobs(canvas.biology, np.ascontiguousarray(spots), np.full(len(spots), max(canvas.px(32.0), 0.45)), mass)
    canvas.forbid_membranes()
    canvas.crowd(0.25, ORGANELLE)
    canvas.place(spike, int(rng.integers(0, 20)), allowed=MEDIUM)


def _empty(canvas: Canvas) -> None:
    """Nothing but ice and, perhaps, dirt."""


#: Kinds of specimens by name; each draws into a canvas.
KINDS: dict[str, Callable[[Canvas], None]] = {
    "lamella": _lamella,
    "cell": _cell,
    "platelet": _platelet,
    "vesicles": _vesicles,
    "filaments": _filaments,
    "mixture": _mixture,
    "thylakoid": _thylakoid,
    "bacterium": _bacterium,
    "axoneme": _axoneme,
    "virions": _virions,
    "empty": _empty,
}
