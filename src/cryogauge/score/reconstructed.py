"""Tomograms of many tilt series, each made once."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryogauge.imaging.outside import Alignment, align
from cryogauge.imaging.reconstruction import Filter
from cryogauge.imaging.tilted import reconstruct
from cryogauge.io import read_tilt_series, tilt_series_key, write_mrc
from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch
from cryogauge.jobs.ledger import settings_digest
from cryogauge.records import PREVIEW


@dataclass(frozen=True)
class ReconstructSettings:
    """How tomograms are made: see :func:`cryogauge.imaging.tilted.reconstruct` and
    :func:`cryogauge.imaging.outside.align`; ``alignment`` is the file to read where there are several, ``gain`` that of
    images that are not corrected.
    """

    voxel_size_A: float | None = None
    thickness_nm: float = 300.0
    filter: Filter = "ramp"
    align: Alignment = "auto"
    alignment: str | None = None
    pixel_size_A: float | None = None
    gain: str | None = None


@dataclass(frozen=True)
class ReconstructItem:
    """One tilt series: ``name``, ``uri`` as ``read_tilt_series`` takes it, the output folder, the settings."""

    name: str
    uri: str
    out: Path
    settings: ReconstructSettings


def reconstruct_batch(
    items: Sequence[ReconstructItem], out: Path, *, workers: int = 1
) -> Iterator[Outcome[ReconstructItem]]:
    """Reconstruct every series that the ledger in ``out`` does not know yet.

    Yields
    ------
    One outcome a series; its row holds ``file`` (in ``out``; its name ends in ``_preview`` where the alignment is our
    own coarse one), ``voxel_size_A``, ``shape`` and ``alignment``.

    Raises
    ------
    BadInput
        When the ledger cannot be used.
    """

    def key(item: ReconstructItem) -> LedgerKey:
        content = tilt_series_key(item.uri, item.settings.alignment)
        return LedgerKey(item.name, content, "", settings_digest(asdict(item.settings)))

    def artefacts(item: ReconstructItem, key: LedgerKey) -> list[str]:
        names = (*(_file(item.name, preview) for preview in (False, True)), _mark(item.name, key))
        return [name for name in names if (out / name).is_file()]

    with Ledger(out / "ledger.sqlite") as ledger:
        yield from run_batch(_make, items, key=key, ledger=ledger, artefacts=artefacts, workers=workers)


def _file(name: str, preview: bool) -> str:
    return f"{name.replace('/', '_')}{f'_{PREVIEW}' if preview else ''}.mrc"


def _mark(name: str, key: LedgerKey) -> str:
    """An empty file that says which result the tomogram of this name is; another result takes it away."""
    return f".{name.replace('/', '_')}.mrc.{key.digest}"


def _make(item: ReconstructItem, key: LedgerKey) -> dict[str, Any]:
    settings = item.settings
    series = read_tilt_series(
        item.uri, alignment=settings.alignment, pixel_size_A=settings.pixel_size_A, gain=settings.gain
    )
    with tempfile.TemporaryDirectory(prefix="cryogauge-align-") as folder:
        aligned = align(series, settings.align, Path(folder), thickness_nm=0.6 * settings.thickness_nm)
    volume = reconstruct(aligned, settings.voxel_size_A, thickness_nm=settings.thickness_nm, filter=settings.filter)
    preview = aligned.alignment == PREVIEW
    file = _file(item.name, preview)
    for earlier in item.out.glob(f"{_mark(item.name, key).removesuffix(key.digest)}*"):
        earlier.unlink()
    write_mrc(item.out / file, volume.data, volume.voxel_size_A)
    (item.out / _file(item.name, not preview)).unlink(missing_ok=True)  # of another alignment, which this one replaces
    (item.out / _mark(item.name, key)).touch()
    return {
        "file": file, "voxel_size_A": volume.voxel_size_A, "shape": list(volume.shape), "alignment": aligned.alignment,
    }  # fmt: skip
