"""A page of simulated averages by grade, with the rubric, for a person to judge the judge."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from cryogauge.records.classes import REASONS, RUBRIC
from cryogauge.report.pictures import contact_sheet, data_uri
from cryogauge.report.sheet import Block, write_sheet
from cryogauge.simulate.classes.job import SimulatedClasses

_COLUMNS, _EDGE_PX, _ROWS = 8, 128, 5


def write_class_sheet(path: Path, jobs: Sequence[SimulatedClasses], *, seed: int = 0) -> Path:
    """Write the page: up to forty averages of each letter, drawn at random, from the best to the worst.

    Parameters
    ----------
    path
        Where it goes; it appears there only when it is whole.
    jobs
        What is shown.
    seed
        Of the draw.

    Returns
    -------
    ``path``.
    """
    rng = np.random.default_rng(seed)
    shown: dict[str, list[tuple[float, NDArray[np.uint8], str]]] = {letter: [] for letter in RUBRIC}
    for job in jobs:
        for image, row in zip(job.stack.images, job.truth.to_dict("records"), strict=True):
            letter = min(RUBRIC, key=lambda name: abs(RUBRIC[name][0] - row["grade"]))
            why = [name.replace("_", " ") for name in REASONS if row[f"reason_{name}"]]
            caption = f"{row['grade']:.2f}  n {row['members']}\n{', '.join(why)}"
            shown[letter].append((row["grade"], display_picture(image), caption))
    blocks = []
    total = sum(map(len, shown.values()))
    for letter, (grade, meaning) in RUBRIC.items():
        drawn = shown[letter]
        kept = rng.permutation(len(drawn))[: _COLUMNS * _ROWS]
        chosen = sorted((drawn[k] for k in kept), key=lambda entry: entry[0])
        figures = [(_montage([(p, c) for _, p, c in chosen]), f"{len(drawn)} of {total}")] if chosen else []
        blocks.append(Block(f"{letter} ({grade:g}): {meaning}", figures=figures))
    facts = [(str(total), "averages"), (str(len(jobs)), "jobs")]
    return write_sheet(path, "Simulated class averages by the oracle's grade", facts, blocks, settings={"seed": seed})


def display_picture(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    """An average stretched from its least to its greatest value, as the programs' galleries show it."""
    low, high = float(np.min(image)), float(np.max(image))
    return np.round(255 * (np.asarray(image) - low) / max(high - low, 1e-12)).astype(np.uint8)


def _montage(pictures: list[tuple[NDArray[np.uint8], str]]) -> str:
    from PIL import Image

    size = (_EDGE_PX, _EDGE_PX)
    alike = [
        (np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)), caption)
        for picture, caption in pictures
    ]
    with TemporaryDirectory() as folder:
        content = contact_sheet(alike, _COLUMNS, Path(folder) / "sheet.png", edge_px=_EDGE_PX).read_bytes()
    return f'<img alt="class averages" style="max-width:100%" src="{data_uri("png", content)}">'
