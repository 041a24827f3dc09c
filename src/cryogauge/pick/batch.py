"""Many tomograms picked by one network, each done once."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from cryogauge import __version__
from cryogauge.io import TomogramSource, content_key, open_volume
from cryogauge.io.copick import PREFIX
from cryogauge.io.picks import read_picks, write_picks
from cryogauge.io.replace import replacing
from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch
from cryogauge.pick.model import Picker, load_picker
from cryogauge.records import PICK_COLUMNS, BadInput

LEDGER = "ledger.sqlite"
RESULTS = "tomograms"


@dataclass(frozen=True)
class PickSettings:
    """How tomograms are picked.

    Attributes
    ----------
    weights
        Files of weights; several are averaged.
    pixel_size_A
        Voxel size of tomograms whose files do not say it.
    all_turns
        Average over half turns about the three axes, at four times the cost.
    device
        ``cpu``, ``cuda``, or ``auto`` for the second where there is one.
    """

    weights: tuple[str, ...]
    pixel_size_A: float | None = None
    all_turns: bool = False
    device: str = "auto"


@dataclass(frozen=True)
class PickItem:
    """What a worker needs to pick one tomogram into the output folder ``out``."""

    source: TomogramSource
    out: Path
    settings: PickSettings


def choose(sources: Sequence[TomogramSource], kind: str | None) -> list[TomogramSource]:
    """Of each run of a copick project the tomogram of one type, called by its run; other files as they are.

    Raises
    ------
    BadInput
        When a run has several, or none of the type.
    """
    chosen = []
    seen: dict[str, str] = {}
    for source in sources:
        if not source.uri.startswith(PREFIX):
            chosen.append(source)
            continue
        run, spacing, name = source.uri.rpartition("#")[2].split("/")
        if kind not in (None, name):
            continue
        if run in seen:
            raise BadInput(
                f"{run} has several tomograms: {seen[run]} and {name} at {spacing} Å",
                "say which by --type, or name one as copick:CONFIG.json#RUN/SPACING/TYPE",
            )
        seen[run] = f"{name} at {spacing} Å"
        chosen.append(replace(source, name=run))
    if not chosen:
        raise BadInput(f"no tomogram of type {kind}", "run `cryogauge project show` to see what there is")
    return chosen


def pick_batch(
    sources: Sequence[TomogramSource], out: Path, settings: PickSettings, *, workers: int = 1
) -> Iterator[Outcome[PickItem]]:
    """Pick every tomogram that the ledger in ``out`` does not know yet.

    Yields
    ------
    Outcome
        One for each source, in the order in which they finish; its row holds ``file`` and ``picture`` (the tomogram's
        picks, and a slab of it, relative to ``out``), its ``shape`` and ``voxel_size_A``, ``picks`` (their number by
        kind) and ``seconds``. The file holds all that the preset's search returned, below their kind's threshold too;
        :func:`collect` keeps those above it.

    Raises
    ------
    BadInput
        When the weights or the ledger cannot be used.
    """
    picker = load_picker([Path(path) for path in settings.weights])
    parts = {"version": __version__, "pixel_size_A": settings.pixel_size_A, "all_turns": settings.all_turns}
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def key(item: PickItem) -> LedgerKey:
        return LedgerKey(item.source.name, content_key(item.source.uri), "-".join(picker.checksums), digest)

    items = [PickItem(source, out, settings) for source in sources]
    with Ledger(out / LEDGER) as ledger:
        yield from run_batch(
            pick_item, items, key=key, ledger=ledger, artefacts=lambda item, key: _files(key), workers=workers
        )


def _files(key: LedgerKey) -> list[str]:
    """A tomogram's picks and its picture."""
    readable = re.sub(r"[^\w.+-]+", "_", key.item).strip("._")[:80]
    return [f"{RESULTS}/{readable}-{key.digest}.{ending}" for ending in ("csv", "jpg")]


@lru_cache(maxsize=1)
def _loaded(weights: tuple[str, ...], device: str) -> Picker:
    return load_picker([Path(path) for path in weights], device)


def pick_item(item: PickItem, key: LedgerKey) -> dict[str, Any]:
    """Pick one tomogram into its file. Runs in a worker."""
    import time

    import numpy as np
    import torch

    from cryogauge.pick.page import slab_picture
    from cryogauge.pick.patches import normalised
    from cryogauge.pick.predict import picks_of, probability_map

    began = time.monotonic()
    settings = item.settings
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise BadInput("there is no CUDA device here", "use --device cpu or auto")
    device = "cuda" if settings.device != "cpu" and torch.cuda.is_available() else "cpu"
    picker = _loaded(settings.weights, device)
    volume = open_volume(item.source.uri, pixel_size_A=settings.pixel_size_A)
    picker.check_voxel_size(volume.voxel_size_A)
    found = probability_map(
        picker.networks,
        normalised(np.asarray(volume.data), item.source.name),
        picker.preset,
        all_turns=settings.all_turns,
    )
    picks = picks_of(found, picker.objects, volume.voxel_size_A, picker.preset, item.source.name)
    file, picture = _files(key)
    (item.out / RESULTS).mkdir(exist_ok=True)
    with replacing(item.out / picture) as temporary:
        temporary.write_bytes(slab_picture(volume))
    write_picks(item.out / file, picks)
    return {
        "file": file,
        "picture": picture,
        "shape": list(volume.shape),
        "voxel_size_A": volume.voxel_size_A,
        "picks": {each.name: int((picks["object"] == each.name).sum()) for each in picker.objects},
        "seconds": round(time.monotonic() - began, 2),
    }


def collect(out: Path, files: Sequence[str], picker: Picker, *, keep_all: bool = False) -> pd.DataFrame:
    """The picks of a batch in one table, and as ``picks.csv``: those above their kind's threshold, or all."""
    from cryogauge.pick.thresholds import above

    tables = [read_picks(out / file) for file in sorted(files)]
    picks = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(PICK_COLUMNS))
    if not keep_all:
        picks = above(picks, picker.thresholds)
    write_picks(out / "picks.csv", picks)
    return picks
