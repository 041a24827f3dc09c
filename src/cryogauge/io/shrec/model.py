"""Folders of the SHREC tracks: a tomogram, where its particles are, and which voxels are whose."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.io.formats import open_volume
from cryogauge.io.shrec.locations import read_locations
from cryogauge.records import PICK_COLUMNS, BadInput
from cryogauge.records.shrec import SHREC_CLASSES, SHREC_VOXEL_A

_log = logging.getLogger("cryogauge.io")

#: Slices that the particles of 2019 and 2020 fill, in the middle of 512.
_FILLED_PX = 200
_LAYOUT = "model_N/ with reconstruction.mrc and particle_locations.txt, or N/ with reconstruction_model_N.mrc"


@dataclass(frozen=True)
class ShrecModel:
    """One tomogram of a SHREC track and what is known of it.

    Attributes
    ----------
    name
        Its folder's, as ``model_3``; of 2019, whose folders are bare numbers, ``model_N`` too.
    number
        Its place in the set; the last one is the test.
    year
        2019, 2020 or 2021: whose conventions its files follow.
    volume
        Path of the reconstruction.
    shape
        Of the reconstruction, ``(z, y, x)``.
    picks
        ``PICK_COLUMNS`` with ``rot, tilt, psi``, positions in Å from the reconstruction's corner: row i is the particle
        that the occupancy mask calls i + 1. Empty where the truth is not known.
    occupancy, class_mask
        Paths; None where there are none.
    offset_px
        Slices of the reconstruction below the first of the masks, from which the file's z counts.
    """

    name: str
    number: int
    year: int
    volume: Path
    shape: tuple[int, int, int]
    picks: pd.DataFrame
    occupancy: Path | None
    class_mask: Path | None
    offset_px: int


def find_shrec(folder: Path) -> list[Path]:
    """The folders of single tomograms in one of a track, by number; or the folder itself where it is one.

    Raises
    ------
    BadInput
        When there are none.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise BadInput(f"{folder} {what}", f"give the folder of a SHREC track: {_LAYOUT}")
    if _reconstruction(folder) is not None:
        return [folder]
    for above in (folder, *sorted(path for path in folder.iterdir() if path.is_dir())):
        found = [path for path in above.iterdir() if path.is_dir() and _reconstruction(path) is not None]
        if found:
            return sorted(found, key=_number)
    raise BadInput(f"{folder} holds no tomograms as SHREC has them", f"it has {_LAYOUT}")


def read_shrec(folder: Path) -> ShrecModel:
    """Read what a folder of one tomogram holds; volumes are looked at, not read.

    Files of 2019 carry the tomogram's number and list voxels as z, y, x; classes of 2021 are in capitals or include
    vesicles and fiducials. Masks lower than the reconstruction lie in its middle.

    Parameters
    ----------
    folder
        ``model_3`` of 2020 or 2021, or ``3`` of 2019.

    Raises
    ------
    BadInput
        When it is no such folder, a file cannot be read, or a mask does not lie in the middle of the reconstruction.
    """
    volume = _reconstruction(folder)
    if volume is None:
        raise BadInput(f"{folder} is no tomogram as SHREC has it", f"a set has {_LAYOUT}")
    number = _number(folder)
    first_track = volume.name != "reconstruction.mrc"
    suffix = f"_{number}" if first_track else ""
    text = folder / (f"particle_locations_model{suffix}.txt" if first_track else "particle_locations.txt")
    occupancy = _there(folder / (f"hitbox{suffix}.mrc" if first_track else "occupancy_mask.mrc"))
    class_mask = _there(folder / f"class_mask{suffix}.mrc")
    shape = _shape(volume)
    if text.is_file():
        located = read_locations(text, reversed_axes=first_track)
        year = 2019 if first_track else _year(text)
    else:
        _log.warning("%s has no %s: nothing is known of its particles", folder, text.name)
        located, year = pd.DataFrame(columns=["object", "x", "y", "z", "rot", "tilt", "psi"]), 2020
    mask = occupancy or class_mask or _there(folder / f"grandmodel{suffix}.mrc")
    offset = _offset(volume, shape, mask, year)
    picks = pd.DataFrame({"tomogram": f"model_{number}", "object": located["object"].astype(str)})
    for axis, above in (("x", 0), ("y", 0), ("z", offset)):
        picks[f"{axis}_A"] = (located[axis].astype(float) + above) * SHREC_VOXEL_A
    picks["score"] = 1.0
    picks[["rot", "tilt", "psi"]] = located[["rot", "tilt", "psi"]].astype(float)
    picks = picks[[*PICK_COLUMNS, "rot", "tilt", "psi"]]
    return ShrecModel(f"model_{number}", number, year, volume, shape, picks, occupancy, class_mask, offset)


def read_occupancy(model: ShrecModel) -> NDArray[np.int32]:
    """Whose voxel each one is, ``(z, y, x)`` in the masks' slices: 0 for nobody, i + 1 for row i of the picks.

    Raises
    ------
    BadInput
        When there is no such mask, it names particles that the list of them lacks, or it lies elsewhere than they do.
    """
    if model.occupancy is None:
        raise BadInput(
            f"{model.volume.parent} has no mask of who fills which voxels",
            "it is occupancy_mask.mrc in 2020 and 2021, and hitbox_9.mrc of the test tomogram in 2019",
        )
    found = _whole_numbers(model.occupancy)
    if found.max() > len(model.picks):
        raise BadInput(
            f"{model.occupancy} numbers {found.max()} particles, {len(model.picks)} are listed", "download both again"
        )
    _check_agreement(model, found)
    return found


def read_labels(model: ShrecModel, labels: Mapping[str, int]) -> NDArray[np.uint8] | None:
    """What fills each voxel of the reconstruction, ``(z, y, x)``: the label of the particle's kind, 0 for nothing.

    Taken from the occupancy mask and the list of particles, or else from the class mask by the order of its year.

    Parameters
    ----------
    model
        From :func:`read_shrec`.
    labels
        Label of each kind; kinds that it lacks count as nothing.

    Returns
    -------
    numpy.ndarray or None
        None where there is no mask.

    Raises
    ------
    BadInput
        As :func:`read_occupancy`; and when a class mask has values that are no class of the year.
    """
    if model.occupancy is not None and len(model.picks):
        of = [0, *(labels.get(name, 0) for name in model.picks["object"])]
        values = read_occupancy(model)
    elif model.class_mask is not None:
        of = [0, *(labels.get(name, 0) for name in SHREC_CLASSES[model.year])]
        values = _whole_numbers(model.class_mask)
        if values.max() >= len(of):
            raise BadInput(
                f"{model.class_mask} has the value {values.max()}", f"{model.year} has {len(of) - 1} classes"
            )
    else:
        return None
    whole = np.zeros(model.shape, np.uint8)
    whole[model.offset_px : model.offset_px + len(values)] = np.array(of, np.uint8)[values]
    return whole


def _reconstruction(folder: Path) -> Path | None:
    for name in ("reconstruction.mrc", f"reconstruction_model_{folder.name.removeprefix('model_')}.mrc"):
        if (folder / name).is_file():
            return folder / name
    return None


def _number(folder: Path) -> int:
    digits = re.search(r"(\d+)$", folder.resolve().name)
    if digits is None:
        raise BadInput(f"{folder} is not called after its number", "SHREC's folders are model_0 … model_9, or 0 … 9")
    return int(digits.group(1))


def _there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _year(text: Path) -> int:
    names = {line.split()[0] for line in text.read_text(encoding="utf-8").splitlines() if line.split()}
    return 2021 if any(name != name.lower() for name in names) or names & {"vesicle", "fiducial"} else 2020


def _shape(path: Path) -> tuple[int, int, int]:
    z, y, x = open_volume(path, pixel_size_A=SHREC_VOXEL_A).data.shape
    return int(z), int(y), int(x)


def _offset(volume: Path, shape: tuple[int, int, int], mask: Path | None, year: int) -> int:
    if mask is None:
        return max(0, (shape[0] - _FILLED_PX) // 2) if year < 2021 else 0
    height, *plane = _shape(mask)
    if plane != list(shape[1:]) or height > shape[0]:
        raise BadInput(f"{mask.name} does not fit {volume}", "both are of one tomogram, the mask no higher")
    return (shape[0] - height) // 2


def _whole_numbers(path: Path) -> NDArray[np.int32]:
    """A mask as whole numbers; SHREC's are stored as real ones."""
    data = open_volume(path, pixel_size_A=SHREC_VOXEL_A).data
    found = np.empty(data.shape, np.int32)
    for z in range(len(found)):
        plane = np.asarray(data[z])
        rounded = np.rint(plane)
        if not np.array_equal(rounded, plane) or rounded.min() < 0:
            raise BadInput(f"{path} is no mask: slice {z} has values other than 0, 1, 2 …", "download it again")
        found[z] = rounded
    return found


def _check_agreement(model: ShrecModel, occupancy: NDArray[np.int32]) -> None:
    """Particles lie in their own voxels more often than in another's, unless axes or slices are mistaken."""
    at = np.rint(model.picks[["z_A", "y_A", "x_A"]].to_numpy() / SHREC_VOXEL_A).astype(int)
    at[:, 0] -= model.offset_px
    inside = ((at >= 0) & (at < occupancy.shape)).all(axis=1)
    there = occupancy[tuple(at[inside].T)]
    own = int((there == np.flatnonzero(inside) + 1).sum())
    if own < max(1, int((there > 0).sum()) - own):
        raise BadInput(
            f"{model.occupancy} and the list of particles do not agree: {own} of {len(at)} centres lie in their own"
            " particle",
            "they are of different tomograms, or their axes or slices are counted otherwise",
        )
