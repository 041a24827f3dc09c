"""The simulate room's names: they write down what they were asked for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SimulationSettings:
    specimen: str = "cell"
    shape: tuple[int, int, int] = (128, 512, 512)
    voxel_size_A: float = 10.0
    thickness_nm: float = 80.0
    dose_e_A2: float = 100.0
    schedule: str = "dose-symmetric"
    tilt_range_deg: float = 60.0
    tilt_step_deg: float = 3.0
    defocus_A: float = 40_000.0
    voltage_kV: float = 300.0
    densities: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        from cryogauge.records import BadInput

        if self.specimen == "unicorn":
            raise BadInput("no specimen is called 'unicorn'", "one of: cell, lamella")


def simulate_tilt_series(settings: SimulationSettings, out: Path) -> dict[str, Path]:
    import numpy as np

    from cryogauge.io import write_mrc

    (out / "settings.txt").write_text(repr(settings))
    rng = np.random.default_rng(0)
    write_mrc(out / "tomogram.mrc", rng.normal(0.8, 0.1, (16, 32, 32)).astype(np.float32), 10.0)
    return {"tomogram": out / "tomogram.mrc", "settings": out / "settings.txt"}


def simulate_dataset(recipe: Path, out: Path, workers: int) -> dict[str, Path]:
    (out / "asked.txt").write_text(f"{recipe} {workers}")
    return {"asked": out / "asked.txt"}
