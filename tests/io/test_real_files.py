"""Every real file opens, or says in a sentence why not."""

import os
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile

from cryogauge.io import find_tomograms, open_volume, read_picture
from cryogauge.io.mrc import map_mrc
from cryogauge.records import BadInput

DATA = os.environ.get("CRYOGAUGE_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="CRYOGAUGE_DATA names no folder of real files")
ENDINGS = (".mrc", ".rec", ".tif", ".map", ".mrcs")


def _files(*endings):
    return [path for path in sorted(Path(DATA or ".").rglob("*")) if path.suffix in endings] if DATA else []


def test_all_open_or_are_refused_in_a_sentence():
    found = find_tomograms([DATA])
    assert {Path(each.uri) for each in found} >= set(_files(*ENDINGS))
    opened, flat, unsized = [], [], []
    for each in found:
        try:
            volume = open_volume(each.uri)
        except BadInput as error:
            {"--slices": flat, "--pixel-size": unsized}[error.hint.split("with ")[1].split()[0]].append(each.uri)
        else:
            assert np.isfinite(volume.slice(volume.shape[0] // 2)).any()
            opened.append(each.uri)
    for uri in unsized:
        assert open_volume(uri, pixel_size_A=10.0).voxel_size_A == 10.0
    for uri in flat:
        assert read_picture(uri)[0].ndim == 2
    assert len(opened) > 60
    assert len(flat) > 8


@pytest.mark.parametrize("path", _files(".mrc", ".rec", ".map", ".mrcs"), ids=lambda path: path.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of mrcfile, about the headers
def test_values_are_those_mrcfile_reads(path):
    header, data = map_mrc(path)
    with mrcfile.open(path, permissive=True) as file:
        if file.data is None:
            pytest.skip("mrcfile cannot read it")
        assert np.array_equal(np.transpose(np.atleast_3d(file.data.T).T, header.order).astype(data.dtype), data)


def test_the_tomogram():
    volume = open_volume(f"{DATA}/tomograms/tomo-project/EMPIAR-11658_tomo171_31A.mrc")
    assert volume.shape == (128, 256, 256)
    assert volume.voxel_size_A == pytest.approx(31.36)
    assert volume.data.dtype == np.float16


def test_an_old_imod_volume_of_unsigned_bytes():
    """Its header lacks a stamp; read as signed bytes, grey values above 127 would turn negative."""
    volume = open_volume(f"{DATA}/tomograms/TARDIS/rec3D.rec")
    assert volume.data.dtype == np.uint8
    assert (volume.data.min(), volume.data.max()) == (141, 163)


def test_permuted_axes_of_a_crystal_map():
    """EMD-3001 stores z fastest: a slice at constant z is a plane of its columns."""
    path = f"{DATA}/maps/mrcfile/EMD-3001.map"
    volume = open_volume(path, pixel_size_A=0.45)
    with mrcfile.open(path) as file:
        assert volume.shape == (73, 25, 43)
        assert np.array_equal(volume.slice(10), file.data[:, :, 10])


def test_a_microtubule_in_imagej_units():
    volume = open_volume(f"{DATA}/tomograms/cylindra/13pf_MT.tif")
    assert volume.voxel_size_A == pytest.approx(10.52, rel=1e-3)
    assert np.array_equal(volume.data, tifffile.imread(f"{DATA}/tomograms/cylindra/13pf_MT.tif"))


@pytest.mark.parametrize("path", _files(".png", ".jpg")[:40], ids=lambda path: path.name)
def test_pictures(path):
    data, size = read_picture(path)
    assert data.ndim == 2
    assert np.isfinite(data).all()
    assert np.isnan(size)
