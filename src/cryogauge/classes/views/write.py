"""Tables and pages of what averages say of the specimen: CSV, a JSON of what was found and used, one HTML file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.classes.views.compare import Comparison
from cryogauge.classes.views.composition import Composition
from cryogauge.classes.views.directions import directions_of, views_of
from cryogauge.classes.views.duplicates import Duplicates
from cryogauge.classes.views.frames import Images
from cryogauge.classes.views.orientations import Orientations
from cryogauge.classes.views.pages import pairs_in_rows, pictures_in_rows, sphere_svg
from cryogauge.io.json_file import write_json_file
from cryogauge.io.replace import write_csv
from cryogauge.report.sheet import Block, write_sheet

_MOST_PICTURES = 60
Settings = Mapping[str, Any]


def write_orientations(out: Path, found: Orientations, settings: Settings) -> dict[str, Path]:
    """Write ``orientations.csv``, ``missing_views.csv``, ``orientations.json`` and ``.html`` into a folder."""
    files = _files(out, "orientations") | {"missing": out / "missing_views.csv"}
    write_csv(files["table"], found.table)
    write_csv(files["missing"], found.missing)
    numbers = {
        "scf": found.scf,
        "fourier_covered": found.fourier_covered,
        "views_covered": found.views_covered,
        "crowd_share": found.crowd_share,
        "crowd_even": found.crowd_even,
        "crowd_rot_tilt_deg": list(found.crowd),
        "preferred": found.preferred,
    }
    _write_json(files["settings"], numbers, found.sentences, settings)
    table = found.table
    fits = table["matches"].to_numpy()
    marks = directions_of(views_of(table.loc[fits, ["rot_deg", "tilt_deg", "psi_deg"]].to_numpy()))
    shares = table.loc[fits, "share"].to_numpy()
    spheres = [
        (
            sphere_svg(found.directions, found.density, "where particles are seen from", marks, shares),
            "Where particles are seen from, with symmetric copies. A circle is a class, its area the class's share.",
        ),
        (
            sphere_svg(found.directions, found.sampling, "how Fourier space is sampled"),
            "How densely these views sample Fourier space. Dark is hardly sampled: a map is blurred in that direction.",
        ),
    ]
    told = [f"z {z:.1f} {flags}".strip() for z, flags in zip(table["z"], table["flags"], strict=True)]
    pairs = _pairs(found.averages, found.matches, table, told)
    facts = [
        (f"{found.scf:.2f}", "sampling compensation factor"),
        (f"{100 * found.fourier_covered:.0f} %", "of Fourier space sampled"),
        (f"{100 * found.views_covered:.0f} %", "of all views seen"),
        (f"{int(fits.sum())} of {len(table)}", "classes match the map"),
    ]
    blocks = [
        Block("What the views cover", " ".join(found.sentences), spheres),
        Block(
            "Averages beside the view of the map that they match",
            "Looking tells whether to believe it: number and share of a class, and z of the view beside it. An average"
            " cannot tell a map from its mirror image.",
            pairs,
        ),
        Block("Classes", table=table),
    ]
    write_sheet(files["report"], "From where the classes see it", facts, blocks, settings=settings)
    return files


def write_duplicates(out: Path, found: Duplicates, settings: Settings) -> dict[str, Path]:
    """Write ``duplicates.csv``, ``duplicates.json`` and ``duplicates.html`` into a folder."""
    files = _files(out, "duplicates")
    write_csv(files["table"], found.table)
    _write_json(files["settings"], {}, found.sentences, settings)
    table = found.table
    blocks = [Block("In brief", " ".join(found.sentences))]
    for number, members in table[table["group"] > 0].groupby("group"):
        blocks.append(
            Block(f"View {number}", figures=pictures_in_rows(found.averages[members.index.to_numpy()], _named(members)))
        )
    blocks.append(Block("Classes", table=table))
    groups = int(table["group"].max())
    facts = [
        (str(groups), "views that several classes show"),
        (str(int((table["group"] > 0).sum())), "classes in them"),
        (str(int(table["attractor"].sum())), "attractors"),
    ]
    write_sheet(files["report"], "Classes that show the same", facts, blocks, settings=settings)
    return files


def write_composition(out: Path, found: Composition, settings: Settings) -> dict[str, Path]:
    """Write ``composition.csv``, ``species.csv``, ``composition.json`` and ``composition.html`` into a folder."""
    files = _files(out, "composition") | {"species": out / "species.csv"}
    write_csv(files["table"], found.table)
    write_csv(files["species"], found.species)
    _write_json(files["settings"], {"certainty": found.certainty}, found.sentences, settings)
    blocks = [Block("In brief", " ".join(found.sentences), table=found.species)]
    for number, members in found.table.groupby("species"):
        blocks.append(
            Block(
                f"Species {number}", figures=pictures_in_rows(found.averages[members.index.to_numpy()], _named(members))
            )
        )
    blocks.append(Block("Classes", table=found.table))
    facts = [(str(len(found.species)), "groups"), (f"{100 * found.certainty:.0f} %", "of resamplings agree")]
    write_sheet(files["report"], "How many species the classes show", facts, blocks, settings=settings)
    return files


def write_comparison(out: Path, found: Comparison, settings: Settings) -> dict[str, Path]:
    """Write ``comparison.csv``, ``correlations.csv``, ``comparison.json`` and ``comparison.html`` into a folder."""
    files = _files(out, "comparison") | {"correlations": out / "correlations.csv"}
    write_csv(files["table"], found.table)
    names = list(found.references["reference"])
    each = pd.DataFrame(np.concatenate([found.correlations, found.z], axis=1))
    each.columns = pd.Index([*names, *(f"z of {name}" for name in names)])
    each.insert(0, "class", found.table["class"].to_numpy())
    write_csv(files["correlations"], each)
    _write_json(files["settings"], {}, found.sentences, settings)
    table = found.table
    told = [f"{row['reference']} z {row['z']:.1f}" for row in table.to_dict("records")]
    pairs = _pairs(found.averages, found.matches, table, told)
    blocks = [
        Block("In brief", " ".join(found.sentences), table=found.references),
        Block("Averages beside what they are most like", "From 6 on z is a match.", pairs),
        Block("Classes", table=table),
    ]
    facts = [(f"{int(table['matches'].sum())} of {len(table)}", "classes match a reference")]
    write_sheet(files["report"], "Classes against references", facts, blocks, settings=settings)
    return files


def _pairs(averages: Images, matches: Images, table: pd.DataFrame, told: Sequence[str]) -> list[tuple[str, str]]:
    """Averages beside what they match, those with most particles first."""
    order = np.argsort(-table["share"].to_numpy(), kind="stable")[:_MOST_PICTURES]
    return pairs_in_rows(averages[order], matches[order], _named(table.iloc[order]), [told[int(k)] for k in order])


def _named(table: pd.DataFrame) -> list[str]:
    return [f"{row['class']}: {100 * row['share']:.1f} %" for row in table.to_dict("records")]


def _files(out: Path, name: str) -> dict[str, Path]:
    return {"table": out / f"{name}.csv", "report": out / f"{name}.html", "settings": out / f"{name}.json"}


def _write_json(path: Path, numbers: Mapping[str, Any], sentences: Sequence[str], settings: Settings) -> None:
    write_json_file(path, {**numbers, "sentences": list(sentences), "settings": dict(settings)})
