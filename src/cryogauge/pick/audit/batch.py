"""Labelled tomograms looked at by networks that have not learned from them, each done once."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from cryogauge import __version__
from cryogauge.io import TomogramSource, content_key, open_volume
from cryogauge.io.json_file import read_json_file
from cryogauge.io.replace import replacing
from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch
from cryogauge.pick.model import Picker, load_picker
from cryogauge.pick.order import ORDER, digest_of_picks
from cryogauge.records import BadInput

LEDGER = "ledger.sqlite"
EVIDENCE = "evidence"


@dataclass(frozen=True)
class Judge:
    """A network and what it has learned from.

    Attributes
    ----------
    weights
        Its file.
    learned
        Names of the tomograms it has learned from; None where no ``order.json`` beside the weights tells.
    """

    weights: Path
    learned: frozenset[str] | None

    def remembers(self, tomogram: str) -> bool:
        """Whether it is known to have learned a tomogram's labels."""
        return self.learned is not None and tomogram in self.learned


@dataclass(frozen=True)
class AuditItem:
    """What a worker needs to look at one tomogram into the folder ``out``.

    Attributes
    ----------
    source, labels
        The tomogram and its labels.
    out
        The output folder.
    weights
        Files of the networks that judge it, averaged.
    all_turns, device
        As of :class:`cryogauge.pick.batch.PickSettings`.
    """

    source: TomogramSource
    labels: pd.DataFrame
    out: Path
    weights: tuple[str, ...]
    all_turns: bool
    device: str


def find_judges(weights: Sequence[Path]) -> list[Judge]:
    """The networks, with what ``order.json`` beside each file of weights says that it has learned from.

    Raises
    ------
    BadInput
        When such a file is damaged.
    """
    return [Judge(path, _learned(path.parent / ORDER)) for path in weights]


def _learned(path: Path) -> frozenset[str] | None:
    if not path.exists():
        return None
    hint = "take it away if it is not of the weights beside it"
    held = read_json_file(path, hint)
    try:
        return frozenset(str(name) for name in held["learned"])
    except (KeyError, TypeError) as error:
        raise BadInput(f"{path} does not tell what is learned there", hint) from error


def judges_of(tomogram: str, judges: Sequence[Judge]) -> list[Judge]:
    """The networks that have not learned from a tomogram; all of them where each has."""
    return [each for each in judges if not each.remembers(tomogram)] or list(judges)


def audit_batch(
    sources: Sequence[TomogramSource],
    labels: pd.DataFrame,
    judges: Sequence[Judge],
    out: Path,
    *,
    all_turns: bool = False,
    device: str = "auto",
    workers: int = 1,
) -> Iterator[Outcome[AuditItem]]:
    """Look at the labels of every tomogram that the ledger in ``out`` does not know yet, each by :func:`judges_of` it.

    Yields
    ------
    Outcome
        One for each source, in the order in which they finish; its row holds ``file``, the table of
        :func:`cryogauge.pick.audit.look.look` relative to ``out``, and ``seconds``.

    Raises
    ------
    BadInput
        When the weights do not go together, or the ledger cannot be used.
    """
    picker = load_picker([each.weights for each in judges])
    checksums = {str(each.weights): checksum for each, checksum in zip(judges, picker.checksums, strict=True)}

    def key(item: AuditItem) -> LedgerKey:
        parts = {"version": __version__, "all_turns": all_turns, "labels": digest_of_picks(item.labels)}
        settings = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        used = "-".join(checksums[path] for path in item.weights)
        return LedgerKey(item.source.name, content_key(item.source.uri), used, settings)

    items = []
    for source in sources:
        used = tuple(str(each.weights) for each in judges_of(source.name, judges))
        mine = labels[labels["tomogram"] == source.name].reset_index(drop=True)
        items.append(AuditItem(source, mine, out, used, all_turns, device))
    with Ledger(out / LEDGER) as ledger:
        yield from run_batch(
            look_item, items, key=key, ledger=ledger, artefacts=lambda item, key: [_file(key)], workers=workers
        )


def _file(key: LedgerKey) -> str:
    readable = re.sub(r"[^\w.+-]+", "_", key.item).strip("._")[:80]
    return f"{EVIDENCE}/{readable}-{key.digest}.csv"


@lru_cache(maxsize=2)
def _loaded(weights: tuple[str, ...], device: str) -> Picker:
    return load_picker([Path(path) for path in weights], device)


def look_item(item: AuditItem, key: LedgerKey) -> dict[str, Any]:
    """Look at one tomogram into its file. Runs in a worker."""
    import time

    import numpy as np
    import torch

    from cryogauge.pick.audit.look import look
    from cryogauge.pick.labelled import check_picks_in
    from cryogauge.pick.patches import normalised
    from cryogauge.pick.predict import probability_map

    began = time.monotonic()
    if item.device == "cuda" and not torch.cuda.is_available():
        raise BadInput("there is no CUDA device here", "use --device cpu or auto")
    device = "cuda" if item.device != "cpu" and torch.cuda.is_available() else "cpu"
    picker = _loaded(item.weights, device)
    volume = open_volume(item.source.uri)
    picker.check_voxel_size(volume.voxel_size_A)
    check_picks_in(item.labels, volume, item.source.name)
    found = probability_map(
        picker.networks,
        normalised(np.asarray(volume.data), item.source.name),
        picker.preset,
        all_turns=item.all_turns,
    )
    table = look(found, item.labels, picker.objects, volume.voxel_size_A, picker.preset, item.source.name)
    (item.out / EVIDENCE).mkdir(exist_ok=True)
    file = _file(key)
    with replacing(item.out / file) as temporary:
        table.to_csv(temporary, index=False)
    return {"file": file, "seconds": round(time.monotonic() - began, 2)}


def collect(out: Path, files: Sequence[str]) -> pd.DataFrame:
    """The evidence of a batch in one table."""
    from cryogauge.pick.audit.look import EVIDENCE_COLUMNS

    text = dict.fromkeys(("tomogram", "role", "object", "has", "other"), str)
    tables = [pd.read_csv(out / file, dtype=text, keep_default_na=False) for file in sorted(files)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(EVIDENCE_COLUMNS))
