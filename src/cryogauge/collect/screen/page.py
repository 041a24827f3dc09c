"""``report.html``, ``grids.csv``, ``exposures.csv`` and ``classes.csv`` of a session."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from cryogauge import __version__
from cryogauge.collect.screen.expose import judge_exposures
from cryogauge.collect.screen.orders import read_orders
from cryogauge.collect.screen.page_classes import class_block, rounds_table
from cryogauge.collect.screen.ranking import rank_grids
from cryogauge.collect.screen.rounds import rounds_of
from cryogauge.collect.screen.session import Session
from cryogauge.io import read_picture
from cryogauge.io.replace import replacing
from cryogauge.report import Block, write_sheet
from cryogauge.report.columns import in_words
from cryogauge.report.pictures import data_uri, encode_within, grey_levels, heat_colours, reduce_picture

REPORT, GRIDS, TABLE, ROUNDS = "report.html", "grids.csv", "exposures.csv", "classes.csv"
_ATLAS_PX, _ATLAS_BYTES = 900, 120_000
_SHOWN = ("score", "exposure", "kind", "defocus_A", "ctf_resolution_A", "ice_thickness_nm", "particles", "said")


def write_session(session: Session, ending: str = "") -> Path:
    """Write page and tables of what there is.

    Parameters
    ----------
    session
        Under way or at its end.
    ending
        Why it ended; empty while it goes on.

    Returns
    -------
    The page's path.
    """
    log, folder, grids = session.log, session.folder, session.settings.grids
    rows = [row for slot in grids for row in judge_exposures(session, str(slot))]
    ranked = rank_grids(grids, log.steps, rows)
    _write(ranked, folder / GRIDS)
    _write(pd.DataFrame(rows), folder / TABLE)
    rounds = rounds_of(session)
    _write(rounds_table(rounds), folder / ROUNDS)
    skips = [result["why"] for _, result in log.results("skip")]
    facts = [
        (str(int(ranked["score"].notna().sum())), f"of {len(grids)} grids screened"),
        (str(len(rows)), "exposures"),
        (f"{log.taken_s() / 3600:.1f} h", "on the microscope's clock"),
    ]
    blocks = [Block("Grids, the best first", ending or "The session goes on.", table=ranked)]
    for slot in ranked["slot"]:
        if log.result("squares", str(slot)):
            blocks.append(_grid(session, slot, rows))
        if of_it := [row for row in rounds if row["grid"] == slot]:
            blocks.append(class_block(folder, slot, grids[slot], of_it))
    if skips:
        blocks.append(Block("What was left out, and why", table=pd.DataFrame({"": skips})))
    remarks = read_orders(folder).remarks
    if remarks:
        blocks.append(Block("Remarks", table=pd.DataFrame(remarks, columns=["target", "by", "remark"])))
    used: dict[str, Any] = {"version": __version__, "driver": session.settings.driver}
    for part in ("squares", "holes", "exposures", "skip", "classes", "pace", "judge"):
        used[part] = asdict(getattr(session.settings, part))
    return write_sheet(folder / REPORT, "Grids screened", facts, blocks, settings=used)


def _write(table: pd.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")


def _grid(session: Session, slot: int, rows: Sequence[Mapping[str, Any]]) -> Block:
    log, name = session.log, session.settings.grids[slot]
    found = log.result("squares", str(slot))
    own = [row for row in rows if row["exposure"].startswith(f"{slot}/")]
    visited = {int(target.split("/")[1]) for target, _ in log.results("visited") if target.startswith(f"{slot}/")}
    skipped = log.result("skip", str(slot))
    said = f"{found['found']} squares, {len(visited)} visited, {len(own)} exposures."
    table = pd.DataFrame(own).reindex(columns=list(_SHOWN)).sort_values("score", ascending=False) if own else None
    if table is not None:
        table["kind"] = table["kind"].fillna("").astype(str).map(in_words)
    return Block(
        f"Grid {slot}: {name}",
        f"{said} {skipped['why']}" if skipped else said,
        [(_atlas(session.folder / "grids" / f"{slot:02d}" / "atlas.mrc", found, visited),
          "Squares by their score, from dark violet (0) to yellow (1); visited ones with a thick outline. "
          "Point at one to see its number.")],
        table,
    )  # fmt: skip


def _atlas(path: Path, found: Mapping[str, Any], visited: set[int]) -> str:
    """SVG of the atlas with the outlines of its squares."""
    image, _ = read_picture(path)
    height, width = image.shape
    picture = encode_within(reduce_picture(grey_levels(image), _ATLAS_PX), _ATLAS_BYTES)
    colours = heat_colours()
    shapes = []
    for square in found["all"]:
        r, g, b = colours[min(max(int(255 * square["score"]), 0), 255)].tolist()
        thick = max(height, width) / (180 if square["square"] in visited else 600)
        points = " ".join(f"{x + 0.5:.1f},{y + 0.5:.1f}" for x, y in square["corners_px"])
        told = escape(f"square {square['square']}: {square['kind']}, score {square['score']:.2f}")
        shapes.append(
            f'<polygon points="{points}" fill="none" stroke="rgb({r} {g} {b})" stroke-width="{thick:.2f}" '
            f'pointer-events="all"><title>{told}</title></polygon>'
        )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="atlas with squares" style="max-width:100%">'
        f'<image href="{data_uri("jpeg", picture)}" width="{width}" height="{height}"/>{"".join(shapes)}</svg>'
    )
