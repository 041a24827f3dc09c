"""A tilt series under ``cryogauge watch``: seconds from its last image on disk to its score in the feed.

41 tilts of 4096 × 4096 (16-bit integers, 1.5 Å), not aligned, with an ``.mdoc`` beside the stack; defaults of the
command, so that the time includes waiting until the series has settled. The watch has judged something before.
"""

import json
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.io import MrcWriter, write_mrc, write_tilt_series
from cryogauge.records import TiltSeries
from cryogauge.simulate import Imaging, expose, make_specimen

FIGURES = ("preview_seconds_after_last_tilt",)

_IMAGING = Imaging(tilt_range_deg=60.0, tilt_step_deg=3.0)
_VOXEL_A = 12.0
_TIMEOUT_S = 600.0


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes an eighth of the width."""
    shape, enlarged = ((64, 128, 128), 4) if small else ((128, 512, 512), 8)
    specimen = make_specimen("lamella", shape, _VOXEL_A, shape[0] * 0.7, seed=3)
    series = expose(specimen, _IMAGING, seed=4)
    assert isinstance(series, TiltSeries)
    with tempfile.TemporaryDirectory(prefix="cryogauge-bench-") as scratch:
        watched, out = Path(scratch, "watched"), Path(scratch, "out")
        watched.mkdir()
        call = (sys.executable, "-m", "cryogauge", "watch", str(watched), "--out", str(out), "--no-page")
        process = subprocess.Popen(call, stderr=subprocess.DEVNULL)
        try:
            write_mrc(
                watched / "first.mrc", np.random.default_rng(0).normal(size=(16, 64, 64)).astype(np.float32), 10.0
            )
            _wait_for(out, "first.mrc", process)
            _write(watched, series, enlarged)
            last = time.time()
            told = _wait_for(out, "TS_1.mrc", process)
        finally:
            process.terminate()
            process.wait()
    print(f"     {told['scores']['seconds']:.1f} s of it for the score; {', '.join(told['scores']['flags'])}")
    return {"preview_seconds_after_last_tilt": datetime.fromisoformat(told["at"]).timestamp() - last}


def _write(folder: Path, series: TiltSeries, enlarged: int) -> None:
    """The images enlarged, one by one, as a microscope leaves them: no alignment beside them."""
    count, height, width = series.images.shape
    shape = (count, height * enlarged, width * enlarged)
    blank = TiltSeries(series.images[:, :1, :1], series.pixel_size_A / enlarged, series.table, "")
    for kind, path in write_tilt_series(folder, "TS_1", blank).items():
        if kind == "mdoc":
            path.write_text(path.read_text().replace("ImageSize = 1 1", f"ImageSize = {shape[2]} {shape[1]}"))
        else:
            path.unlink()
    scale = 1000.0 / float(np.abs(series.images[0]).max())
    with MrcWriter(folder / "TS_1.mrc", shape, blank.pixel_size_A, mode=1, stack=True) as writer:
        for image in series.images:
            counts = np.round(np.asarray(image) * scale).astype(np.int16)
            writer.append(np.kron(counts, np.ones((enlarged, enlarged), np.int16)))


def _wait_for(out: Path, name: str, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    feed, until = out / "feed.jsonl", time.monotonic() + _TIMEOUT_S
    while time.monotonic() < until and process.poll() is None:
        lines = feed.read_bytes().split(b"\n")[:-1] if feed.exists() else []
        for event in map(json.loads, lines):
            if event.get("name") == name:
                if event["event"] != "scored":
                    raise RuntimeError(f"{name} was not judged: {event['message']}")
                return event
        time.sleep(0.2)
    raise RuntimeError(f"{name} was not judged")
