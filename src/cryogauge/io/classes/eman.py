"""Class averages of EMAN2: HDF files such as ``classes_05.hdf``.

Every image has its attributes: ``apix_x`` in Å, ``ptcl_repr``, how many particles it stands for, and
``class_ptcl_idxs``, which they are. Classes count from 0, the image's number. EMAN2 estimates no resolution of a class.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryogauge.io.classes.images import check_square, note_not_finite
from cryogauge.io.classes.table import choose_pixel_A, class_table
from cryogauge.records import BadInput, ClassStack

if TYPE_CHECKING:
    import h5py

_SUFFIXES = (".hdf", ".h5", ".hdf5")
_IMAGES = "MDF/images"


def is_eman(path: Path) -> bool:
    """Whether a file is an HDF file, by the ending of its name."""
    return path.suffix.lower() in _SUFFIXES


def open_eman(path: Path, pixel_size_A: float | None) -> ClassStack:
    """Read the averages of a file; see ``open_classes``."""
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            groups = _groups(file)
            images = np.stack([_image(group) for group in groups])
            sizes = [_attribute(group, "EMAN.apix_x") for group in groups]
            counts = [_particles(group) for group in groups]
    except PermissionError:
        raise
    except OSError as error:
        raise BadInput(f"{path} is no HDF5 file, or a damaged one", "copy or write it again") from error
    except (ValueError, KeyError) as error:
        raise BadInput(
            f"{path} is an HDF5 file without images of one size under /{_IMAGES}", "give class averages of EMAN2"
        ) from error
    check_square(images, path)
    notes = ["EMAN2 estimates no resolution of a class."]
    known = [float(size) for size in sizes if size is not None and size > 0]
    pixel = choose_pixel_A(pixel_size_A, {path.name: known[0] if known else None}, notes, doubt_1=True)
    numbers = np.arange(len(images))
    told = np.array([np.nan if count is None else count for count in counts])
    if np.isnan(told).all():
        notes.append(f"{path.name} has no ptcl_repr: how many particles are in each class is not known.")
    note_not_finite(images, numbers, notes)
    table = class_table(numbers, particles=told)
    return ClassStack(images, pixel, table, str(path), "eman2", tuple(notes))


def _groups(file: "h5py.File") -> "list[Any]":
    group: Any = file.get(_IMAGES)
    numbers = sorted((name for name in group or () if name.isdecimal()), key=int)
    if not numbers:
        raise KeyError(_IMAGES)
    return [group[number] for number in numbers]


def _image(group: Any) -> np.ndarray:
    data = np.asarray(group["image"], dtype=np.float32)
    if data.ndim == 3 and len(data) == 1:
        data = data[0]
    if data.ndim != 2:
        raise ValueError("not an image")
    bits = _attribute(group, "EMAN.stored_renderbits")
    low, high = _attribute(group, "EMAN.stored_rendermin"), _attribute(group, "EMAN.stored_rendermax")
    if not bits or low is None or high is None or high <= low:
        return data
    return data * np.float32((high - low) / (2.0**bits - 1)) + np.float32(low)


def _particles(group: Any) -> float | None:
    """How many an average stands for; a list of who they are says so too."""
    count = _attribute(group, "EMAN.ptcl_repr")
    if count is None and "EMAN.class_ptcl_idxs" in group.attrs:
        return float(np.size(group.attrs["EMAN.class_ptcl_idxs"]))
    return None if count is None else max(count, 0.0)


def _attribute(group: Any, name: str) -> float | None:
    if name not in group.attrs:
        return None
    value = np.asarray(group.attrs[name]).reshape(-1)
    return float(value[0]) if len(value) and value.dtype.kind in "iufb" else None
