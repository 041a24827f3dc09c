import logging
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cryogauge.io import write_mrc

STAND_INS = Path(__file__).parent / "stand_ins"


@dataclass(frozen=True)
class CommandLine:
    """``cryogauge`` in a process of its own, with stand-ins for the rooms."""

    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "judged.log"

    @property
    def environment(self) -> dict[str, str]:
        paths = os.pathsep.join([str(STAND_INS), *sys.path])
        return {**os.environ, "PYTHONPATH": paths, "STAND_IN_LOG": str(self.log), "OMP_NUM_THREADS": "1"}

    def arguments(self, call: Sequence[object]) -> list[str]:
        return [sys.executable, "-m", "cryogauge", *map(str, call)]

    def __call__(self, *call: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.arguments(call),
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def judged(self) -> list[str]:
        """Names of the tomograms that were worked on since the last call of this."""
        names = sorted(self.log.read_text().split()) if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return names


@pytest.fixture(autouse=True)
def no_logging_to_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands called in this process print as in their own: copick, once imported, logs to standard output."""
    quiet = [each for each in logging.root.handlers if type(each).__name__ != "RichHandler"]
    monkeypatch.setattr(logging.root, "handlers", quiet)


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``cryogauge`` itself in a process of its own, with nothing stood in for."""

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cryogauge", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)

    return call


@pytest.fixture
def tomogram(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small tomogram of one grey value, which the stand-in takes for its score."""

    def write(name: str, score: float, pixel_size_A: float = 10.0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_mrc(path, np.full((4, 8, 8), score, np.float32), pixel_size_A)
        return path

    return write
