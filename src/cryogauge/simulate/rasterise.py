"""Drawing into a potential map: Gaussian blobs, solid spheres, rotated density templates.

Every kernel adds to ``volume`` in place, wraps around along x and y (the specimen repeats sideways, so that
tilted views are filled), and clips along z. Positions are ``(z, y, x)`` in voxels, the centre of voxel 0 at 0.
"""

import numpy as np
from numba import njit


@njit(cache=True, fastmath=True)
def add_blobs(volume: np.ndarray, centres_px: np.ndarray, sigma_px: np.ndarray, integral: np.ndarray) -> None:
    """Add normalised 3-D Gaussians.

    Parameters
    ----------
    volume
        float32 ``(z, y, x)``, changed in place.
    centres_px
        float64 ``(n, 3)`` as z, y, x.
    sigma_px, integral
        float64 ``(n,)``: width, and the sum over voxels that each blob adds.
    """
    nz, ny, nx = volume.shape
    wz = np.empty(129)
    wy = np.empty(129)
    wx = np.empty(129)
    for i in range(centres_px.shape[0]):
        s = sigma_px[i]
        reach = min(64, int(np.ceil(3.0 * s)))
        cz, cy, cx = centres_px[i]
        z0, y0, x0 = int(np.round(cz)), int(np.round(cy)), int(np.round(cx))
        if z0 + reach < 0 or z0 - reach >= nz:
            continue
        amplitude = integral[i] / (2.0 * np.pi) ** 1.5 / (s * s * s)
        for k in range(-reach, reach + 1):
            wz[k + reach] = np.exp(-0.5 * ((z0 + k - cz) / s) ** 2)
            wy[k + reach] = np.exp(-0.5 * ((y0 + k - cy) / s) ** 2)
            wx[k + reach] = np.exp(-0.5 * ((x0 + k - cx) / s) ** 2)
        for k in range(-reach, reach + 1):
            z = z0 + k
            if z < 0 or z >= nz:
                continue
            for j in range(-reach, reach + 1):
                y = (y0 + j) % ny
                weight = amplitude * wz[k + reach] * wy[j + reach]
                for h in range(-reach, reach + 1):
                    volume[z, y, (x0 + h) % nx] += weight * wx[h + reach]


@njit(cache=True, fastmath=True)
def add_spheres(volume: np.ndarray, centres_px: np.ndarray, radius_px: np.ndarray, potential_V: np.ndarray) -> None:
    """Add solid spheres with an edge one voxel soft (anti-aliased)."""
    nz, ny, nx = volume.shape
    for i in range(centres_px.shape[0]):
        r = radius_px[i]
        cz, cy, cx = centres_px[i]
        reach = int(np.ceil(r + 1.0))
        z0, y0, x0 = int(np.round(cz)), int(np.round(cy)), int(np.round(cx))
        for z in range(max(0, z0 - reach), min(nz, z0 + reach + 1)):
            for y in range(y0 - reach, y0 + reach + 1):
                for x in range(x0 - reach, x0 + reach + 1):
                    d = np.sqrt((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2)
                    cover = min(1.0, max(0.0, r - d + 0.5))
                    if cover > 0.0:
                        volume[z, y % ny, x % nx] += potential_V[i] * cover


@njit(cache=True, fastmath=True)
def add_template(volume: np.ndarray, template: np.ndarray, centre_px: np.ndarray, rotation: np.ndarray) -> None:
    """Add one density template, rotated about its centre, by trilinear interpolation.

    Parameters
    ----------
    volume, template
        float32 ``(z, y, x)`` at the same voxel size.
    centre_px
        Where the template's centre goes, ``(3,)`` as z, y, x.
    rotation
        ``(3, 3)`` matrix that turns template vectors (z, y, x) into specimen vectors.
    """
    nz, ny, nx = volume.shape
    tz, ty, tx = template.shape
    hz, hy, hx = (tz - 1) / 2.0, (ty - 1) / 2.0, (tx - 1) / 2.0
    reach = int(np.ceil(min(np.sqrt(hz * hz + hy * hy + hx * hx), 1.05 * max(hz, hy, hx))))
    z0, y0, x0 = int(np.round(centre_px[0])), int(np.round(centre_px[1])), int(np.round(centre_px[2]))
    for z in range(max(0, z0 - reach), min(nz, z0 + reach + 1)):
        dz = z - centre_px[0]
        for y in range(y0 - reach, y0 + reach + 1):
            dy = y - centre_px[1]
            for x in range(x0 - reach, x0 + reach + 1):
                dx = x - centre_px[2]
                # the inverse of a rotation is its transpose
                u = rotation[0, 0] * dz + rotation[1, 0] * dy + rotation[2, 0] * dx + hz
                v = rotation[0, 1] * dz + rotation[1, 1] * dy + rotation[2, 1] * dx + hy
                w = rotation[0, 2] * dz + rotation[1, 2] * dy + rotation[2, 2] * dx + hx
                if u < 0 or v < 0 or w < 0 or u >= tz - 1 or v >= ty - 1 or w >= tx - 1:
                    continue
                a, b, c = int(u), int(v), int(w)
                fu, fv, fw = u - a, v - b, w - c
                near = (1 - fv) * ((1 - fw) * template[a, b, c] + fw * template[a, b, c + 1]) + fv * (
                    (1 - fw) * template[a, b + 1, c] + fw * template[a, b + 1, c + 1]
                )
                far = (1 - fv) * ((1 - fw) * template[a + 1, b, c] + fw * template[a + 1, b, c + 1]) + fv * (
                    (1 - fw) * template[a + 1, b + 1, c] + fw * template[a + 1, b + 1, c + 1]
                )
                volume[z, y % ny, x % nx] += (1 - fu) * near + fu * far


@njit(cache=True)
def claim_spheres(
    occupied: np.ndarray, candidates_px: np.ndarray, radius_px: float, wanted: int, depth_px: float
) -> np.ndarray:
    """Random sequential addition: accept candidates whose sphere is still free, and mark it.

    Parameters
    ----------
    occupied
        uint8 ``(z, y, x)``; non-zero where nothing more may stand. Changed in place.
    candidates_px
        float64 ``(n, 3)`` in the order to be tried.
    radius_px
        Radius that must be free, in voxels.
    wanted
        Stop after this many.
    depth_px
        Distance from the first and last slice to keep free of centres.

    Returns
    -------
    numpy.ndarray
        Indices of the accepted candidates.
    """
    nz, ny, nx = occupied.shape
    kept = np.empty(candidates_px.shape[0], dtype=np.int64)
    n = 0
    reach = int(np.ceil(radius_px))
    for i in range(candidates_px.shape[0]):
        if n >= wanted:
            break
        cz, cy, cx = candidates_px[i]
        if cz < depth_px or cz > nz - 1 - depth_px:
            continue
        z0, y0, x0 = int(np.round(cz)), int(np.round(cy)), int(np.round(cx))
        free = True
        for z in range(max(0, z0 - reach), min(nz, z0 + reach + 1)):
            for y in range(y0 - reach, y0 + reach + 1):
                for x in range(x0 - reach, x0 + reach + 1):
                    if (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= radius_px**2 and occupied[z, y % ny, x % nx]:
                        free = False
                        break
                if not free:
                    break
            if not free:
                break
        if not free:
            continue
        for z in range(max(0, z0 - reach), min(nz, z0 + reach + 1)):
            for y in range(y0 - reach, y0 + reach + 1):
                for x in range(x0 - reach, x0 + reach + 1):
                    if (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= radius_px**2:
                        occupied[z, y % ny, x % nx] = 1
        kept[n] = i
        n += 1
    return kept[:n]
