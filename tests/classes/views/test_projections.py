import shutil
import subprocess

import numpy as np
import pytest

from cryogauge.classes.views.directions import views_of
from cryogauge.classes.views.projections import beads_of_map, load_map, projections
from cryogauge.io import write_mrc
from cryogauge.io.model_atoms import is_model
from cryogauge.records import BadInput, Volume
from tests.classes.views.worlds import map_of, structure

ANGLES = np.array([[0.0, 0, 0], [40.0, 70, 25], [-100.0, 20, 170]])


def test_two_weights_land_where_the_view_says():
    data = np.zeros((48, 48, 48), dtype=np.float32)
    data[30, 24, 24], data[24, 20, 34] = 3.0, 1.0
    beads = beads_of_map(_soft(data), 6.0)
    places = np.array([[24.0, 24, 30], [34, 20, 24]])  # x, y, z
    middle = (3 * places[0] + places[1]) / 4
    for view, image in zip(views_of(ANGLES), projections(beads, views_of(ANGLES), 48, 2.0), strict=True):
        x, y, _ = view @ (places[0] - middle)
        peak = np.unravel_index(image.argmax(), image.shape)
        assert peak == pytest.approx((24 + y, 24 + x), abs=1.0)
    assert projections(beads, views_of(ANGLES), 48, 2.0).sum(axis=(1, 2)) == pytest.approx(
        projections(beads, views_of(ANGLES[:1]), 48, 2.0).sum(), rel=0.01
    )


def _soft(data):
    from scipy.ndimage import gaussian_filter

    return Volume(gaussian_filter(data, 1.0), 2.0, source="two.mrc")


@pytest.mark.skipif(shutil.which("relion_project") is None, reason="relion_project is not installed")
def test_relion_projects_the_same(tmp_path):
    volume = map_of(structure(3), 3.0, 64)
    write_mrc(tmp_path / "map.mrc", volume.data, 3.0)
    made = projections(beads_of_map(volume, 9.0), views_of(ANGLES), 64, 3.0)
    for angles, ours in zip(ANGLES, made, strict=True):
        turn = [part for name, a in zip(("rot", "tilt", "psi"), angles, strict=True) for part in (f"--{name}", str(a))]
        subprocess.run(
            ["relion_project", "--i", "map.mrc", "--o", "out.mrc", "--angpix", "3", *turn],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip
        theirs = np.fromfile(tmp_path / "out.mrc", dtype="<f4")[-64 * 64 :].reshape(64, 64)
        # the map's centre of mass is in the middle of ours
        cross = np.fft.irfft2(np.fft.rfft2(theirs - theirs.mean()) * np.fft.rfft2(ours - ours.mean()).conj())
        assert cross.max() / (64 * 64 * theirs.std() * ours.std()) > 0.97


def test_maps_that_show_nothing_are_refused():
    with pytest.raises(BadInput, match="nothing stands out"):
        beads_of_map(Volume(np.zeros((20, 20, 20)), 2.0, source="empty.mrc"), 10.0)
    data = np.ones((20, 20, 20))
    data[3, 3, 3] = np.nan
    with pytest.raises(BadInput, match="not finite"):
        beads_of_map(Volume(data, 2.0), 10.0)
    with pytest.raises(BadInput, match="no map"):
        beads_of_map(Volume(np.ones((1, 20, 20)), 2.0), 10.0)


def test_models_are_maps_too(tmp_path):
    rng = np.random.default_rng(0)
    lines = [
        f"ATOM  {k + 1:5d}  CA  ALA A{k + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 20.00           C"
        for k, (x, y, z) in enumerate(rng.normal(0, 12, (60, 3)))
    ]
    path = tmp_path / "model.pdb"
    path.write_text("\n".join([*lines, "END", ""]))
    assert is_model(path)
    assert is_model("a.cif.gz")
    assert not is_model("a.mrc")
    beads = beads_of_map(load_map(path), 6.0)
    assert np.linalg.norm(beads.points_A, axis=1).mean() == pytest.approx(12 * np.sqrt(8 / np.pi), rel=0.25)
