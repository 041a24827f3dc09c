"""Whether an organism is a eukaryote or a prokaryote, from a table that ships with the package."""

import csv
import functools
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Literal

from cryogauge.records import BadInput

Domain = Literal["eukaryote", "prokaryote", "virus", "unknown"]
_GIVEN: dict[str, Domain] = {"eukaryote": "eukaryote", "prokaryote": "prokaryote", "virus": "virus"}


def domain_of(organism: str, taxid: int = 0, given: Mapping[str, Domain] | None = None) -> Domain:
    """The domain of life of a species: what was given, or else by its name, its genus, or its number.

    A name with a word that ends in ``virus`` or ``phage`` is a virus's, whichever host it names besides.

    Parameters
    ----------
    organism
        Name such as ``Escherichia coli K-12``.
    taxid
        Number in NCBI's taxonomy; 0 for none.
    given
        What :func:`read_domains` returned; goes before the table.

    Returns
    -------
    str
        ``unknown`` for what the table does not hold.
    """
    names = _names(organism)
    for name in names:
        if given and name in given:
            return given[name]
    if any(word.endswith(("virus", "viruses", "phage")) and word != "macrophage" for word in names[0].split()):
        return "virus"
    known, numbers = _table()
    for name in names:
        if name in known:
            return known[name]
    return numbers.get(taxid, "unknown")


def read_domains(path: Path) -> dict[str, Domain]:
    """Read a CSV table with the columns ``organism`` (a species or a genus) and ``domain``.

    Raises
    ------
    BadInput
        When it cannot be read, lacks a column, or names a domain other than eukaryote, prokaryote and virus.
    """
    hint = "give a CSV file with the columns organism,domain"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _read(file, str(path))[0]
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {(error.strerror or 'refused').lower()}", hint) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is no table in UTF-8: {error}", hint) from error


def _read(lines: Iterable[str], source: str) -> tuple[dict[str, Domain], dict[int, Domain]]:
    table = csv.DictReader(lines)
    if not {"organism", "domain"} <= set(table.fieldnames or ()):
        raise BadInput(f"{source} lacks a column organism or domain", "its first line must name them")
    names: dict[str, Domain] = {}
    numbers: dict[int, Domain] = {}
    for row in table:
        organism, domain = ((row[column] or "").strip().lower() for column in ("organism", "domain"))
        known = _GIVEN.get(domain)
        if known is None or not organism:
            at = f"{source}, line {table.line_num}"
            raise BadInput(f"{at}: '{organism}' cannot be '{domain}'", f"use one of: {', '.join(_GIVEN)}")
        names[organism] = known
        if row.get("taxid"):
            numbers[int(row["taxid"])] = known
    return names, numbers


@functools.cache
def _table() -> tuple[dict[str, Domain], dict[int, Domain]]:
    """The shipped table; the genus of every species in it is known as well."""
    source = files("cryogauge") / "recipes" / "domains.csv"
    names, numbers = _read(source.read_text(encoding="utf-8").splitlines(), "domains.csv")
    genera: dict[str, Domain] = {name.split()[0]: domain for name, domain in names.items()}
    return genera | names, numbers


def _names(organism: str) -> tuple[str, ...]:
    """What to look up, the most exact first: the whole name, the species without its strain, the genus."""
    words = organism.lower().removeprefix("candidatus ").replace("[", "").replace("]", "").split()
    return " ".join(words), " ".join(words[:2]), " ".join(words[:1])
