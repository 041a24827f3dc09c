import numpy as np
import pytest

from cryogauge.imaging.ctf import ctf_1d
from cryogauge.imaging.ctf_fit import fit_defocus
from cryogauge.imaging.motion import register_frames
from cryogauge.records import BadInput
from cryogauge.simulate.grid import GridOptics, GridSettings, View, grid_frames, grid_image, make_grid

EVEN = GridOptics(uneven=0.0, stripes=0.0, astigmatism_A=0.0)
CLEAN = {"contamination": 0.0, "meniscus_nm": 0.0, "cracked": 0.0}


@pytest.fixture(scope="module")
def grid():
    return make_grid(GridSettings(mesh=200, pattern="R2/4", particles_um2=0.0, **CLEAN), seed=8)


def intact_hole(grid, low_nm=30.0, high_nm=70.0):
    holes = grid.holes
    usual = holes["thickness_nm"].between(low_nm, high_nm) & (holes["kind"] == "intact") & (holes["edge_um"] > 5)
    return holes[usual].iloc[100]


def at(place):
    return float(place["stage_x_um"]), float(place["stage_y_um"])


@pytest.mark.parametrize(("slit", "path_nm"), [(True, 312.0), (False, 1486.0)])
def test_ice_takes_electrons_by_its_thickness(grid, slit, path_nm):
    hole = intact_hole(grid)
    image = grid_image(grid, at(hole), 20, (96, 96), defocus_A=1e4, dose_e_A2=1.0, seed=1, slit=slit, optics=EVEN)
    assert image.mean() / 400 == pytest.approx(np.exp(-hole["thickness_nm"] / path_nm), rel=0.01)


def test_pairs_with_and_without_the_slit_tell_thickness_by_the_inelastic_path(grid):
    for low_nm, high_nm in ((20.0, 40.0), (70.0, 120.0)):
        hole = intact_hole(grid, low_nm, high_nm)
        filtered, unfiltered = (
            grid_image(grid, at(hole), 20, (96, 96), defocus_A=1e4, dose_e_A2=20.0, seed=1, slit=slit).mean()
            for slit in (True, False)
        )
        assert 395.0 * np.log(unfiltered / filtered) == pytest.approx(hole["thickness_nm"], rel=0.1)


def test_tilt_lengthens_the_way_through_ice(grid):
    hole = intact_hole(grid)
    image = grid_image(grid, at(hole), 20, (96, 96), defocus_A=1e4, dose_e_A2=1.0, seed=1, tilt_deg=60, optics=EVEN)
    assert image.mean() / 400 == pytest.approx(np.exp(-2 * hole["thickness_nm"] / 312.0), rel=0.02)


def test_slower_electrons_are_lost_sooner(grid):
    hole = intact_hole(grid, 60, 90)
    fast, slow = (
        grid_image(
            grid, at(hole), 20, (64, 64), defocus_A=1e4, dose_e_A2=1.0, seed=1,
            optics=GridOptics(voltage_kV=voltage, uneven=0, stripes=0),
        ).mean() / 400
        for voltage in (300.0, 200.0)
    )  # fmt: skip
    assert np.log(slow) / np.log(fast) == pytest.approx(312.0 / 235.5, rel=0.03)


def test_where_there_is_nothing_electrons_arrive_as_they_were_sent():
    empty = make_grid(GridSettings(mesh=100, pattern="R2/10", empty=1.0, **{**CLEAN, "broken": 0, "dry": 0, "thick": 0,
                                   "contaminated": 0}), seed=1)  # fmt: skip
    image = grid_image(empty, (0, 0), 100, (256, 256), defocus_A=1e5, dose_e_A2=0.004, seed=1, optics=EVEN)
    assert image.mean() == pytest.approx(40, rel=0.01)
    blocks = image.reshape(32, 8, 32, 8).sum(axis=(1, 3))
    # Poisson's variance over the share of electrons that the camera detects
    assert blocks.var() / blocks.mean() == pytest.approx(1 / 0.85, rel=0.15)


def test_bars_are_dark():
    grid = make_grid(GridSettings(mesh=200, pattern="R2/4"), seed=8)
    square = grid.squares[grid.squares["kind"] == "intact"].iloc[20]
    image = grid_image(grid, at(square), 4000, (320, 320), defocus_A=1e6, dose_e_A2=2.5e-6, seed=1)
    between = View(at(square), 4000, (320, 320)).to_pixel(
        square["stage_x_um"] + 63.5 * np.cos(np.deg2rad(grid.angle_deg)),
        square["stage_y_um"] + 63.5 * np.sin(np.deg2rad(grid.angle_deg)),
    )
    column, row = (int(np.round(value)) for value in between)
    assert image[row - 2 : row + 3, column - 2 : column + 3].mean() < 0.05 * image[155:165, 155:165].mean()


@pytest.mark.parametrize(("pattern", "period_um"), [("R1.2/1.3", 2.5), ("H2/2", 4 * np.sqrt(0.75))])
def test_the_lattice_is_found_in_the_spectrum_of_an_image(pattern, period_um):
    settings = GridSettings(mesh=200, pattern=pattern, ice_nm=25, ice_square_nm=1, ice_gradient_nm=2, **CLEAN)
    grid = make_grid(settings, seed=8)
    square = grid.squares[(grid.squares["kind"] == "intact") & grid.squares["thickness_nm"].between(15, 40)].iloc[30]
    image = grid_image(grid, at(square), 1200, (512, 512), defocus_A=1e6, dose_e_A2=1e-3, seed=1)
    window = np.hanning(512)[:, None] * np.hanning(512)[None, :]
    power = np.abs(np.fft.rfft2((image - image.mean()) * window, s=(2048, 2048))) ** 2
    fy, fx = np.fft.fftfreq(2048, 0.12)[:, None], np.fft.rfftfreq(2048, 0.12)[None, :]
    radius = np.hypot(fy, fx)
    power[(radius < 0.8 / period_um) | (radius > 1.25 / period_um)] = 0
    peak = np.unravel_index(np.argmax(power), power.shape)
    assert 1 / radius[peak] == pytest.approx(period_um, rel=0.01)
    angle = np.rad2deg(np.arctan2(fy[peak[0], 0], fx[0, peak[1]]))
    turn = 90 if pattern[0] == "R" else 60
    offset = 0 if pattern[0] == "R" else 30
    assert abs((angle - grid.hole_angle_deg - offset + turn / 2) % turn - turn / 2) < 1.0


def test_a_hole_is_at_one_place_at_every_magnification(grid):
    hole = intact_hole(grid)
    x, y = at(hole)
    for pixel_A in (400.0, 600.0, 1200.0):
        view = View((x + 0.5, y - 0.3), pixel_A, (160, 160))
        dose = 1e4 / pixel_A**2
        image = grid_image(grid, view.center_um, pixel_A, view.shape_px, defocus_A=1e5, dose_e_A2=dose, seed=3)
        column, row = view.to_pixel(x, y)
        away = np.hypot(np.arange(160)[None, :] - column, np.arange(160)[:, None] - row) * pixel_A * 1e-4
        ring = np.median(image[(away > 1.3) & (away < 2.0)])
        light = np.where(away < 1.3, image - ring, 0.0)
        seen = view.to_stage((light.sum(axis=0) * np.arange(160)).sum() / light.sum(),
                             (light.sum(axis=1) * np.arange(160)).sum() / light.sum())  # fmt: skip
        assert np.allclose(seen, (x, y), atol=0.08), pixel_A


def test_thon_rings_of_the_foil_are_dark_where_the_transfer_is_zero(grid):
    hole = intact_hole(grid)
    place = (float(hole["stage_x_um"]) + 3.0 * np.cos(np.deg2rad(grid.hole_angle_deg + 45)),
             float(hole["stage_y_um"]) + 3.0 * np.sin(np.deg2rad(grid.hole_angle_deg + 45)))  # fmt: skip
    image = grid_image(grid, place, 1.5, (768, 768), defocus_A=15_000, dose_e_A2=60, seed=2, optics=EVEN)
    power = np.abs(np.fft.rfft2(image - image.mean())) ** 2
    frequency = np.hypot(np.fft.fftfreq(768, 1.5)[:, None], np.fft.rfftfreq(768, 1.5)[None, :])
    bins = np.arange(0.02, 0.16, 0.0012)
    where = np.digitize(frequency, bins)
    middle = 0.5 * (bins[1:] + bins[:-1])
    rings = np.array([power[where == k].mean() for k in range(1, len(bins))])
    transfer = ctf_1d(middle, 15_000) ** 2
    # low where the CTF is 0 and high between, ring by ring
    for low, high in ((0.03, 0.08), (0.08, 0.12), (0.12, 0.15)):
        part = (middle > low) & (middle < high)
        assert np.corrcoef(rings[part], transfer[part])[0, 1] > 0.85
    shifted = ctf_1d(middle, 18_000) ** 2
    part = (middle > 0.05) & (middle < 0.13)
    assert np.corrcoef(rings[part], shifted[part])[0, 1] < 0.5


def test_the_defocus_of_an_exposure_is_found_from_its_ice(grid):
    hole = intact_hole(grid)
    image = grid_image(grid, at(hole), 1.1, (1024, 1024), defocus_A=9_000, dose_e_A2=60, seed=2, optics=EVEN)
    found = fit_defocus(image, 1.1)
    assert found.defocus_A == pytest.approx(9_000, rel=0.03)
    assert found.resolution_A < 6


def test_the_same_seed_gives_the_same_image_and_the_foil_the_same_grain(grid):
    hole = intact_hole(grid)
    place = (at(hole)[0] + 3.0, at(hole)[1] + 0.2)
    keys = {"defocus_A": 1e4, "dose_e_A2": 200.0, "optics": EVEN}
    first = grid_image(grid, place, 2, (128, 128), seed=1, **keys)
    np.testing.assert_array_equal(first, grid_image(grid, place, 2, (128, 128), seed=1, **keys))
    moved = grid_image(grid, (place[0] + 20 * 2e-4, place[1] - 10 * 2e-4), 2, (128, 128), seed=2, **keys)
    a, b = first[: 128 - 10, 20:], moved[10:, : 128 - 20]
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.3
    assert abs(np.corrcoef(first.ravel(), moved.ravel())[0, 1]) < 0.1


def test_frames_move_as_they_are_told_and_add_up_to_the_exposure(grid):
    hole = intact_hole(grid)
    place = (at(hole)[0] + 3.0, at(hole)[1] + 0.2)
    path = np.column_stack([np.linspace(-3, 3, 10), np.linspace(2, -2, 10)])
    frames = np.stack(
        list(grid_frames(grid, place, 3, (192, 192), drift_px=path, defocus_A=2e4, dose_e_A2=100, seed=1, optics=EVEN))
    )
    whole = grid_image(grid, place, 3, (192, 192), defocus_A=2e4, dose_e_A2=100, seed=1, optics=EVEN)
    assert frames.sum(axis=0).mean() == pytest.approx(whole.mean(), rel=0.01)
    found = register_frames(frames)
    assert np.abs(found - path).max() < 0.7


def test_particles_darken_their_places_and_fade_with_dose():
    grid = make_grid(GridSettings(mesh=200, pattern="R2/4", particles_um2=300.0, particle_kDa=1500.0, **CLEAN), seed=8)
    from cryogauge.simulate.grid import grid_particles

    hole = intact_hole(grid, 40, 60)
    view = View(at(hole), 3.0, (512, 512))
    table = grid_particles(grid, view.bounds_um)
    table = table[table["sound"]]
    column, row = (np.round(value).astype(int) for value in view.to_pixel(table["stage_x_um"], table["stage_y_um"]))
    inside = (column > 12) & (column < 500) & (row > 12) & (row < 500)
    keys = {"defocus_A": 25_000, "dose_e_A2": 40.0, "optics": EVEN, "seed": 1}
    depth = []
    for prior in (0.0, 300.0):
        image = grid_image(grid, at(hole), 3.0, (512, 512), prior_dose_e_A2=prior, **keys)
        there = [image[r - 6 : r + 7, c - 6 : c + 7].mean() for r, c in zip(row[inside], column[inside], strict=True)]
        depth.append(1 - np.mean(there) / image.mean())
    assert depth[0] > 0.004
    assert 0 < depth[1] < 0.9 * depth[0]


def test_drift_blurs_along_its_direction(grid):
    hole = intact_hole(grid)
    place = (at(hole)[0] + 3.0, at(hole)[1] + 0.2)
    keys = {"defocus_A": 15_000, "dose_e_A2": 100.0, "optics": EVEN, "seed": 1}
    image = grid_image(grid, place, 2, (256, 256), drift_A=(16.0, 0.0), **keys)
    still = grid_image(grid, place, 2, (256, 256), **keys)
    power, before = (np.abs(np.fft.fft2(each - each.mean())) ** 2 for each in (image, still))
    fy, fx = np.meshgrid(np.fft.fftfreq(256, 2), np.fft.fftfreq(256, 2), indexing="ij")
    band = (np.hypot(fy, fx) > 0.03) & (np.hypot(fy, fx) < 0.06)
    along, across = band & (np.abs(fx) > 2 * np.abs(fy)), band & (np.abs(fy) > 2 * np.abs(fx))
    assert power[along].mean() / before[along].mean() < 0.7 * power[across].mean() / before[across].mean()


def test_crystalline_ice_has_a_ring_and_vitreous_ice_has_none():
    grid = make_grid(GridSettings(mesh=200, pattern="R2/4", crystalline=0.5, particles_um2=0.0, **CLEAN), seed=8)
    rings = {}
    for kind in ("crystalline", "intact"):
        holes = grid.holes
        hole = holes[(holes["kind"] == kind) & holes["thickness_nm"].between(20, 60)].iloc[5]
        image = grid_image(grid, at(hole), 1.2, (512, 512), defocus_A=8_000, dose_e_A2=60, seed=1, optics=EVEN)
        frequency = np.hypot(np.fft.fftfreq(512, 1.2)[:, None], np.fft.rfftfreq(512, 1.2)[None, :])
        power = np.abs(np.fft.rfft2(image)) ** 2
        ring, beside = np.abs(1 / frequency.clip(1e-6) - 3.67) < 0.3, np.abs(1 / frequency.clip(1e-6) - 4.6) < 0.3
        rings[kind] = power[ring].max() / np.median(power[beside])
    assert rings["intact"] < 40  # the largest of thousands of random values
    assert rings["crystalline"] > 3 * rings["intact"]


@pytest.mark.parametrize(
    "bad",
    [
        {"dose_e_A2": 0.0}, {"dose_e_A2": float("nan")}, {"prior_dose_e_A2": -1.0}, {"tilt_deg": 90.0},
    ],
)  # fmt: skip
def test_images_that_cannot_be_taken_are_refused(grid, bad):
    with pytest.raises(BadInput):
        grid_image(grid, (0, 0), 10, (64, 64), **{"defocus_A": 1e4, "dose_e_A2": 1.0, "seed": 1, **bad})


def test_paths_and_microscopes_that_cannot_be_are_refused(grid):
    with pytest.raises(BadInput, match="path"):
        grid_frames(grid, (0, 0), 10, (64, 64), drift_px=np.zeros(3), defocus_A=1e4, dose_e_A2=1.0, seed=1)
    for bad in ({"voltage_kV": 0}, {"uneven": 1.5}, {"stripes": -1}, {"b_factor_A2": -1}):
        with pytest.raises(BadInput):
            GridOptics(**bad)
