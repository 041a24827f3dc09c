"""HDF5 files laid out as EMAN2 and IMOD lay them out."""

import h5py
import numpy as np
import pytest

from cryogauge.io import open_volume
from cryogauge.records import BadInput

DATA = np.random.default_rng(1).normal(size=(6, 20, 30)).astype(np.float32)


def eman_volume(path, data=DATA, attributes=None, **options):
    with h5py.File(path, "w") as file:
        group = file.create_group("MDF/images/0")
        group.create_dataset("image", data=data, **options)
        group.attrs.update(attributes or {f"EMAN.apix_{axis}": 13.48 for axis in "xyz"})
    return path


@pytest.mark.parametrize(
    "options", [{}, {"chunks": (3, 8, 8), "compression": "gzip", "shuffle": True}, {"chunks": (1, 20, 30)}]
)
def test_a_volume(tmp_path, options):
    volume = open_volume(eman_volume(tmp_path / "t.hdf", **options))
    assert volume.voxel_size_A == 13.48
    assert np.array_equal(volume.slice(2), DATA[2])
    assert np.array_equal(volume.data[:, 7], DATA[:, 7])


def test_a_stack_of_images_in_the_order_of_their_numbers(tmp_path):
    with h5py.File(tmp_path / "t.hdf", "w") as file:
        for i in reversed(range(12)):  # 10 and 11 sort before 2 as text
            group = file.create_group(f"MDF/images/{i}")
            group.create_dataset("image", data=np.full((4, 5), i, np.float32))
            group.attrs["EMAN.apix_x"] = group.attrs["EMAN.apix_y"] = np.array([9.0])
            group.attrs["EMAN.apix_z"] = 1.0
    volume = open_volume(tmp_path / "t.hdf")
    assert volume.shape == (12, 4, 5)
    assert volume.voxel_size_A == 9.0
    assert np.array_equal(volume.data[:, 0, 0], np.arange(12))


def test_reduced_bit_depth_is_undone(tmp_path):
    """EMAN2 stores integers and the range they stand for."""
    stored = np.random.default_rng(2).integers(0, 256, DATA.shape).astype(np.uint8)
    attributes = {f"EMAN.apix_{axis}": 13.48 for axis in "xyz"}
    attributes |= {"EMAN.stored_renderbits": 8, "EMAN.stored_rendermin": -3.0, "EMAN.stored_rendermax": 7.2}
    volume = open_volume(eman_volume(tmp_path / "t.hdf", stored, attributes, compression="gzip"))
    assert volume.data.dtype == np.float32
    assert np.allclose(volume.data[3], -3 + stored[3] / 255 * 10.2, atol=1e-5)


def test_imods_own_attributes(tmp_path):
    attributes = {f"IMOD.MRC.{axis}len": 13.48 * n for axis, n in zip("xyz", (30, 20, 6), strict=True)}
    attributes |= {f"IMOD.MRC.m{axis}": n for axis, n in zip("xyz", (30, 20, 6), strict=True)}
    assert open_volume(eman_volume(tmp_path / "t.hdf", attributes=attributes)).voxel_size_A == pytest.approx(13.48)


def test_an_origin(tmp_path):
    attributes = {f"EMAN.apix_{axis}": 10.0 for axis in "xyz"} | {
        f"EMAN.origin_{a}": v for a, v in zip("xyz", (1, 2, 3), strict=True)
    }
    assert open_volume(eman_volume(tmp_path / "t.hdf", attributes=attributes)).origin_A == (1, 2, 3)


def test_what_is_no_tomogram(tmp_path):
    (tmp_path / "text.hdf").write_text("hello " * 99)
    with pytest.raises(BadInput, match="no HDF5 file"):
        open_volume(tmp_path / "text.hdf")
    with h5py.File(tmp_path / "other.hdf", "w") as file:
        file["volume"] = DATA
    with pytest.raises(BadInput, match="without images"):
        open_volume(tmp_path / "other.hdf")
    with h5py.File(eman_volume(tmp_path / "two.hdf"), "a") as file:
        file["MDF/images/1/image"] = DATA
    with pytest.raises(BadInput, match="2 volumes"):
        open_volume(tmp_path / "two.hdf")
    with pytest.raises(BadInput, match="of type complex64"):
        open_volume(eman_volume(tmp_path / "complex.hdf", DATA.astype(np.complex64)))
    with pytest.raises(BadInput, match="does not say its voxel size"):
        open_volume(eman_volume(tmp_path / "unsized.hdf", attributes={"EMAN.nx": 3}))
    with pytest.raises(BadInput) as caught:
        open_volume(eman_volume(tmp_path / "flat.hdf", DATA[0]))
    assert "--slices" in caught.value.hint
