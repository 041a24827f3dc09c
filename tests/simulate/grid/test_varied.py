import numpy as np

from cryogauge.simulate.grid import GridSettings, make_grid
from cryogauge.simulate.grid.varied import drawn_settings


def test_any_seed_gives_settings_of_which_a_grid_can_be_made():
    drawn = [drawn_settings(seed) for seed in range(60)]
    assert {settings.mesh for settings in drawn} == {200, 300, 400}
    assert {settings.foil for settings in drawn} == {"carbon", "gold"}
    assert len({settings.pattern for settings in drawn}) >= 7
    assert drawn[3] == drawn_settings(3)
    for seed in range(3):
        assert make_grid(drawn[seed], seed).seed == seed


def test_what_is_kept_is_not_drawn():
    base = GridSettings(mesh=250, ice_nm=77.0)
    drawn = [drawn_settings(seed, base, keep=frozenset({"mesh", "ice_nm"})) for seed in range(5)]
    assert {(settings.mesh, settings.ice_nm) for settings in drawn} == {(250, 77.0)}
    assert len({settings.pattern for settings in drawn} | {settings.foil for settings in drawn}) > 1


def test_grids_are_of_every_quality():
    quality = []
    for seed in range(10):
        settings = drawn_settings(seed, GridSettings(pattern="R2/10", contamination=0.0, mesh=100),
                                  keep=frozenset({"pattern", "contamination", "mesh"}))  # fmt: skip
        quality.append(make_grid(settings, seed).quality)
    assert max(quality) > 0.3
    assert min(quality) < 0.15
    assert len(np.unique(np.round(quality, 3))) > 7
