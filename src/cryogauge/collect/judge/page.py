"""``exposures.csv`` and ``report.html`` of a batch of exposures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from cryogauge.collect.judge.batch import TABLE
from cryogauge.collect.judge.judge import EXPOSURE_COLUMNS, UNSURE
from cryogauge.io.replace import replacing
from cryogauge.report import Block, Failure, write_sheet
from cryogauge.report.columns import in_words
from cryogauge.report.pictures import data_uri

#: Exposures that the page shows in pictures: the best and the worst, so that it opens at once.
_SHOWN = 240
_IN_TABLE = (
    "score", "exposure", "kind", "flags", "defocus_A", "astigmatism_A", "ctf_resolution_A", "motion_A",
    "ice_thickness_nm", "ice_ring", "contamination_fraction", "carbon_fraction", "particles", "particle_diameter_A",
)  # fmt: skip
#: What a row holds of pictures; what else it holds beyond ``EXPOSURE_COLUMNS``, judges of plug-ins said.
_PICTURES = ("picture", "spectrum")
#: Classes that a flag's sentence says.
_FLAG_OF = {
    "contaminated": "looks_spoilt", "empty": "empty", "crystalline": "crystalline_ice", "no_particles": "no_particles",
    UNSURE: "unsure_class",
}  # fmt: skip
#: From which score an exposure is counted as good.
GOOD = 0.5


def write_exposures(
    out: Path, rows: Sequence[Mapping[str, Any]], failures: Sequence[Failure], settings: Mapping[str, object]
) -> pd.DataFrame:
    """Write the table and the page, best first; returns the table."""
    ranked = sorted(rows, key=lambda row: (-row["score"], row["exposure"]))
    known = {*EXPOSURE_COLUMNS, *_PICTURES}
    columns = [*EXPOSURE_COLUMNS, *dict.fromkeys(name for row in ranked for name in row if name not in known)]
    table = pd.DataFrame([{name: row.get(name) for name in columns} for row in ranked], columns=columns)
    with replacing(out / TABLE) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    facts = [
        (str(len(table)), "exposures"),
        (str(int((table["score"] >= GOOD).sum())), f"score {GOOD:g} or better"),
        (f"{table['score'].median():.2f}", "median score"),
    ]
    resolution = table["ctf_resolution_A"].astype(float).replace(float("inf"), float("nan")).median()
    if resolution == resolution:
        facts.append((f"{resolution:.1f} Å", "median fit of the contrast transfer"))
    if failures:
        facts.append((str(len(failures)), "could not be judged"))
    shown = table[list(_IN_TABLE)].assign(kind=table["kind"].map(in_words), flags=table["flags"].map(_flags))
    blocks = [Block("All exposures, the best first", table=shown)]
    if failures:
        blocks.insert(0, Block("Could not be judged", table=pd.DataFrame([asdict(each) for each in failures])))
    chosen = ranked if len(ranked) <= _SHOWN else [*ranked[: _SHOWN // 2], *ranked[-_SHOWN // 2 :]]
    if len(chosen) < len(ranked):
        said = f"The {_SHOWN // 2} best and the {_SHOWN // 2} worst follow in pictures; all are in {TABLE}."
        blocks.append(Block("In pictures", said))
    blocks += [_block(row, out) for row in chosen]
    write_sheet(out / "report.html", "Exposures and what to think of them", facts, blocks, settings=settings)
    return table


def _block(row: Mapping[str, Any], out: Path) -> Block:
    looks = "" if _FLAG_OF.get(row["kind"]) in row["flags"].split() else f"; {_looks(row['kind'])}"
    measured = [f"Score {row['score']:.2f}{looks}.", row["said"]]
    figures = [(_image(out / row["picture"], f"exposure {row['exposure']}"), _found(row))]
    if row["spectrum"]:
        figures.append((_image(out / row["spectrum"], "power spectrum"), _fitted(row)))
    return Block(row["exposure"], " ".join(measured), figures)


def _found(row: Mapping[str, Any]) -> str:
    told = f"{row['particles']} {'particles' if row['spectrum'] else 'dark spots'}"
    if row["particle_diameter_A"] == row["particle_diameter_A"]:
        told += f" of about {row['particle_diameter_A']:.0f} Å"
    return f"{told} (blue); contamination (orange) {100 * row['contamination_fraction']:.0f} %, " + (
        f"support film (pink) {100 * row['carbon_fraction']:.0f} %"
    )


def _fitted(row: Mapping[str, Any]) -> str:
    if row["defocus_A"] != row["defocus_A"]:
        return "Power spectrum; no contrast transfer fits it."
    return (
        f"Power spectrum, measured left and fitted right: defocus {row['defocus_A'] / 1e4:.2f} µm, astigmatism "
        f"{row['astigmatism_A']:.0f} Å at {row['astigmatism_deg']:.0f}°, to {row['ctf_resolution_A']:.1f} Å."
    )


def _image(path: Path, words: str) -> str:
    return f'<img src="{data_uri("jpeg", path.read_bytes())}" alt="{escape(words)}" style="max-width:100%">'


def _flags(flags: str) -> str:
    return ", ".join(map(in_words, flags.split()))


def _looks(kind: str) -> str:
    return "of no sure class" if kind == UNSURE else f"it looks {in_words(kind)}"
