"""Small pictures of grids made for tests: squares on a mesh, holes on a lattice, of known places."""

import numpy as np
from scipy import ndimage


def turned(angle_deg):
    """Unit vectors of rows and columns turned by an angle."""
    a = np.deg2rad(angle_deg)
    return np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])


def mesh(
    shape=(320, 360), pitch=64.0, side=40.0, angle_deg=20.0, seed=0, *, film=400.0, bars=20.0, vacuum=600.0, kinds=None
):
    """Picture of squares, and the centres (x, y) and kinds of all whose centre is inside.

    ``kinds`` gives what each becomes in turn: intact, broken, thick, empty, contaminated, fraction, missing.
    """
    rng = np.random.default_rng(seed)
    ny, nx = shape
    y, x = np.mgrid[:ny, :nx]
    (ux, uy), (vx, vy) = turned(angle_deg)
    start = np.array([nx, ny]) / 2 + pitch * rng.uniform(-0.2, 0.2, 2)
    u, v = (x - start[0]) * ux + (y - start[1]) * uy, (x - start[0]) * vx + (y - start[1]) * vy
    i, j = np.round(u / pitch), np.round(v / pitch)
    du, dv = u - i * pitch, v - j * pitch
    picture = np.full(shape, bars)
    centres, told = [], []
    for a in np.unique(i):
        for b in np.unique(j):
            centre = start + pitch * (a * np.array([ux, uy]) + b * np.array([vx, vy]))
            mine = (i == a) & (j == b)
            inside = mine & (np.abs(du) < side / 2) & (np.abs(dv) < side / 2)
            kind = "intact" if not kinds else kinds[int(rng.integers(len(kinds)))]
            level = film * rng.uniform(0.97, 1.03)
            if kind == "missing":
                continue
            picture[inside] = {"thick": 0.3 * level, "empty": vacuum}.get(kind, level)
            if kind == "broken":
                picture[inside & (np.hypot(du - 4, dv) < 0.3 * side)] = vacuum
            if kind == "contaminated":
                spots = ndimage.zoom(rng.random((6, 6)), (ny / 6, nx / 6), order=0)
                dark = np.hypot((du + 8) % 11 - 5, (dv + 8) % 11 - 5) < 2.5
                picture[inside & dark & (spots > 0.2)] = 0.15 * level
            if kind == "fraction":
                picture[inside & (du > -0.1 * side)] = bars
            if (centre >= 0).all() and (centre < [nx, ny]).all():
                centres.append(centre)
                told.append(kind)
    picture = ndimage.gaussian_filter(picture, 1.0)
    return rng.poisson(picture).astype(np.float32), np.array(centres), told


def holes(
    shape=(320, 360), pitch=40.0, diameter=20.0, angle_deg=12.0, seed=0, *, kind="square", foil=300.0, inside=360.0,
    missing=0.0, fringe=0.0, bar=0.0, dirt=0,
):  # fmt: skip
    """Picture of holes, and the centres (x, y) of those there and of those missing, all whose centre is inside."""
    rng = np.random.default_rng(seed)
    ny, nx = shape
    turn = np.deg2rad(angle_deg + np.array([0, 90 if kind == "square" else 60]))
    basis = pitch * np.column_stack([np.cos(turn), np.sin(turn)])
    reach = int(2 * max(shape) / pitch)
    i, j = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    sites = np.column_stack([i.ravel(), j.ravel()]) @ basis + np.array([nx, ny]) / 2 + rng.uniform(0, pitch, 2)
    sites = sites[((sites > -diameter) & (sites < np.array([nx, ny]) + diameter)).all(1)]
    there = rng.random(len(sites)) >= missing
    y, x = np.mgrid[:ny, :nx]
    picture = np.full(shape, foil)
    for cx, cy in sites[there]:
        r = np.hypot(x - cx, y - cy)
        picture[r < diameter / 2] = inside
        picture -= fringe * np.exp(-((r - diameter / 2) ** 2) / 2)
    for cx, cy in rng.uniform(0, 1, (dirt, 2)) * [nx, ny]:
        picture[np.hypot(x - cx, y - cy) < rng.uniform(2, 6)] = 0.3 * foil
    picture[:, : int(bar)] = 5.0
    picture = ndimage.gaussian_filter(picture, 0.8)
    inner = ((sites >= 0) & (sites < [nx, ny])).all(1)
    return rng.poisson(np.maximum(picture, 0)).astype(np.float32), sites[there & inner], sites[~there & inner]
