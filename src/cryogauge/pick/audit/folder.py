"""The folder of an audit: what was audited, and what is suggested."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pandas as pd

from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.replace import replacing
from cryogauge.pick.audit.suggest import SUGGESTION_COLUMNS
from cryogauge.records import BadInput, PickObject

RECORD, SUGGESTIONS = "audit.json", "suggestions.csv"
_HINT = "give a folder that `cryogauge pick audit` wrote"


@dataclass(frozen=True)
class Audit:
    """What was audited.

    Attributes
    ----------
    config
        Absolute path of the copick configuration.
    user, session
        Whose labels.
    labels
        Digest of the labels, see :func:`cryogauge.pick.order.digest_of_picks`.
    objects
        The kinds that the networks know.
    tomograms
        URI of each tomogram that was looked at, by name.
    remembered
        Those judged by networks that had learned their labels.
    weights
        What judged.
    """

    config: str
    user: str
    session: str
    labels: str
    objects: tuple[PickObject, ...]
    tomograms: Mapping[str, str]
    remembered: tuple[str, ...]
    weights: tuple[str, ...]


def write_audit(folder: Path, audit: Audit, suggestions: pd.DataFrame) -> None:
    """Write ``audit.json`` and ``suggestions.csv``."""
    with replacing(folder / SUGGESTIONS) as temporary:
        suggestions.to_csv(temporary, index=False)
    write_json_file(folder / RECORD, asdict(audit))


def read_audit(folder: Path) -> tuple[Audit, pd.DataFrame]:
    """What was audited, and the suggestions with their ids as index.

    Raises
    ------
    BadInput
        When a file is missing or damaged.
    """
    if not (folder / RECORD).exists():
        raise BadInput(f"{folder} holds no audit", _HINT)
    plain = read_json_file(folder / RECORD, _HINT)
    try:
        objects = tuple(PickObject(**each) for each in plain["objects"])
        audit = Audit(
            config=str(plain["config"]), user=str(plain["user"]), session=str(plain["session"]),
            labels=str(plain["labels"]), objects=objects, tomograms=dict(plain["tomograms"]),
            remembered=tuple(plain["remembered"]), weights=tuple(plain["weights"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{folder / RECORD} is damaged: {error}", _HINT) from error
    return audit, _read_suggestions(folder / SUGGESTIONS, audit)


def _read_suggestions(path: Path, audit: Audit) -> pd.DataFrame:
    types: Any = {name: float if name.endswith("_A") or name == "score" else str for name in SUGGESTION_COLUMNS}
    try:
        table = pd.read_csv(path, usecols=list(SUGGESTION_COLUMNS), dtype=types, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be used: {error}", _HINT) from error
    known = {each.name for each in audit.objects}
    odd = ~(table["kind"].isin(["missing", "wrong", "swapped"]) & table["object"].isin(known))
    odd |= ~(table["other"].isin(known) | ((table["other"] == "") & (table["kind"] != "swapped")))
    odd |= ~table["tomogram"].isin(list(audit.tomograms))
    if odd.any():
        raise BadInput(f"{path} names what was not audited in row {int(odd.to_numpy().argmax()) + 2}", _HINT)
    table.index = pd.Index([suggestion_id(row) for _, row in table.iterrows()], name="id")
    return table[~table.index.duplicated()]


def suggestion_id(row: pd.Series) -> str:
    """Twelve hexadecimal digits by which a suggestion is known, also when it is made again with another score."""
    place = [f"{float(row[axis]):.2f}" for axis in ("x_A", "y_A", "z_A")]
    parts = [str(row[name]) for name in ("tomogram", "kind", "object", "other")]
    return blake2b("\0".join(parts + place).encode(), digest_size=6).hexdigest()
