"""Lipid bilayers: closed vesicles and organelles, and sheets along the level sets of a field."""

import numpy as np
from numba import njit

#: Distance of each leaflet's head groups from the bilayer's middle, Å (a typical phospholipid bilayer's
#: phosphate-to-phosphate distance is 38–40 Å), and the widths of the leaflets and of the lipid tails.
LEAFLET_A = 19.5
LEAFLET_SIGMA_A = 6.0
TAIL_SIGMA_A = 9.0
#: Potential relative to vitreous ice: head groups denser, tails slightly lighter than water.
HEAD_V = 3.2
TAIL_V = -1.0


@njit(cache=True, fastmath=True)
def bilayer_V(distance_A: float, voxel_size_A: float) -> float:
    """Potential of a bilayer at a signed distance from its middle plane, averaged over a voxel's width.

    The average is what makes a membrane drawn at 30 Å a voxel carry the same mass as one drawn at 5 Å.
    """
    blur = voxel_size_A * voxel_size_A / 12.0
    head = np.sqrt(LEAFLET_SIGMA_A**2 + blur)
    tail = np.sqrt(TAIL_SIGMA_A**2 + blur)
    heads = np.exp(-0.5 * ((distance_A - LEAFLET_A) / head) ** 2) + np.exp(
        -0.5 * ((distance_A + LEAFLET_A) / head) ** 2
    )
    middle = np.exp(-0.5 * (distance_A / tail) ** 2)
    return HEAD_V * heads * LEAFLET_SIGMA_A / head + TAIL_V * middle * TAIL_SIGMA_A / tail


@njit(cache=True, fastmath=True)
def add_vesicle(
    volume: np.ndarray,
    region: np.ndarray,
    centre_px: np.ndarray,
    radii_px: np.ndarray,
    rotation: np.ndarray,
    bumps: np.ndarray,
    voxel_size_A: float,
    lumen: int,
    allowed: int,
) -> None:
    """Draw a closed bilayer on a bumpy ellipsoid, clear what was drawn within it, and mark what it encloses.

    Parameters
    ----------
    volume
        float32 potential in V, changed in place.
    region
        uint8 labels of the same shape, changed in place: the enclosed voxels become ``lumen``.
    centre_px, radii_px, rotation
        The ellipsoid, axes in z, y, x.
    bumps
        ``(n, 4)``: amplitudes (relative) and wave vectors (z, y, x) of sinusoidal bumps on the unit sphere.
    lumen
        Label of the inside.
    allowed
        Draw only where the region carries this label; -1 draws everywhere.
    """
    nz, ny, nx = volume.shape
    margin = 60.0 / voxel_size_A + 2.0
    largest = max(radii_px[0], radii_px[1], radii_px[2]) * (1.0 + np.abs(bumps[:, 0]).sum()) + margin
    reach = int(np.ceil(largest))
    z0, y0, x0 = int(np.round(centre_px[0])), int(np.round(centre_px[1])), int(np.round(centre_px[2]))
    half_y, half_x = min(reach, (ny - 1) // 2), min(reach, (nx - 1) // 2)
    # A body wider than the field meets its own copies: what lies inside any of them is inside.
    copies_y = 0 if reach <= half_y else 1
    copies_x = 0 if reach <= half_x else 1
    last_y, last_x = (ny - half_y - 1 if copies_y else half_y), (nx - half_x - 1 if copies_x else half_x)
    reach_A = LEAFLET_A + 4.0 * np.sqrt(TAIL_SIGMA_A**2 + voxel_size_A**2 / 12.0)
    for z in range(max(0, z0 - reach), min(nz, z0 + reach + 1)):
        dz = z - centre_px[0]
        for y in range(y0 - half_y, y0 + last_y + 1):
            for x in range(x0 - half_x, x0 + last_x + 1):
                yy, xx = y % ny, x % nx
                if allowed >= 0 and region[z, yy, xx] != allowed:
                    continue
                d_A = 1e9
                for copy in range((2 * copies_y + 1) * (2 * copies_x + 1)):
                    # the nearest copy first: deep inside it, the others do not matter
                    cy = (copy // (2 * copies_x + 1) + 1) % 3 - 1 if copies_y else 0
                    cx = (copy % (2 * copies_x + 1) + 1) % 3 - 1 if copies_x else 0
                    dy, dx = y - centre_px[1] + cy * ny, x - centre_px[2] + cx * nx
                    if abs(dy) > reach + 1 or abs(dx) > reach + 1:
                        continue
                    d_A = min(d_A, voxel_size_A * _bumpy_distance(dz, dy, dx, radii_px, rotation, bumps))
                    if d_A < -reach_A:
                        break
                if d_A < -reach_A:
                    volume[z, yy, xx] = 0.0  # a closed body displaces what crossed its place
                elif d_A < reach_A:
                    volume[z, yy, xx] += bilayer_V(d_A, voxel_size_A)
                if d_A < 0:
                    region[z, yy, xx] = lumen


@njit(cache=True, fastmath=True)
def _bumpy_distance(
    dz: float, dy: float, dx: float, radii_px: np.ndarray, rotation: np.ndarray, bumps: np.ndarray
) -> float:
    """Signed distance in voxels to a bumpy ellipsoid, to first order: (r − 1) over the length of r's gradient."""
    u = (rotation[0, 0] * dz + rotation[1, 0] * dy + rotation[2, 0] * dx) / radii_px[0]
    v = (rotation[0, 1] * dz + rotation[1, 1] * dy + rotation[2, 1] * dx) / radii_px[1]
    w = (rotation[0, 2] * dz + rotation[1, 2] * dy + rotation[2, 2] * dx) / radii_px[2]
    r = np.sqrt(u * u + v * v + w * w)
    if r < 1e-6:
        return -min(radii_px[0], radii_px[1], radii_px[2])
    swell = 1.0
    for b in range(bumps.shape[0]):
        swell += bumps[b, 0] * np.sin(bumps[b, 1] * u / r + bumps[b, 2] * v / r + bumps[b, 3] * w / r + b)
    gradient = np.sqrt((u / radii_px[0]) ** 2 + (v / radii_px[1]) ** 2 + (w / radii_px[2]) ** 2) / r
    return (r - swell) / gradient


@njit(cache=True, fastmath=True)
def add_sheets(
    volume: np.ndarray,
    region: np.ndarray,
    field: np.ndarray,
    levels: np.ndarray,
    voxel_size_A: float,
    allowed: int,
    occupied: np.ndarray,
) -> None:
    """Draw a bilayer along each level of a scalar field: cell walls crossing a lamella, cristae, thylakoids.

    Parameters
    ----------
    volume
        float32 potential in V, changed in place.
    region
        uint8 labels; sheets are drawn where it equals ``allowed``.
    field
        float32 of the same shape; its level sets are the sheets' middle planes.
    levels
        Values of the field to draw at.
    occupied
        uint8; voxels within a membrane are marked, so that nothing else is placed there.
    """
    nz, ny, nx = volume.shape
    reach_A = LEAFLET_A + 4.0 * np.sqrt(TAIL_SIGMA_A**2 + voxel_size_A**2 / 12.0)
    for z in range(nz):
        zl, zh = max(z - 1, 0), min(z + 1, nz - 1)
        for y in range(ny):
            yl, yh = max(y - 1, 0), min(y + 1, ny - 1)
            for x in range(nx):
                if region[z, y, x] != allowed:
                    continue
                xl, xh = max(x - 1, 0), min(x + 1, nx - 1)
                gz = (field[zh, y, x] - field[zl, y, x]) / max(zh - zl, 1)
                gy = (field[z, yh, x] - field[z, yl, x]) / max(yh - yl, 1)
                gx = (field[z, y, xh] - field[z, y, xl]) / max(xh - xl, 1)
                gradient = np.sqrt(gz * gz + gy * gy + gx * gx)
                if gradient < 1e-6:
                    continue
                for level in levels:
                    d_A = (field[z, y, x] - level) / gradient * voxel_size_A
                    if abs(d_A) < reach_A:
                        volume[z, y, x] += bilayer_V(d_A, voxel_size_A)
                        if abs(d_A) < LEAFLET_A + 12.0:
                            occupied[z, y, x] = 1
