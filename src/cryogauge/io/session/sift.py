"""Leaves out of an imported session what a check would find fault with: files of strangers say anything."""

from dataclasses import replace

from cryogauge.io.session.check import cell_faults, relation_faults
from cryogauge.records.session import TABLES, TERMS, CollectionSession

_MOST_NOTES = 20


def without_faulty_rows(session: CollectionSession) -> CollectionSession:
    """The session without rows at fault, nor those that refer to them; each is noted, of many the first."""
    terms = {*TERMS, *session.about.terms}
    tables = {name: session.table(name).reset_index(drop=True) for name in TABLES}
    notes: list[str] = []
    while True:
        found: dict[tuple[str, int], str] = {}
        for name, table in tables.items():
            for row, column, message, _ in cell_faults(name, table):
                found.setdefault((name, row), f"{column} {message}")
        if not found:
            for name, row, column, message, _ in relation_faults(tables, terms):
                found.setdefault((name, row), f"{column} {message}")
        if not found:
            break
        for (name, row), message in found.items():
            notes.append(f"left out: {name}, {tables[name].iloc[row, :2].to_list()}: {message}")
        for name, table in tables.items():
            rows = [row for at, row in found if at == name]
            tables[name] = table.drop(index=rows).reset_index(drop=True)
    if not notes:
        return session
    if len(notes) > _MOST_NOTES:
        notes = [*notes[:_MOST_NOTES], f"left out: {len(notes) - _MOST_NOTES} more rows like these"]
    about = replace(session.about, notes=(*session.about.notes, *notes))
    kept = set(tables["images"]["image"])
    pictures = {name: picture for name, picture in session.pictures.items() if name in kept}
    return CollectionSession(
        *(about, tables["grids"], tables["images"], tables["places"], tables["labels"], tables["measurements"]),
        pictures,
    )
