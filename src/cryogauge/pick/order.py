"""What a training was ordered with, kept beside it: a later stage must be of the same training."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.records import BadInput

ORDER = "order.json"
_HINT = "use another folder, or delete it to start anew"
_TOLD = ["tomogram", "object", "x_A", "y_A", "z_A", "rot", "tilt", "psi"]

#: Names of the tomograms that are learned from, and of those that are not.
Split = tuple[list[str], list[str]]


def claim_folder(folder: Path, ordered: Mapping[str, Any], under_way: bool, split: Callable[[], Split]) -> Split:
    """Write what is ordered into a folder, or see that what is under way there was ordered alike.

    Parameters
    ----------
    ordered
        What the training depends on, by its name in words; plain values.
    under_way
        Whether the folder holds steps already. What was ordered without a step done is forgotten.
    split
        Tells which tomograms are learned from; not asked where the folder knows.

    Returns
    -------
    The split that the training began with.

    Raises
    ------
    BadInput
        When the folder holds another training; it says what differs.
    """
    path = folder / ORDER
    plain = json.loads(json.dumps(ordered))
    if not under_way:
        learned, kept = split()
        write_json_file(path, {"learned": learned, "kept_out": kept, "ordered": plain})
        return learned, kept
    if not path.exists():
        raise BadInput(f"{folder} holds a training, and no {ORDER} that tells of what", _HINT)
    held = read_json_file(path, _HINT)
    try:
        before, split_before = dict(held["ordered"]), (list(held["learned"]), list(held["kept_out"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} does not tell what is learned there", _HINT) from error
    differing = [name for name in (*plain, *(before.keys() - plain.keys())) if before.get(name) != plain.get(name)]
    if differing:
        raise BadInput(f"{folder} holds a training that differs in {', '.join(differing)}", _HINT)
    return split_before


def digest_of_picks(picks: pd.DataFrame) -> str:
    """SHA-256 of what picks say, in whatever order; their scores and makers are not learned."""
    table = picks[_TOLD].sort_values(_TOLD, ignore_index=True)
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()


def digest_of_masks(masks: Mapping[int, np.ndarray]) -> str:
    """SHA-256 of particles' shapes by label."""
    digest = hashlib.sha256()
    for label in sorted(masks):
        digest.update(f"{label} {masks[label].shape}".encode() + np.packbits(masks[label]).tobytes())
    return digest.hexdigest()
