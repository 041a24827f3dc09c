"""Many tomograms: made once, added to, never mixed."""

import json

import pandas as pd
import pytest

from cryogauge.io import find_tomograms, open_volume
from cryogauge.records import BadInput
from cryogauge.simulate import simulate_dataset

RECIPE = """
count: 2
seed: 9
shape: [24, 48, 48]
kinds: {vesicles: 1}
voxel_size_A: [14.0, 16.0]
thickness_nm: [20.0, 24.0]
tilt_step_deg: [6.0, 6.0]
"""


def test_a_dataset_is_made_once_and_grows(tmp_path):
    (tmp_path / "r.yaml").write_text(RECIPE)
    out, states = tmp_path / "out", []

    def make(**how):
        states.clear()
        return simulate_dataset(tmp_path / "r.yaml", out, on_outcome=lambda o: states.append(o.state), **how)

    written = make()
    assert sorted(states) == ["done", "done"]
    first = (out / "tomograms/000000.mrc").read_bytes()
    assert {path.name for path in (out / "truth/000001").iterdir()} == {
        "picks.csv", "oracle.csv", "surfaces.mrc", "truth.json", "biology.mrc", "draw.json",
    }  # fmt: skip
    assert len(find_tomograms([str(written["tomograms"])])) == 2
    assert open_volume(out / "truth/000000/biology.mrc").shape == (24, 48, 48)

    make(count=3)
    assert sorted(states) == ["already_done", "already_done", "done"]
    table = pd.read_csv(written["table"], dtype={"tomogram": str})
    assert list(table["tomogram"]) == ["000000", "000001", "000002"]
    assert table["thickness_nm"].between(19.0, 24.5).all()
    assert json.loads(written["recipe"].read_text())["count"] == 3

    (out / "tomograms/000000.mrc").unlink()
    make()
    assert sorted(states) == ["already_done", "done"]
    assert (out / "tomograms/000000.mrc").read_bytes() == first

    (tmp_path / "r.yaml").write_text(RECIPE.replace("seed: 9", "seed: 10"))
    with pytest.raises(BadInput, match="another recipe"):
        make()
    assert not list(out.rglob("*.part"))
