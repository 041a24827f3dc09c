"""Q-scores of a model in a map: by atom, residue, chain and altogether."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.classes.map_quality.inputs import positions_A, read_model
from cryogauge.imaging.q_score import SIGMA_A, expected_q, q_scores
from cryogauge.io.replace import write_csv
from cryogauge.records import BadInput, Volume
from cryogauge.report import Block, Line, line_plot_svg, write_sheet

#: Voxels wider than this hold no atoms.
_COARSE_A = 2.0
#: Chains that the page draws; the rest is in the tables.
_DRAWN = 24


@dataclass(frozen=True)
class QScored:
    """Scores of a model in a map.

    Attributes
    ----------
    atoms
        The table of atoms with a column ``q``; NaN for those too near to the map's border, or outside.
    residues
        ``chain, residue, residue_name, kind, atoms, q``: means over the atoms that have one, in the model's order.
    chains
        ``chain, kind, atoms, q, expected``: one row for protein, nucleic acid, water and others of each chain.
    sigma_A
        Width of the reference.
    resolution_A
        Of the map, for what is expected; None where it was not said.
    notes
        Sentences on what is odd.
    """

    atoms: pd.DataFrame
    residues: pd.DataFrame
    chains: pd.DataFrame
    sigma_A: float
    resolution_A: float | None
    notes: tuple[str, ...]

    @property
    def average(self) -> float:
        """Mean over all atoms that have a score."""
        return float(self.atoms["q"].mean())

    def expected(self, kind: str = "protein") -> float:
        """What well-fitted models have at the map's resolution; NaN where that is not known."""
        return _expected(self.resolution_A, kind, self.sigma_A)


def score_model(
    density: Volume, model: str | Path, *, resolution_A: float | None = None, sigma_A: float = SIGMA_A
) -> QScored:
    """Q-scores of a model's atoms, hydrogens left out.

    Parameters
    ----------
    density
        The map, protein bright; see :func:`~cryogauge.classes.map_quality.inputs.read_map`.
    model
        PDB or mmCIF, fitted to the map, in its frame.
    resolution_A
        Of the map, for what is expected.
    sigma_A
        Width of the reference: the paper's 0.6, or 0.4 as in reports of the wwPDB.

    Raises
    ------
    BadInput
        For a model that cannot be read or lies elsewhere, a width or resolution that is not above 0, or when no atom
        lies far enough within the map.
    """
    for value, what in ((sigma_A, "width of the reference"), (resolution_A, "resolution")):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise BadInput(f"a {what} of {value:g} Å cannot be", "give a number of Å above 0")
    atoms, _ = read_model(model, density)
    found = q_scores(density.data, density.voxel_size_A, positions_A(atoms), origin_A=density.origin_A, sigma_A=sigma_A)
    atoms = atoms.assign(q=found)
    without = int(np.isnan(found).sum())
    if without == len(atoms):
        raise BadInput("every atom lies within 2 Å of the map's border, or outside", "give a map with a margin")
    notes = []
    if without:
        notes.append(f"{without} of {len(atoms)} atoms lie within 2 Å of the map's border, or outside: no score.")
    flat = int((found == 0).sum())
    if flat:
        notes.append(f"{flat} of {len(atoms)} atoms lie where the map is flat: they score 0.")
    if density.voxel_size_A > _COARSE_A:
        notes.append(f"Voxels of {density.voxel_size_A:.3g} Å hold no single atoms: these scores say little.")
    chains = _chains(atoms, resolution_A, sigma_A)
    return QScored(atoms, _residues(atoms), chains, sigma_A, resolution_A, tuple(notes))


def write_q_scores(out: Path, scored: QScored, name: str, settings: Mapping[str, object]) -> Path:
    """Write ``atoms.csv``, ``residues.csv``, ``chains.csv`` and ``report.html`` into a folder that exists; the page."""
    for stem in ("atoms", "residues", "chains"):
        write_csv(out / f"{stem}.csv", getattr(scored, stem), float_format="%.5g")
    return _write_page(out / "report.html", scored, name, settings)


def _residues(atoms: pd.DataFrame) -> pd.DataFrame:
    keys = ["chain", "residue", "residue_name", "kind"]
    # Consecutive atoms: chains may come back at the end of a file with their waters, under the same numbers.
    run = (atoms[keys] != atoms[keys].shift()).any(axis=1).cumsum().rename("run")
    grouped = atoms.groupby([run, *keys], sort=False, observed=True)["q"]
    return grouped.agg(atoms="count", q="mean").reset_index().drop(columns="run")


def _chains(atoms: pd.DataFrame, resolution_A: float | None, sigma_A: float) -> pd.DataFrame:
    table = atoms.groupby(["chain", "kind"], sort=False)["q"].agg(atoms="count", q="mean").reset_index()
    return table.assign(expected=[_expected(resolution_A, kind, sigma_A) for kind in table["kind"]])


def _expected(resolution_A: float | None, kind: str, sigma_A: float) -> float:
    return float("nan") if resolution_A is None else expected_q(resolution_A, kind, sigma_A)


def _write_page(path: Path, scored: QScored, name: str, settings: Mapping[str, object]) -> Path:
    facts = [(f"{scored.average:.3f}", f"mean Q of {int(scored.atoms['q'].count())} atoms")]
    if scored.resolution_A:
        kinds = [kind for kind in ("protein", "nucleic") if (scored.atoms["kind"] == kind).any()]
        facts += [(f"{scored.expected(k):.3f}", f"expected of {k} at {scored.resolution_A:g} Å") for k in kinds]
    text = " ".join([_TEXT, *scored.notes])
    blocks = [Block("Chains", text, table=scored.chains)]
    polymers = scored.residues[scored.residues["kind"].isin(["protein", "nucleic"])]
    chains = list(polymers.groupby("chain", sort=False))
    figures = [(_chain_plot(str(chain), rows, scored), "") for chain, rows in chains[:_DRAWN]]
    more = f"The first {_DRAWN} of {len(chains)} chains; residues.csv holds all." if len(chains) > _DRAWN else ""
    if figures:
        blocks.append(Block("Along the residues", more, figures=figures))
    worst = polymers.sort_values("q").head(20)
    blocks.append(Block("Residues of the lowest scores", table=worst))
    return write_sheet(path, f"Q-scores of {name}", facts, blocks, settings=settings)


_TEXT = (
    "1 where the map falls off about an atom as a Gaussian of the reference's width does, 0 where it has nothing to do "
    "with the atom. Scores depend on the map's resolution and on whether the model is well fitted."
)


def _chain_plot(chain: str, rows: pd.DataFrame, scored: QScored) -> str:
    """Score along the residues' numbers, with a gap where numbers are missing."""
    number = rows["residue"].str.extract(r"(-?\d+)", expand=False).astype(float).to_numpy()
    value = rows["q"].to_numpy(float)
    gaps = np.flatnonzero(np.abs(np.diff(number)) > 1) + 1
    x, y = np.insert(number, gaps, np.nan), np.insert(value, gaps, np.nan)
    lines = [Line("Q-score", x, y)]
    expected = scored.expected(str(rows["kind"].iloc[0]))
    if np.isfinite(expected):
        ends = [float(np.nanmin(number)), float(np.nanmax(number))]
        lines.append(Line(f"expected at {scored.resolution_A:g} Å", ends, [expected, expected]))
    return line_plot_svg(
        lines, title=f"Chain {chain}", x_label="residue", y_label="Q", y_range=(min(0.0, float(np.nanmin(y))), 1.0)
    )
