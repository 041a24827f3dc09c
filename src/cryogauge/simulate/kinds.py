"""Kinds of specimens: what is drawn into a slab of ice."""

from collections.abc import Callable

import numpy as np

from cryogauge.simulate import contamination, filaments
from cryogauge.simulate.canvas import CELL, MATRIX, MEDIUM, ORGANELLE, Canvas
from cryogauge.simulate.fields import smooth_field
from cryogauge.simulate.particles import (
    PROTEIN_A3_PER_KDA,
    PROTEIN_V,
    Template,
    generated_template,
    random_positions,
)
from cryogauge.simulate.rasterise import add_blobs


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


def _bundle(canvas: Canvas, count: int, kind: str, *, inside: int | None = None) -> None:
    """Microtubules or actin running roughly alike, with a few strays; each within one region if named."""
    rng = canvas.rng
    heading = rng.uniform(0, 2 * np.pi)
    for _ in range(count):
        angle = heading + rng.normal(0, 0.15) if rng.random() < 0.8 else rng.uniform(0, 2 * np.pi)
        direction = np.array([rng.normal(0, 0.08), np.sin(angle), np.cos(angle)])
        length = rng.uniform(0.4, 1.6) * canvas.shape[2]
        start = canvas.somewhere(canvas.px(130.0)) - 0.5 * length * direction
        persistence = canvas.px(3e5 if kind == "microtubule" else 4e4)
        path = filaments.bent_path(start, direction, length, persistence, rng)
        if inside is not None:
            path = _longest_run(path, canvas.region, inside)
        if len(path) < 4:
            continue
        draw = filaments.add_microtubule if kind == "microtubule" else filaments.add_actin
        draw(canvas.biology, path, canvas.voxel_size_A, rng)


def _raft(canvas: Canvas, count: int) -> None:
    """Microtubules side by side at one spacing, in up to three layers, once across the field."""
    rng = canvas.rng
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([rng.normal(0, 0.02), np.sin(angle), np.cos(angle)])
    aside = np.array([0.0, np.cos(angle), -np.sin(angle)])
    length = 0.98 * min(canvas.shape[1:]) / max(abs(np.sin(angle)), abs(np.cos(angle)))
    pitch, layers = canvas.px(rng.uniform(260.0, 420.0)), int(rng.integers(1, 4))
    centre = canvas.somewhere(canvas.px(130.0))
    for k in range(count):
        row, layer = k // layers, k % layers
        offset = (row - 0.5 * count / layers) * pitch * aside + np.array([(layer - 0.5 * layers) * pitch, 0.0, 0.0])
        path = filaments.bent_path(centre + offset - 0.5 * length * direction, direction, length, canvas.px(1e6), rng)
        filaments.add_microtubule(canvas.biology, path, canvas.voxel_size_A, rng)


# --- kinds -----------------------------------------------------------------------------------------


def _longest_run(path: np.ndarray, region: np.ndarray, label: int) -> np.ndarray:
    """The longest unbroken part of a path that lies in a region."""
    z, y, x = np.round(path).astype(int).T
    ends = np.flatnonzero(np.diff(np.concatenate([[0], _within(z, y, x, region, label), [0]])))
    if not len(ends):
        return path[:0]
    longest = int(np.argmax(ends[1::2] - ends[::2]))
    return path[ends[2 * longest] : ends[2 * longest + 1]]


def _within(z: np.ndarray, y: np.ndarray, x: np.ndarray, region: np.ndarray, label: int) -> np.ndarray:
    """Which voxels carry a label, as 0 and 1; the region repeats along y and x and ends along z."""
    nz, ny, nx = region.shape
    return ((z >= 0) & (z < nz) & (region[np.clip(z, 0, nz - 1), y % ny, x % nx] == label)).astype(int)


def _lamella(canvas: Canvas) -> None:
    """A slice out of a cell: crowded cytosol through and through, membranes and organelles cut open."""
    rng = canvas.rng
    _cell_walls(canvas, MEDIUM)
    if rng.random() < 0.3:
        _bundle(canvas, int(rng.integers(1, 8)), "microtubule")
    if rng.random() < 0.3:
        _bundle(canvas, int(rng.integers(3, 25)), "actin")
    for _ in range(int(rng.integers(0, 5))):
        _organelle(canvas, MEDIUM)
    _cytosol(canvas, MEDIUM, float(rng.uniform(0.08, 0.45)))


def _cell(canvas: Canvas) -> None:
    """A flat cell edge in ice: plasma membrane, cytosol within, little outside."""
    rng = canvas.rng
    flatten = min(1.0, 0.5 * canvas.thickness_px / canvas.px(6000.0))
    centre = canvas.centre + np.array([0, *rng.uniform(-0.4, 0.4, 2)]) * canvas.shape[2]
    canvas.vesicle(canvas.voxel_size_A * canvas.shape[2] * rng.uniform(0.35, 0.8), lumen=CELL, allowed=MEDIUM,
                   flatten=max(flatten, 0.1), centre=centre, roughness=0.03)  # fmt: skip
    if rng.random() < 0.5:
        _bundle(canvas, int(rng.integers(3, 30)), "actin", inside=CELL)
    for _ in range(int(rng.integers(0, 4))):
        _organelle(canvas, CELL)
    _cytosol(canvas, CELL, float(rng.uniform(0.05, 0.35)))
    canvas.crowd(float(rng.uniform(0.0, 0.02)), MEDIUM)


def _platelet(canvas: Canvas) -> None:
    """A platelet-like cell: marginal band of microtubules, granules, glycogen."""
    rng = canvas.rng
    flatten = float(np.clip(0.5 * canvas.thickness_px / (0.5 * canvas.shape[2]), 0.15, 1.0))
    canvas.vesicle(canvas.voxel_size_A * canvas.shape[2] * 0.55, lumen=CELL, allowed=MEDIUM, flatten=flatten,
                   centre=canvas.centre, roughness=0.04)  # fmt: skip
    _bundle(canvas, int(rng.integers(2, 9)), "microtubule", inside=CELL)
    for _ in range(int(rng.integers(1, 6))):
        _organelle(canvas, CELL)
    canvas.forbid_membranes()
    spots = random_positions((canvas.region != CELL).astype(np.uint8), int(rng.integers(5, 120)), rng)
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
    """Microtubules and actin in buffer, with complexes about; some of the microtubules side by side."""
    rng = canvas.rng
    if rng.random() < 0.35:
        _raft(canvas, int(rng.integers(3, 14)))
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
    """A rod with two membranes, crowded cytosol around a clear nucleoid, a filament along it, ice around."""
    rng = canvas.rng
    width_A = 0.47 * canvas.thickness_px * canvas.voxel_size_A * rng.uniform(0.8, 1.0)
    # Round across and lying in the plane: radii (z, y, x) of r / √2.5, r / √2.5 and 2.5 r.
    outer = canvas.vesicle(width_A * np.sqrt(2.5), lumen=ORGANELLE, allowed=MEDIUM, elongation=2.5,
                           flatten=1.0 / np.sqrt(2.5), centre=canvas.centre, roughness=0.02)  # fmt: skip
    canvas.inner_vesicle(outer, float(rng.uniform(200.0, 320.0)), lumen=CELL, allowed=ORGANELLE)
    canvas.crowd(0.05, ORGANELLE)
    canvas.forbid_membranes()
    nucleoid = (canvas.region == CELL) & (smooth_field(canvas.shape, max(0.3 * canvas.px(width_A), 1.0), rng) > 0.7)
    canvas.region[nucleoid] = MATRIX
    canvas.crowd(0.05, MATRIX, (12.0, 60.0))
    _cytosol(canvas, CELL, float(rng.uniform(0.15, 0.35)))
    along, length = outer.rotation[:, 2], 1.6 * float(outer.radii_px[2])
    path = filaments.bent_path(outer.centre_px - 0.5 * length * along, along, length, canvas.px(1e5), rng)
    filaments.add_actin(canvas.biology, path, canvas.voxel_size_A, rng)


def _axoneme(canvas: Canvas) -> None:
    """A cilium without its membrane: nine doublets and two singlets, cut where the ice is thinner than it."""
    rng = canvas.rng
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([rng.normal(0, 0.02), np.sin(angle), np.cos(angle)])
    # once across the field: longer, it would come in again at the other side and cross itself
    length = 0.98 * min(canvas.shape[1:]) / max(abs(np.sin(angle)), abs(np.cos(angle)))
    path = filaments.bent_path(canvas.centre - 0.5 * length * direction, direction, length, canvas.px(1e6), rng)
    filaments.add_axoneme(canvas.biology, path, canvas.voxel_size_A, rng)
    canvas.crowd(float(rng.uniform(0.0, 0.03)), MEDIUM)


def _virions(canvas: Canvas) -> None:
    """Enveloped virions with spikes and dense cores."""
    rng = canvas.rng
    spike = generated_template("spike", 400.0, canvas.voxel_size_A, rng, symmetry=3, elongation=1.8)
    for _ in range(int(rng.integers(3, 14))):
        radius_A = float(min(rng.uniform(380.0, 650.0), 0.4 * canvas.thickness_px * canvas.voxel_size_A))
        centre, radii, rotation, _ = canvas.vesicle(
            radius_A, lumen=ORGANELLE, allowed=MEDIUM, roughness=0.02, elongation=1.05
        )
        directions = rng.standard_normal((int(rng.integers(15, 50)), 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        stalks = centre + (directions * (radii + canvas.px(90.0))) @ rotation.T
        spots = stalks[(stalks[:, 0] > 1) & (stalks[:, 0] < canvas.shape[0] - 2)]
        mass = np.full(len(spots), 400.0 * PROTEIN_A3_PER_KDA * PROTEIN_V / canvas.voxel_size_A**3)
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
