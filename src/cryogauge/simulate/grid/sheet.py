"""A page of a simulated grid, for a person to see what was made."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.report.pictures import contact_sheet, data_uri, grey_levels
from cryogauge.report.sheet import Block, write_sheet
from cryogauge.simulate.grid.layout import SimulatedGrid

_COLUMNS, _EDGE_PX = 3, 400


def write_grid_sheet(
    path: Path, grid: SimulatedGrid, pictures: Sequence[tuple[str, str, NDArray[np.floating]]]
) -> Path:
    """Write the page: the images from the atlas to exposures, and how many squares and holes there are of each kind.

    Parameters
    ----------
    path
        Where it goes; it appears there only when it is whole.
    grid
        What is shown.
    pictures
        Name, description and image of each.

    Returns
    -------
    ``path``.
    """
    whole = grid.holes[grid.holes["edge_um"] > 0]
    facts = [
        (f"{grid.quality:.2f}", "mean quality of the holes"),
        (str(len(grid.squares)), "squares"),
        (str(len(whole)), "whole holes"),
        (f"{(whole['quality'] >= 0.5).mean():.0%}" if len(whole) else "0%", "holes of quality 0.5 and more"),
    ]
    counts = pd.DataFrame(
        {"squares": grid.squares["kind"].value_counts(), "holes": whole["kind"].value_counts()}
    ).fillna(0)
    table = counts.astype(int).reset_index(names="kind").sort_values("squares", ascending=False)
    blocks = [
        Block("Images", figures=[(_montage(pictures), "stage x to the right, stage y downwards")]),
        Block("Squares and holes by kind", table=table),
    ]
    settings = {"seed": grid.seed, **asdict(grid.settings)}
    return write_sheet(path, "A simulated grid", facts, blocks, settings=settings)


def _montage(pictures: Sequence[tuple[str, str, NDArray[np.floating]]]) -> str:
    shown = [(grey_levels(np.asarray(image)), f"{name}\n{what}") for name, what, image in pictures]
    with TemporaryDirectory() as folder:
        content = contact_sheet(shown, _COLUMNS, Path(folder) / "sheet.png", edge_px=_EDGE_PX).read_bytes()
    return f'<img alt="images of the grid" style="max-width:100%" src="{data_uri("png", content)}">'
