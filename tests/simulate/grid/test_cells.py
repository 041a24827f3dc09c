import numpy as np
import pytest

from cryogauge.simulate.grid import GridSettings, View, grid_image, grid_particles, make_grid
from cryogauge.simulate.grid.scene import scene


@pytest.fixture(scope="module")
def grid():
    return make_grid(GridSettings(mesh=200, pattern="R2/10", specimen="lamellae", contamination=0.0), seed=3)


def intact(grid):
    return grid.lamellae[grid.lamellae["kind"] == "intact"].iloc[0]


def test_particles_alone_have_no_cells():
    grid = make_grid(GridSettings(mesh=100), seed=3)
    assert len(grid.cells) == len(grid.lamellae) == 0


def test_cells_lie_on_squares_that_hold_them(grid):
    kind = grid.squares.set_index("square")["kind"].astype(str)
    assert not set(kind.loc[grid.cells["square"]]) & {"broken", "empty", "dry"}
    assert len(grid.cells) > 50


def test_lamellae_are_milled_one_a_square_into_their_cells(grid):
    lamellae = grid.lamellae
    assert len(lamellae) >= 3
    assert lamellae["square"].is_unique
    assert (lamellae["quality"].between(0, 1)).all()
    assert (lamellae.loc[lamellae["kind"] == "broken", "quality"] == 0).all()
    cells = grid.cells.set_index("cell").loc[lamellae["cell"]]
    np.testing.assert_array_equal(cells["stage_x_um"], lamellae["stage_x_um"])


def test_a_lamella_is_thin_between_vacuum_and_cell(grid):
    lamella = intact(grid)
    c, s = np.cos(np.deg2rad(lamella["angle_deg"])), np.sin(np.deg2rad(lamella["angle_deg"]))
    film = scene(grid, View((lamella["stage_x_um"], lamella["stage_y_um"]), 1000, (301, 301)), 300.0, slit=True)

    def along(a, b):
        row, column = 150 + int(np.round(10 * (s * a + c * b))), 150 + int(np.round(10 * (c * a - s * b)))
        return film.transmission[row, column], film.cell_nm[row, column]

    through, nm = along(0.1 * lamella["length_um"], 0)
    assert nm == pytest.approx(lamella["thickness_nm"], rel=0.6)
    assert through == pytest.approx(np.exp(-nm / 239), rel=0.01)  # at low magnification, the slit in
    assert along(-0.42 * lamella["length_um"], 0)[0] == pytest.approx(1.0)  # milled away before it
    assert along(0.1 * lamella["length_um"], 0.5 * lamella["width_um"] + 0.8)[0] < 0.05  # the cell beside it


def test_a_lamella_is_full_of_particles_and_darker_when_tilted(grid):
    lamella = intact(grid)
    x, y = lamella["stage_x_um"], lamella["stage_y_um"]
    assert len(grid_particles(grid, (x - 0.2, x + 0.2, y - 0.2, y + 0.2))) > 50
    flat, tilted = (
        grid_image(grid, (x, y), 10, (96, 96), defocus_A=4e4, dose_e_A2=3, seed=1, tilt_deg=tilt).mean()
        for tilt in (0.0, 50.0)
    )
    assert tilted < 0.85 * flat
