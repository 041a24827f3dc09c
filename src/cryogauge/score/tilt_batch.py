"""Tilt images of many series: judged, told to other programs, shown."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.imaging.tilted import Aligner
from cryogauge.io import read_tilt_series, tilt_series_key, write_exclusions
from cryogauge.io.replace import write_csv
from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch
from cryogauge.jobs.ledger import settings_digest
from cryogauge.records import TiltSeries
from cryogauge.report import Block, Failure, Line, contact_sheet, line_plot_svg, write_sheet
from cryogauge.report.pictures import data_uri
from cryogauge.score.batch import artefacts, result_folder, whole_folder
from cryogauge.score.tilts import judge_tilts

TABLE, LEFT_OUT = "tilts.csv", "left_out.png"
_PICTURE_PX = 160
_COLUMNS = 6


@dataclass(frozen=True)
class TiltSettings:
    """How tilt images are judged: ``pixel_size_A`` in place of the files' own, the ``alignment`` to read where there
    are several, whether to fit the contrast transfer (``ctf``), and the ``gain`` of images that are not corrected.
    """

    pixel_size_A: float | None = None
    alignment: str | None = None
    ctf: bool = True
    gain: str | None = None


@dataclass(frozen=True)
class TiltItem:
    """One tilt series: ``name``, ``uri`` as ``read_tilt_series`` takes it, the output folder, the settings."""

    name: str
    uri: str
    out: Path
    settings: TiltSettings


def tilt_batch(items: Sequence[TiltItem], out: Path, *, workers: int = 1) -> Iterator[Outcome[TiltItem]]:
    """Judge the images of every series that the ledger in ``out`` does not know yet.

    Yields
    ------
    One outcome a series; its row holds ``folder``, ``images`` and ``left_out``.

    Raises
    ------
    BadInput
        When the ledger cannot be used.
    """

    def key(item: TiltItem) -> LedgerKey:
        content = tilt_series_key(item.uri, item.settings.alignment)
        return LedgerKey(item.name, content, "", settings_digest(asdict(item.settings)))

    with Ledger(out / "ledger.sqlite") as ledger:
        yield from run_batch(
            _judge,
            items,
            key=key,
            ledger=ledger,
            artefacts=lambda item, key: artefacts(item.out, result_folder(key)),
            workers=workers,
        )


def _judge(item: TiltItem, key: LedgerKey) -> dict[str, Any]:
    folder = result_folder(key)
    return {"folder": folder, **whole_folder(item.out / folder, lambda partial: judge_to_folder(item, partial))}


def judge_to_folder(item: TiltItem, folder: Path) -> dict[str, Any]:
    """Write ``tilts.csv``, the files that tell other programs what to leave out, and a picture of what it is.

    Where nothing is to be kept there are no such files: the table says why.
    """
    settings = item.settings
    series = read_tilt_series(
        item.uri, alignment=settings.alignment, pixel_size_A=settings.pixel_size_A, gain=settings.gain
    )
    table = judge_tilts(series, item.name, ctf=settings.ctf)
    table.to_csv(folder / TABLE, index=False)
    keep = table["keep"].to_numpy(dtype=bool)
    if keep.any():
        write_exclusions(series, keep, folder, item.name)
    if not keep.all():
        _picture(series, table, folder / LEFT_OUT)
    return {"images": len(table), "left_out": int((~keep).sum())}


def _picture(series: TiltSeries, table: pd.DataFrame, path: Path) -> None:
    voxel = max(series.pixel_size_A * max(series.images.shape[1:]) / _PICTURE_PX, series.pixel_size_A)
    aligner = Aligner(series, voxel)
    shown = []
    for k, row in table[~table["keep"]].iterrows():
        image = aligner.bin(np.asarray(series.images[int(str(k))], dtype=np.float32))
        low, high = np.percentile(image, [1, 99])
        grey = np.clip((image - low) / max(high - low, 1e-6), 0, 1) * 255
        shown.append((grey.astype(np.uint8), f"{row['tilt_deg']:+.0f}° {row['reasons'] or 'left out before'}"))
    contact_sheet(shown, min(_COLUMNS, len(shown)), path, edge_px=_PICTURE_PX)


def load_tilts(folder: Path) -> pd.DataFrame:
    """The table of one series, names and reasons as text."""
    return pd.read_csv(folder / TABLE, dtype={"series": str, "image": str, "reasons": str}).fillna({"reasons": ""})


def write_tilts(
    out: Path, folders: Sequence[Path], failures: Sequence[Failure], settings: Mapping[str, object]
) -> pd.DataFrame:
    """Write ``tilts.csv`` of all series and ``report.html``; returns the table."""
    tables = [load_tilts(folder) for folder in folders]
    everything = pd.concat(tables, ignore_index=True)
    write_csv(out / TABLE, everything, float_format=None)
    left_out = everything[~everything["keep"]]
    facts = [
        (str(len(tables)), "tilt series"),
        (str(len(everything)), "images"),
        (str(len(left_out)), "to leave out"),
        (str(len(failures)), "series could not be judged"),
    ]
    blocks = [_block(table, folder) for table, folder in zip(tables, folders, strict=True)]
    if failures:
        told = pd.DataFrame([asdict(failure) for failure in failures])
        blocks.insert(0, Block("Could not be judged", table=told))
    write_sheet(out / "report.html", "Tilt images and what to leave out", facts, blocks, settings=settings)
    return everything


def _block(table: pd.DataFrame, folder: Path) -> Block:
    by_tilt = table.sort_values("tilt_deg")
    lines = [Line("score", by_tilt["tilt_deg"], by_tilt["score"])]
    agreement = by_tilt["agreement"].clip(lower=0.0)
    lines.append(Line("agreement with neighbours", by_tilt["tilt_deg"], agreement))
    if by_tilt["brightness"].notna().any():
        lines.append(Line("brightness", by_tilt["tilt_deg"], by_tilt["brightness"].clip(upper=1.5)))
    plot = line_plot_svg(
        lines, title=str(table["series"].iloc[0]), x_label="tilt, degrees", y_label="", y_range=(0.0, 1.5)
    )
    figures = [(plot, "Images that score below 0.5 are left out.")]
    picture = folder / LEFT_OUT
    left_out = table[~table["keep"]]
    if picture.is_file():
        source = data_uri("png", picture.read_bytes())
        figures.append((f'<img src="{source}" alt="images to leave out" style="max-width:100%">', "What is left out."))
    said = (
        f"{len(left_out)} of {len(table)} images to leave out."
        if len(left_out)
        else f"Nothing to leave out of {len(table)} images."
    )
    columns = ["image", "tilt_deg", "score", "reasons", "brightness", "agreement", "content"]
    resolution = table["ctf_resolution_A"].replace(math.inf, math.nan).median()
    if math.isfinite(resolution):
        said += f" Rings of the contrast transfer fit to {resolution:.1f} Å in the median."
    return Block(str(table["series"].iloc[0]), said, figures, left_out[columns] if len(left_out) else None)
