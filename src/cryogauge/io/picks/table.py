"""Our own pick tables, as CSV."""

from pathlib import Path

import pandas as pd

from cryogauge.io.replace import replacing
from cryogauge.records import PICK_COLUMNS, BadInput, check_picks

_TEXT = {"tomogram": str, "object": str}  # names such as 0012 must keep their zeros


def write_picks(path: str | Path, table: pd.DataFrame) -> None:
    """Write picks as CSV: ``PICK_COLUMNS`` first, positions in Å, then the table's other columns.

    Raises
    ------
    BadInput
        When a column is missing or the folder cannot be written.
    Retryable
        When the disk is full.
    """
    check_picks(table)
    others = [name for name in table.columns if name not in PICK_COLUMNS]
    with replacing(Path(path)) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table[[*PICK_COLUMNS, *others]].to_csv(file, index=False)


def read_picks(path: str | Path) -> pd.DataFrame:
    """Read a CSV of picks with at least ``PICK_COLUMNS``; names are text, positions Å.

    Raises
    ------
    BadInput
        When the file is missing, no CSV, lacks a column, or has a position that is not a number.
    """
    try:
        table = pd.read_csv(path, dtype=_TEXT)
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "check the path") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is no table: {error}", f"a pick table has {', '.join(PICK_COLUMNS)}") from error
    check_picks(table)
    for name in PICK_COLUMNS[2:]:
        try:
            table[name] = pd.to_numeric(table[name]).astype(float)
        except ValueError as error:
            raise BadInput(f"{path} has a value in {name} that is not a number: {error}") from error
    return table
