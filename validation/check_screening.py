"""Simulated grids screened unattended: are they ranked rightly?

Grids of one specimen, whose ice, dirt, squares and concentration are drawn, under the simulated microscope with its
errors of stage and focus; the true quality of a grid is the mean of all its holes. Particles damaged by the air-water
interface and preferred views, which single exposures do not show, are the same in all. Three neighbouring holes,
reached by image shift, are exposed in each of a dozen squares. That this tells more of a grid than four holes each of
six, in little more time, was found on sessions of other seeds, on which limits of the score were chosen too.

Score and quality have forms in common, an exponential for the electrons that ice takes and a yield that saturates
with the number of particles, with other constants. So the order is also compared with another truth, of which no part
of the score has the form: the number of particles, however crowded, in holes whose rings reach 4 Å, per hole of the
grid.

Earlier rules of the score were each measured once on sessions of their own, six at first and twelve later, and what was
seen there prompted the next rule; lower seeds than these are of those and of development. To go on until a goal is met
flatters a mean by part of its standard error, which is therefore told.

The rank correlation is the mean over twelve sessions of eleven grids, told with the standard error of that mean: in
some sessions half of the grids have nearly one quality, and then their order is chance. The hours are those of the
microscope's clock, the mean over the sessions; nobody needs to be there. What each session gave is kept with the code
that it was made by, so that a measurement that was cut off goes on.
"""

import json
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from cryogauge.collect.screen.run import open_scope, screen
from cryogauge.collect.screen.settings import SessionSettings, session_from
from cryogauge.imaging.threads import thread_count
from cryogauge.io.replace import replacing
from cryogauge.simulate.grid import GridSettings, make_grid
from cryogauge.simulate.grid.varied import drawn_settings
from validation.held_out import PACKAGE, WORK, digest

FIGURES = ("screening_rank", "screening_rank_error", "screening_rank_by_yield", "screening_hours")
_GRIDS, _FEW = 11, 3
#: Of the sessions; each draws its grids by seeds from a hundred times as many on. On lower ones limits were chosen.
_SESSIONS = tuple(range(33, 45))
_SAME = frozenset({"mesh", "pattern", "foil", "particle_kDa", "particle_symmetry", "preferred", "sound"})
DOSE_e_A2 = 50.0
_RESOLVED_A = 4.0
_EDGE_PX = 1024  # of an exposure that is judged, a quarter of a usual camera's: smaller ones hold a dozen particles


def run(small: bool = False) -> dict[str, float]:
    """Rank; one session of few grids when ``small``."""
    kept = WORK / f"screening-{digest([*PACKAGE.rglob('*.py'), *PACKAGE.rglob('*.safetensors')])}"
    kept.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(thread_count(), mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        session = partial(_session, kept, _FEW if small else _GRIDS)
        sessions = list(pool.map(session, _SESSIONS[: 1 if small else None]))
    for session in sessions:
        print(session["said"])
    ranks, yields, hours = (np.array([each[key] for each in sessions]) for key in ("rank", "by_yield", "hours"))
    print(f"     rank correlations: {', '.join(f'{each:.2f}' for each in ranks)}")
    error = float(ranks.std(ddof=1) / np.sqrt(len(ranks))) if len(ranks) > 1 else float("nan")
    return {
        "screening_rank": float(ranks.mean()), "screening_rank_error": error,
        "screening_rank_by_yield": float(yields.mean()), "screening_hours": float(hours.mean()),
    }  # fmt: skip


def _one_thread() -> None:
    import torch

    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


def simulated_session(
    grids: dict[int, GridSettings], edge_px: int, options: dict[str, Any], **given: Any
) -> SessionSettings:
    """A session on simulated grids, by slot, whose exposures have an edge in pixels."""
    modes = {
        "atlas": {"pixel_size_A": 40_000.0, "shape_px": [540, 540], "dose_e_A2": 0.0001},
        "square": {"pixel_size_A": 2_000.0, "shape_px": [480, 480], "dose_e_A2": 0.002},
        "hole": {"pixel_size_A": 300.0, "shape_px": [128, 128], "dose_e_A2": 0.05},
        "exposure": {"pixel_size_A": 1.7, "shape_px": [edge_px, edge_px], "dose_e_A2": DOSE_e_A2},
    }
    return session_from({
        "driver": "simulated", "microscope": {"modes": modes, "options": {"grids": grids, **options}},
        "grids": {slot: f"grid {slot}" for slot in grids}, **given,
    })  # fmt: skip


def _session(kept: Path, count: int, seed: int) -> dict[str, Any]:
    """What a session gave, taken where it was measured before."""
    path = kept / f"{seed}-{count}.json"
    if not path.exists():
        with TemporaryDirectory() as folder:
            measured = _ranking(Path(folder), count, seed)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(measured))
    return json.loads(path.read_text())


def _ranking(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Rank correlations of scores with true qualities and with yields, the session's hours, and what is told of grids.

    Raises
    ------
    RuntimeError
        When the session stopped or commanded an unsafe move.
    """
    base = GridSettings()
    grids = {slot: drawn_settings(100 * seed + slot, base, keep=_SAME) for slot in range(1, count + 1)}
    wanted = simulated_session(
        grids, _EDGE_PX, {"seed": seed}, judge={"vacuum_counts": DOSE_e_A2 * 1.7**2}, squares={"count": 12},
        holes={"count": 3, "strategy": "together"}, pace={"by_shift_um": 8},
    )  # fmt: skip
    opened = []

    def connect(settings: SessionSettings, where: Path) -> Any:
        opened.append(open_scope(settings, where))
        return opened[-1]

    ending = screen(wanted, folder, tell=lambda _: None, connect=connect)
    if not ending.finished or opened[0].driver.unsafe_moves:
        raise RuntimeError(f"session {seed}: {ending.why} {opened[0].driver.unsafe_moves} unsafe moves")
    found = pd.read_csv(folder / "grids.csv").set_index("slot")
    made = {slot: make_grid(grid, seed * 1000 + slot) for slot, grid in grids.items()}
    true = pd.Series({slot: grid.quality for slot, grid in made.items()})
    yields = pd.Series({slot: _yield(grid.holes) for slot, grid in made.items()})
    told = [f"     session {seed}"]
    for slot in true.sort_values(ascending=False).index:
        row = found.loc[slot]
        told.append(
            f"       grid {slot}: quality {true[slot]:.3f}, score {row['score']:.3f} = {row['squares_score']:.2f} × "
            f"{row['holes_score']:.2f} × {row['exposures_score']:.2f} ({row['exposures']:.0f} exposures)"
        )
    ranks = (float(np.asarray(spearmanr(each, found.loc[each.index, "score"])[0])) for each in (true, yields))
    return {
        **dict(zip(("rank", "by_yield"), ranks, strict=True)),
        "hours": opened[0].clock.now_s / 3600, "said": "\n".join(told),
    }  # fmt: skip


def _yield(holes: pd.DataFrame) -> float:
    """Particles per µm² in holes whose rings reach 4 Å, the mean over all holes of a grid."""
    return float(holes["particles_um2"].where(holes["resolution_A"] <= _RESOLVED_A, 0.0).mean())
