"""Simulated tomograms that no network was trained on, and their judgements: made once, kept in ``work/``."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.io import open_volume, write_mrc
from cryogauge.records import TiltSeries, TomogramJudgement, Volume
from cryogauge.score.quality import CompactQuality, available_threads, shipped_weights
from cryogauge.score.store import load_judgement, save_judgement
from cryogauge.score.tomogram import judge_volume
from cryogauge.simulate import acquire, oracle
from cryogauge.simulate.recipe import Draw, draw, read_recipe
from cryogauge.simulate.specimens import Specimen, make_specimen
from cryogauge.simulate.tomogram import reconstruct

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "cryogauge"
WORK = ROOT / "work" / "validation"
#: Tomograms of a set in a quick try.
SMALL = 3
#: The first tomograms of ``slices-test`` also come as even and odd halves of their dose.
WITH_HALVES = 16


@dataclass(frozen=True)
class HeldOut:
    """One held-out tomogram and its truth.

    Attributes
    ----------
    path
        The tomogram; ``halves`` are the paths of its half-dose tomograms, where there are any.
    score
        float ``(z,)``: the oracle's slice scores.
    structure
        float ``(z,)``: the part of each slice that holds structure.
    thickness_nm, slab_tilt_deg
        Of the specimen: its mean thickness across, and its tilt as drawn.
    kind, half_range_deg, voxel_size_A, dose_e_A2
        What was imaged and how.
    """

    path: Path
    halves: tuple[Path, ...]
    score: np.ndarray
    structure: np.ndarray
    thickness_nm: float
    slab_tilt_deg: float
    kind: str
    half_range_deg: float
    voxel_size_A: float
    dose_e_A2: float

    def open(self) -> Volume:
        """The tomogram, lazily."""
        return open_volume(self.path)


def held_out(recipe_name: str, *, small: bool = False) -> Iterator[HeldOut]:
    """The tomograms of ``src/cryogauge/recipes/<recipe_name>.yaml``, simulated on first use.

    Parameters
    ----------
    recipe_name
        ``slices-test`` or ``thickness-test``.
    small
        Only the first few.
    """
    file = PACKAGE / "recipes" / f"{recipe_name}.yaml"
    recipe = read_recipe(file)
    folder = WORK / f"{recipe_name}-{digest([file])}"
    folder.mkdir(parents=True, exist_ok=True)
    made_by = digest(path for room in ("simulate", "imaging") for path in (PACKAGE / room).glob("*.py"))
    stale = False
    for index in range(min(recipe.count, SMALL) if small else recipe.count):
        truth = folder / f"{index:03d}.npz"
        if not truth.exists():
            print(f"   simulating {recipe_name} {index + 1} of {recipe.count}", flush=True)
            _make(unlike_training(draw(recipe, index), index), folder, index, made_by, recipe_name == "slices-test")
        found, by = _read(truth)
        stale = stale or by != made_by
        yield found
    if stale:
        print(f"   note: made by another version of the simulator; delete {folder.relative_to(ROOT)} to make them anew")


def unlike_training(drawn: Draw, index: int) -> Draw:
    """The draw under imaging that no recipe can draw: amplitude contrast and defocus gradient, and 200 kV for half."""
    imaging = replace(
        drawn.imaging, amplitude_contrast=0.1, defocus_gradient=True, voltage_kV=300.0 if index % 2 else 200.0
    )
    return replace(drawn, imaging=imaging)


def _make(drawn: Draw, folder: Path, index: int, made_by: str, with_halves: bool) -> None:
    """Simulate, write the tomogram, its halves and, last of all, its truth."""
    specimen = make_specimen(
        drawn.kind, drawn.shape, drawn.voxel_size_A, drawn.thickness_nm, drawn.specimen_seed, slab=drawn.slab
    )
    fractions = acquire.expose(specimen, replace(drawn.imaging, frames=2), drawn.imaging_seed, frames=True)
    assert isinstance(fractions, list)
    series: dict[str, TiltSeries] = {"": acquire.combine(fractions)}
    if with_halves and index < WITH_HALVES:
        series |= dict(zip(("-even", "-odd"), fractions, strict=True))
    for part, recorded in series.items():
        data = reconstruct(recorded, drawn)
        write_mrc(folder / f"{index:03d}{part}.mrc", data, drawn.voxel_size_A, mode=2)
        if not part:
            truth = oracle.judge(
                data, specimen.biology_V, within=specimen.coverage(), half_range_deg=drawn.imaging.tilt_range_deg
            )
            _write_truth(folder / f"{index:03d}.npz.part", drawn, specimen, truth, made_by)
    (folder / f"{index:03d}.npz.part").replace(folder / f"{index:03d}.npz")


def _write_truth(path: Path, drawn: Draw, specimen: Specimen, truth: oracle.Truth, made_by: str) -> None:
    facts = {
        "thickness_nm": specimen.thickness_nm, "slab_tilt_deg": drawn.slab.slab_tilt_deg, "kind": drawn.kind,
        "half_range_deg": drawn.imaging.tilt_range_deg, "voxel_size_A": drawn.voxel_size_A,
        "dose_e_A2": drawn.imaging.dose_e_A2,
    }  # fmt: skip
    structure = truth.structure.mean(axis=(1, 2))
    with path.open("wb") as file:
        np.savez(
            file, score=truth.score, structure=structure, facts=json.dumps(facts), drawn=json.dumps(asdict(drawn)),
            made_by=made_by,
        )  # fmt: skip


def _read(path: Path) -> tuple[HeldOut, str]:
    with np.load(path, allow_pickle=False) as arrays:
        facts: dict[str, Any] = json.loads(str(arrays["facts"]))
        halves = tuple(half for part in ("even", "odd") if (half := path.with_name(f"{path.stem}-{part}.mrc")).exists())
        return (
            HeldOut(path.with_suffix(".mrc"), halves, arrays["score"], arrays["structure"], **facts),
            str(arrays["made_by"]),
        )


def digest(files: Iterable[Path]) -> str:
    """Hash of files' contents."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()[:8]


# ------------------------------------------------------------------ judgements


@cache
def shipped_model() -> CompactQuality:
    """The shipped network."""
    return CompactQuality(shipped_weights("compact"), available_threads())


@cache
def _judgements() -> Path:
    """Where judgements by these weights and this code are kept."""
    code = digest(path for room in ("score", "imaging") for path in (PACKAGE / room).glob("*.py"))
    return WORK / f"judgements-{shipped_model().weights}-{code}"


def judged(path: Path) -> TomogramJudgement:
    """The shipped network's judgement of a held-out tomogram, kept for the next time."""
    folder = _judgements() / path.parent.name / path.stem
    if not (folder / "judgement.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_judgement(judge_volume(open_volume(path), path.stem, shipped_model()), folder)
    return load_judgement(folder)
