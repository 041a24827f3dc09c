"""Screening sessions under faults and kills: what is lost?

Sessions on simulated grids with faults of every kind at random commands, each in a process that is killed again and
again, until it says that it is finished. Half of the sessions reach neighbouring holes by image shift, which a
connection that is set up anew has lost. Their exposures are small and not judged, since nothing of that is at stake.
Lost is an exposure that was planned and is not there, whose picture cannot be read, or whose place was exposed twice.
"""

import json
import math
import os
import signal
import threading
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from cryogauge.collect.screen.log import read_steps
from cryogauge.collect.screen.run import open_scope, screen
from cryogauge.collect.screen.session import Eyes
from cryogauge.collect.screen.settings import SessionSettings
from cryogauge.io import read_picture
from cryogauge.records import BadInput
from cryogauge.simulate.grid import GridSettings
from validation.check_screening import DOSE_e_A2, simulated_session

FIGURES = ("fault_lost", "unsafe_moves")
_FAULTS, _FEW_FAULTS = 1000, 20
_RATES = {
    "lost connection": 0.03, "hang": 0.01, "stuck stage": 0.06, "wrong readback": 0.03, "jam": 0.2, "blank": 0.05,
    "half image": 0.05, "saturated": 0.05,
}  # fmt: skip


def run(small: bool = False) -> dict[str, float]:
    """Strike a thousand times; few times when ``small``."""
    with TemporaryDirectory() as folder:
        return _faults(Path(folder), _FEW_FAULTS if small else _FAULTS)


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
    by_shift = session % 2 == 1
    grids = {1: GridSettings(pattern="R2/2"), 2: GridSettings(pattern="R2/2", foil="gold")}
    for attempt in range(60):
        options = {"seed": session, "memory": str(folder / "memory.jsonl"), "fault_rates": _RATES}
        wanted = simulated_session(
            grids, 64, options, squares={"count": 3, "strategy": "spread"},
            holes={"count": 8, "strategy": "together" if by_shift else "spread"},
            pace={"by_shift_um": 8.0 if by_shift else 0.0},
        )  # fmt: skip
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
    exposed = exposed[exposed[:, 4] == DOSE_e_A2]
    near = np.hypot(*(exposed[:, None, 1:3] - exposed[None, :, 1:3]).transpose(2, 0, 1)) < 1.0
    near &= exposed[:, None, 0] == exposed[None, :, 0]
    return int(np.triu(near, 1).sum())
