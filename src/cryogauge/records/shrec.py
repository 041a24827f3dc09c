"""The kinds of particles of the SHREC tracks *Classification in cryo-electron tomograms* of 2019, 2020 and 2021."""

from typing import NamedTuple


class ShrecKind(NamedTuple):
    """One kind of particle.

    Attributes
    ----------
    name
        Its PDB identifier in small letters, ``vesicle`` or ``fiducial``.
    radius_A
        Radius of a sphere that stands for it.
    group
        Its group of sizes; empty for what is no complex.
    """

    name: str
    radius_A: float
    group: str = ""


#: Groups of sizes, the largest first (RobPicker, Fig. 6).
SHREC_GROUPS = ("large", "medium", "small", "tiny")

#: Every kind of the three years, the largest first. Radii of the species of 2019 are those of cryoet-deepfinder's
#: example (``examples/training/step1_generate_target.py``, voxels of 1 nm). Groups of theirs are RobPicker's. 4cr2 is
#: 4b4t's proteasome and 4v94 is 4d8q's chaperonin; radii of 5mrc, vesicles and fiducials are estimates.
SHREC_KINDS = (
    ShrecKind("5mrc", 130.0, "large"),
    ShrecKind("4b4t", 100.0, "large"),
    ShrecKind("4cr2", 100.0, "large"),
    ShrecKind("4d8q", 80.0, "large"),
    ShrecKind("4v94", 80.0, "large"),
    ShrecKind("1qvr", 60.0, "medium"),
    ShrecKind("1bxn", 60.0, "medium"),
    ShrecKind("3cf3", 70.0, "medium"),
    ShrecKind("1u6g", 60.0, "small"),
    ShrecKind("3d2f", 60.0, "small"),
    ShrecKind("2cg9", 60.0, "small"),
    ShrecKind("3h84", 40.0, "small"),
    ShrecKind("3gl1", 40.0, "tiny"),
    ShrecKind("3qm1", 30.0, "tiny"),
    ShrecKind("1s3x", 30.0, "tiny"),
    ShrecKind("vesicle", 250.0),
    ShrecKind("fiducial", 50.0),
)

#: Edge of a voxel of every tomogram, Å.
SHREC_VOXEL_A = 10.0

#: Kinds by their value in class masks, from 1. Those of 2020 and 2021 stand in the evaluation scripts; that of 2019 is
#: the list of its simulator, the same as 2020's but for the proteasome.
SHREC_CLASSES = {
    2019: ("3cf3", "1s3x", "1u6g", "4b4t", "1qvr", "3h84", "2cg9", "3qm1", "3gl1", "3d2f", "4d8q", "1bxn"),
    2020: ("3cf3", "1s3x", "1u6g", "4cr2", "1qvr", "3h84", "2cg9", "3qm1", "3gl1", "3d2f", "4d8q", "1bxn"),
    2021: (
        "4v94", "4cr2", "1qvr", "1bxn", "3cf3", "1u6g", "3d2f", "2cg9", "3h84", "3gl1", "3qm1", "1s3x", "5mrc",
        "vesicle", "fiducial",
    ),
}  # fmt: skip
