"""Many exposures: found, judged once each, told in a table and on a page."""

import glob
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryogauge import __version__
from cryogauge.collect.judge.classify import judge_card
from cryogauge.collect.judge.ctffind import needed_ctffind
from cryogauge.collect.judge.exposure import EXPOSURE_SUFFIXES, Exposure, read_exposure
from cryogauge.collect.judge.judge import EXPOSURE_COLUMNS, JudgeSettings, judge_exposure
from cryogauge.collect.judge.pictures import exposure_picture, spectrum_picture
from cryogauge.collect.plugins import JUDGES, checked_verdict, load_plugin
from cryogauge.imaging.ctf_astigmatic import AstigmaticFit
from cryogauge.io import content_key
from cryogauge.io.micrograph_ctf import read_micrograph_ctf
from cryogauge.io.replace import replacing
from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch
from cryogauge.learn.weights import checksum
from cryogauge.records import BadInput

TABLE, PICTURES = "exposures.csv", "exposures"
#: Pictures of an exposure, by what they show.
_SHOWN = {"picture": ".jpg", "spectrum": "-ctf.jpg"}


@dataclass(frozen=True)
class ExposureItem:
    """One exposure: its ``name`` in the table, its ``path``, the output folder, the settings, a fit made elsewhere."""

    name: str
    path: str
    out: Path
    settings: JudgeSettings
    fit: AstigmaticFit | None = None


def find_exposures(paths: Sequence[str]) -> dict[str, str]:
    """The exposures that files, folders (searched through) and patterns stand for: paths by unique names, in order.

    Raises
    ------
    BadInput
        When something named does not exist or stands for no exposure.
    """
    found: list[Path] = []
    for given in paths:
        path = Path(given)
        if path.is_dir():
            inside = [each for each in sorted(path.rglob("*")) if _is_exposure(each)]
            if not inside:
                raise BadInput(f"there are no exposures in {path}", f"known are {' '.join(EXPOSURE_SUFFIXES)}")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            matching = [Path(each) for each in sorted(glob.glob(given, recursive=True)) if _is_exposure(Path(each))]
            if not matching:
                wrong = f"no exposure matches {given}" if glob.has_magic(given) else f"{given} does not exist"
                raise BadInput(wrong, "give files, folders or a pattern in quotes")
            found += matching
    files = list(dict.fromkeys(path.absolute() for path in found))
    stems = Counter(path.stem for path in files)
    names: dict[str, str] = {}
    for path in files:
        name = path.stem if stems[path.stem] == 1 else f"{path.parent.name}_{path.name}"
        number = 2
        while name in names:
            name, number = f"{path.parent.name}_{path.name}-{number}", number + 1
        names[name] = str(path)
    return names


def judge_batch(
    exposures: dict[str, str],
    out: Path,
    settings: JudgeSettings,
    weights: Path,
    *,
    fits: Mapping[str, AstigmaticFit] | None = None,
    workers: int = 1,
) -> Iterator[Outcome[ExposureItem]]:
    """Judge every exposure that the ledger in ``out`` does not know yet.

    Parameters
    ----------
    exposures
        Of :func:`find_exposures`.
    out
        The output folder, which exists.
    settings
        How they are judged.
    weights
        Of the network that ``settings`` choose.
    fits
        Of their contrast transfer by the files' names without ending, as of :func:`fits_of_table`, where the settings'
        ``ctf`` is ``table``.
    workers
        Worker processes.

    Yields
    ------
    One outcome an exposure; its row holds ``EXPOSURE_COLUMNS``, ``picture`` and ``spectrum``.

    Raises
    ------
    BadInput
        When ledger or weights cannot be used, or CTFFIND is wanted and not installed.
    """
    check_judge(settings, weights)
    used = {**asdict(settings), "model": None, "version": __version__, "columns": EXPOSURE_COLUMNS}
    if settings.gain is not None:
        used["gain"] = content_key(settings.gain)
    settled = json.dumps(used, sort_keys=True)
    learned = checksum(weights)

    def key(item: ExposureItem) -> LedgerKey:
        how = settled if item.fit is None else f"{settled} {item.fit}"
        return LedgerKey(item.name, content_key(item.path), learned, hashlib.sha256(how.encode()).hexdigest())

    (out / PICTURES).mkdir(exist_ok=True)
    given = {} if fits is None else fits
    items = [
        ExposureItem(name, path, out.absolute(), settings, given.get(Path(path).stem))
        for name, path in exposures.items()
    ]
    with Ledger(out / "ledger.sqlite") as ledger:
        yield from run_batch(
            _judge, items, key=key, ledger=ledger,
            artefacts=lambda item, key: [name for name in _files(key).values() if (item.out / name).exists()],
            workers=workers,
        )  # fmt: skip


def check_judge(settings: JudgeSettings, weights: Path) -> None:
    """Refuse by ``BadInput`` what else each exposure would fail by: wrong weights, a CTFFIND that is not there."""
    judge_card(weights)
    if settings.ctf == "ctffind":
        needed_ctffind()


def fits_of_table(path: Path) -> dict[str, AstigmaticFit]:
    """Fits of a ``micrographs_ctf.star``; raises as :func:`cryogauge.io.micrograph_ctf.read_micrograph_ctf` does."""
    table = read_micrograph_ctf(path)
    columns = ["defocus_A", "astigmatism_A", "astigmatism_deg", "ctf_correlation", "ctf_resolution_A"]
    return {str(row[0]): AstigmaticFit(*row[1:]) for row in table[columns].itertuples()}


def _is_exposure(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(EXPOSURE_SUFFIXES) and not path.name.startswith(".")


def _files(key: LedgerKey) -> dict[str, str]:
    readable = re.sub(r"[^\w.+-]+", "_", key.item).strip("._")[:80]
    return {shows: f"{PICTURES}/{readable}-{key.digest}{ending}" for shows, ending in _SHOWN.items()}


def _judge(item: ExposureItem, key: LedgerKey) -> dict[str, Any]:
    """Judge one exposure and leave its pictures. Runs in a worker."""
    start = time.perf_counter()
    settings = item.settings
    exposure = read_exposure(item.path, pixel_size_A=settings.pixel_size_A, gain=settings.gain)
    judged = judge_exposure(exposure, settings, item.fit)
    files = _files(key)
    _write(item.out / files["picture"], exposure_picture(judged))
    row = with_judges(judged.row, exposure, settings.judges)
    row |= {"exposure": item.name, "path": item.path, "picture": files["picture"], "spectrum": ""}
    if judged.power is not None and judged.fit is not None:
        _write(item.out / files["spectrum"], spectrum_picture(judged.power, judged.fit, settings))
        row["spectrum"] = files["spectrum"]
    return row | {"seconds": round(time.perf_counter() - start, 3)}


def with_judges(row: dict[str, Any], exposure: Exposure, judges: Sequence[str]) -> dict[str, Any]:
    """A row with what plug-ins say of the exposure, as ``NAME_key``; what they call ``score`` multiplies its own.

    Raises
    ------
    BadInput
        When there is no such judge, or it says what is no number.
    """
    for name in judges:
        verdict = checked_verdict(name, load_plugin(JUDGES, name)(exposure.image, exposure.pixel_size_A))
        row = row | verdict | {"score": row["score"] * verdict.get(f"{name}_score", 1.0)}
    return row


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
