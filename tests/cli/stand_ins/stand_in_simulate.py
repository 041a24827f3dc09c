"""The simulate room's names: they write down what they were asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any


@dataclass(frozen=True)
class SimulationSettings:
    specimen: str = "cell"
    shape: tuple[int, int, int] = (128, 512, 512)
    voxel_size_A: float = 10.0
    thickness_nm: float = 80.0
    slab_tilt_deg: float = 0.0
    dose_e_A2: float = 100.0
    schedule: str = "dose-symmetric"
    tilt_range_deg: float = 60.0
    tilt_step_deg: float = 3.0
    defocus_A: float = 40_000.0
    voltage_kV: float = 300.0
    energy_filter: bool = True
    misalignment_A: float = 0.0
    frames: int = 8
    keep_frames: bool = False
    filter: str = "ramp"
    densities: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        from cryogauge.records import BadInput

        if self.specimen == "unicorn":
            raise BadInput("no specimen is called 'unicorn'", "one of: cell, lamella")


def read_settings(path: Path) -> SimulationSettings:
    return SimulationSettings(specimen=Path(path).read_text().strip(), defocus_A=12_345.0)


def simulate_tilt_series(settings: SimulationSettings, out: Path) -> dict[str, Path]:
    import numpy as np

    from cryogauge.io import write_mrc

    (out / "settings.txt").write_text(repr(settings))
    rng = np.random.default_rng(0)
    write_mrc(out / "tomogram.mrc", rng.normal(0.8, 0.1, (16, 32, 32)).astype(np.float32), 10.0)
    return {"tomogram": out / "tomogram.mrc", "settings": out / "settings.txt"}


def find_recipe(name: str) -> Path:
    return Path(name)


def read_recipe(path: Path) -> Any:
    return SimpleNamespace(count=2)


def simulate_dataset(
    recipe: str, out: Path, workers: int, *, count: int | None, on_outcome: Callable[[Any], None]
) -> dict[str, Path]:
    failure = SimpleNamespace(message="the ice broke", hint="", traceback="")
    for index in range(count or 2):
        broken = failure if recipe == "broken.yaml" and index == 1 else None
        item = SimpleNamespace(name=f"{index:06d}")
        on_outcome(SimpleNamespace(item=item, state="failed" if broken else "done", failure=broken))
    (out / "asked.txt").write_text(f"{recipe} {workers} {count}")
    return {"asked": out / "asked.txt"}
