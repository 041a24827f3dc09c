"""The slab of ice that a specimen is drawn into."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from cryogauge.records import BadInput
from cryogauge.simulate import contamination, particles
from cryogauge.simulate.fields import smooth_field
from cryogauge.simulate.membranes import add_sheets, add_vesicle
from cryogauge.simulate.particles import Template

#: Labels of the region map: nothing, the medium that fills the slab, the inside of an enclosing membrane,
#: the inside of an organelle, and of an organelle's inner membrane.
OUTSIDE, MEDIUM, CELL, ORGANELLE, MATRIX = 0, 1, 2, 3, 4


class Body(NamedTuple):
    """A closed body: a bumpy ellipsoid.

    Attributes
    ----------
    centre_px, radii_px
        ``(3,)`` as z, y, x.
    rotation
        ``(3, 3)``: turns the ellipsoid's axes (z, y, x) into the specimen's.
    bumps
        ``(n, 4)``: see :func:`cryogauge.simulate.membranes.add_vesicle`.
    """

    centre_px: np.ndarray
    radii_px: np.ndarray
    rotation: np.ndarray
    bumps: np.ndarray


@dataclass
class Canvas:
    """Arrays under construction, all ``(z, y, x)``; kinds of specimens draw into them.

    Attributes
    ----------
    biology
        Potential above ice of what a biologist would call structure, V.
    other
        Potential of gold, frost and carbon, V.
    occupied
        uint8, non-zero where no particle may be placed.
    region
        uint8 labels (``MEDIUM``, ``CELL`` …).
    top, bottom
        Surfaces of the slab, z in voxels at each ``(y, x)``; top is the larger z.
    """

    voxel_size_A: float
    rng: np.random.Generator
    biology: np.ndarray
    other: np.ndarray
    occupied: np.ndarray
    region: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    templates: tuple[Template, ...] = ()
    picks: list[pd.DataFrame] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape ``(z, y, x)``."""
        z, y, x = self.biology.shape
        return z, y, x

    @property
    def centre(self) -> np.ndarray:
        """Middle of the slab, (z, y, x)."""
        z = 0.5 * float(self.top.mean() + self.bottom.mean())
        return np.array([z, self.shape[1] / 2.0, self.shape[2] / 2.0])

    @property
    def thickness_px(self) -> float:
        """Mean thickness of the slab along z, voxels."""
        return float((self.top - self.bottom).mean())

    def px(self, length_A: float) -> float:
        """A length in Å as voxels."""
        return length_A / self.voxel_size_A

    def somewhere(self, margin_px: float = 0.0) -> np.ndarray:
        """A random position (z, y, x) inside the slab, ``margin_px`` from its surfaces where there is room."""
        y, x = self.rng.uniform(0, self.shape[1]), self.rng.uniform(0, self.shape[2])
        low = float(self.bottom[int(y), int(x)]) + margin_px
        high = float(self.top[int(y), int(x)]) - margin_px
        z = self.rng.uniform(low, high) if high > low else 0.5 * (low + high)
        return np.array([z, y, x])

    def coverage(self) -> np.ndarray:
        """Part of each voxel that lies within the slab, float32 0–1."""
        z = np.arange(self.shape[0], dtype=np.float32)[:, None, None]
        return np.clip(self.top[None] - z + 0.5, 0, 1) * np.clip(z - self.bottom[None] + 0.5, 0, 1)

    # what kinds of specimens are made of -----------------------------------------------------------

    def vesicle(
        self,
        radius_A: float,
        *,
        lumen: int,
        allowed: int,
        flatten: float = 1.0,
        centre: np.ndarray | None = None,
        elongation: float | None = None,
        roughness: float = 0.06,
    ) -> Body:
        """A closed bilayer; returns its body, so that another can follow it."""
        rng = self.rng
        radius = self.px(radius_A)
        stretch = rng.uniform(1.0, 1.6) if elongation is None else elongation
        radii = radius * np.array([flatten, 1.0 / np.sqrt(stretch), stretch])
        if flatten < 0.999:  # flattened bodies lie in the plane
            rotation = Rotation.from_rotvec([rng.uniform(0, 2 * np.pi), 0, 0]).as_matrix()
        else:
            rotation = Rotation.random(rng=rng).as_matrix()
        bumps = np.concatenate([rng.normal(0, roughness, (3, 1)), rng.normal(0, 3.0, (3, 3))], axis=1)
        where = self._free_place(radii, allowed) if centre is None else centre
        body = Body(where, radii, rotation, bumps)
        self._vesicle(body, lumen, allowed)
        return body

    def _free_place(self, radii: np.ndarray, allowed: int) -> np.ndarray:
        """Of a few random positions, the one around which most of a body of these radii finds the region allowed."""
        radius = float(np.cbrt(np.prod(radii)))
        directions = np.array([[0, 0, 0], *np.eye(3), *-np.eye(3), *(np.array(list(np.ndindex(2, 2, 2))) * 1.2 - 0.6)])
        best, most = np.zeros(3), -1
        for _ in range(12):
            place = self.somewhere(min(radius, self.thickness_px / 2))
            z, y, x = np.round(place + radius * directions).astype(int).T
            inside = (z >= 0) & (z < self.shape[0])
            found = self.region[np.clip(z, 0, self.shape[0] - 1), y % self.shape[1], x % self.shape[2]]
            free = int(np.sum(inside & (found == allowed)))
            if free > most:
                best, most = place, free
            if most == len(directions):
                break
        return best

    def inner_vesicle(self, outer: Body, gap_A: float, *, lumen: int, allowed: int) -> None:
        """A second bilayer ``gap_A`` inside one that :meth:`vesicle` drew, where there is room for it."""
        inner = outer.radii_px - self.px(gap_A)
        if inner.min() > self.px(80.0):
            self._vesicle(outer._replace(radii_px=inner), lumen, allowed)

    def _vesicle(self, body: Body, lumen: int, allowed: int) -> None:
        add_vesicle(self.biology, self.region, *body, self.voxel_size_A, lumen, allowed)

    def sheet_field(self, wave_A: float, bend: float) -> np.ndarray:
        """A distance-like field (voxels): planes of a random direction, near upright, bent on the scale ``wave_A``."""
        rng = self.rng
        angle = rng.uniform(0, 2 * np.pi)
        normal = np.array([rng.normal(0, 0.3), np.sin(angle), np.cos(angle)])
        normal /= np.linalg.norm(normal)
        z, y, x = (np.arange(n, dtype=np.float32) - n / 2 for n in self.shape)
        plane = normal[0] * z[:, None, None] + normal[1] * y[None, :, None] + normal[2] * x[None, None, :]
        return plane.astype(np.float32) + bend * self.px(wave_A) * smooth_field(self.shape, self.px(wave_A), rng)

    def sheets(self, field_px: np.ndarray, levels_px: np.ndarray, allowed: int) -> None:
        """Bilayers along level sets of a field."""
        levels = np.asarray(levels_px, dtype=np.float64)
        add_sheets(self.biology, self.region, field_px, levels, self.voxel_size_A, allowed, self.occupied)

    def forbid_membranes(self) -> None:
        """Keep particles out of what has been drawn so far and out of empty ice."""
        self.occupied[(np.abs(self.biology) > 0.6) | (self.region == OUTSIDE)] = 1

    def place(self, template: Template, count: int, *, allowed: int | None = None) -> None:
        """Place copies of a template, in the voxels of one region if named, and record them as picks."""
        blocked = self.occupied
        if allowed is not None:
            blocked = np.where(self.region == allowed, self.occupied, 1).astype(np.uint8)
        placed = particles.place_templates(self.biology, blocked, template, count, self.rng)
        if allowed is not None:
            np.maximum(self.occupied, blocked * (self.region == allowed), out=self.occupied)
        if not len(placed):
            return
        centres = placed[:, :3] * self.voxel_size_A
        # RELION's angles turn the specimen's axes into the template's
        euler = Rotation.from_matrix(placed[:, 3:].reshape(-1, 3, 3)[:, ::-1, ::-1]).inv().as_euler("ZYZ", degrees=True)
        self.picks.append(
            pd.DataFrame(
                {
                    "object": template.name, "x_A": centres[:, 2], "y_A": centres[:, 1], "z_A": centres[:, 0],
                    "score": 1.0, "rot": euler[:, 0], "tilt": euler[:, 1], "psi": euler[:, 2],
                }
            )
        )  # fmt: skip

    def crowd(self, fraction: float, allowed: int, mass_kDa: tuple[float, float] = (25.0, 300.0)) -> None:
        """Fill a region with small proteins."""
        free = (self.region == allowed) & (self.occupied == 0)
        particles.fill_with_proteins(self.biology, free, fraction, self.voxel_size_A, self.rng, mass_kDa=mass_kDa)

    def on_surface(self, count: int) -> np.ndarray:
        """Random positions ``(n, 3)`` on the slab's surfaces."""
        rng = self.rng
        y = rng.uniform(0, self.shape[1] - 1, count)
        x = rng.uniform(0, self.shape[2] - 1, count)
        upper = rng.random(count) < 0.5
        z = np.where(upper, self.top[y.astype(int), x.astype(int)], self.bottom[y.astype(int), x.astype(int)])
        return np.stack([z, y, x], axis=1)


def empty_canvas(
    shape: tuple[int, int, int],
    voxel_size_A: float,
    thickness_nm: float,
    rng: np.random.Generator,
    *,
    slab_tilt_deg: float = 0.0,
    wedge: float = 0.0,
    curvature: float = 0.0,
    roughness_A: float = 0.0,
    curtain_A: float = 0.0,
    offset: float = 0.0,
    templates: tuple[Template, ...] = (),
) -> Canvas:
    """A slab of ice with nothing in it.

    Parameters
    ----------
    shape
        ``(z, y, x)`` voxels of the whole volume; what the slab leaves over is empty, above and below.
    thickness_nm
        Mean thickness of the slab.
    slab_tilt_deg
        Tilt of the slab against the volume, in a random direction.
    wedge
        Relative change of thickness from the middle to the edge of the field.
    curvature
        Sagitta of a bent slab as a fraction of its thickness.
    roughness_A, curtain_A
        Relief of the surfaces: smooth, and in streaks as a focused ion beam leaves it.
    offset
        Displacement of the slab along z, as a fraction of the room left.

    Raises
    ------
    BadInput
        When the slab does not fit the volume.
    """
    nz, ny, nx = shape
    thick = thickness_nm * 10.0 / voxel_size_A
    if thick < 2.0 or thick > nz:
        raise BadInput(
            f"a specimen {thickness_nm:g} nm thick is {thick:.0f} voxels of {voxel_size_A:g} Å; the volume has {nz}",
            "choose another thickness, pixel size or --size",
        )
    y = (np.arange(ny, dtype=np.float32) - (ny - 1) / 2)[:, None]
    x = (np.arange(nx, dtype=np.float32) - (nx - 1) / 2)[None, :]
    angle = rng.uniform(0, 2 * np.pi)
    along = np.sin(angle) * y + np.cos(angle) * x
    slope = np.tan(np.deg2rad(slab_tilt_deg))
    across = np.cos(angle + 1.0) * y + np.sin(angle + 1.0) * x
    half = max(ny, nx) / 2
    middle = (nz - 1) / 2 + offset * (nz - thick) / 2 + slope * along
    middle = middle + curvature * thick * ((across / half) ** 2 - 0.33)
    thickness = thick * (1.0 + wedge * along / half)
    top = (middle + thickness / 2).astype(np.float32)
    bottom = (middle - thickness / 2).astype(np.float32)
    if roughness_A > 0:
        for surface in (top, bottom):
            surface += roughness_A / voxel_size_A * smooth_field((ny, nx), half / 4, rng)
    if curtain_A > 0:
        top += contamination.curtains((ny, nx), curtain_A / voxel_size_A, rng)
    top = np.maximum(top, bottom + 1.0)
    region = np.zeros(shape, dtype=np.uint8)
    z = np.arange(nz, dtype=np.float32)[:, None, None]
    region[(z <= top[None]) & (z >= bottom[None])] = MEDIUM
    return Canvas(
        voxel_size_A=voxel_size_A,
        rng=rng,
        biology=np.zeros(shape, dtype=np.float32),
        other=np.zeros(shape, dtype=np.float32),
        occupied=(region == OUTSIDE).astype(np.uint8),
        region=region,
        top=top,
        bottom=bottom,
        templates=templates,
    )
