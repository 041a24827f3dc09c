"""Labelled averages as a grader learns from them."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.classes.features import class_features
from cryogauge.classes.framing import find_framing
from cryogauge.classes.mass import class_masses_kDa
from cryogauge.classes.model import prepared
from cryogauge.classes.presets import Preset
from cryogauge.io.classes import LabelledClasses
from cryogauge.io.replace import replacing
from cryogauge.records import REASONS, BadInput

#: Columns of a table of truth; without ``structure`` the whole set is one, without a reason it is unknown.
_REASON_COLUMNS = tuple(f"reason_{name}" for name in REASONS)


@dataclass(frozen=True)
class Examples:
    """Averages as a network is shown them, and what it should say; arrays have an entry an average.

    Attributes
    ----------
    frames
        float16 ``(n, edge, edge)``, with the preset's margin; may be a memory map.
    features, missing
        ``(n, 7)``.
    grade
        1 best to 5 worst.
    reasons
        ``(n, reason)``, 0 or 1, NaN where unknown.
    structure
        What is shown, or the job: what must not be both learned from and judged on.
    """

    frames: np.ndarray
    features: np.ndarray
    missing: np.ndarray
    grade: np.ndarray
    reasons: np.ndarray
    structure: np.ndarray

    def __len__(self) -> int:
        return len(self.grade)

    @property
    def content(self) -> str:
        """SHA-256 of what is learned, the first 16 digits."""
        digest = hashlib.sha256()
        for each in (self.grade, self.reasons, self.features):
            digest.update(np.ascontiguousarray(each).tobytes())
        digest.update(np.ascontiguousarray(self.frames[:, ::16, ::16]).tobytes())
        return digest.hexdigest()[:16]


def make_examples(
    sets: Iterable[LabelledClasses], preset: Preset, *, on_set: Callable[[int], None] = lambda count: None
) -> Examples:
    """Prepare labelled averages for a preset.

    Averages without a grade, or that a grader would not look at (NaN, no contrast), are left out. Beside ``grade`` the
    truth may hold ``structure``, the name of what an average shows, and ``reason_<reason>`` (0, 1 or NaN).

    Raises
    ------
    BadInput
        When nothing is left, or a table of truth lacks the grades.
    """
    parts: list[Examples] = []
    for number, each in enumerate(sets):
        parts.append(_prepare(each, preset, f"job {number + 1}"))
        on_set(len(parts[-1]))
    if not parts or not sum(len(each) for each in parts):
        raise BadInput("there is no graded average to learn from", "grade some, or simulate some")
    return Examples(*(
        np.concatenate([getattr(each, name) for each in parts])
        for name in ("frames", "features", "missing", "grade", "reasons", "structure")
    ))  # fmt: skip


def _prepare(labelled: LabelledClasses, preset: Preset, unnamed: str) -> Examples:
    stack, truth = labelled.stack, labelled.truth.reset_index(drop=True)
    if "grade" not in truth or len(truth) != len(stack.images):
        raise BadInput(f"{stack.source or 'a set'}: its labels do not go with its averages", "give a grade a class")
    framing = find_framing(stack.images)
    grade = truth["grade"].to_numpy(dtype=np.float32)
    use = framing.usable & np.isfinite(grade)
    masses = class_masses_kDa(stack.images, stack.pixel_size_A, framing=framing)
    features, missing = class_features(stack.table, stack.pixel_size_A, masses, framing.frame_px)
    frames = prepared(preset, stack.images, framing, margin=preset.margin).astype(np.float16)
    reasons = truth.reindex(columns=list(_REASON_COLUMNS)).to_numpy(dtype=np.float32)
    structure = truth["structure"].astype(str) if "structure" in truth else pd.Series([unnamed] * len(truth))
    return Examples(
        frames[use], features[use], missing[use], grade[use], reasons[use], structure.to_numpy(dtype=str)[use]
    )


def save_examples(examples: Examples, folder: Path) -> None:
    """Write examples for a later stage."""
    with replacing(folder / "frames.npy") as temporary, temporary.open("wb") as file:
        np.save(file, examples.frames)
    rest = {name: getattr(examples, name) for name in ("features", "missing", "grade", "reasons", "structure")}
    with replacing(folder / "labels.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **rest)


def load_examples(folder: Path) -> Examples | None:
    """Examples that :func:`save_examples` wrote, their frames as a memory map; None where there are none."""
    if not (folder / "labels.npz").exists():
        return None
    with np.load(folder / "labels.npz", allow_pickle=False) as held:
        rest = {name: held[name] for name in held.files}
    return Examples(np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False), **rest)


def split(examples: Examples, part: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices to learn from and to judge on; no structure is in both, and at least one of several is kept out."""
    names = np.unique(examples.structure)
    kept = min(max(round(part * len(names)), 1), len(names) - 1)
    chosen = np.random.default_rng(seed).permutation(names)[:kept]
    out = np.isin(examples.structure, chosen)
    return np.flatnonzero(~out), np.flatnonzero(out)
