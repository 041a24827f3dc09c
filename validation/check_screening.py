"""Simulated grids screened unattended: are they ranked rightly, and what do faults and kills cost?

Ranking: grids of one specimen, whose ice, dirt, squares and concentration are drawn, under the simulated microscope
with its errors of stage and focus; the true quality of a grid is the mean of all its holes. Particles damaged by the
air-water interface and preferred views, which single exposures do not show, are the same in all. The rank correlation
is the mean over three sessions of eleven grids. Holes are reached by image shift, which gives two dozen exposures a
grid: a dozen leave much to chance.

Faults: sessions on simulated grids with faults of every kind at random commands, each in a process that is killed again
and again, until it says that it is finished. Their exposures are small and not judged, since nothing of that is at
stake. Lost is an exposure that was planned and is not there, whose picture cannot be read, or whose place was exposed
twice.
"""

import json
import math
import os
import signal
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from cryogauge.collect.screen.log import read_steps
from cryogauge.collect.screen.run import open_scope, screen
from cryogauge.collect.screen.session import Eyes
from cryogauge.collect.screen.settings import SessionSettings, session_from
from cryogauge.io import read_picture
from cryogauge.records import BadInput
from cryogauge.simulate.grid import GridSettings, make_grid
from cryogauge.simulate.grid.varied import drawn_settings

FIGURES = ("screening_rank", "fault_lost", "unsafe_moves")
_GRIDS, _FEW = 11, 3
#: Of the sessions; each draws its grids by seeds from a hundred times as many on.
_SESSIONS = (1, 2, 3)
_SAME = frozenset({"mesh", "pattern", "foil", "particle_kDa", "particle_symmetry", "preferred", "sound"})
_FAULTS, _FEW_FAULTS = 1000, 20
_DOSE_e_A2 = 50.0
_EDGE_PX = 1024  # of an exposure that is judged, a quarter of a usual camera's: smaller ones hold a dozen particles
_RATES = {
    "lost connection": 0.03, "hang": 0.01, "stuck stage": 0.06, "wrong readback": 0.03, "jam": 0.2, "blank": 0.05,
    "half image": 0.05, "saturated": 0.05,
}  # fmt: skip


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures; ``small`` takes few grids and faults."""
    with tempfile.TemporaryDirectory() as folder:
        sessions = [
            _ranking(Path(folder) / f"ranking_{seed}", _FEW if small else _GRIDS, seed)
            for seed in _SESSIONS[: 1 if small else None]
        ]
        lost = _faults(Path(folder), _FEW_FAULTS if small else _FAULTS)
    ranks, unsafe = np.array(sessions).T
    print(f"     rank correlations: {', '.join(f'{rank:.2f}' for rank in ranks)}")
    return {**lost, "screening_rank": float(ranks.mean()), "unsafe_moves": float(unsafe.sum()) + lost["unsafe_moves"]}


def _session(grids: dict[int, GridSettings], edge_px: int, options: dict[str, Any], **given: Any) -> SessionSettings:
    modes = {
        "atlas": {"pixel_size_A": 40_000.0, "shape_px": [540, 540], "dose_e_A2": 0.0001},
        "square": {"pixel_size_A": 2_000.0, "shape_px": [480, 480], "dose_e_A2": 0.002},
        "hole": {"pixel_size_A": 300.0, "shape_px": [128, 128], "dose_e_A2": 0.05},
        "exposure": {"pixel_size_A": 1.7, "shape_px": [edge_px, edge_px], "dose_e_A2": _DOSE_e_A2},
    }
    return session_from({
        "driver": "simulated", "microscope": {"modes": modes, "options": {"grids": grids, **options}},
        "grids": {slot: f"grid {slot}" for slot in grids}, **given,
    })  # fmt: skip


# ------------------------------------------------------------------ ranking
def _ranking(folder: Path, count: int, seed: int) -> tuple[float, float]:
    """Rank correlation of scores with true qualities, and unsafe moves."""
    base = GridSettings()
    grids = {slot: drawn_settings(100 * seed + slot, base, keep=_SAME) for slot in range(1, count + 1)}
    wanted = _session(grids, _EDGE_PX, {"seed": seed}, judge={"vacuum_counts": _DOSE_e_A2 * 1.7**2}, squares={"count": 6},
                      holes={"count": 4}, pace={"by_shift_um": 8})  # fmt: skip
    opened = []

    def connect(settings: SessionSettings, where: Path) -> Any:
        opened.append(open_scope(settings, where))
        return opened[-1]

    ending = screen(wanted, folder, tell=lambda _: None, connect=connect)
    found = pd.read_csv(folder / "grids.csv").set_index("slot")
    true = pd.Series({slot: make_grid(grid, seed * 1000 + slot).quality for slot, grid in grids.items()})
    for slot in true.sort_values(ascending=False).index:
        row = found.loc[slot]
        print(
            f"     grid {slot}: quality {true[slot]:.3f}, score {row['score']:.3f} = {row['squares_score']:.2f} × "
            f"{row['holes_score']:.2f} × {row['exposures_score']:.2f} ({row['exposures']:.0f} exposures)"
        )
    rank = float(np.asarray(spearmanr(true, found.loc[true.index, "score"])[0])) if ending.finished else float("nan")
    return rank, float(opened[0].driver.unsafe_moves)


# ------------------------------------------------------------------ faults
def _judged(*_: Any) -> dict[str, Any]:
    return {"score": 1.0, "ctf_resolution_A": 4.0, "defocus_A": math.nan, "said": ""}


def _faults(folder: Path, enough: int) -> dict[str, float]:
    totals, session = Counter(), 0
    while totals["faults"] < enough:
        where = folder / f"faults_{session}"
        where.mkdir()
        totals += _stricken(where, session)
        session += 1
    print(f"     {session} sessions: {dict(totals)}")
    return {"fault_lost": float(totals["lost"]), "unsafe_moves": float(totals["unsafe"]),
            "faults_injected": float(totals["faults"]), "fault_exposures": float(totals["kept"])}  # fmt: skip


def _stricken(folder: Path, session: int) -> Counter[str]:
    """One session, taken up again until it is finished: its faults, kills, exposures kept and lost."""
    rng = np.random.default_rng([session, 23])
    totals: Counter[str] = Counter()
    grids = {1: GridSettings(pattern="R2/2"), 2: GridSettings(pattern="R2/2", foil="gold")}
    for attempt in range(60):
        options = {"seed": session, "memory": str(folder / "memory.jsonl"), "fault_rates": _RATES}
        wanted = _session(grids, 64, options, squares={"count": 3, "strategy": "spread"},
                          holes={"count": 8, "strategy": "spread"})  # fmt: skip
        killed_after_s = float(rng.uniform(0.1, 6.0)) if attempt < 6 else None
        finished = _in_a_process(wanted, folder, killed_after_s, attempt)
        if finished:
            break
        totals["stops" if killed_after_s is None else "kills or stops"] += 1
    totals += _struck(folder)
    kept, lost = _kept(folder, wanted)
    totals.update(kept=kept, lost=lost)
    return totals


def _in_a_process(wanted: SessionSettings, folder: Path, killed_after_s: float | None, attempt: int) -> bool:
    """Run in a child, kill it by SIGKILL after a time; whether it finished."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = _child(wanted, folder, attempt)
        finally:
            os._exit(code)
    timer = threading.Timer(killed_after_s, os.kill, (child, signal.SIGKILL)) if killed_after_s else None
    if timer is not None:
        timer.start()
    _, status = os.waitpid(child, 0)
    if timer is not None:
        timer.cancel()
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


def _child(wanted: SessionSettings, folder: Path, attempt: int) -> int:
    opened: list[Any] = []

    def connect(settings: SessionSettings, where: Path) -> Any:
        scope: Any = open_scope(settings, where)
        faults, strikes = scope.driver.faults, scope.driver.faults.strikes
        for rng in faults._chance.values():  # another run has other faults
            rng.random(997 * attempt)

        def noted(kind: str) -> bool:
            struck = strikes(kind)
            if struck:
                with (where / "struck.txt").open("a") as file:
                    file.write(f"{kind}\n")
            return struck

        faults.strikes = noted
        opened.append(scope)
        return scope

    ending = screen(wanted, folder, eyes=Eyes(judge=_judged), tell=lambda _: None, connect=connect)
    return 0 if ending.finished else 1


def _struck(folder: Path) -> Counter[str]:
    lines = (folder / "struck.txt").read_text().split() if (folder / "struck.txt").exists() else []
    states = [json.loads(line) for line in (folder / "memory.jsonl").read_text().splitlines() if line.endswith("}")]
    unsafe = max((each["state"]["unsafe_moves"] for each in states if "state" in each), default=0)
    faults = len((folder / "struck.txt").read_text().splitlines()) if lines else 0
    return Counter(faults=faults, unsafe=unsafe)


def _kept(folder: Path, wanted: SessionSettings) -> tuple[int, int]:
    """Exposures kept and lost."""
    steps = read_steps(folder)
    names = [target for (step, target), entry in steps.items() if step == "expose" and entry.outcome == "done"]
    lost = 0
    for slot in wanted.grids:
        visited = [t for (step, t), e in steps.items()
                   if step == "visited" and t.startswith(f"{slot}/") and e.result and e.result["counts"]]  # fmt: skip
        lost += wanted.holes.count * (wanted.squares.count - len(visited))
        for target in visited:
            seen = steps["square", target]
            if seen.outcome == "done":
                planned = min(wanted.holes.count, seen.result["targets"])
                lost += planned - sum(name.startswith(f"{target}/") for name in names)
    for name in names:
        try:
            read_picture(folder / steps["expose", name].result["picture"])
        except BadInput:
            lost += 1
    return len(names), lost + _twice(folder)


def _twice(folder: Path) -> int:
    lines = [json.loads(line) for line in (folder / "memory.jsonl").read_text().splitlines() if line.endswith("}")]
    exposed = np.array([line["exposed"] for line in lines if "exposed" in line])
    exposed = exposed[exposed[:, 4] == _DOSE_e_A2]
    near = np.hypot(*(exposed[:, None, 1:3] - exposed[None, :, 1:3]).transpose(2, 0, 1)) < 1.0
    near &= exposed[:, None, 0] == exposed[None, :, 0]
    return int(np.triu(near, 1).sum())
