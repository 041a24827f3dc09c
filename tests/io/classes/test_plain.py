"""Stacks and pictures without metadata, and EMAN2's HDF files."""

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from cryogauge.io.classes import open_classes
from cryogauge.records import BadInput
from tests.io.classes.makers import pictures, write_stack
from tests.io.picks.makers import DATA, real_files


@pytest.mark.parametrize("suffix", [".mrc", ".mrcs", ".st"])
def test_a_stack_counts_from_one_and_says_what_it_does_not_know(tmp_path, suffix):
    path, images = tmp_path / f"averages{suffix}", pictures(5)
    write_stack(path, images, 3.5)
    stack = open_classes(path)
    np.testing.assert_array_equal(stack.images, images)
    assert (stack.pixel_size_A, stack.program) == (3.5, "stack")
    assert stack.table["class"].tolist() == [1, 2, 3, 4, 5]
    assert stack.table[["resolution_A", "distribution", "particles"]].isna().all(axis=None)
    assert len(stack.notes) == 1
    given = open_classes(path, pixel_size_A=2.0)
    assert given.pixel_size_A == 2.0
    assert "says a pixel of 3.5 Å" in given.notes[1]
    with pytest.raises(BadInput, match="no iterations"):
        open_classes(path, iteration=3)


def test_a_placeholder_is_no_pixel_size(tmp_path):
    write_stack(tmp_path / "a.mrcs", pictures(2), 1.0)
    stack = open_classes(tmp_path / "a.mrcs")
    assert stack.pixel_size_A is None
    assert "placeholder of 1 Å" in stack.notes[1]
    assert open_classes(tmp_path / "a.mrcs", pixel_size_A=1.0).pixel_size_A == 1.0
    for bad in (0.0, -1.0, float("nan"), 5000.0):
        with pytest.raises(BadInput, match="cannot be"):
            open_classes(tmp_path / "a.mrcs", pixel_size_A=bad)


def test_tiff_and_integers_become_float32(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (3, 12, 12)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    stack = open_classes(tmp_path / "a.tif")
    assert stack.images.dtype == np.float32
    np.testing.assert_array_equal(stack.images, values)
    assert stack.pixel_size_A is None
    tifffile.imwrite(tmp_path / "one.tif", values[0])
    assert open_classes(tmp_path / "one.tif").images.shape == (1, 12, 12)
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((12, 12, 3), np.uint8), photometric="rgb")
    with pytest.raises(BadInput, match="grey"):
        open_classes(tmp_path / "rgb.tif")


def test_pictures_of_a_folder_are_classes_in_natural_order(tmp_path):
    for number in (10, 2, 1):
        Image.fromarray(np.full((14, 14), number, np.uint8)).save(tmp_path / f"class_{number}.png")
    stack = open_classes(tmp_path, pixel_size_A=3.0)
    assert stack.images[:, 0, 0].tolist() == [1, 2, 10]
    assert stack.table["file"].tolist() == ["class_1.png", "class_2.png", "class_10.png"]
    assert stack.pixel_size_A == 3.0
    chosen = open_classes([tmp_path / "class_10.png", tmp_path / "class_2.png"])
    assert chosen.images[:, 0, 0].tolist() == [10, 2]
    assert open_classes(tmp_path / "class_2.png").images.shape == (1, 14, 14)
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "class_3.png")
    with pytest.raises(BadInput, match=r"has 20 px, .* has 14 px"):
        open_classes(tmp_path)
    Image.fromarray(np.zeros((20, 22), np.uint8)).save(tmp_path / "class_3.png")
    with pytest.raises(BadInput, match="22 × 20 px"):
        open_classes(tmp_path / "class_3.png")
    with pytest.raises(BadInput, match="must name PNG"):
        open_classes([tmp_path / "a.mrcs"])


def test_what_is_no_stack_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="holds no class averages"):
        open_classes(tmp_path / "empty")
    with pytest.raises(BadInput, match="does not exist"):
        open_classes(tmp_path / "none")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(BadInput, match="no file of class averages"):
        open_classes(tmp_path / "a.txt")
    (tmp_path / "a.hdf").write_text("x")
    with pytest.raises(BadInput, match="no HDF5 file"):
        open_classes(tmp_path / "a.hdf")


def write_hdf(path, images, **attributes) -> None:
    with h5py.File(path, "w") as file:
        for number, image in enumerate(images):
            group = file.create_group(f"MDF/images/{number}")
            group["image"] = image
            for name, values in attributes.items():
                group.attrs[f"EMAN.{name}"] = values[number]


def test_eman2_tells_pixels_and_particles(tmp_path):
    images = pictures(12)
    write_hdf(tmp_path / "classes_05.hdf", images, apix_x=[1.7] * 12, ptcl_repr=np.arange(12))
    stack = open_classes(tmp_path / "classes_05.hdf")
    np.testing.assert_array_equal(stack.images, images)  # the tenth comes after the ninth
    assert (stack.pixel_size_A, stack.program) == (1.7, "eman2")
    assert stack.table["class"].tolist() == list(range(12))
    assert stack.table["particles"].tolist() == list(range(12))
    np.testing.assert_allclose(stack.table["distribution"], np.arange(12) / 66)
    write_hdf(tmp_path / "b.hdf", images[:2], class_ptcl_idxs=[np.arange(7), np.arange(3)])
    stack = open_classes(tmp_path / "b.hdf")
    assert stack.table["particles"].tolist() == [7, 3]
    assert stack.pixel_size_A is None


def test_eman2_values_of_few_bits_are_unpacked(tmp_path):
    bits = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    write_hdf(tmp_path / "a.hdf", bits, stored_renderbits=[8], stored_rendermin=[-1.0], stored_rendermax=[4.1])
    stack = open_classes(tmp_path / "a.hdf")
    np.testing.assert_allclose(stack.images[0].ravel(), np.linspace(-1.0, 4.1, 256), rtol=1e-5, atol=1e-6)
    assert any("ptcl_repr" in note for note in stack.notes)
    with h5py.File(tmp_path / "c.hdf", "w") as file:
        file["x"] = 1
    with pytest.raises(BadInput, match="without images"):
        open_classes(tmp_path / "c.hdf")


@real_files
def test_real_averages_read_or_say_why_not():
    folder = DATA / "class2d"
    assert open_classes(folder / "xmipp" / "smallStack.mrcs").images.shape == (4, 64, 64)
    assert open_classes(folder / "Magellon" / "origTemplate1.mrc").box_px == 448
    assert open_classes(folder / "JointUDL" / "center_1_ori.png", pixel_size_A=3.0).box_px == 128
    with pytest.raises(BadInput, match="neither its folder"):
        open_classes(folder / "2DclassGraph" / "class_averages.star")
