"""What came of a picking, to be looked at: counts, scores, and picks drawn on slabs of the tomograms."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.pick.model import Picker
from cryogauge.records import PickObject, Volume
from cryogauge.report import Block, Failure, write_sheet
from cryogauge.report.pictures import data_uri, encode_within, reduce_picture

#: Thickness of the slab that is shown, and the longest edge and the size of its picture.
SLAB_A = 200.0
_EDGE_PX, _BYTES = 720, 90_000
#: Tomograms whose pictures are shown; the table names all.
_SHOWN = 12
_IN_A_ROW = 3  # names of kinds below a picture
#: Hues that colour-blind readers tell apart (Okabe and Ito), bright enough on a grey picture.
HUES = ("#e69f00", "#56b4e9", "#00c08b", "#f0e442", "#ff7fbf", "#ff6a3d", "#b48cff", "#ffffff")


def slab_picture(volume: Volume) -> bytes:
    """The mean over the middle :data:`SLAB_A` of a tomogram as JPEG, stretched to its own grey values."""
    first, last = slab_of(volume.shape[0], volume.voxel_size_A)
    slab = np.asarray(volume.data[first:last], dtype=np.float32).mean(axis=0)
    low, high = np.quantile(slab, [0.005, 0.995])
    grey = np.clip((slab - low) / max(float(high - low), 1e-12), 0, 1)
    return encode_within(reduce_picture((255 * grey).astype(np.uint8), _EDGE_PX), _BYTES)


def slab_of(slices: int, voxel_size_A: float) -> tuple[int, int]:
    """First slice of the slab that is shown, and the one after its last."""
    half = max(1, round(SLAB_A / voxel_size_A / 2))
    return max(0, slices // 2 - half), min(slices, slices // 2 + half)


def write_picked(
    path: Path,
    picks: pd.DataFrame,
    picker: Picker,
    pictures: Mapping[str, tuple[bytes, tuple[int, int, int], float]],
    failures: Sequence[Failure],
    settings: Mapping[str, object],
) -> Path:
    """Write the page of a picking.

    Parameters
    ----------
    path
        The HTML file.
    picks
        Those that were kept.
    pictures
        By tomogram: what :func:`slab_picture` returned, the tomogram's shape (z, y, x) and its voxel size in Å.
    failures
        Tomograms that could not be picked.
    settings
        What was used, by its name in words.
    """
    names = [each.name for each in picker.objects]
    counts = pd.crosstab(picks["tomogram"], picks["object"]).reindex(index=list(pictures), columns=names, fill_value=0)
    blocks = []
    if failures:
        table = pd.DataFrame([(each.tomogram, each.message) for each in failures], columns=["tomogram", "why"])
        blocks.append(Block("Not picked", table=table))
    shown = list(pictures)[:_SHOWN]
    figures = []
    for name in shown:
        of_tomogram = picks[picks["tomogram"] == name]
        figures.append((_drawn(pictures[name], of_tomogram, picker.objects), _caption(name, of_tomogram)))
    text = f"Picks within the middle {SLAB_A / 10:.0f} nm, each as large as its particle."
    if len(shown) < len(pictures):
        text += f" The first {_SHOWN} of {len(pictures)} tomograms."
    blocks.append(Block("Slabs", text, figures=figures))
    blocks.append(Block("Tomograms", table=counts.rename_axis("tomogram").reset_index()))
    least = [picker.thresholds.get(name, float("nan")) for name in names]
    table = pd.DataFrame({"kind": names, "least score": least})
    blocks.append(Block("Least scores", "From which a pick is kept; a kind without one keeps all.", table=table))
    facts = [(str(int(counts[name].sum())), name) for name in names]
    return write_sheet(path, "Picks", facts, blocks, settings=settings)


def _caption(name: str, picks: pd.DataFrame) -> str:
    return f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in picks["object"].value_counts().items())


def _drawn(
    picture: tuple[bytes, tuple[int, int, int], float], picks: pd.DataFrame, objects: Sequence[PickObject]
) -> str:
    """SVG of a slab with a circle around every pick whose centre lies in it; y points down."""
    jpeg, (nz, ny, nx), voxel_A = picture
    first, last = slab_of(nz, voxel_A)
    parts = []
    for number, each in enumerate(objects):
        z = picks["z_A"].to_numpy(float) / voxel_A
        inside = picks[(picks["object"] == each.name).to_numpy() & (z >= first) & (z < last)]
        hue, radius = HUES[number % len(HUES)], each.radius_A / voxel_A
        title = f"<title>{escape(each.name)}</title>"
        parts += [
            f'<circle cx="{x / voxel_A:.1f}" cy="{y / voxel_A:.1f}" r="{radius:.1f}" stroke="{hue}">{title}</circle>'
            for x, y in zip(inside["x_A"], inside["y_A"], strict=True)
        ]
    line = nx * 0.045
    rows = -(-len(objects) // _IN_A_ROW)
    legend = ""
    for number, each in enumerate(objects):
        row, column = divmod(number, _IN_A_ROW)
        x, y = (0.02 + column / _IN_A_ROW) * nx, ny + (row + 0.75) * line
        legend += f'<text x="{x:.1f}" y="{y:.1f}" fill="{HUES[number % len(HUES)]}">{escape(each.name)}</text>'
    height = f"{ny + rows * line:.1f}"
    return (
        f'<svg viewBox="0 0 {nx} {height}" role="img" aria-label="picks on a slab" '
        f'xmlns="http://www.w3.org/2000/svg"><rect width="{nx}" height="{height}" fill="#111"/>'
        f'<image href="{data_uri("jpeg", jpeg)}" width="{nx}" height="{ny}" preserveAspectRatio="none"/>'
        f'<g fill="none" stroke-width="{nx / 320:.2f}">{"".join(parts)}</g>'
        f'<g font-size="{0.7 * line:.1f}" font-family="system-ui,sans-serif">{legend}</g></svg>'
    )
