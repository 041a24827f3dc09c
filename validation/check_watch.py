"""A watched session with files that come in pieces, broken files and kills: what is lost, what is done twice."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryogauge.io import write_mrc
from cryogauge.jobs import Ledger

FIGURES = ("watch_lost", "watch_doubled")

_SHAPE = (16, 64, 64)
_BROKEN_FRACTION = 0.05
_GRACE_S = 15.0
_END_S = 120.0  # without any progress


@dataclass(frozen=True)
class Drop:
    """A file that lands.

    Attributes
    ----------
    name
        Its path within the watched folder.
    content
        Its bytes.
    good
        Whether it can be judged.
    """

    name: str
    content: bytes
    good: bool


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures."""
    rng = random.Random(11)
    with tempfile.TemporaryDirectory(prefix="cryogauge-watch-") as scratch:
        lost, doubled = watched_session(Path(scratch), 40 if small else 500, 1 if small else 3, rng, say=print)
    return {"watch_lost": lost, "watch_doubled": doubled}


def watched_session(
    scratch: Path, count: int, kills: int, rng: random.Random, say: Callable[[str], None]
) -> tuple[int, int]:
    """Drop ``count`` files while a watch runs and is killed ``kills`` times: how many are lost, how many told twice."""
    watched, out = scratch / "watched", scratch / "out"
    watched.mkdir()
    drops = make_drops(scratch, count, rng)
    dropping = threading.Thread(target=_drop_all, args=(watched, drops, random.Random(rng.random())))
    process = _start(watched, out)
    dropping.start()
    try:
        marks = [(kill + rng.uniform(0.1, 0.9)) / kills * count for kill in range(kills)]
        progress, since = 0, time.monotonic()
        while progress < count and time.monotonic() - since < _END_S:
            time.sleep(rng.uniform(0.0, 0.3))
            now = len({event["name"] for event in _told(out)})
            if now > progress:
                progress, since = now, time.monotonic()
            if marks and progress >= marks[0]:
                marks.pop(0)
                process.send_signal(signal.SIGKILL)
                process.wait()
                say(f"     killed after {progress} of {count}")
                process = _start(watched, out)
        dropping.join()
        time.sleep(_GRACE_S / 2)  # for what would be told twice
    finally:
        process.terminate()
        process.wait()
    return count_faults(drops, out, say)


def make_drops(scratch: Path, count: int, rng: random.Random) -> list[Drop]:
    """Small tomograms of noise with blobs, one in twenty broken in one of several ways, in random order."""
    values = np.random.default_rng(rng.randrange(2**32))
    kinds = ("truncated", "empty", "text", "no voxel size", "packed and torn", "header only")
    broken = round(count * _BROKEN_FRACTION) or 1
    drops = []
    for index in range(count):
        path = scratch / "one.mrc"
        kind = kinds[index % len(kinds)] if index < broken else ""
        pixel = 0.0 if kind == "no voxel size" else 10.0
        write_mrc(path, values.normal(size=_SHAPE).astype(np.float32), pixel)
        content = _spoilt(path.read_bytes(), kind)
        ending = ".mrc.gz" if kind == "packed and torn" else rng.choice((".mrc", ".rec"))
        drops.append(Drop(f"{rng.choice(('', 'a/', 'b/deep/'))}TS_{index:03d}{ending}", content, not kind))
    rng.shuffle(drops)
    return drops


def _spoilt(content: bytes, kind: str) -> bytes:
    match kind:
        case "truncated":
            return content[: len(content) // 2]
        case "empty":
            return b""
        case "text":
            return b"this is a note, not a tomogram\n" * 100
        case "header only":
            return content[:1024]
        case "packed and torn":
            return gzip.compress(content)[:-5000]
    return content


def _drop_all(watched: Path, drops: list[Drop], rng: random.Random) -> None:
    """Write the files one by one: at once, by renaming, in pieces, or after having vanished again."""
    for drop in drops:
        path = watched / drop.name
        path.parent.mkdir(parents=True, exist_ok=True)
        way = rng.choice(("at once", "renamed", "in pieces", "vanishes first"))
        if way == "renamed":
            part = path.with_name(f".{path.name}.part")
            part.write_bytes(drop.content)
            part.rename(path)
        else:
            if way == "vanishes first":
                path.write_bytes(drop.content[: len(drop.content) // 3])
                time.sleep(rng.uniform(0.0, 0.5))
                path.unlink()
            with path.open("wb") as file:
                for piece in range(4):
                    start, stop = (len(drop.content) * part // 4 for part in (piece, piece + 1))
                    file.write(drop.content[start:stop])
                    file.flush()
                    if way == "in pieces":
                        time.sleep(rng.uniform(0.0, 0.2))
        time.sleep(rng.uniform(0.0, 0.1))


def _start(watched: Path, out: Path) -> subprocess.Popen[bytes]:
    options = ("--interval", "0.5", "--settle", "1", "--grace", str(_GRACE_S), "--no-page")
    call = [sys.executable, "-m", "cryogauge", "watch", str(watched), "--out", str(out), *options]
    return subprocess.Popen(call, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)


def _told(out: Path) -> list[dict[str, str]]:
    """Whole lines of the feed that tell of a file."""
    path = out / "feed.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [event for event in map(json.loads, lines) if event["event"] in ("scored", "failed")]


def count_faults(drops: list[Drop], out: Path, say: Callable[[str], None]) -> tuple[int, int]:
    """Files that the feed or the ledger does not tell of as they are, and those told of more than once."""
    told = Counter((event["event"], event["name"]) for event in _told(out))
    with Ledger(out / "ledger.sqlite") as ledger:
        kept = Counter(key.item for key, _ in ledger.results())
    lost = doubled = 0
    for drop in drops:
        scored, failed = told[("scored", drop.name)], told[("failed", drop.name)]
        fine = (scored and kept[drop.name]) if drop.good else (failed and not kept[drop.name])
        if not fine:
            say(f"     lost: {drop.name}, {'good' if drop.good else 'broken'}")
            lost += 1
        if scored + failed > 1 or kept[drop.name] > 1:
            say(f"     told {scored + failed} times, kept {kept[drop.name]} times: {drop.name}")
            doubled += 1
    return lost, doubled
