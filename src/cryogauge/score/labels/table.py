"""Labels as a table: from a store or a CSV file, checked, and written as CSV."""

from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.replace import replacing
from cryogauge.records import BadInput
from cryogauge.score.labels.categories import CATEGORIES
from cryogauge.score.labels.store import LabelStore

#: One row a label, in the order of labelling.
LABEL_COLUMNS = (
    "tomogram",
    "uri",
    "z",
    "pixel_size_A",
    "annotator",
    "category",
    "score",
    "width_px",
    "repeat",
    "chosen",
    "seconds",
    "labelled_at",
)
_TEXTS = ("tomogram", "uri", "annotator")
#: Values of ``chosen``; empty in labels of versions that did not keep it.
_CHOSEN = ("random", "unsure", "")
_EXPORT = "export it with `cryogauge label export`"
#: Columns of numbers, and what lies outside of what they may be; empty cells where there may be some.
_NUMBERS = {
    "z": ("a whole number from 0", lambda values: (values >= 0) & (values % 1 == 0)),
    "pixel_size_A": ("a positive number of Å", lambda values: (values > 0) & np.isfinite(values)),
    "category": ("a whole number from 0 to 5", lambda values: values.isin([each.number for each in CATEGORIES])),
    "score": ("the score of its category", lambda values: (values >= 0) & (values <= 1)),
    "width_px": ("empty or a positive number of pixels", lambda values: values.isna() | (values > 0)),
    "seconds": ("a number of seconds", lambda values: values >= 0),
}


def read_labels(path_or_url: str | Path) -> pd.DataFrame:
    """Every label of a store, or of a CSV file that was exported from one.

    Parameters
    ----------
    path_or_url
        A SQLite file, a PostgreSQL URL, or a file ending in ``.csv``.

    Returns
    -------
    Table with ``LABEL_COLUMNS``: ``z`` and ``category`` int64, ``pixel_size_A``, ``score``, ``width_px`` (NaN where
    nothing was measured) and ``seconds`` float64, ``repeat`` bool, ``chosen`` ``random``, ``unsure`` or empty where
    that was not kept, ``labelled_at`` timestamps in UTC.

    Raises
    ------
    BadInput
        When there is no such file, it holds no labels, a column is missing or unknown, or a value is out of range.
    Retryable
        When a server cannot be reached.
    """
    if str(path_or_url).lower().endswith(".csv"):
        return _checked(_read_csv(Path(path_or_url)), str(path_or_url))
    with LabelStore(path_or_url, create=False) as store:
        return table_of(store)


def table_of(store: LabelStore) -> pd.DataFrame:
    """Every label of an open store, as :func:`read_labels` gives them."""
    stored = [name for name in LABEL_COLUMNS if name != "score"]
    table = pd.DataFrame(store.rows(), columns=pd.Index(stored))
    table["score"] = [CATEGORIES[category].score for category in table["category"]]
    return _checked(table.fillna({"chosen": ""}), store.name)


def write_labels(path: Path, labels: pd.DataFrame) -> None:
    """Write labels as CSV, UTF-8; raises ``BadInput`` where the file cannot be written."""
    with replacing(path) as temporary:
        temporary.write_text(labels_csv(labels), encoding="utf-8")


def labels_csv(labels: pd.DataFrame) -> str:
    """Labels as the text of a CSV file."""
    table = labels.loc[:, list(LABEL_COLUMNS)].copy()
    table["labelled_at"] = table["labelled_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    table["repeat"] = table["repeat"].astype(int)
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        kinds = dict.fromkeys((*_TEXTS, "chosen"), str)
        return pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values={"width_px": [""]})
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "check the path") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is no table of labels: {error}", _EXPORT) from error


def _checked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The columns in their order and of their kinds; raises ``BadInput`` for what cannot be."""
    if "chosen" not in table.columns:
        table = table.assign(chosen="")
    if set(table.columns) != set(LABEL_COLUMNS):
        odd = sorted(set(table.columns) ^ set(LABEL_COLUMNS))
        raise BadInput(f"{name} is no table of labels: unknown or missing: {', '.join(odd)}", _EXPORT)
    out: dict[str, pd.Series] = {}
    for column in _TEXTS:
        out[column] = table[column].astype(str)
        _refuse(name, column, "a name", out[column].str.strip() != "", table)
    for column, (meaning, fits) in _NUMBERS.items():
        out[column] = pd.to_numeric(table[column], errors="coerce").astype(float)
        unreadable = out[column].isna() & table[column].notna() & (table[column].astype(str) != "")
        _refuse(name, column, meaning, fits(out[column]) & ~unreadable, table)
    for column in ("z", "category"):
        out[column] = out[column].astype("int64")
    of_category = pd.Series([CATEGORIES[each].score for each in out["category"]], index=table.index, dtype=float)
    _refuse(name, "score", "the score of its category", (out["score"] - of_category).abs() < 1e-6, table)
    repeat = table["repeat"].map({0: False, 1: True, "False": False, "True": True})
    _refuse(name, "repeat", "0 or 1", repeat.notna(), table)
    out["repeat"] = repeat.astype(bool)
    out["chosen"] = table["chosen"].astype(str)
    _refuse(name, "chosen", "random, unsure or empty", out["chosen"].isin(_CHOSEN), table)
    out["labelled_at"] = pd.to_datetime(table["labelled_at"], errors="coerce", utc=True, format="ISO8601")
    _refuse(name, "labelled_at", "a time such as 2026-01-31T12:00:00Z", out["labelled_at"].notna(), table)
    return pd.DataFrame(out, index=table.index).loc[:, list(LABEL_COLUMNS)].reset_index(drop=True)


def _refuse(name: str, column: str, meaning: str, fits: pd.Series, table: pd.DataFrame) -> None:
    wrong = np.flatnonzero(~fits.to_numpy(dtype=bool))
    if len(wrong):
        value = table[column].iloc[wrong[0]]
        raise BadInput(f"{name}: {column} of label {wrong[0] + 1} is {value!r}, not {meaning}", _EXPORT)
