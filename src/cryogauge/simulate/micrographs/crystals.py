"""What is crystalline: crystals that lie on a field, ice that froze to crystals, metal. Drawn in place, in Å."""

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from cryogauge.simulate.fields import smooth_field
from cryogauge.simulate.micrographs.field import ICE_GRAIN, ICE_PATH_A, ICE_V, PHASE_PER_V_A, Field

#: Directions into which the domains of crystalline ice scatter, at most.
_REFLECTIONS = 4


def add_frost(field: Field, count: int, radius_A: float, rng: np.random.Generator, *, opacity: float = 1.5) -> None:
    """Ice crystals on the surface, alone and in clumps: balls, lumps and angular plates of about a radius.

    ``opacity`` is the thickness of vitreous ice that scatters as much as theirs, over theirs.
    """
    ny, nx = field.shape
    angular, lone = rng.random(2)
    for _ in range(count):
        centre = rng.uniform(-0.02, 1.02, 2) * (ny, nx)
        clump = 1 if rng.random() < lone else int(rng.integers(2, 7))
        for _ in range(clump):
            radius = radius_A * float(np.exp(rng.normal(0, 0.35)))
            place = centre + (rng.normal(0, 1.1, 2) * radius / field.pixel_size_A if clump > 1 else 0)
            own = opacity * float(np.exp(rng.normal(0, 0.3)))
            _draw_crystal(field, place, radius, radius * rng.uniform(0.6, 2.0), own, rng.random() < angular, rng)


def add_crystalline_ice(field: Field, strength: float, rng: np.random.Generator) -> None:
    """Ice that froze to crystals: domains with straight borders, those that diffract dark, often striped by stacking
    faults; beside them, where the scattered beams land, bright copies. At times only islands in vitreous ice, at times
    one large sheet with bend contours.

    Parameters
    ----------
    strength
        About the standard deviation of −ln of what arrives, where it is crystalline.
    """
    sort = rng.choice(["domains", "islands", "sheet"], p=[0.7, 0.12, 0.18])
    low, high = {"domains": (70, 900), "islands": (60, 600), "sheet": (1_500, 6_000)}[str(sort)]
    size = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    label = _domains(field, size, rng)
    count = int(label.max()) + 1
    dark = np.where(rng.random(count) < rng.uniform(0.25, 0.9), rng.exponential(1.0, count), 0.0)
    there = np.ones(field.shape, dtype=bool)
    if sort == "islands":
        wide = smooth_field(field.shape, rng.uniform(1.0, 4.0) * size / field.pixel_size_A, rng)
        there = wide > np.quantile(wide[::8, ::8], rng.uniform(0.2, 0.7))
        # islands have the borders of the domains
        share = np.bincount(label.ravel(), there.ravel(), count) / np.maximum(
            np.bincount(label.ravel(), None, count), 1
        )
        dark, there = np.where(share > 0.5, dark, 0.0), (share > 0.5)[label]
    total = dark.astype(np.float32)[label] * _striped(field, label, count, sort == "sheet", rng)
    scattered = total.copy()
    reach = float(np.exp(rng.uniform(np.log(60), np.log(500)))) / field.pixel_size_A  # λ Δz / d
    bright, group = rng.uniform(0.1, 0.9), rng.integers(0, _REFLECTIONS, count)[label]
    for k in range(_REFLECTIONS):
        shift = rng.normal(0, reach, 2).round().astype(int)
        total -= bright * np.roll(np.where(group == k, scattered, 0), tuple(shift), (0, 1))
    if rng.random() < 0.25:  # bent, they darken by and by
        total = gaussian_filter(total, rng.uniform(0.05, 0.5) * min(size, 900) / field.pixel_size_A)
    if rng.random() < 0.4:
        edge = (label != np.roll(label, 1, 0)) | (label != np.roll(label, 1, 1))
        total += rng.uniform(-0.5, 1.0) * gaussian_filter((edge & there).astype(np.float32), 0.7)
    if rng.random() < (0.5 if sort == "sheet" else 0.1):
        bands = smooth_field(field.shape, rng.uniform(600, 2500) / field.pixel_size_A, rng) * rng.uniform(1, 4)
        contours = np.exp(-np.square((bands % np.pi) / rng.uniform(0.1, 0.5))).astype(np.float32)
        total += rng.uniform(0.5, 2.0) * contours * there
    total = gaussian_filter(total, rng.uniform(0.0, 1.0))
    total *= np.float32(strength / max(float(total[there].std()), 1e-6))
    total = np.clip(total, -0.6, 4 * strength)
    field.absorption += total
    field.phase += np.float32(rng.uniform(0, 0.5)) * total
    field.crystalline |= there


def add_metal(field: Field, beyond_A: np.ndarray, opacity: float, rng: np.random.Generator) -> None:
    """A foil of small crystals or a grid bar, nearly opaque, where ``beyond_A`` is positive."""
    cover = np.clip(beyond_A / np.float32(2 * field.pixel_size_A) + 0.5, 0, 1)
    label = _domains(field, float(np.exp(rng.uniform(np.log(40), np.log(300)))), rng)
    count = int(label.max()) + 1
    shade = 1 + rng.uniform(0.05, 0.5) * np.maximum(rng.standard_normal(count), -1.5)
    shade = np.maximum(shade, 0.15).astype(np.float32)[label]
    shade = shade * (1 + np.float32(0.15) * smooth_field(field.shape, rng.uniform(100, 800) / field.pixel_size_A, rng))
    field.absorption += cover * np.float32(opacity) * np.maximum(gaussian_filter(shade, rng.uniform(0.5, 3)), 0.1)
    field.phase += cover * np.float32(1.5) * shade
    field.carbon |= beyond_A > 0
    field.vacuum &= beyond_A <= 0


def _domains(field: Field, size_A: float, rng: np.random.Generator) -> np.ndarray:
    """Number of the domain ``(y, x)`` of a mosaic with about a size, stretched in one direction."""
    ny, nx = field.shape
    y, x = (axis[::2, ::2] for axis in np.broadcast_arrays(*field.grid_A()))
    stretch, turn = float(np.exp(abs(rng.normal(0, 0.5)))), rng.uniform(0, np.pi)
    bend = rng.uniform(0, 0.25) * size_A
    if bend > 4 * field.pixel_size_A:
        y, x = (a + bend * smooth_field(y.shape, 0.4 * size_A / (2 * field.pixel_size_A), rng) for a in (y, x))
    along, across = x * np.cos(turn) + y * np.sin(turn), (y * np.cos(turn) - x * np.sin(turn)) * stretch
    low, high = np.array([across.min(), along.min()]), np.array([across.max(), along.max()])
    count = int(np.clip(np.prod(high - low) / size_A**2, 3, 20_000))
    points = rng.uniform(low, high, (count, 2))
    near = np.asarray(KDTree(points).query(np.stack([across.ravel(), along.ravel()], axis=1))[1])
    return near.reshape(y.shape).repeat(2, 0).repeat(2, 1)[:ny, :nx]


def _striped(field: Field, label: np.ndarray, count: int, large: bool, rng: np.random.Generator) -> np.ndarray:
    """A factor ``(y, x)`` about 1: stripes along a direction of each domain's own, and blotches."""
    y, x = field.grid_A()
    turn = rng.uniform(0, np.pi, count) if not large else rng.normal(rng.uniform(0, np.pi), 0.3, count)
    wide = np.exp(rng.uniform(np.log(25), np.log(250)) + rng.normal(0, 0.3, count))
    ky, kx = ((2 * np.pi * part / wide).astype(np.float32)[label] for part in (np.sin(turn), np.cos(turn)))
    phase = y * ky + x * kx + rng.uniform(0, 2 * np.pi, count).astype(np.float32)[label]
    wave = np.cos(phase) + np.cos(np.float32(0.37) * phase + 1) + 0.7 * np.cos(np.float32(0.61) * phase + 2)
    share = np.where(rng.random(count) < rng.uniform(0, 1), rng.uniform(0.3, 1.0, count), 0).astype(np.float32)[label]
    blotches = smooth_field(field.shape, np.exp(rng.uniform(np.log(15), np.log(200))) / field.pixel_size_A, rng)
    blotches = np.maximum(1 + np.float32(rng.uniform(0, 0.8)) * blotches, 0)
    return (1 - share + share * np.maximum(wave, 0)) * blotches


def _draw_crystal(
    field: Field, centre: np.ndarray, radius_A: float, height_A: float, opacity: float, angular: bool,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    reach = int(1.7 * radius_A / field.pixel_size_A) + 2
    y0, x0 = int(centre[0]), int(centre[1])
    ny, nx = field.shape
    rows, columns = slice(max(y0 - reach, 0), min(y0 + reach, ny)), slice(max(x0 - reach, 0), min(x0 + reach, nx))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    y = (np.arange(rows.start, rows.stop)[:, None] - centre[0]) * field.pixel_size_A
    x = (np.arange(columns.start, columns.stop)[None, :] - centre[1]) * field.pixel_size_A
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.6)
    along, across = x * np.cos(turn) + y * np.sin(turn), (y * np.cos(turn) - x * np.sin(turn)) * stretch
    if angular:
        sides = int(rng.integers(4, 8))
        corners = (np.arange(sides) + rng.normal(0, 0.15, sides)) * 2 * np.pi / sides
        away = np.max([along * np.cos(a) + across * np.sin(a) for a in corners], axis=0) / (0.9 * radius_A)
        profile = np.clip((1 - away) / rng.uniform(0.05, 0.6), 0, 1) * 0.8
    else:
        angle, lumpy = np.arctan2(across, along), rng.choice([0.0, rng.uniform(0.02, 0.2)])
        outline = 1 + sum(lumpy / k * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4, 5))
        profile = np.maximum(1 - np.square(np.hypot(along, across) / radius_A / outline), 0) ** rng.uniform(0.25, 0.8)
    thickness = (height_A * profile).astype(np.float32)
    if radius_A > 300 and rng.random() < 0.6:  # bends and faults of a crystal
        bands = np.cos((along + 0.3 * across) * 2 * np.pi / (radius_A * rng.uniform(0.15, 1.0)) + rng.uniform(0, 6))
        opacity = opacity * (1 + rng.uniform(0.2, 0.7) * bands)
    field.phase[rows, columns] += np.float32(PHASE_PER_V_A * ICE_V) * thickness
    field.absorption[rows, columns] += (thickness / ICE_PATH_A * opacity).astype(np.float32)
    field.grain[rows, columns] += np.float32(ICE_GRAIN) * thickness
    field.contamination[rows, columns] |= profile > 0
