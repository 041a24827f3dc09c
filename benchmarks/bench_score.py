"""Scoring a tomogram: seconds against number and size of slices, beside the paper's network, and peak memory.

Every tomogram is scored by :func:`cryogauge.score_tomogram` in a fresh process, local map, uncertainty, thickness and
second opinion included, on all processor threads this process may use. Loading libraries and compiling are not timed
(a small tomogram is scored first), but printed as ``score_seconds_start``. Memory is the proportional set size of that
process and its children, sampled ten times a second from its start to its end; it counts the pages of the file
that are mapped, too. ResNet101 has random weights, which take as long as any; the best of a few slices is taken.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from cryogauge.io import MrcWriter
from cryogauge.score.quality import RESNET_CROP_PX, available_threads, shipped_weights

FIGURES = (
    "score_seconds_200x960",
    "score_seconds_50x960",
    "score_seconds_200x480",
    "score_seconds_50x480",
    "score_speed_ratio_resnet101",
    "score_speed_ratio_best",
    "score_peak_mib",
)
WORK = Path(__file__).resolve().parent.parent / "work" / "benchmarks"
_SAMPLES_A_SECOND = 10
_RESNET_SLICES = 4


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes slices of a quarter of the edge and a tenth of their number."""
    edges, counts = ((120, 240), (5, 20)) if small else ((480, 960), (50, 200))
    weights = shipped_weights("compact")
    results: dict[str, float] = {}
    WORK.mkdir(parents=True, exist_ok=True)
    peaks = {}
    for edge, count in ((e, n) for e in edges for n in counts):
        path = WORK / f"{count}x{edge}.mrc"
        _write_tomogram(path, count, edge)
        measured = _score(path, weights)
        path.unlink()
        name = f"{(50, 200)[counts.index(count)]}x{(480, 960)[edges.index(edge)]}"
        results[f"score_seconds_{name}"] = measured["seconds"]
        results[f"score_cpu_seconds_{name}"] = measured["cpu_seconds"]
        peaks[name] = results[f"score_peak_mib_{name}"] = measured["peak_mib"]
        results["score_seconds_start"] = measured["start_seconds"]
    results["score_peak_mib"] = max(peaks.values())
    ours = results["score_seconds_200x960"] / counts[1]
    theirs = _resnet101_seconds(edges[1] if small else RESNET_CROP_PX)
    results["score_speed_ratio_resnet101"] = theirs["float32"] / ours
    results["score_speed_ratio_best"] = min(theirs.values()) / ours
    results |= {f"resnet101_seconds_a_slice_{precision}": seconds for precision, seconds in theirs.items()}
    return results


def _write_tomogram(path: Path, count: int, edge: int) -> None:
    """A slab of blurred blobs in noise, float32, repeated along y and x; time does not depend on what it shows."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    tile = min(edge, 240)
    inside = slice(count // 4, count - count // 4)
    with MrcWriter(path, (count, edge, edge), 10.0) as writer:
        blobs = gaussian_filter(rng.standard_normal((count, tile, tile), dtype=np.float32), 2.0)
        for z in range(count):
            image = rng.standard_normal((tile, tile), dtype=np.float32)
            if inside.start <= z < inside.stop:
                image += 30.0 * blobs[z]
            writer.append(np.tile(image, (edge // tile, edge // tile)))


def _score(path: Path, weights: Path) -> dict[str, float]:
    """Score a file in a process of its own; seconds of the call, of what went before it, and peak memory."""
    code = "from benchmarks.bench_score import score_once; import sys; score_once(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(path), str(weights), str(available_threads())]
    child = subprocess.Popen(command, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, text=True)
    watched, peak = psutil.Process(child.pid), 0
    while child.poll() is None:
        peak = max(peak, _proportional_set_size(watched))
        time.sleep(1 / _SAMPLES_A_SECOND)
    output = child.communicate()[0]
    if child.returncode:
        raise SystemExit(f"scoring {path.name} failed")
    return {**json.loads(output), "peak_mib": peak / 2**20}


def _proportional_set_size(process: psutil.Process) -> int:
    """Bytes of a process and its children, what they share divided among them."""
    total = 0
    try:
        for member in (process, *process.children(recursive=True)):
            total += member.memory_full_info().pss
    except psutil.NoSuchProcess:
        pass
    return total


def score_once(path: str, weights: str, threads: str) -> None:
    """Score something small, then the file, and print the seconds of the latter: what the measured process does."""
    began = time.perf_counter()
    from cryogauge.records import Volume
    from cryogauge.score.quality import CompactQuality
    from cryogauge.score.tomogram import judge_volume, score_tomogram

    noise = np.random.default_rng(0).standard_normal((12, 64, 64)).astype(np.float32)
    judge_volume(Volume(noise, 10.0), "warm-up", CompactQuality(Path(weights), int(threads)))
    started, worked = time.perf_counter(), time.process_time()
    score_tomogram(path, weights=weights, threads=int(threads))
    seconds = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - worked}
    print(json.dumps({**seconds, "start_seconds": started - began}))


def _resnet101_seconds(edge: int) -> dict[str, float]:
    """Seconds a slice of the paper's network with random weights, by precision; the best of several slices."""
    import torch

    from cryogauge.score.network import resnet101

    torch.set_num_threads(available_threads())
    image = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, edge, edge), dtype=np.float32))
    seconds = {}
    for precision, kind, layout in (
        ("float32", torch.float32, torch.contiguous_format),
        ("float32_channels_last", torch.float32, torch.channels_last),
        ("bfloat16_channels_last", torch.bfloat16, torch.channels_last),
    ):
        network: Any = resnet101().eval()
        network = network.to(dtype=kind, memory_format=layout)
        picture = image.to(dtype=kind, memory_format=layout)
        times = []
        with torch.inference_mode():
            network(picture)
            for _ in range(_RESNET_SLICES):
                started = time.perf_counter()
                network(picture)
                times.append(time.perf_counter() - started)
        seconds[precision] = min(times)
    return seconds
