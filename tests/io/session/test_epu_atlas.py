"""An atlas of EPU's, alone and beside its session."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cryogauge.io import write_mrc
from cryogauge.io.session import check_session, import_session, write_session
from cryogauge.io.session.epu_atlas import atlas_folders
from cryogauge.records import BadInput
from tests.collect.drivers import epu_files

SPACES = (
    'xmlns="http://schemas.datacontract.org/2004/07/Applications.SciencesAppsShared.GridAtlas.Persistence" '
    'xmlns:b="urn:b" xmlns:c="urn:c" xmlns:d="urn:d" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
)
NODE = """<KeyValuePairOfintNodeXml30oatNZW><key>{number}</key><value><b:Category>{category}</b:Category>
<b:PositionOnTheAtlas><c:Center><d:x>{x}</d:x><d:y>{y}</d:y></c:Center>
<c:Physical><d:height>4.9E-05</d:height><d:width>5.0E-05</d:width><d:x>0</d:x><d:y>0</d:y></c:Physical>
<c:Rotation>0.2</c:Rotation><c:Size><d:height>140</d:height><d:width>143</d:width></c:Size></b:PositionOnTheAtlas>
<b:StagePosition><c:A>0</c:A><c:X>{stage_x}</c:X><c:Y>{stage_y}</c:Y><c:Z>0</c:Z></b:StagePosition>
<b:TilePositions><b:TilePositionXml><b:NodePosition><c:Center><d:x>1</d:x><d:y>2</d:y></c:Center></b:NodePosition>
</b:TilePositionXml><b:TilePositionXml i:nil="true"/></b:TilePositions></value></KeyValuePairOfintNodeXml30oatNZW>"""
#: Pixels of the picture in full that a µm of the stage is worth.
MATRIX = np.array([[2.8, -0.6], [0.6, 2.8]])
FULL = (1200, 1600)


def write(folder, *, shrunk=1, suffix=".mrc", nodes=None, matrix=MATRIX, extra=""):
    """An atlas of three squares by two around the stage's (40, −30) µm."""
    folder.mkdir(parents=True, exist_ok=True)
    height, width = (n // shrunk for n in FULL)
    picture = folder / f"Atlas_77{suffix}"
    if suffix == ".mrc":
        write_mrc(picture, np.zeros((1, height, width), np.float32), 3500.0)
    elif suffix:
        Image.fromarray(np.zeros((height, width), np.uint8)).save(picture)
    places = nodes
    if places is None:
        stage = [(x, y) for x in (-80.0, 20.0, 120.0) for y in (-90.0, 10.0)]
        centre = np.array([(FULL[1] - 1) / 2, (FULL[0] - 1) / 2])
        places = [
            {"number": 100 + k, "category": k % 3, "x": x, "y": y, "stage_x": 1e-6 * sx, "stage_y": 1e-6 * sy}
            for k, (sx, sy) in enumerate(stage)
            for x, y in [matrix @ (np.array([sx, sy]) - (40, -30)) + centre]
        ]
    tile = (
        "<AtlasPixelPosition><d:height>600</d:height><d:width>{w}</d:width><d:x>{x}</d:x><d:y>0</d:y>"
        "</AtlasPixelPosition>"
    )
    inner = "".join(NODE.format(**place) for place in places)
    (folder / "Atlas.dm").write_text(
        f"<AtlasSessionXml {SPACES}><Atlas><AcquisitionDateTime>2024-04-05T10:17:53.98788+01:00</AcquisitionDateTime>"
        f"<AtlasImageReference><c:BaseFileName>Atlas_77</c:BaseFileName></AtlasImageReference>{extra}<TilesEfficient>"
        f"<_items><TileXml>{tile.format(w=900, x=0)}<Nodes><KeyValuePairs>{inner}</KeyValuePairs></Nodes></TileXml>"
        f"<TileXml>{tile.format(w=900, x=700)}</TileXml></_items></TilesEfficient></Atlas></AtlasSessionXml>"
    )
    return folder


@pytest.mark.parametrize(("suffix", "shrunk"), [(".mrc", 1), (".jpg", 4)])
def test_squares_lie_where_epu_has_them(tmp_path, suffix, shrunk):
    folder = write(tmp_path / "Sample4" / "Atlas", suffix=suffix, shrunk=shrunk)
    session = import_session([tmp_path / "Sample4"])
    (image,) = session.images.to_dict("records")
    assert (image["image"], image["grid"], image["level"]) == ("Sample4/Atlas_77", "Sample4", "atlas")
    assert image["pixel_size_A"] == pytest.approx(shrunk * 50e4 / 143)
    assert (image["height_px"], image["width_px"]) == (FULL[0] // shrunk, FULL[1] // shrunk)
    assert image["recorded_at"] == "2024-04-05T10:17:53.987880+01:00"
    assert (image["stage_x_um"], image["stage_y_um"]) == pytest.approx((40, -30), abs=1e-6)
    turn = [[image[f"{row}_px_per_um_{axis}"] for axis in "xy"] for row in "xy"]
    np.testing.assert_allclose(turn, MATRIX / shrunk, rtol=1e-9)
    assert len(session.places) == 6
    square = session.places.set_index("place").loc["Sample4/GridSquare_100"]
    assert (square["kind"], square["parent"], square["image"]) == ("square", "Sample4/Atlas_77", "")
    assert (square["stage_x_um"], square["stage_y_um"]) == pytest.approx((-80, -90))
    at = MATRIX @ [-120, -60] + [799.5, 599.5]
    np.testing.assert_allclose(
        [square["outline_x_px"][0], square["outline_y_px"][0]], (at + 0.5) / shrunk - 0.5, atol=1e-3
    )
    assert json.loads(square["extra"]) == {"width_px": 143, "height_px": 140, "rotation_rad": 0.2}
    assert session.labels["value"].to_list() == [f"category {k % 3}" for k in range(6)]
    assert folder in atlas_folders(tmp_path)
    write_session(tmp_path / "shared", session)
    assert check_session(tmp_path / "shared") == []


def test_an_atlas_beside_its_session_says_which_square_was_taken(tmp_path):
    write(tmp_path / "Sample4" / "Atlas", suffix=".jpg", shrunk=4)
    folder = tmp_path / "session"
    epu_files.write(folder, "square")
    epu_files.write(folder, "square", 1)
    epu_files.write(folder, "square", 2, pixel_m="0")  # cannot be used
    for order in ([folder, tmp_path / "Sample4"], [tmp_path / "Sample4", folder]):
        session = import_session(order)
        assert list(session.grids["grid"]) == ["session"]
        images = session.places.set_index("place")["image"]
        assert images["Sample4/GridSquare_100"] == "GridSquare_20250108_150001"  # the last of GridSquare_100
        assert set(images.drop("Sample4/GridSquare_100")) == {""}


def test_several_samples_are_several_grids(tmp_path):
    for number in (2, 5):
        write(tmp_path / f"Sample{number}" / "Atlas")
    session = import_session([tmp_path])
    assert list(session.grids["grid"]) == ["Sample2", "Sample5"]
    assert session.places.groupby("grid").size().to_dict() == {"Sample2": 6, "Sample5": 6}


def test_squares_that_do_not_lie_straight_tell_no_orientation(tmp_path):
    rng = np.random.default_rng(0)
    nodes = [
        dict(zip(("number", "category", "x", "y", "stage_x", "stage_y"),
                 (k, 1, *rng.uniform(0, 1000, 2), *rng.uniform(-3e-4, 3e-4, 2)), strict=True)) for k in range(8)
    ]  # fmt: skip
    write(tmp_path / "Atlas", nodes=nodes)
    session = import_session([tmp_path / "Atlas"])
    assert session.images["x_px_per_um_x"].isna().all()
    assert any("turned" in note for note in session.about.notes)
    write(tmp_path / "Atlas", nodes=[nodes[0], nodes[1] | {"x": "NaN"}, nodes[2] | {"stage_x": ""}])
    assert len(import_session([tmp_path / "Atlas"]).places) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text[:-40], "no XML"),
        (lambda text: text.replace("AtlasSessionXml", "EpuSessionXml"), "no atlas"),
        (lambda text: text.replace("Atlas_77", "Atlas_78"), "Atlas_78 is not in"),
        (lambda text: text.replace("Atlas_77", "../Atlas/Atlas_77"), "is not in"),
    ],
)
def test_an_atlas_that_is_damaged(tmp_path, change, told):
    path = write(tmp_path / "Atlas") / "Atlas.dm"
    path.write_text(change(path.read_text()))
    with pytest.raises(BadInput, match=told):
        import_session([tmp_path / "Atlas"])


@settings(max_examples=8, deadline=None)
@given(turn=st.floats(0, 6.28), pixel=st.floats(0.5, 4), flip=st.booleans())
def test_any_orientation_is_found(tmp_path_factory, turn, pixel, flip):
    matrix = pixel * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ np.diag([-1, 1]) if flip else matrix
    folder = write(tmp_path_factory.mktemp("a") / "Atlas", suffix=".jpg", shrunk=8, matrix=matrix)
    (image,) = import_session([folder]).images.to_dict("records")
    np.testing.assert_allclose(
        [[image[f"{row}_px_per_um_{axis}"] for axis in "xy"] for row in "xy"], matrix / 8, rtol=1e-6, atol=1e-9
    )
    assert (image["stage_x_um"], image["stage_y_um"]) == pytest.approx((40, -30), abs=1e-6)
