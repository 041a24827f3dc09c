"""The page of a selection: every round with its averages, who went where, batches and first models."""

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.classes.iterate.results import Batch, Round, Selection
from cryogauge.records import ClassStack
from cryogauge.report import Block, write_sheet
from cryogauge.report.columns import in_words
from cryogauge.report.pictures import data_uri, encode_within

_TILE_PX, _GAP_PX, _LINE_PX, _COLUMNS, _TILE_BYTES = 96, 8, 15, 6, 2500
_PICTURE_PX = 128
_SLICE_PX, _SLICE_BYTES = 220, 20_000
_BAR_PX, _ROW_PX, _LABEL_PX = 420, 26, 90
#: What becomes of the particles of a class: hue, and the word.
_FATES = {
    "set_aside": ("#0072b2", "set aside"),
    "going_on": ("#8a949c", "go on"),
    "dropped": ("#b34d00", "dropped"),
}
_FLOW = (
    "Of the particles of each round, how many were set aside as well sorted, went on to the next, or were dropped. "
    "Those set aside and those left at the end are sorted once more, together."
)
_BATCHES = (
    "Each batch holds all particles of the last classification whose class is graded its cut-off or better. "
    "3.5 is where the method's authors found rare views kept and bad particles gone."
)


def write_page(found: Selection) -> None:
    """Write ``report.html`` of a selection as far as it is."""
    plan, total = found.plan, len(found.particles.ids)
    rounds_done = sum(each.split is not None for each in found.rounds)
    facts = [(f"{total}", "particles given"), (f"{rounds_done} of {plan.rounds}", "rounds done")]
    facts += [(f"{len(batch.ids)}", f"in classes graded {batch.cutoff:g} or better") for batch in found.batches]
    blocks = []
    if found.notes:
        blocks.append(Block("Not as planned", " ".join(found.notes)))
    if found.batches:
        blocks += [_batch_block(found), *_model_blocks(found.batches)]
    splits = [each for each in found.rounds if each.split is not None]
    if splits:
        blocks.append(
            Block("Where particles went", _FLOW, figures=[(_flow_svg(splits), "")], table=_flow_table(splits))
        )
    blocks += [_round_block(each, found) for each in reversed(found.rounds)]
    settings = {
        "particles": f"{found.particles.source}: {total}, {found.particles.box_px} px of "
        f"{found.particles.pixel_size_A:.4g} Å",
        "engine": found.engine,
        "extraction": f"boxes of {plan.box_px} px, which counts as {plan.size}: {plan.rounds} rounds",
        "particle": f"{plan.diameter_A:g} Å, mask {plan.mask_diameter_A:g} Å",
        "classes": f"up to {plan.classes}, {plan.fewest_particles} particles or more in each on average",
        "set aside": f"{plan.set_aside:.0%} of the particles of classes graded {plan.attract:g} or better",
        "dropped": f"particles of classes graded {plan.reject:g} or worse",
        "seed": plan.seed,
        "everything else": "plan.json",
    }
    write_sheet(found.page, "Unattended selection", facts, blocks, settings=settings)


def _batch_block(found: Selection) -> Block:
    total = len(found.particles.ids)
    rows = [
        {
            "cut-off": f"{batch.cutoff:g}",
            "particles": len(batch.ids),
            "of all": f"{len(batch.ids) / total:.0%}",
            "they are": batch.extracted.note if batch.extracted else "–",
            "file": _shown(batch.extracted.source, found) if batch.extracted else "–",
            "what went wrong": batch.failure or "–",
        }
        for batch in found.batches
    ]
    return Block("Batches", _BATCHES, table=pd.DataFrame(rows))


def _shown(source: str, found: Selection) -> str:
    return source.removeprefix(f"{found.out.absolute()}/")


def _model_blocks(batches: Sequence[Batch]) -> list[Block]:
    from cryogauge.io.mrc import map_mrc

    figures = []
    for batch in batches:
        if batch.model is not None and batch.model.is_file():
            header, volume = map_mrc(batch.model)
            middle = len(volume) // 2
            planes = (volume[middle], volume[:, middle], volume[:, :, middle])
            voxel = header.voxel_size_A(str(batch.model), None)
            caption = f"{batch.cutoff:g} or better: {len(batch.ids)} particles, {len(volume)} voxels of {voxel:.3g} Å"
            figures.append((_slices_svg(planes), caption))
    if not figures:
        return []
    text = "Slices xy, xz and yz through the middle of each batch's first model. All began from the same seed, without "
    return [Block("First models", text + "symmetry; their hand is arbitrary.", figures=figures)]


def _round_block(each: Round, found: Selection) -> Block:
    stack, grades = each.classified.stack, each.grades
    order = np.argsort(grades["grade"].fillna(np.inf).to_numpy(float), kind="stable")
    sizes = pd.Series(each.classified.classes).value_counts()
    counts = [int(sizes.get(number, 0)) for number in grades["class"].astype(int)]
    fates = [_fate(float(grade), found) for grade in grades["grade"]]
    table = pd.DataFrame(
        {
            "class": grades["class"].astype(int),
            "grade": [_number(grade) for grade in grades["grade"]],
            "particles": counts,
            "resolution (Å)": stack.table["resolution_A"].astype(float).to_numpy(),
            "why": [in_words(str(flags)) for flags in grades["flags"].fillna("")] if "flags" in grades else "",
            "its particles": [_FATES[fate][1] if fate != "set_aside" else _good(found) for fate in fates]
            if each.split
            else ["–"] * len(grades),
        }
    ).iloc[order]
    number = each.name.rpartition("_")[2]
    heading = f"Round {number}" if each.split else "Last classification"
    told = f"{len(each.classified.particles)} particles in {len(stack.table)} {_classes(stack)}, best grade first. "
    told += " ".join(stack.notes)
    hues = [_FATES[fate if each.split else "going_on"][0] for fate in fates]
    picture = _averages_svg(stack.images, grades, counts, hues, order, heading)
    return Block(heading, told, figures=[(picture, _key(each))], table=table)


def _number(grade: float) -> str:
    return f"{grade:.2f}" if np.isfinite(grade) else "none"


def _fate(grade: float, found: Selection) -> str:
    return "set_aside" if grade <= found.plan.attract else "dropped" if grade >= found.plan.reject else "going_on"


def _good(found: Selection) -> str:
    return f"{found.plan.set_aside:.0%} set aside, the rest go on"


def _classes(stack: ClassStack) -> str:
    return "class" if len(stack.table) == 1 else "classes"


def _key(each: Round) -> str:
    if each.split is None:
        return "Grade and particles under each average."
    return "Grade and particles under each average; blue: most are set aside, grey: all go on, orange: dropped."


def _averages_svg(
    images: NDArray[np.floating], grades: pd.DataFrame, counts: Sequence[int], hues: Sequence[str],
    order: NDArray[np.intp], title: str,
) -> str:  # fmt: skip
    tile, step = _TILE_PX, _TILE_PX + _GAP_PX
    rows = -(-len(order) // _COLUMNS)
    height = rows * (step + 2 * _LINE_PX)
    parts = []
    for place, index in enumerate(order):
        x, y = (place % _COLUMNS) * step + 2, (place // _COLUMNS) * (step + 2 * _LINE_PX) + 2
        hue = hues[index]
        row = grades.iloc[int(index)]
        said = f"class {int(row['class'])}, grade {_number(row['grade'])}, {counts[index]} particles"
        parts.append(
            f"<g><title>{escape(said)}</title>"
            f'<image href="{data_uri("jpeg", encode_within(_grey(images[index]), _TILE_BYTES))}" x="{x}" y="{y}" '
            f'width="{tile}" height="{tile}"/>'
            f'<rect x="{x}" y="{y}" width="{tile}" height="{tile}" fill="none" stroke="{hue}" stroke-width="3"/>'
            f'<text x="{x + 2}" y="{y + tile + _LINE_PX}" font-weight="600">{_number(row["grade"])}</text>'
            f'<text x="{x + tile}" y="{y + tile + _LINE_PX}" text-anchor="end">{counts[index]}</text></g>'
        )
    width = _COLUMNS * step
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="averages of {escape(title)}" font-size="13" '
        f'fill="currentColor" font-family="system-ui,sans-serif" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(parts)}</svg>"
    )


def _flow_svg(rounds: Sequence[Round]) -> str:
    """A bar a round, parted by what became of its particles; all of one scale."""
    most = max(len(each.classified.particles) for each in rounds)
    parts = []
    for row, each in enumerate(rounds):
        y, x = row * _ROW_PX + 4, float(_LABEL_PX)
        parts.append(f'<text x="0" y="{y + 14}">{escape(each.name.replace("_", " "))}</text>')
        for name, count in each.split.counts.items() if each.split else ():
            width = _BAR_PX * count / max(most, 1)
            hue, word = _FATES[name]
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_ROW_PX - 8}" fill="{hue}">'
                f"<title>{count} {word}</title></rect>"
            )
            if width > 34:
                parts.append(f'<text x="{x + 5:.1f}" y="{y + 14}" fill="#fff">{count}</text>')
            x += width
    y, x = len(rounds) * _ROW_PX + 6, _LABEL_PX
    for hue, word in _FATES.values():
        parts.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{hue}"/><text x="{x + 17}" y="{y + 11}">')
        parts.append(f"{word}</text>")
        x += 100
    return (
        f'<svg viewBox="0 0 {_LABEL_PX + _BAR_PX + 4} {y + 18}" role="img" aria-label="where particles went" '
        f'font-size="12" fill="currentColor" font-family="system-ui,sans-serif" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(parts)}</svg>"
    )


def _flow_table(rounds: Sequence[Round]) -> pd.DataFrame:
    rows = []
    for each in rounds:
        counts = each.split.counts if each.split else {}
        named = {_FATES[name][1]: count for name, count in counts.items()}
        rows.append({"round": each.name.replace("_", " "), "particles": len(each.classified.particles), **named})
    return pd.DataFrame(rows)


def _slices_svg(planes: Sequence[NDArray[np.floating]]) -> str:
    parts = [
        f'<image href="{data_uri("jpeg", encode_within(_grey(plane, _SLICE_PX), _SLICE_BYTES))}" '
        f'x="{place * (_SLICE_PX + _GAP_PX)}" width="{_SLICE_PX}" height="{_SLICE_PX}"/>'
        for place, plane in enumerate(planes)
    ]
    width = len(planes) * (_SLICE_PX + _GAP_PX) - _GAP_PX
    return (
        f'<svg viewBox="0 0 {width} {_SLICE_PX}" role="img" aria-label="slices" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(parts)}</svg>"
    )


def _grey(plane: NDArray[np.floating], edge_px: int = _PICTURE_PX) -> NDArray[np.uint8]:
    """A plane as a picture: what is no number is black, and one grey value is middle grey."""
    from PIL import Image

    values = np.nan_to_num(np.asarray(plane, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = np.quantile(values, [0.005, 0.995])
    scaled = (values - low) / (high - low) if high > low else np.full_like(values, 0.5)
    grey = (255 * np.clip(scaled, 0, 1)).astype(np.uint8)
    return np.asarray(Image.fromarray(grey).resize((edge_px, edge_px), Image.Resampling.BICUBIC))
