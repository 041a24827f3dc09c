"""A simulated microscope over a plain grid, quick to picture, and eyes for it: sessions in a fraction of a second.

Squares of 60 µm every 100 µm, holes of 4 µm every 10 µm in them. A grid's value is how many electrons its holes let
through in an exposure, 0 to 1: its quality.
"""

import os
import signal

import numpy as np
import pandas as pd
from scipy import ndimage

from cryogauge.collect.drivers.journal import Journal
from cryogauge.collect.drivers.registry import guard
from cryogauge.collect.drivers.simulated.scope import SimulatedMicroscope
from cryogauge.collect.drivers.simulated.specimen import Source
from cryogauge.collect.screen.run import JOURNAL, screen
from cryogauge.collect.screen.session import Eyes
from cryogauge.collect.screen.settings import session_from
from cryogauge.collect.targets.holes import Holes
from cryogauge.collect.targets.squares import Squares

MODES = {
    "atlas": {"pixel_size_A": 40_000.0, "shape_px": [80, 80], "dose_e_A2": 0.0001},
    "square": {"pixel_size_A": 6_000.0, "shape_px": [128, 128], "dose_e_A2": 0.001},
    "hole": {"pixel_size_A": 2_000.0, "shape_px": [64, 64], "dose_e_A2": 0.05},
    "exposure": {"pixel_size_A": 2.0, "shape_px": [64, 64], "dose_e_A2": 40.0},
}


def image(grid, center_um, pixel_size_A, shape_px, *, dose_e_A2, seed, **_):
    um = pixel_size_A / 1e4
    y = center_um[1] + (np.arange(shape_px[0]) - (shape_px[0] - 1) / 2)[:, None] * um
    x = center_um[0] + (np.arange(shape_px[1]) - (shape_px[1] - 1) / 2)[None, :] * um
    square = np.maximum(abs((x + 50) % 100 - 50), abs((y + 50) % 100 - 50)) < 30
    hole = np.hypot(x % 10 - 5, y % 10 - 5) < 2
    through = grid if pixel_size_A < 10 else 0.8
    mean = dose_e_A2 * pixel_size_A**2 * np.where(square, np.where(hole, through, 0.4), 0.02)
    return np.random.default_rng(seed).poisson(mean).astype(np.float32)


SOURCE = Source(lambda grid, seed: grid, image, lambda *_, **__: iter(()))


def _blobs(picture, least_px):
    smooth = ndimage.gaussian_filter(picture, 0.7)
    label, count = ndimage.label(smooth > 0.5 * (np.percentile(smooth, 99) + np.percentile(smooth, 1)))
    sizes = ndimage.sum_labels(np.ones_like(picture), label, range(1, count + 1))
    kept = [n + 1 for n, size in enumerate(sizes) if size >= least_px]
    boxes = ndimage.find_objects(label)
    whole = [
        n for n in kept if all(s.start > 0 and s.stop < e for s, e in zip(boxes[n - 1], picture.shape, strict=True))
    ]
    return np.array(ndimage.center_of_mass(picture, label, whole)).reshape(-1, 2)[:, ::-1]


def squares(picture, pixel_size_A):
    smooth = ndimage.uniform_filter(picture, 3)
    xy = _blobs(np.minimum(smooth, np.percentile(smooth, 80)), 60)
    side = 60e4 / pixel_size_A
    box = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * side / 2
    table = pd.DataFrame({
        "score": 1.0, "square": range(len(xy)), "kind": "intact", "x_px": xy[:, 0], "y_px": xy[:, 1],
        "vertices": [tuple(map(tuple, c + box)) for c in xy], "side_px": side, "area_px": side**2,
        "brightness": np.arange(len(xy), dtype=float), "partial": False, "why": "whole",
    })  # fmt: skip
    return Squares(table, None, 0.0, side)


def holes(picture, pixel_size_A):
    xy = _blobs(picture, 12)
    table = pd.DataFrame({
        "score": 1.0, "hole": range(len(xy)), "x_px": xy[:, 0], "y_px": xy[:, 1], "diameter_px": 4e4 / pixel_size_A,
        "brightness": np.arange(len(xy), dtype=float), "target": True, "bright": True, "why": "a hole",
    })  # fmt: skip
    return Holes(table, None, 4e4 / pixel_size_A)


def judge(picture, pixel_size_A, settings):
    share = float(picture.mean() / (40.0 * pixel_size_A**2))
    return {"score": share, "kind": "great", "ctf_resolution_A": 4.0 if share > 0.5 else 20.0, "defocus_A": np.nan}


EYES = Eyes(squares, holes, judge)


def settings(tmp_path, grids=None, options=None, **given):
    grids = grids or {1: 0.9, 2: 0.6}
    told = {"grids": grids, "memory": str(tmp_path / "memory.jsonl"), "seed": 4, **(options or {})}
    return session_from({
        "driver": "simulated", "microscope": {"modes": MODES, "options": told},
        "grids": {slot: f"grid {slot}" for slot in grids}, "atlas": {"radius_um": 240},
        "squares": {"count": 2, "strategy": "best"}, "holes": {"count": 2, "strategy": "best"}, **given,
    })  # fmt: skip


class Bench:
    """Runs sessions and keeps the microscope to look at afterwards."""

    def __init__(self, folder):
        self.folder, self.said, self.scope = folder, [], None

    def connect(self, settings, folder):
        def made(given, control):
            return SimulatedMicroscope(given, control, SOURCE)

        self.scope = guard(made, settings.microscope, journal=folder / JOURNAL)
        return self.scope

    def run(self, settings, eyes=EYES):
        return screen(settings, self.folder, eyes=eyes, tell=self.said.append, connect=self.connect)

    def killed_at(self, settings, write):
        """Run in a process that kills itself within its n-th line of a journal; whether it came so far."""
        child = os.fork()
        if child == 0:
            count, append = 0, Journal._append

            def killing(journal, left):
                nonlocal count
                count += 1
                if count == write:
                    os.write(journal._file, left[: len(left) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
                append(journal, left)

            Journal._append = killing
            try:
                self.run(settings)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
