import re

import numpy as np
import pandas as pd
from PIL import Image

from cryogauge.pick.model import Picker
from cryogauge.pick.page import slab_of, slab_picture, write_picked
from cryogauge.records import Volume
from cryogauge.report import Failure
from tests.pick.worlds import LARGE, SMALL, TINY, VOXEL_A, draw_world

PICKER = Picker((), TINY, (SMALL, LARGE), VOXEL_A, {"small": 0.3}, ("0",))


def test_circles_stand_where_the_picks_of_the_slab_are(tmp_path):
    data, picks = draw_world(0, shape=(60, 72, 80))
    volume = Volume(data, VOXEL_A, (0.0, 0.0, 0.0), "w0")
    pictures = {"w0": (slab_picture(volume), data.shape, VOXEL_A)}
    page = write_picked(tmp_path / "r.html", picks, PICKER, pictures, [Failure("<bad>", "why", "")], {}).read_text()
    first, last = slab_of(60, VOXEL_A)
    within = picks[(picks["z_A"] >= first * VOXEL_A) & (picks["z_A"] < last * VOXEL_A)]
    drawn = {(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', page)}
    assert drawn == {(round(x / VOXEL_A, 1), round(y / VOXEL_A, 1)) for x, y in within[["x_A", "y_A"]].to_numpy()}
    assert 0 < len(drawn) < len(picks)
    assert "&lt;bad&gt;" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_slab_is_the_middle_of_the_tomogram(tmp_path):
    data = np.random.default_rng(0).normal(size=(60, 40, 40)).astype(np.float32)
    data[slice(*slab_of(60, VOXEL_A)), 10:20, 25:35] -= 20
    data[:5] += 1000
    path = tmp_path / "slab.jpg"
    path.write_bytes(slab_picture(Volume(data, VOXEL_A, (0.0, 0.0, 0.0), "x")))
    grey = np.asarray(Image.open(path)).astype(float)
    assert grey[12:18, 27:33].mean() < 40
    assert grey[25:, :20].mean() > 150


def test_a_tomogram_without_picks_is_shown_with_none(tmp_path):
    data, picks = draw_world(0)
    picture = (slab_picture(Volume(data, VOXEL_A, (0.0, 0.0, 0.0), "empty")), data.shape, VOXEL_A)
    empty = pd.DataFrame(columns=picks.columns)
    page = write_picked(tmp_path / "r.html", empty, PICKER, {"empty": picture}, [], {}).read_text()
    assert "<circle" not in page
    assert re.search(r"<td[^>]*>empty</td>", page)
