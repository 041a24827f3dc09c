"""What numbered sets have in common: an item's own seed, a folder that knows its settings, a batch that resumes."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from cryogauge import __version__
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch
from cryogauge.records import BadInput

_LEDGER = "ledger.sqlite"
_MEND = "choose another output folder"


class Numbered(Protocol):
    """An item of a set."""

    @property
    def index(self) -> int:
        """Its place."""
        ...

    @property
    def name(self) -> str:
        """Of its folder or run."""
        ...


Item = TypeVar("Item", bound=Numbered)


def own_seed(seed: int, index: int) -> int:
    """Seed of the item at a place, which follows from the seed of all."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0])


def plain_settings(settings: Any) -> dict[str, Any]:
    """Settings, a dataclass, as JSON holds them, less where ``maps`` are: what these hold counts."""
    return json.loads(json.dumps({name: value for name, value in asdict(settings).items() if name != "maps"}))


def claim(out: Path, file: str, used: Mapping[str, Any], what: str) -> str:
    """Write what is used into a file of the folder, made where it is not there; the checksum of what is used.

    Raises
    ------
    BadInput
        When another version made ``what`` is there, or of other settings, or when something else is at home.
    """
    path, plain = out / file, {"version": __version__, **used}
    if path.exists():
        if read_json_file(path, _MEND) != plain:
            raise BadInput(f"{out} holds {what} of other settings, maps or version", _MEND)
    elif out.exists() and any(out.iterdir()):
        raise BadInput(f"{out} is not empty and holds no {what}", _MEND)
    else:
        out.mkdir(parents=True, exist_ok=True)
        write_json_file(path, plain)
    return hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()


def make_missing(
    make: Callable[[Item, LedgerKey], dict[str, Any]],
    items: Iterable[Item],
    out: Path,
    content: str,
    *,
    artefacts: Callable[[Item, LedgerKey], tuple[str, ...]],
    version: str = __version__,
    workers: int,
    on_outcome: Callable[[Outcome[Item]], None],
) -> list[dict[str, Any]]:
    """Make the items that a folder does not hold yet; the rows of all that are there then, in order.

    Parameters
    ----------
    make
        Makes an item and writes it, in a worker.
    items, out
        What is wanted, and where.
    content
        Checksum of all that items depend on beside their places.
    artefacts
        Files without which an item is not there.
    version
        Of what makes them, and what else is asked of an item.
    workers
        Items under way at a time.
    on_outcome
        Told of each item as it is done or has failed.
    """

    def key(item: Item) -> LedgerKey:
        return LedgerKey(item.name, content, "", version)

    rows: dict[int, dict[str, Any]] = {}
    with Ledger(out / _LEDGER) as ledger:
        for outcome in run_batch(make, items, key=key, ledger=ledger, artefacts=artefacts, workers=workers):
            if outcome.failure is None:
                rows[outcome.item.index] = outcome.row
            on_outcome(outcome)
    return [rows[index] for index in sorted(rows)]
