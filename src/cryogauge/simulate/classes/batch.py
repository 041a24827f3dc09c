"""Many simulated jobs of 2-D classification as files: a batch that resumes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.io import MrcWriter, content_key, open_volume
from cryogauge.io.replace import replacing, write_csv
from cryogauge.jobs import LedgerKey, Outcome
from cryogauge.records import BadInput
from cryogauge.records.classes import CLASS_COLUMNS, ClassStack
from cryogauge.simulate.classes.job import ClassSetSettings, SimulatedClasses, make_class_set
from cryogauge.simulate.classes.relion import RelionSettings, relion_classes
from cryogauge.simulate.classes.sheet import write_class_sheet
from cryogauge.simulate.numbered import claim, make_missing, own_seed, plain_settings

SETTINGS, TABLE = "classes.json", "truth.csv"
#: Files of each job, the truth last: what has one is whole.
FILES = ("classes.mrcs", "model.star", "truth.csv")
#: Columns of words, where nothing is a word, and what else is no number where a number should be.
_WORDS = ("structure", "contaminant", "program")
_NONE = {name: [""] for name in ("mass_kDa", "diameter_A", "snr", "background", "resolution_A")}


@dataclass(frozen=True)
class ClassSetItem:
    """One job to be made."""

    settings: ClassSetSettings | RelionSettings
    out: Path
    seed: int
    index: int

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"job_{self.index:05d}"

    @property
    def own_seed(self) -> int:
        """Its own seed, which follows from the seed of all and its place."""
        return own_seed(self.seed, self.index)


def simulate_class_sets(
    out: Path,
    count: int = 100,
    settings: ClassSetSettings | RelionSettings | None = None,
    *,
    seed: int = 0,
    workers: int = 1,
    on_outcome: Callable[[Outcome[ClassSetItem]], None] = lambda outcome: None,
) -> dict[str, Path]:
    """Make the jobs that a folder does not hold yet.

    Job ``i`` depends on the settings, the maps, the seed and ``i`` alone, so that a larger ``count`` later adds to what
    is there. An interrupted run goes on where it stopped.

    Parameters
    ----------
    out
        The folder, with ``job_00000``, ``job_00001`` … of :data:`FILES` each.
    count
        How many.
    settings
        What the jobs are of. With :class:`RelionSettings` RELION classifies simulated particles.
    seed
        Seed of all.
    workers
        Jobs under way at a time.
    on_outcome
        Told of each job as it is done or has failed.

    Returns
    -------
    dict
        ``set``: the folder; ``table``: ``truth.csv`` of all jobs, one row an average; ``settings``: what was used.

    Raises
    ------
    BadInput
        When settings or maps cannot be used, or the folder holds something else.
    """
    if count < 1:
        raise BadInput(f"{count} jobs cannot be made", "give a count of 1 or more")
    settings = settings or ClassSetSettings()
    settings = replace(settings, maps=tuple(path.absolute() for path in settings.maps))
    maps = [content_key(path) for path in settings.maps]
    used = {"seed": seed, "engine": type(settings).__name__, **plain_settings(settings), "maps": maps}
    content = claim(out, SETTINGS, used, "classes")
    items = (ClassSetItem(settings, out, seed, index) for index in range(count))
    rows = make_missing(make_item, items, out, content, artefacts=_artefacts, workers=workers, on_outcome=on_outcome)
    tables = [
        pd.read_csv(out / row["job"] / FILES[-1], dtype=str, keep_default_na=False).assign(job=row["job"])
        for row in rows
    ]
    write_csv(out / TABLE, pd.concat(tables) if tables else pd.DataFrame(), float_format=None)
    return {"set": out, "table": out / TABLE, "settings": out / SETTINGS}


def _artefacts(item: ClassSetItem, key: LedgerKey) -> tuple[str, ...]:
    return tuple(f"{item.name}/{name}" for name in FILES)


def make_item(item: ClassSetItem, key: LedgerKey) -> dict[str, Any]:
    """Make one job and write it. Runs in a worker."""
    folder = item.out / item.name
    folder.mkdir(exist_ok=True)
    if isinstance(item.settings, RelionSettings):
        made = relion_classes(folder / "relion", item.settings, seed=item.own_seed)
    else:
        made = make_class_set(item.settings, item.own_seed)
    write_class_set(folder, made)
    grades = made.truth["grade"]
    return {
        "job": item.name, "seed": item.own_seed, "classes": len(grades), "grade": round(float(grades.mean()), 3),
        "program": made.stack.program,
    }  # fmt: skip


def write_class_set(folder: Path, made: SimulatedClasses) -> dict[str, Path]:
    """Write a job as :data:`FILES`: the averages, RELION's table of them, and the truth.

    Raises
    ------
    BadInput
        When the folder cannot be written.
    Retryable
        When the disk is full.
    """
    stack, star, truth = (folder / name for name in FILES)
    images, pixel = made.stack.images, made.stack.pixel_size_A
    with MrcWriter(stack, images.shape, pixel or 1.0, stack=True) as writer:
        writer.append(images)
    with replacing(star) as temporary:
        temporary.write_text(_model_star(made.stack, stack.name), encoding="utf-8")
    columns = made.stack.table.drop(columns="class").reset_index(drop=True)
    whole = pd.concat([made.truth.reset_index(drop=True), columns], axis=1)
    whole = whole.assign(program=made.stack.program, pixel_size_A=pixel)
    write_csv(truth, whole)
    return {"stack": stack, "star": star, "truth": truth}


def _model_star(stack: ClassStack, name: str) -> str:
    head = {
        "rlnReferenceDimensionality": 2, "rlnDataDimensionality": 2, "rlnOriginalImageSize": stack.box_px,
        "rlnPixelSize": f"{stack.pixel_size_A or 1.0:.6f}", "rlnNrClasses": len(stack.images), "rlnNrBodies": 1,
    }  # fmt: skip
    told = stack.table["resolution_A"].to_numpy(np.float64)
    resolution_A = np.where(np.isfinite(told), told, 999.0)
    names = ("rlnReferenceImage", "rlnClassDistribution", "rlnEstimatedResolution")
    rows = [
        f"{k:06d}@{name} {share:.8f} {told:.6f}"
        for k, (share, told) in enumerate(zip(stack.table["distribution"], resolution_A, strict=True), 1)
    ]
    general = "".join(f"_{key} {value}\n" for key, value in head.items())
    labels = "".join(f"_{column} #{k}\n" for k, column in enumerate(names, 1))
    return (
        f"\n# version 30001\n\ndata_model_general\n\n{general}\n\n"
        f"# version 30001\n\ndata_model_classes\n\nloop_\n{labels}" + "\n".join(rows) + "\n\n"
    )


def write_set_sheet(out: Path, most_jobs: int = 30) -> Path:
    """Write ``sheet.html`` of the first jobs of a set: its averages by grade, with the rubric."""
    jobs = [read_class_set(path.parent) for path in sorted(out.glob("job_*/truth.csv"))[:most_jobs]]
    return write_class_sheet(out / "sheet.html", jobs)


def read_class_set(folder: Path) -> SimulatedClasses:
    """Read back what :func:`write_class_set` wrote.

    Raises
    ------
    BadInput
        When the folder holds no such job.
    """
    try:
        whole = pd.read_csv(folder / FILES[2], dtype=dict.fromkeys(_WORDS, str), keep_default_na=False, na_values=_NONE)
    except OSError as error:
        raise BadInput(f"{folder} holds no simulated classes", "give a job folder of a simulated set") from error
    stack = ClassStack(
        np.asarray(open_volume(folder / FILES[0]).data, dtype=np.float32),
        float(whole["pixel_size_A"].iloc[0]),
        whole[list(CLASS_COLUMNS)],
        source=str(folder),
        program=str(whole["program"].iloc[0]),
    )
    own = [*CLASS_COLUMNS[1:], "program", "pixel_size_A"]
    return SimulatedClasses(stack, whole.drop(columns=own))
