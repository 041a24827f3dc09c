import json

import mrcfile
import numpy as np
import pandas as pd
import pytest

from cryogauge.records import BadInput
from cryogauge.simulate.grid import GridSettings, make_grid, product
from cryogauge.simulate.grid.product import planned, read_grid_settings, simulate_grid

SETTINGS = GridSettings(mesh=60, pattern="R5/15", contamination=0.2)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    return simulate_grid(folder, SETTINGS, seed=4, squares=1, holes=1, exposures=1, exposure_px=256)


def test_images_have_their_pixel_size_and_are_of_their_place(written):
    images = pd.read_csv(written["images"]).set_index("image")
    assert list(images["level"]) == ["atlas", "square", "hole", "exposure"]
    for name, row in images.iterrows():
        with mrcfile.open(written[str(name)]) as file:
            assert file.voxel_size.x == pytest.approx(row["pixel_size_A"], rel=1e-4)
            assert file.data.shape[:-2] in ((), (1,))
            assert np.asarray(file.data).mean() > 0


def test_tables_are_those_of_the_grid_that_the_settings_make(written):
    settings, seed = read_grid_settings(written["settings"])
    assert (settings, seed) == (SETTINGS, 4)
    grid = make_grid(settings, seed)
    holes, squares = pd.read_csv(written["holes"]), pd.read_csv(written["squares"])
    np.testing.assert_allclose(holes["stage_x_um"], grid.holes["stage_x_um"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(squares["quality"], grid.squares["quality"], rtol=1e-4, atol=1e-6)
    particles = pd.read_csv(written["particles"])
    assert set(particles["image"]) <= {"exposure_01"}
    assert particles["column_px"].between(-1, 256).all()


def test_the_page_shows_every_image_without_a_network(written):
    page = written["sheet"].read_text()
    assert "A simulated grid" in page
    assert "data:image/png" in page
    assert "http" not in page.split("<body")[1]


def test_a_run_that_was_interrupted_makes_only_what_is_missing(tmp_path, monkeypatch):
    grid = make_grid(SETTINGS, 4)
    made, stops_at = [], [2]

    def image(_grid, _centre, _pixel, shape, *, seed, **_):
        if len(made) in stops_at:
            raise KeyboardInterrupt
        made.append(seed)
        return np.random.default_rng(seed).random(shape, dtype=np.float32)

    monkeypatch.setattr(product, "make_grid", lambda settings, seed: grid)
    monkeypatch.setattr(product, "grid_image", image)

    def run(name, seed=4, **changed):
        counts = {"squares": 1, "holes": 1, "exposures": 1, "exposure_px": 256}
        return simulate_grid(tmp_path / name, SETTINGS, seed, **{**counts, **changed})

    with pytest.raises(KeyboardInterrupt):
        run("cut")
    stops_at.clear()
    cut = run("cut")
    assert made == [4000, 4001, 4002, 4003]  # each once
    whole = run("whole")
    assert {name: path.read_bytes() for name, path in cut.items()} == {
        name: path.read_bytes() for name, path in whole.items()
    }
    made.clear()
    cut["hole_01"].write_bytes(cut["exposure_01"].read_bytes())  # not what was made
    run("cut")
    assert made == [4002]
    run("cut", exposures=0)
    assert made == [4002]
    run("cut", seed=5, squares=0, holes=0)  # other noise: nothing is kept
    assert made == [4002, 5000, 5001]
    run("cut", squares=0, holes=0)  # and the files that it left are not those of the first
    assert made == [4002, 5000, 5001, 4000, 4001]


def test_every_kind_has_its_turn():
    grid = make_grid(GridSettings(mesh=100, pattern="R2/10", broken=0.2, dry=0.2, contamination=0.0), seed=4)
    shots = planned(grid, squares=4, holes=3, exposures=3, exposure_px=512)
    assert len({shot.what.split(":")[1].split(",")[0] for shot in shots if shot.level == "square"}) == 4
    assert len({shot.what.split(":")[1].split(",")[0] for shot in shots if shot.level == "exposure"}) == 3


@pytest.mark.parametrize(
    "content", ["[]", "no json", json.dumps({"mesh": "many"}), json.dumps({"nothing": 1}), json.dumps({"seed": "x"})]
)
def test_other_files_are_no_settings(tmp_path, content):
    path = tmp_path / "settings.json"
    path.write_text(content)
    with pytest.raises(BadInput):
        read_grid_settings(path)
