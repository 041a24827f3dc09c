"""Every format of ours passes the suite, written by other programs; a format that breaks a rule does not."""

import bz2
import gzip
import json
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr

from cryogauge.io import registered_formats
from cryogauge.records import BadInput, Volume
from cryogauge.testing.formats import check_format


def write_mrc(folder, data, voxel_size_A):
    with mrcfile.new(folder / "t.mrc") as file:
        file.set_data(data)
        file.voxel_size = voxel_size_A or 0
    return str(folder / "t.mrc")


def write_packed(folder, data, voxel_size_A, pack=gzip.compress, suffix=".gz"):
    plain = Path(write_mrc(folder, data, voxel_size_A))
    packed = plain.with_name(f"t.mrc{suffix}")
    packed.write_bytes(pack(plain.read_bytes()))
    plain.unlink()
    return str(packed)


def write_bzip2(folder, data, voxel_size_A):
    return write_packed(folder, data, voxel_size_A, bz2.compress, ".bz2")


def write_hdf(folder, data, voxel_size_A, **options):
    with h5py.File(folder / "t.hdf", "w") as file:
        group = file.create_group("MDF/images/0")
        group.create_dataset("image", data=data, **options)
        for axis in "xyz" if voxel_size_A else "":
            group.attrs[f"EMAN.apix_{axis}"] = voxel_size_A
    return str(folder / "t.hdf")


def write_hdf_compressed(folder, data, voxel_size_A):
    return write_hdf(folder, data, voxel_size_A, chunks=(1, 5, 5), compression="gzip")


def write_tiff(folder, data, voxel_size_A, **options):
    metadata = {"spacing": voxel_size_A / 10, "unit": "nm"} if voxel_size_A else {}
    resolution = {"resolution": (10 / voxel_size_A, 10 / voxel_size_A)} if voxel_size_A else {}
    tifffile.imwrite(folder / "t.tif", data, imagej=True, metadata=metadata, **resolution, **options)
    return str(folder / "t.tif")


def write_tiff_compressed(folder, data, voxel_size_A):
    return write_tiff(folder, data, voxel_size_A, compression="zlib")


def write_zarr(folder, data, voxel_size_A, name="t.zarr"):
    group = zarr.open_group(str(folder / name), mode="w")
    axis = {"type": "space", "unit": "angstrom"} if voxel_size_A else {"type": "space"}
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": [{"name": name, **axis} for name in "zyx"],
            "datasets": [
                {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [voxel_size_A or 1.0] * 3}]}
            ],
        }
    ]
    group.create_dataset("0", data=data, chunks=(2, 5, 5), dimension_separator="/")
    return str(folder / name)


def write_copick(folder, data, voxel_size_A):
    spacing = folder / "ExperimentRuns" / "TS_1" / "VoxelSpacing13.500"
    spacing.mkdir(parents=True)
    write_zarr(spacing, data, voxel_size_A, "wbp.zarr")
    config = {"name": "p", "pickable_objects": [], "overlay_root": f"local://{folder}", "overlay_fs_args": {}}
    (folder / "config.json").write_text(json.dumps(config))
    return f"copick:{folder}/config.json#TS_1/13.500/wbp"


WRITERS = [
    ("mrc", write_mrc),
    ("mrc", write_packed),
    ("mrc", write_bzip2),
    ("hdf", write_hdf),
    ("hdf", write_hdf_compressed),
    ("tiff", write_tiff),
    ("tiff", write_tiff_compressed),
    ("zarr", write_zarr),
    ("copick", write_copick),
]


@pytest.mark.parametrize(("name", "write"), WRITERS, ids=lambda value: getattr(value, "__name__", value))
def test_ours_conform(name, write, tmp_path):
    plugin = next(each for each in registered_formats() if each.name == name)
    check_format(plugin, write, tmp_path)


def test_every_registered_format_is_tried():
    ours = {each.name for each in registered_formats() if type(each).__module__.startswith("cryogauge.")}
    assert ours == {name for name, _ in WRITERS}


class _Good:
    """A minimal format: a stranger's, wrapped around ours."""

    name = "mine"
    suffixes = (".mrc",)

    def recognises(self, uri):
        return uri.endswith(".mrc")

    def open(self, uri, pixel_size_A, scratch):
        return next(each for each in registered_formats() if each.name == "mrc").open(uri, pixel_size_A, scratch)


class _Eager(_Good):
    def open(self, uri, pixel_size_A, scratch):
        volume = super().open(uri, pixel_size_A, scratch)
        return Volume(np.array(volume.data), volume.voxel_size_A, source=uri)


class _Flipped(_Good):
    def open(self, uri, pixel_size_A, scratch):
        volume = super().open(uri, pixel_size_A, scratch)
        return Volume(volume.data[::-1], volume.voxel_size_A, source=uri)


class _Stubborn(_Good):
    def open(self, uri, pixel_size_A, scratch):
        return super().open(uri, None, scratch)


class _Greedy(_Good):
    def recognises(self, uri):
        return True


class _Untidy(_Good):
    def open(self, uri, pixel_size_A, scratch):
        if scratch is not None:
            (scratch / "left-over").touch()
        return super().open(uri, pixel_size_A, scratch)


class _Vandal(_Good):
    def open(self, uri, pixel_size_A, scratch):
        volume = super().open(uri, pixel_size_A, scratch)
        with open(uri, "r+b") as file:
            file.seek(1020)
            file.write(b"mine")
        return volume


class _Unhelpful(_Good):
    def open(self, uri, pixel_size_A, scratch):
        try:
            return super().open(uri, pixel_size_A, scratch)
        except BadInput as error:
            raise BadInput(error.message) from error


class _Crashing(_Good):
    def open(self, uri, pixel_size_A, scratch):
        with open(uri, "rb") as file:
            if file.read(4) == b"Dear":
                raise KeyError("header")
        return super().open(uri, pixel_size_A, scratch)


def test_a_strangers_format_can_conform(tmp_path):
    check_format(_Good(), write_mrc, tmp_path)


@pytest.mark.parametrize(
    ("plugin", "complaint"),
    [
        (_Eager, "read, not opened"),
        (_Flipped, "other values"),
        (_Stubborn, "given pixel size"),
        (_Greedy, "recognises a letter"),
        (_Untidy, "scratch"),
        (_Vandal, "must not change the input"),
        (_Unhelpful, "--pixel-size"),
    ],
)
def test_what_breaks_a_rule_is_told(plugin, complaint, tmp_path):
    with pytest.raises(AssertionError, match=complaint):
        check_format(plugin(), write_mrc, tmp_path)


def test_a_crash_is_not_a_refusal(tmp_path):
    with pytest.raises(KeyError):
        check_format(_Crashing(), write_mrc, tmp_path)
