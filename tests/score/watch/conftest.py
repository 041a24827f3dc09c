"""Small tomograms that land, and a watch that judges them with a network that has not learned anything."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryogauge.io import write_mrc
from cryogauge.score.tomogram import ScoreSettings, weights_checksum
from cryogauge.score.watch.engine import Watch, WatchSettings
from cryogauge.score.watch.landing import Patience


@pytest.fixture
def land(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tomogram of noise into the watched folder."""

    def write(name: str, seed: int = 0, pixel_size_A: float = 10.0) -> Path:
        path = tmp_path / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(seed).normal(size=(10, 32, 32)).astype(np.float32)
        part = path.with_name(f".{path.name}")
        write_mrc(part, values, pixel_size_A)
        part.rename(path)
        return path

    (tmp_path / "landing").mkdir()
    return write


@pytest.fixture
def watch_once(tmp_path: Path, untrained_weights: Path) -> Callable[..., list[dict[str, Any]]]:
    """Runs ``--once`` over the landing folder; what it told."""

    def run(**options: Any) -> list[dict[str, Any]]:
        settings = ScoreSettings(
            pixel_size_A=options.pop("pixel_size_A", None), weights=str(untrained_weights), device="cpu"
        )
        told: list[dict[str, Any]] = []
        (tmp_path / "out").mkdir(exist_ok=True)
        patience = options.pop("patience", Patience(settle_s=0.2, series_settle_s=0.2, grace_s=0.0))
        watched = WatchSettings(
            tmp_path / "landing", tmp_path / "out", settings, interval_s=0.1, patience=patience, **options
        )
        with Watch(watched, weights_checksum=weights_checksum(settings), on_event=told.append) as watch:
            watch.run(once=True)
        return [event for event in told if event["event"] != "session_start"]

    return run
