"""Whether better picks average better: the halves' correlation of averages of `robpicker`'s picks against `plain`'s.

Both rows of :mod:`validation.robust` pick the tomograms that none has seen; the picks of each kind are cut, aligned
from nothing and averaged alike, as `cryogauge pick average` does (RobPicker, Fig. 5). The figure is the mean over kinds
of the difference of the mean Fourier shell correlation. A kind of which a row finds fewer than two particles is left
out, and said. The second figure is that of picks by a probability of a half, the paper's rule, in place of thresholds
chosen on other tomograms.
"""

import json

import numpy as np
import pandas as pd

from cryogauge.io.json_file import write_json_file
from cryogauge.pick.average import AverageOrder, average_picks
from cryogauge.records import BadInput, PickObject, Volume
from cryogauge.records.shrec import SHREC_VOXEL_A
from validation.held_out import PACKAGE, WORK
from validation.picking import digest
from validation.robust import OBJECTS, SEEDS, judged_world, planned
from validation.robust_networks import judged_picks

FIGURES = ("average_fsc_gain", "average_fsc_gain_untuned")
_ROWS = ("plain", "robpicker")
#: So many of the best of each kind at most, which bounds the time.
_MOST = 60
#: Of the simulated series.
_TILT_RANGE_DEG = 60.0
_AVERAGE = tuple(sorted((PACKAGE / "pick" / "average").glob("*.py")))


def run(small: bool = False) -> dict[str, float]:
    """Measure by the networks of the first seed."""
    return {figure: _gain(tuned=tuned, small=small) for figure, tuned in zip(FIGURES, (True, False), strict=True)}


def _gain(*, tuned: bool, small: bool) -> float:
    areas = {way: _areas(way, tuned=tuned, small=small) for way in _ROWS}
    both = [name for name in areas["plain"] if name in areas["robpicker"]]
    for each in OBJECTS:
        told = "  ".join(f"{way} {areas[way].get(each.name, float('nan')):.3f}" for way in _ROWS)
        print(f"     {each.name}: {told}")
    gains = [areas["robpicker"][name] - areas["plain"][name] for name in both]
    return float(np.mean(gains)) if gains else float("nan")


def _areas(way: str, *, tuned: bool, small: bool) -> dict[str, float]:
    """Mean correlation of the halves of each kind's average, kept one by one."""
    picks, world = judged_picks(way, SEEDS[0], tuned=tuned, small=small), judged_world(small=small)
    volumes = {
        name: Volume(np.asarray(data, dtype=np.float32), SHREC_VOXEL_A)
        for name, data in zip(world.names, world.tomograms, strict=True)
    }
    stem = planned(way, SEEDS[0], small=small).stem
    folder = WORK / f"averages-{digest(stem, tuned, _MOST, code=_AVERAGE)}"
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for each in OBJECTS:
        kept = folder / f"{each.name}.json"
        if not kept.exists():
            write_json_file(kept, {"area": _area(volumes, picks, each)})
        area = json.loads(kept.read_text())["area"]
        if area is not None:
            found[each.name] = float(area)
    return found


def _area(volumes: dict[str, Volume], picks: pd.DataFrame, kind: PickObject) -> float | None:
    order = AverageOrder(kind.name, kind.radius_A, tilt_range_deg=_TILT_RANGE_DEG, most=_MOST)
    try:
        return average_picks(volumes, picks, order).halves.correlation.area
    except BadInput as error:
        print(f"     {kind.name} has no average: {error}")
        return None
