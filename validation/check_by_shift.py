"""Holes reached by image shift: the same ones as by moving the stage to each, at the right places, and how much sooner?

One simulated grid under the simulated microscope, with its errors of stage, shift and focus and the seconds that its
commands take, is screened twice: the stage goes to every hole, and it goes to one in each group of holes within 8 µm.
Thirty holes are exposed in each of three squares. Where the beam was is the microscope's truth, where holes are the
grid's. Exposures are small and not judged, since nothing of that is at stake.
"""

import json
import math
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from cryogauge.collect.drivers.journal import read_journal
from cryogauge.collect.screen.log import read_steps
from cryogauge.collect.screen.run import JOURNAL, open_scope, screen
from cryogauge.collect.screen.session import Eyes
from cryogauge.collect.screen.settings import SessionSettings, session_from
from cryogauge.simulate.grid import GridSettings

FIGURES = ("by_shift_time_ratio", "by_shift_moves_ratio", "by_shift_off_um", "by_shift_other_holes")
_REACH_UM, _SQUARES, _HOLES, _SEED = 8.0, 3, 30, 7
_DOSE_e_A2 = 50.0
_MODES = {
    "atlas": {"pixel_size_A": 40_000.0, "shape_px": [540, 540], "dose_e_A2": 0.0001},
    "square": {"pixel_size_A": 2_000.0, "shape_px": [480, 480], "dose_e_A2": 0.002},
    "hole": {"pixel_size_A": 300.0, "shape_px": [128, 128], "dose_e_A2": 0.05},
    "exposure": {"pixel_size_A": 1.7, "shape_px": [64, 64], "dose_e_A2": _DOSE_e_A2},
}


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures; ``small`` takes one square of few holes."""
    squares, holes = (1, 8) if small else (_SQUARES, _HOLES)
    with tempfile.TemporaryDirectory() as folder:
        each, grouped = (_screened(Path(folder) / str(reach), reach, squares, holes) for reach in (0.0, _REACH_UM))
    print(f"     {each['hours']:.2f} h, {each['moves']:.0f} moves; by shift {grouped['hours']:.2f} h, "
          f"{grouped['moves']:.0f} moves, at most {grouped['off_um']:.2f} µm beside a hole's middle")  # fmt: skip
    return {
        "by_shift_time_ratio": grouped["hours"] / each["hours"],
        "by_shift_moves_ratio": grouped["moves"] / each["moves"],
        "by_shift_off_um": grouped["off_um"],
        "by_shift_stage_off_um": each["off_um"],
        "by_shift_other_holes": float(grouped["other"]),
    }


def _screened(folder: Path, reach_um: float, squares: int, holes: int) -> dict[str, Any]:
    folder.mkdir()
    wanted = session_from({
        "driver": "simulated", "grids": {1: "grid"}, "pace": {"by_shift_um": reach_um},
        "microscope": {"modes": _MODES, "options": {"grids": {1: GridSettings(pattern="R2/2")}, "seed": _SEED,
                                                    "memory": str(folder / "memory.jsonl")}},
        "squares": {"count": squares, "strategy": "best"}, "holes": {"count": holes, "strategy": "best"},
    })  # fmt: skip
    opened: list[Any] = []

    def connect(settings: SessionSettings, where: Path) -> Any:
        opened.append(open_scope(settings, where))
        return opened[-1]

    eyes = Eyes(judge=lambda *_: {"score": 1.0, "ctf_resolution_A": 4.0, "defocus_A": math.nan, "said": ""})
    ending = screen(wanted, folder, eyes=eyes, tell=lambda _: None, connect=connect)
    assert ending.finished
    seen = [entry.result for (step, _), entry in read_steps(folder).items() if step == "square"]
    planned = [(hole["x_um"], hole["y_um"]) for each in seen for hole in each["queue"][:holes]]
    lines = [json.loads(line) for line in (folder / "memory.jsonl").read_text().splitlines()]
    at = np.array([line["exposed"][1:3] for line in lines if "exposed" in line and line["exposed"][4] == _DOSE_e_A2])
    truth: Any = opened[0].driver.specimen.grid.holes
    true = KDTree(truth[["stage_x_um", "stage_y_um"]].to_numpy())
    away, which = true.query(at)
    wanted_holes = Counter(np.asarray(true.query(planned)[1]).tolist())
    exposed = Counter(np.asarray(which).tolist())
    commands = Counter(entry.command for entry in read_journal(folder / JOURNAL))
    return {
        "hours": opened[0].clock.now_s / 3600, "moves": commands["move_stage"], "off_um": float(np.max(away)),
        "other": (wanted_holes - exposed).total() + (exposed - wanted_holes).total(),
    }  # fmt: skip
