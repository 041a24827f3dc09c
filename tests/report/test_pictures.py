import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cryogauge.report import contact_sheet
from cryogauge.report.pictures import encode_within, heat_colours, heat_map_png, reduce_picture

NOISE = np.random.default_rng(0).integers(0, 256, (480, 480), dtype=np.uint8)


@settings(max_examples=25, deadline=None)
@given(most=st.integers(5_000, 200_000), height=st.integers(1, 480), width=st.integers(1, 480))
def test_a_picture_keeps_to_its_bytes_and_shape(most, height, width):
    content = encode_within(NOISE[:height, :width], most)
    assert len(content) <= most
    x, y = Image.open(io.BytesIO(content)).size
    assert x <= width
    assert y <= height
    assert abs(y / height - x / width) <= 1 / min(height, width)


def test_more_bytes_make_a_better_picture():
    sizes = [Image.open(io.BytesIO(encode_within(NOISE, most))).size[0] for most in (4_000, 20_000, 80_000, 400_000)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] == 480


def test_reducing_averages_and_never_enlarges():
    reduced = reduce_picture(NOISE, 48)
    assert reduced.shape == (48, 48)
    assert reduced.std() < NOISE.std() / 4
    assert reduced.mean() == pytest.approx(NOISE.mean(), abs=1)
    assert reduce_picture(NOISE, 1000) is NOISE


def test_heat_colours_rise_in_lightness():
    lightness = heat_colours() @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) > -0.51).all()  # rounding apart
    assert lightness[-1] - lightness[0] > 180


def test_a_heat_map_keeps_every_tile():
    values = np.array([[0.0, 0.5], [1.0, np.nan], [2.0, -1.0]], np.float32)
    image = np.asarray(Image.open(io.BytesIO(heat_map_png(values))))
    colours = heat_colours()
    assert image.shape == (3, 2, 4)
    for place, level in {(0, 0): 0, (0, 1): 128, (1, 0): 255, (2, 0): 255, (2, 1): 0}.items():
        assert (image[place][:3] == colours[level]).all()
    assert image[1, 1, 3] == 0
    whole = Image.open(io.BytesIO(heat_map_png(values[:1]))).convert("RGB")
    assert (np.asarray(whole)[0, 1] == colours[128]).all()


def test_a_contact_sheet_holds_every_picture_in_order(tmp_path):
    pictures = [(np.full((100, 50), grey, np.uint8), f"{grey} of 255\n{'long ' * 40}") for grey in (10, 90, 170)]
    path = contact_sheet(pictures, 2, tmp_path / "sheet.png", edge_px=100)
    sheet = np.asarray(Image.open(path))
    assert [int(sheet[58, 33]), int(sheet[58, 33 + 108]), int(sheet[58 + 150, 33])] == [10, 90, 170]
    assert sheet.shape == (2 * (100 + 2 * 17 + 2 * 8) + 8, 2 * 108 + 8)
    assert (sheet[110:140, 8:108] < 128).any()  # a caption below
    assert (sheet[:, -8:] == 255).all()
    assert [file.name for file in tmp_path.iterdir()] == ["sheet.png"]


def test_a_contact_sheet_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet([], 3, tmp_path / "sheet.png")
