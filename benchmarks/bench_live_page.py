"""The live pages of a session of 10,000 exposures, over real connections to ``cryogauge serve``, while its log grows.

Ten grids of 400 squares, 100 of them visited, 100 holes found in each, ten exposed; written by the code that writes a
session's log. Exposures are of 4,096² (one file under all names: a disk that must be read first is slower). What is
timed are the requests that a page of the session and one of a grid make: what has changed, the holes of a square, the
thumbnail of the newest exposure, and the same question once more, when nothing has changed. Two new exposures come
before each round. The figure is the largest of the 95th percentiles of these kinds of requests. The first page of a
server that has just been started, which reads the whole log, is timed apart.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from cryogauge.collect.judge.judge import INDICATORS, PARTS
from cryogauge.collect.screen.log import BEGUN, JUDGED, Log
from cryogauge.collect.screen.run import about
from cryogauge.collect.screen.settings import session_from
from cryogauge.io import write_mrc

FIGURES = ("live_p95_ms_10000", "live_first_ms_10000")
_ROUNDS, _PAUSE_S = 100, 0.2
_SQUARES, _HOLES, _EXPOSED = 400, 100, 10
_ROWS = np.random.default_rng(0)


class _Clock:
    now_s = 1.7e9

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes a session of 200 exposures and small pictures."""
    grids, visited, edge_px, rounds = (2, 10, 512, 10) if small else (10, 100, 4096, _ROUNDS)
    with tempfile.TemporaryDirectory(prefix="cryogauge-bench-") as scratch:
        folder = Path(scratch, "session")
        log, pictures = _begun(folder, grids, edge_px)
        for slot in range(1, grids + 1):
            _grid(log, slot, visited, pictures)
        call = (sys.executable, "-m", "cryogauge", "serve", "--session", str(folder))
        server = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            first_ms, took_ms = _asked(address, log, grids, visited, pictures, rounds)
        finally:
            server.terminate()
            server.wait()
            log.close()
    p95 = {kind: float(np.percentile(values, 95)) for kind, values in took_ms.items()}
    told = ", ".join(f"{kind} {np.median(took_ms[kind]):.0f} / {value:.0f}" for kind, value in p95.items())
    print(f"     median / 95th percentile in ms of {sum(map(len, took_ms.values()))} requests: {told}")
    return {"live_p95_ms_10000": max(p95.values()), "live_first_ms_10000": first_ms}


def _asked(
    address: str, log: Log, grids: int, visited: int, pictures: dict[str, Path], rounds: int
) -> tuple[float, dict[str, list[float]]]:
    """Milliseconds of the first page with all that it shows, and of each request by kind."""
    took: dict[str, list[float]] = defaultdict(list)
    with httpx.Client(base_url=address, timeout=120) as client:
        first = time.perf_counter()
        key = client.get("/collect/").text.split('href="/collect/')[1].split("/")[0]
        base = f"/collect/{key}"

        def ask(kind: str, path: str, **query: Any) -> httpx.Response:
            began = time.perf_counter()
            answer = client.get(f"{base}{path}", params=query)
            took[kind].append(1e3 * (time.perf_counter() - began))
            assert answer.status_code in (200, 204), answer.text
            return answer

        client.get(f"{base}/").raise_for_status()
        whole = client.get(f"{base}/api/changes").json()["cursor"]
        first_ms = 1e3 * (time.perf_counter() - first)
        grid = client.get(f"{base}/api/changes", params={"grid": grids}).json()["cursor"]
        for number in range(rounds):
            square = visited + 1 + number // (_EXPOSED // 2)
            if number % (_EXPOSED // 2) == 0:
                log.settle("square", f"{grids}/{square}", _seen(square))
            for hole in range(2):
                name = _exposure(log, grids, square, 2 * (number % (_EXPOSED // 2)) + hole, pictures)
            time.sleep(_PAUSE_S)
            whole = ask("session", "/api/changes", cursor=whole).json()["cursor"]
            answer = ask("grid", "/api/changes", cursor=grid, grid=grids).json()
            assert answer["exposures"], "the new exposures are told"
            grid = answer["cursor"]
            ask("holes", f"/api/squares/{grids}/{square}")
            ask("thumbnail", f"/exposures/{name.replace('/', '_')}.jpg", small="1")
            ask("nothing new", "/api/changes", cursor=grid, grid=grids)
    return first_ms, took


# ------------------------------------------------------------------ a session as one is written
def _begun(folder: Path, grids: int, edge_px: int) -> tuple[Log, dict[str, Path]]:
    (folder / "exposures").mkdir(parents=True)
    pictures = {}
    for name, edge, pixel_size_A in (("atlas", 2048, 9e3), ("square", 1024, 900.0), ("exposure", edge_px, 0.83)):
        pictures[name] = folder / f".{name}.mrc"
        write_mrc(pictures[name], _ROWS.normal(100, 10, (edge, edge)).astype(np.float32), pixel_size_A)
    settings = session_from({
        "driver": "simulated", "grids": {slot: f"grid {slot}" for slot in range(1, grids + 2)},
        "squares": {"count": 100}, "holes": {"count": _EXPOSED},
    })  # fmt: skip
    log = Log(folder, lambda _: None)
    log.clock = _Clock()
    log.say("the session begins")
    log.renew(BEGUN, "", about(settings))
    return log, pictures


def _grid(log: Log, slot: int, visited: int, pictures: dict[str, Path]) -> None:
    folder = _folder(log) / "grids" / f"{slot:02d}"
    folder.mkdir(parents=True)
    os.link(pictures["atlas"], folder / "atlas.mrc")
    log.say(f"grid {slot}: atlas")
    log.settle("squares", str(slot), _squares())
    for square in range(1, visited + 1):
        log.settle("square", f"{slot}/{square}", _seen(square))
        os.link(pictures["square"], folder / f"square_{square:04d}.mrc")
        log.say(f"square {slot}/{square}: {_HOLES} holes")
        for hole in range(_EXPOSED):
            _exposure(log, slot, square, hole, pictures)
        log.settle("visited", f"{slot}/{square}", {"counts": True})
    if visited < 100 or slot < 10:
        log.settle("grid", str(slot), {"slot": slot})


def _folder(log: Log) -> Path:
    return log._journal.path.parent


def _squares() -> dict[str, Any]:
    places = [(100 + 90 * (n % 20), 100 + 90 * (n // 20)) for n in range(_SQUARES)]
    corners = [
        [[x - 30.0, y - 30.0], [x + 30.0, y - 30.0], [x + 30.0, y + 30.0], [x - 30.0, y + 30.0]] for x, y in places
    ]
    queue = [
        {"square": n + 1, "x_um": x / 3.0, "y_um": y / 3.0, "x_px": float(x), "y_px": float(y), "side_px": 60.0,
         "score": 0.9, "kind": "intact", "brightness": 1e4 + n, "area_px": 3600.0, "why": "whole film, 98 % as bright",
         "weight": 0.33, "chosen_because": f"at random from cluster {n % 3 + 1} of 3 by brightness (1.2e+04)"}
        for n, (x, y) in enumerate(places)
    ]  # fmt: skip
    shown = [{"square": n + 1, "score": 0.9, "kind": "intact", "why": "whole film", "corners_px": corners[n]}
             for n in range(_SQUARES)]  # fmt: skip
    return {"found": _SQUARES, "usable": 0.9, "pixel_size_A": 9e3, "queue": queue, "all": shown}


def _seen(square: int) -> dict[str, Any]:
    queue = [
        {"hole": hole, "x_um": 1.0 * square, "y_um": 2.0 * hole, "x_px": 60.5 + 90 * (hole % 10), "diameter_px": 30.0,
         "y_px": 60.5 + 90 * (hole // 10), "score": 0.8, "brightness": 6000.0, "bright": True, "weight": 1.0,
         "why": "a bright hole, 100 % clean", "chosen_because": "good, and far from all chosen before"}
        for hole in range(_HOLES)
    ]  # fmt: skip
    return {
        "z_um": 12.5, "holes": _HOLES, "targets": _HOLES, "target_share": 1.0, "pixel_size_A": 900.0,
        "pitch_px": 90.0, "targets_brightness": [6000.0] * 20, "queue": queue, "left": [],
        "picture": f"square_{square:04d}.mrc",
    }  # fmt: skip


def _exposure(log: Log, slot: int, square: int, hole: int, pictures: dict[str, Path]) -> str:
    assert isinstance(log.clock, _Clock)
    log.clock.sleep(30.0 + float(_ROWS.exponential(10.0)))
    name = f"{slot}/{square}/{hole}/0"
    picture = f"exposures/exposure_{name.replace('/', '_')}.mrc"
    os.link(pictures["exposure"], _folder(log) / picture)
    taken = {
        "picture": picture, "pixel_size_A": 0.83, "x_um": 1.0 * square, "y_um": 2.0 * hole, "wanted_A": 15_000.0,
        "dose_e_A2": 40.0, "frames_file": "", "recorded_at_s": log.clock.now_s, "drift_A_s": 0.5, "square": square,
        "weight": 1.0, "hole_brightness": 6000.0,
    }  # fmt: skip
    log.settle("expose", name, taken)
    log.renew(JUDGED, name, {
        "exposure": name, **taken, "score": float(_ROWS.uniform()), "kind": "decent", "flags": "few_particles",
        "said": "12 particles cover 2 % of the field.", **{f"part_{part}": 0.9 for part in PARTS},
        **dict.fromkeys(INDICATORS, 1.25), "ctf_resolution_A": float(_ROWS.uniform(3, 9)),
        "defocus_A": float(_ROWS.normal(15_000, 400)), "motion_A": float("nan"),
    })  # fmt: skip
    return name
