"""Scores written into the files that other programs select by: CSV, RELION 5, Warp, copick."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.replace import replacing
from cryogauge.records import SCORE_COLUMNS, BadInput

#: What scores are exported as.
KINDS = ("csv", "star", "warp", "copick")
#: Columns added to a STAR file; RELION keeps labels it does not know.
_STAR = {
    "tomoscore": "cryogaugeTomoScore",
    "thickness_nm": "cryogaugeThicknessNm",
    "uncertainty": "cryogaugeUncertainty",
}
#: Columns of a RELION 5 STAR that hold the path of a tomogram.
_PATHS = (
    "rlnTomoReconstructedTomogram", "rlnTomoReconstructedTomogramHalf1", "rlnTomoReconstructedTomogramHalf2",
    "rlnTomoReconstructedTomogramDenoised",
)  # fmt: skip


def write_export(
    kind: str,
    rows: Sequence[Mapping[str, Any]],
    selected: Sequence[Mapping[str, Any]],
    folder: Path,
    *,
    template: Path | None = None,
) -> Path:
    """Write the selected tomograms for another program.

    Parameters
    ----------
    kind
        ``csv``: the selected rows of the table of scores, ``selected.csv``.
        ``star``: ``selected.star``, the rows of RELION's ``template`` whose tomograms were selected, with the columns
        ``cryogaugeTomoScore``, ``cryogaugeThicknessNm`` and ``cryogaugeUncertainty`` added; without a template, a
        table of ``rlnTomoName`` and these.
        ``warp``: ``processed_items.json``, the items of the ``template`` (or one a tomogram) that were selected or not
        scored, with ``TomoScore`` and ``ThicknessNm`` added; and ``failed_items.json``, where Warp has what it leaves
        out, the others.
        ``copick``: ``copick_runs.json``, scores and choice of every run and tomogram, and ``copick_runs.txt``, the
        names of the selected runs separated by commas, as copick's ``--run-names`` takes them.
    rows, selected
        Values of ``SCORE_COLUMNS``: all, and those to keep.
    folder
        Where to; it exists.
    template
        The other program's own file; never altered.

    Returns
    -------
    The file written (the first one where there are two).

    Raises
    ------
    BadInput
        When the kind is unknown, the template cannot be read, or no row of it is among the tomograms.
    """
    check_exports([kind], template)
    chosen = {str(row["tomogram"]) for row in selected}
    if kind == "csv":
        write_scores(folder / "selected.csv", selected)
        return folder / "selected.csv"
    if kind == "star":
        return _write_star(rows, chosen, folder / "selected.star", template)
    if kind == "warp":
        return _write_warp(rows, chosen, folder / "processed_items.json", template)
    return _write_copick(rows, chosen, folder)


def write_scores(path: Path, rows: Iterable[Mapping[str, Any]], failed: Iterable[str] = ()) -> None:
    """Write a table of scores: one row a tomogram.

    Cells that do not apply are empty; flags are words with spaces between them. A tomogram that could not be judged
    has a row too, with the flag ``failed`` and nothing else.

    Parameters
    ----------
    path
        The file.
    rows
        Values of ``SCORE_COLUMNS``, in the order wanted.
    failed
        Names of those that could not be judged; written last.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(SCORE_COLUMNS)
        for row in (*rows, *({"tomogram": name, "flags": ["failed"]} for name in failed)):
            table.writerow([_cell(row.get(column)) for column in SCORE_COLUMNS])


def _cell(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return " ".join(value)
    if value is None or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value


def check_exports(kinds: Sequence[str], template: Path | None) -> None:
    """Raise ``BadInput`` for an unknown kind, and for a template that none of the kinds has a use for."""
    for kind in kinds:
        if kind not in KINDS:
            raise BadInput(f"nothing is exported as {kind!r}", f"one of: {', '.join(KINDS)}")
    if template is not None and not {"star", "warp"} & set(kinds):
        raise BadInput(f"{template} is no use without an export as star or warp", "add --export star")


def match_names(wanted: Sequence[str], tomograms: Sequence[str]) -> dict[str, str]:
    """For each of another program's names the tomogram meant.

    A name is that of a tomogram, or stands in it between other signs than letters and digits, as ``TS_01`` in
    ``rec_TS_01_10.00Apx``. A tomogram is that of the longest name that fits. Names that fit none are left out.

    Raises
    ------
    BadInput
        When one fits several.
    """
    found: dict[str, str] = {}
    for name in sorted(wanted, key=len, reverse=True):  # Position_1_2 before Position_1, which stands in it too
        taken = set(found.values())
        fits = (
            [name] if name in tomograms else [each for each in tomograms if each not in taken and _within(name, each)]
        )
        if len(fits) > 1:
            raise BadInput(
                f"{name} may be {' or '.join(fits[:3])}", "score one tomogram of each, or give them the same names"
            )
        if fits:
            found[name] = fits[0]
    return found


def _within(name: str, tomogram: str) -> bool:
    start = tomogram.find(name)
    while start >= 0:
        before, after = tomogram[:start], tomogram[start + len(name) :]
        if not (before and before[-1].isalnum()) and not (after and after[0].isalnum()):
            return True
        start = tomogram.find(name, start + 1)
    return False


def _write_star(rows: Sequence[Mapping[str, Any]], chosen: set[str], path: Path, template: Path | None) -> Path:
    import pandas as pd
    import starfile

    from cryogauge.io.tilts.relion import read_star

    scores = {str(row["tomogram"]): row for row in rows}
    if template is None:
        names = [name for name in scores if name in chosen]
        blocks = {"global": pd.DataFrame({"rlnTomoName": names})}
        matched = dict(zip(names, names, strict=True))
        block = "global"
    else:
        blocks = read_star(template)
        block = next((name for name, table in blocks.items() if "rlnTomoName" in table.columns), "")
        if not block:
            raise BadInput(f"{template} lists no tomograms", "give RELION 5's tomograms.star")
        matched = _match_star(blocks[block], list(scores))
        if not matched:
            raise BadInput(
                f"no tomogram of {template} is among those scored",
                "their names, or the paths of their reconstructions, must be found again",
            )
    table = blocks[block]
    kept = table[[matched.get(str(name)) in chosen for name in table["rlnTomoName"]]].copy()
    for column, label in _STAR.items():
        values = [scores[matched[str(name)]].get(column) for name in kept["rlnTomoName"]]
        kept[label] = [-1.0 if value is None or value != value else float(value) for value in values]
    written: dict[str, Any] = {**blocks, block: kept}
    with replacing(path) as temporary:
        starfile.write(written, temporary, overwrite=True)
    return path


def _match_star(table: Any, tomograms: list[str]) -> dict[str, str]:
    """By the name of a reconstruction's file where one was scored, else by the series' name."""
    by_file = {
        str(row["rlnTomoName"]): Path(str(row[column])).stem
        for row in table.to_dict("records")
        for column in _PATHS
        if column in row and Path(str(row[column])).stem in tomograms
    }
    others = [str(name) for name in table["rlnTomoName"] if str(name) not in by_file]
    return by_file | match_names(others, tomograms)


def _write_warp(rows: Sequence[Mapping[str, Any]], chosen: set[str], path: Path, template: Path | None) -> Path:
    scores = {str(row["tomogram"]): row for row in rows}
    if template is None:
        items: list[dict[str, Any]] = [{"Path": f"{name}.tomostar"} for name in scores]
    else:
        items = _warp_items(template)
    matched = match_names([Path(str(item["Path"])).stem for item in items], list(scores))
    if not matched:
        raise BadInput(f"no item of {template} is among the tomograms scored", "their names must be found again")
    kept, left_out = [], []
    for item in items:
        name = matched.get(Path(str(item["Path"])).stem)
        if name is None:
            kept.append(item)
            continue
        row = scores[name]
        scored = {"TomoScore": _number(row.get("tomoscore")), "ThicknessNm": _number(row.get("thickness_nm"))}
        (kept if name in chosen else left_out).append({**item, **scored})
    write_json_file(path, kept)
    write_json_file(path.with_name("failed_items.json"), left_out)
    return path


def _warp_items(template: Path) -> list[dict[str, Any]]:
    again = "give the processed_items.json of Warp's processing folder"
    items = read_json_file(template, again)
    if not isinstance(items, list) or not all(isinstance(item, dict) and "Path" in item for item in items):
        raise BadInput(f"{template} is no list of Warp's items", again)
    return items


def _write_copick(rows: Sequence[Mapping[str, Any]], chosen: set[str], folder: Path) -> Path:
    runs: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        name = str(row["tomogram"])
        values = {column: _number(value) if isinstance(value, float) else value for column, value in row.items()}
        runs.setdefault(name.split("/")[0], []).append({**values, "selected": name in chosen})
    path = folder / "copick_runs.json"
    write_json_file(path, runs)
    names = [run for run, tomograms in runs.items() if any(each["selected"] for each in tomograms)]
    with replacing(folder / "copick_runs.txt") as temporary:
        temporary.write_text(",".join(names) + "\n", encoding="utf-8")
    return path


def _number(value: Any) -> float | None:
    """A number, or None where there is none: JSON knows no NaN."""
    return None if value is None or value != value else round(float(value), 6)
