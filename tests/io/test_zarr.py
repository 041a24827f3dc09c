"""OME-Zarr 0.4 as copick and zarr 2 write it, 0.5 as zarr 3 wrote it, on disk and over HTTP."""

import functools
import http.server
import importlib.util
import shutil
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
import zarr

from cryogauge.io import content_key, find_tomograms, open_volume
from cryogauge.records import BadInput, Retryable

FIXTURES = Path(__file__).parent / "data"
DATA = np.random.default_rng(4).normal(size=(8, 24, 20)).astype(np.float32)


def _fixture_values():
    spec = importlib.util.spec_from_file_location("make_ome_zarr_0_5", FIXTURES / "make_ome_zarr_0_5.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.values()


def ome_zarr(path, data=DATA, axes="zyx", unit="angstrom", scale=13.48, common=None, **options):
    group = zarr.open_group(str(path), mode="w")
    kinds = {"t": "time", "c": "channel"}
    described = [{"name": a, "type": kinds.get(a, "space")} for a in axes]
    for axis in described:
        if axis["type"] == "space" and unit:
            axis["unit"] = unit
    image = {"version": "0.4", "axes": described, "datasets": []}
    for level in range(2):
        spaced = [1.0 if a in kinds else scale * 2**level for a in axes]
        image["datasets"].append(
            {"path": f"s{level}", "coordinateTransformations": [{"type": "scale", "scale": spaced}]}
        )
        each = data[::2, ::2, ::2] if level else data
        group.create_dataset(f"s{level}", data=each.reshape((1,) * (len(axes) - 3) + each.shape), **options)
    if common:
        image["coordinateTransformations"] = [{"type": "scale", "scale": [common] * len(axes)}]
    group.attrs["multiscales"] = [image]
    return path


@pytest.mark.parametrize(
    ("axes", "unit", "scale"),
    [("zyx", "angstrom", 13.48), ("czyx", "nanometer", 1.348), ("tczyx", "micrometer", 0.001348)],
)
@pytest.mark.parametrize("separator", ["/", "."])
def test_ome_zarr_0_4(tmp_path, axes, unit, scale, separator):
    path = ome_zarr(tmp_path / "t.zarr", axes=axes, unit=unit, scale=scale, dimension_separator=separator)
    volume = open_volume(path)
    assert volume.voxel_size_A == pytest.approx(13.48)
    assert np.array_equal(volume.data, DATA)
    assert np.array_equal(volume.slice(-1), DATA[-1])


def test_scales_of_image_and_level_multiply(tmp_path):
    assert open_volume(ome_zarr(tmp_path / "t.zarr", scale=2.0, common=5.0)).voxel_size_A == 10.0


def test_a_coarser_scale_by_its_path(tmp_path):
    path = ome_zarr(tmp_path / "t.zarr")
    volume = open_volume(path / "s1")
    assert volume.voxel_size_A == pytest.approx(26.96)
    assert np.array_equal(volume.data, DATA[::2, ::2, ::2])


@pytest.mark.parametrize("name", ["v05_blosc.zarr", "v05_sharded_zstd.zarr"])
def test_ome_zarr_0_5_of_zarr_3(name):
    volume = open_volume(FIXTURES / name)
    expected = _fixture_values()
    assert volume.voxel_size_A == pytest.approx(13.48)
    assert volume.shape == expected.shape
    assert np.array_equal(volume.data, expected)
    assert np.array_equal(volume.data[1:5, 3, ::-2], expected[1:5, 3, ::-2])
    coarse = open_volume(f"{FIXTURES / name}/1")
    assert coarse.voxel_size_A == pytest.approx(26.96)
    assert np.array_equal(coarse.data, expected[::2, ::2, ::2])


def test_a_bare_array_needs_a_pixel_size(tmp_path):
    zarr.save_array(str(tmp_path / "t.zarr"), DATA)
    with pytest.raises(BadInput) as caught:
        open_volume(tmp_path / "t.zarr")
    assert "--pixel-size" in caught.value.hint
    assert np.array_equal(open_volume(tmp_path / "t.zarr", pixel_size_A=10.0).data, DATA)


@pytest.mark.parametrize("unit", [None, "parsec"])
def test_without_a_known_unit_the_size_is_unknown(tmp_path, unit):
    path = ome_zarr(tmp_path / "t.zarr", unit=unit)
    with pytest.raises(BadInput, match="does not say"):
        open_volume(path)


def test_only_the_chunks_asked_for_are_needed(tmp_path):
    path = ome_zarr(tmp_path / "t.zarr", chunks=(2, 24, 20), dimension_separator="/")
    for chunk in (path / "s0").glob("[123]/*/*"):
        chunk.write_bytes(b"rubbish")
    volume = open_volume(path)
    assert np.array_equal(volume.slice(1), DATA[1])
    with pytest.raises(BadInput, match="cannot be read as Zarr"):
        volume.slice(2)


def test_what_is_no_volume(tmp_path):
    zarr.open_group(str(tmp_path / "group.zarr"), mode="w").create_group("labels")
    with pytest.raises(BadInput, match="no Zarr image"):
        open_volume(tmp_path / "group.zarr")
    for data, words in [
        (np.zeros((2, 3, 4, 5), np.float32), "not one volume"),
        (np.zeros((4, 5), np.float32), "not one volume"),
        (np.zeros((4, 5, 6), bool), "not densities"),
        (np.zeros((1, 5, 6), np.float32), "single image"),
    ]:
        zarr.save_array(str(tmp_path / "t.zarr"), data)
        with pytest.raises(BadInput, match=words):
            open_volume(tmp_path / "t.zarr", pixel_size_A=1.5)
    broken = ome_zarr(tmp_path / "broken.zarr")
    (broken / ".zattrs").write_text("{")
    with pytest.raises(BadInput, match="is not JSON"):
        open_volume(broken)


@pytest.fixture
def server(tmp_path):
    """A web server of a folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


def test_over_http(server):
    folder, url = server
    ome_zarr(folder / "v04.zarr")
    shutil.copytree(FIXTURES / "v05_sharded_zstd.zarr", folder / "v05.zarr")
    volume = open_volume(f"{url}/v04.zarr/")
    assert volume.voxel_size_A == pytest.approx(13.48)
    assert np.array_equal(volume.slice(3), DATA[3])
    assert np.array_equal(open_volume(f"{url}/v05.zarr").data, _fixture_values())
    assert [each.name for each in find_tomograms([f"{url}/v04.zarr/", f"{url}/v05.zarr"])] == ["v04", "v05"]
    with pytest.raises(BadInput, match="no Zarr image"):
        open_volume(f"{url}/nothing.zarr")
    key = content_key(f"{url}/v04.zarr")
    assert content_key(f"{url}/v04.zarr/") == key
    ome_zarr(folder / "v04.zarr", DATA + 1)
    assert content_key(f"{url}/v04.zarr") != key


def test_a_server_that_is_not_there():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(Retryable, match="cannot be reached"):
        open_volume(f"http://127.0.0.1:{port}/t.zarr")
