"""Surfaces fitted to local maps made from known planes."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, gaussian_filter1d, maximum_filter1d
from scipy.stats import theilslopes

from cryogauge.records import BadInput
from cryogauge.score.thickness import Surfaces, fit_surfaces

TILE_PX = 32


def quality_of_slab(
    shape: tuple[int, int, int],
    thickness_px: float,
    *,
    tile_px: int = TILE_PX,
    tilt_deg: float = 0.0,
    azimuth_deg: float = 0.0,
    centre_z: float | None = None,
    wedge: float = 0.0,
    sagitta_px: float = 0.0,
    plateau: float = 0.6,
    noise: float = 0.0,
    skirt: float = 0.0,
    holes: float = 0.0,
    smeared: float = 0.0,
    z_sigma: float = 3.0,
    seed: int = 0,
) -> np.ndarray:
    """Local map ``(z, y', x')`` of a slab in a volume of ``shape`` voxels, thickness taken across.

    ``wedge`` is the relative change of thickness from the middle to the edge of the field, ``skirt`` the level of a
    smear outside the surfaces that fades over 0.6 of the thickness, ``holes`` the share of columns without specimen,
    ``smeared`` the share that dense objects lengthen to three times the thickness.
    """
    rng = np.random.default_rng(seed)
    nz, ny, nx = shape
    step = 4
    y, x = ((np.arange(n // step) + 0.5) * step - 0.5 for n in (ny, nx))
    along_y, along_x = np.meshgrid((y - (ny - 1) / 2), (x - (nx - 1) / 2), indexing="ij")
    slope = np.tan(np.deg2rad(tilt_deg))
    middle = (nz - 1) / 2 if centre_z is None else centre_z
    middle = middle + slope * (along_x * np.cos(np.deg2rad(azimuth_deg)) + along_y * np.sin(np.deg2rad(azimuth_deg)))
    middle = middle + sagitta_px * ((2 * along_x / nx) ** 2 - 1 / 3)
    along_z = thickness_px * np.hypot(1, slope) * (1 + wedge * 2 * along_x / nx)
    z = np.arange(nz)[:, None, None]
    beyond = np.abs(z - middle) - along_z / 2
    cover = np.clip(0.5 - beyond, 0, 1)
    if skirt:
        cover = np.maximum(cover, np.where(beyond > 0, skirt * np.clip(1 - beyond / (0.6 * thickness_px), 0, 1), 0))
    part = tile_px // step
    tiles = cover.reshape(nz, ny // tile_px, part, nx // tile_px, part).mean(axis=(2, 4))
    tiles = gaussian_filter1d(tiles, z_sigma, axis=0, mode="nearest") if z_sigma else tiles
    grid = tiles.shape[1:]
    tiles = tiles * np.clip(plateau * (1 + 0.2 * rng.normal(size=grid)), 0.3, 1)
    tiles[:, rng.random(grid) < holes] *= 0.05
    long = rng.random(grid) < smeared
    tiles[:, long] = maximum_filter1d(tiles, int(2 * thickness_px), axis=0)[:, long]
    grain = gaussian_filter(rng.normal(size=tiles.shape), (2, 0.7, 0.7))
    return np.clip(tiles + noise * grain / grain.std(), 0, 1).astype(np.float32)


def fitted(local_map: np.ndarray, tile_px: int = TILE_PX, **options) -> Surfaces:
    surfaces = fit_surfaces(local_map, tile_px, **options)
    assert surfaces is not None
    return surfaces


def test_a_level_slab_is_measured_exactly():
    surfaces = fitted(quality_of_slab((100, 256, 256), 40, centre_z=49.5, z_sigma=0))
    assert surfaces.top == pytest.approx((29.5, 0, 0), abs=1e-6)
    assert surfaces.bottom == pytest.approx((69.5, 0, 0), abs=1e-6)
    assert surfaces.thickness_px == pytest.approx(40)
    assert surfaces.thickness_nm(31.36) == pytest.approx(125.44)
    assert surfaces.tilt_deg == pytest.approx(0, abs=1e-6)
    assert surfaces.inlier_fraction == 1
    assert not surfaces.touches_end


def test_planes_are_in_voxels_of_the_tomogram():
    """z = a + b x + c y holds at the voxels, not at the tiles."""
    slope = np.tan(np.deg2rad(12))
    surfaces = fitted(quality_of_slab((200, 512, 384), 60, tilt_deg=12, azimuth_deg=90, centre_z=90))
    a, b, c = surfaces.bottom
    assert b == pytest.approx(0, abs=0.003)
    assert c == pytest.approx(slope, rel=0.02)
    assert a + b * 191.5 + c * 255.5 == pytest.approx(90 + 30 * np.hypot(1, slope), abs=0.5)


@settings(max_examples=15)
@given(
    thickness_px=st.floats(30, 75),
    tilt_deg=st.sampled_from([0.0, 5.0, 15.0, 25.0, 30.0]),
    azimuth_deg=st.floats(0, 360),
    wedge=st.floats(0, 0.3),
    plateau=st.sampled_from([0.4, 0.6, 0.85]),
    seed=st.integers(0, 2**16),
)
def test_tilted_wedges_are_measured_across(thickness_px, tilt_deg, azimuth_deg, wedge, plateau, seed):
    local_map = quality_of_slab(
        (140, 384, 384),
        thickness_px,
        tilt_deg=tilt_deg,
        azimuth_deg=azimuth_deg,
        wedge=wedge,
        plateau=plateau,
        noise=0.03,
        seed=seed,
    )
    surfaces = fitted(local_map)
    # A wedge's mean over the columns that stay in the volume is not quite its mean over the field.
    assert surfaces.thickness_px == pytest.approx(thickness_px, rel=0.1)
    assert surfaces.tilt_deg == pytest.approx(tilt_deg, abs=2)


@settings(max_examples=15)
@given(thickness_px=st.floats(30, 75), tilt_deg=st.floats(0, 20), seed=st.integers(0, 2**16))
def test_smear_and_holes_do_not_thicken(thickness_px, tilt_deg, seed):
    make = partial(quality_of_slab, (160, 320, 320), thickness_px, tilt_deg=tilt_deg, noise=0.03, seed=seed)
    clean = fitted(make())
    hard = fitted(make(skirt=0.3, holes=0.2, smeared=0.1))
    assert clean.thickness_px == pytest.approx(thickness_px, rel=0.05)
    assert hard.thickness_px == pytest.approx(thickness_px, rel=0.1)


def test_a_hundred_hard_specimens():
    """The bar for the real thing: slope within 3 %, 95 % of all within 10 %; the paper's count is far off here."""
    rng = np.random.default_rng(11)
    true, ours, count = [], [], []
    for seed in range(100):
        nz = int(rng.choice([100, 140, 200]))
        thickness_px = rng.uniform(30, 0.55 * nz)
        local_map = quality_of_slab(
            (nz, 320, 320),
            thickness_px,
            tilt_deg=rng.choice([0, 5, 15, 25, 30]),
            azimuth_deg=rng.uniform(0, 360),
            wedge=rng.uniform(0, 0.3),
            sagitta_px=rng.choice([0, 0.1]) * thickness_px,
            plateau=rng.choice([0.4, 0.6, 0.8]),
            noise=rng.choice([0.02, 0.05, 0.08]),
            skirt=rng.choice([0, 0.2, 0.35]),
            holes=rng.choice([0, 0.2]),
            smeared=rng.choice([0, 0.1]),
            seed=seed,
        )
        true.append(thickness_px)
        ours.append(fitted(local_map).thickness_px)
        count.append(np.count_nonzero(np.percentile(local_map, 85, axis=(1, 2)) > 0.2))
    off = np.abs(np.array(ours) / true - 1)
    assert np.mean(off < 0.1) >= 0.95
    slope, *_ = theilslopes(ours, true)
    assert slope == pytest.approx(1, abs=0.03)
    assert np.mean(np.abs(np.array(count) / true - 1) < 0.1) < 0.5


def test_a_steep_slab_leaves_the_volume_at_the_edges_of_the_field():
    surfaces = fitted(quality_of_slab((128, 896, 896), 60, tilt_deg=30, azimuth_deg=40, noise=0.03))
    assert surfaces.thickness_px == pytest.approx(60, rel=0.06)
    assert surfaces.tilt_deg == pytest.approx(30, abs=1.5)
    assert not surfaces.touches_end


def test_curvature_shows_in_the_residual():
    flat = fitted(quality_of_slab((140, 512, 512), 60, noise=0.02))
    bent = fitted(quality_of_slab((140, 512, 512), 60, noise=0.02, sagitta_px=12))
    assert bent.thickness_px == pytest.approx(60, rel=0.05)
    assert bent.residual_px > 2 * flat.residual_px
    assert bent.residual_px == pytest.approx(12 * np.sqrt(4 / 45), rel=0.4)


@pytest.mark.parametrize("centre_z", [10.0, 89.0])
def test_a_specimen_cut_by_the_volume_is_a_lower_bound(centre_z):
    surfaces = fitted(quality_of_slab((100, 256, 256), 50, centre_z=centre_z, noise=0.02))
    assert surfaces.touches_end
    assert 30 < surfaces.thickness_px < 40


def test_a_volume_full_of_specimen_touches_both_ends():
    surfaces = fitted(quality_of_slab((60, 256, 256), 300, noise=0.02))
    assert surfaces.touches_end
    assert surfaces.thickness_px == pytest.approx(60, abs=1)


def test_every_other_slice_gives_the_same_planes():
    local_map = quality_of_slab((160, 384, 384), 60, tilt_deg=10, noise=0.02)
    every, other = fitted(local_map), fitted(local_map[::2], z_step=2)
    assert other.thickness_px == pytest.approx(every.thickness_px, rel=0.02)
    np.testing.assert_allclose(other.top, every.top, atol=1.0)


def test_fine_tiles_give_the_same_planes():
    make = partial(quality_of_slab, (120, 768, 768), 50, tilt_deg=10, azimuth_deg=30)
    coarse, fine = (fitted(make(tile_px=tile_px), tile_px) for tile_px in (32, 16))
    assert fine.thickness_px == pytest.approx(coarse.thickness_px, rel=0.02)
    np.testing.assert_allclose(fine.top, coarse.top, rtol=0.02, atol=1.0)


def test_a_field_too_small_for_a_tilt_still_has_a_thickness():
    surfaces = fitted(quality_of_slab((80, 64, 64), 30))
    assert surfaces.thickness_px == pytest.approx(30, rel=0.05)
    assert np.isnan(surfaces.tilt_deg)


@pytest.mark.parametrize(
    "local_map",
    [
        np.zeros((40, 8, 8)),
        np.full((40, 8, 8), np.nan),
        np.full((40, 8, 8), 0.15),
        np.random.default_rng(0).random((60, 8, 8)),
    ],
    ids=["empty", "not scored", "faint", "noise"],
)
def test_no_slab_no_surfaces(local_map):
    assert fit_surfaces(local_map, TILE_PX) is None


def test_the_same_seed_gives_the_same_planes():
    local_map = quality_of_slab((120, 384, 384), 50, noise=0.08, holes=0.2, smeared=0.2)
    assert fit_surfaces(local_map, TILE_PX, seed=3) == fit_surfaces(local_map, TILE_PX, seed=3)


@pytest.mark.parametrize(("shape", "tile_px", "z_step"), [((8, 8), 32, 1), ((8, 8, 8), 0, 1), ((8, 8, 8), 32, 0)])
def test_wrong_calls_are_refused(shape, tile_px, z_step):
    with pytest.raises(BadInput, match=r"map \(z, y, x\)"):
        fit_surfaces(np.ones(shape), tile_px, z_step=z_step)


@pytest.mark.parametrize("tile_px", [16, 32, 64])
def test_local_variance_of_a_real_tomogram(tile_px):
    """EMPIAR-11658 tomogram 171: a lamella of *Chlamydomonas*, 187 nm by the local variance of its density."""
    if "CRYOGAUGE_DATA" not in os.environ:
        pytest.skip("needs the real files: set CRYOGAUGE_DATA")
    from cryogauge.io import open_volume

    volume = open_volume(
        str(Path(os.environ["CRYOGAUGE_DATA"]) / "tomograms" / "tomo-project" / "EMPIAR-11658_tomo171_31A.mrc")
    )
    data = np.asarray(volume.data, dtype=np.float32)
    nz, ny, nx = data.shape
    spread = data.reshape(nz, ny // tile_px, tile_px, nx // tile_px, tile_px).std(axis=(2, 4))
    low, high = np.percentile(spread, [10, 90])
    surfaces = fitted(np.clip((spread - low) / (high - low), 0, 1), tile_px)
    assert surfaces.thickness_nm(volume.voxel_size_A) == pytest.approx(187, rel=0.05)
    assert surfaces.tilt_deg < 3
    assert surfaces.inlier_fraction > 0.9
