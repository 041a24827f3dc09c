"""Pickers on simulated phantoms like the CZII challenge's, through the doors that users take.

Seven phantoms to learn from, ten others to be judged by, of the challenge's size and imaging, their species generated
look-alikes: nothing is needed that does not come with the project. Training sets and tests are seeded apart, and no
seed below was used in choosing presets. What took long is kept in ``work/`` by what it depends on.
"""

import ast
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pandas as pd
import torch

from cryogauge.io import find_tomograms
from cryogauge.io.copick import open_project, read_project_picks
from cryogauge.io.json_file import write_json_file
from cryogauge.pick.batch import PickSettings, choose, collect, pick_batch
from cryogauge.pick.challenge import score_picks
from cryogauge.pick.labelled import LabelledSource
from cryogauge.pick.model import load_picker
from cryogauge.pick.presets import find_preset
from cryogauge.pick.train import WEIGHTS, Order, train_picker
from cryogauge.simulate.phantom import PhantomSettings, simulate_phantoms
from validation.held_out import PACKAGE, ROOT, WORK

#: Rows of tables that take hours, kept with the code so that none is measured twice.
ROWS = ROOT / "validation" / "rows"
#: Seeds of the training sets, and that of the phantoms that pickers are judged by.
SEEDS, TEST_SEED = (501, 502, 503), 601
LEARNED, JUDGED = 7, 10
#: How long every preset learns, on one core of whatever machine this runs.
MINUTES = 30.0
SMALL_SHAPE = (48, 128, 128)
_PHANTOM = tuple(sorted((PACKAGE / "simulate" / "phantom").glob("*.py")))
#: Code by which a picker's results change; REVISION is raised where the loops that call it change them.
DECIDING = (
    *_PHANTOM,
    *(PACKAGE / "learn" / f"{name}.py" for name in ("precision", "tiling")),
    *(PACKAGE / "pick" / f"{name}.py" for name in ("losses", "networks", "patches", "peaks", "targets", "thresholds")),
)
REVISION = 1


def phantoms(seed: int, count: int, settings: PhantomSettings) -> Path:
    """The copick configuration of so many phantoms, made where they are missing."""
    folder = WORK / f"phantoms-{digest(settings, code=_PHANTOM)}-{seed}"
    return simulate_phantoms(folder, count, settings, seed=seed, kinds=("wbp",))["project"]


def settings_of(*, small: bool) -> PhantomSettings:
    """The phantoms of the measurements."""
    return PhantomSettings(shape=SMALL_SHAPE) if small else PhantomSettings()


def mean_of_seeds(preset: str, *, small: bool) -> float:
    """Mean over the training sets of :func:`measure`; of the first alone when ``small``."""
    scores = [measure(preset, seed, small=small) for seed in SEEDS[: 1 if small else None]]
    print(f"     {preset}: " + "  ".join(f"{score:.3f}" for score in scores))
    return sum(scores) / len(scores)


def measure(
    preset: str, seed: int, *, small: bool, minutes: float = MINUTES, start: Path | None = None, learned: int = LEARNED,
    judged: int = JUDGED,
) -> float:  # fmt: skip
    """Weighted F4 of a preset, trained on the phantoms of a seed, on the first of those that all are judged by."""
    folder = _folder(preset, seed, small=small, minutes=minutes, start=start, learned=learned)

    def measured() -> dict[str, float]:
        weights = train(preset, seed, small=small, minutes=minutes, start=start, learned=learned)
        return judge(weights, folder / "picked", settings_of(small=small), judged)

    stem = folder.name if judged == JUDGED else f"{folder.name}-first-{judged}"
    return kept_row(stem, measured, small=small)["weighted_f4"]


def kept_row(name: str, measured: Callable[[], dict[str, float]], *, small: bool) -> dict[str, float]:
    """A row that took long, from ``validation/rows/`` where it was measured before; those of quick tries are not kept.

    Parameters
    ----------
    name
        Of the row; ends with the digest of all that it depends on.
    measured
        Called where there is none.
    """
    known = (WORK if small else ROWS) / f"{name}.json"
    if not known.exists():
        write_json_file(known, measured())
    return {key: float(value) for key, value in json.loads(known.read_text()).items()}


def train(
    preset: str, seed: int, *, small: bool, minutes: float = MINUTES, start: Path | None = None, learned: int = LEARNED
) -> Path:
    """Weights of a preset after so long on one core, by the first phantoms of a seed."""
    folder = _folder(preset, seed, small=small, minutes=minutes, start=start, learned=learned)
    minutes, settings = 0.2 if small else minutes, settings_of(small=small)
    runs = tuple(f"phantom-{index:04d}" for index in range(learned))
    source = LabelledSource(str(phantoms(seed, LEARNED, settings)), user="phantom", runs=runs)
    return taught(Order(source, preset, minutes=minutes, seed=seed, start=start), folder)


def _folder(preset: str, seed: int, *, small: bool, minutes: float, start: Path | None, learned: int) -> Path:
    plan = (find_preset(preset), settings_of(small=small), 0.2 if small else minutes, learned, start, REVISION)
    return WORK / f"picker-{preset}-{seed}-{digest(*plan)}"


def taught(order: Order, folder: Path) -> Path:
    """Weights that an order ends with; on one core, so that its minutes are the same beside other work."""
    if (folder / "report.html").exists():  # what a training writes last
        return folder / WEIGHTS
    weights = None
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        while weights is None:
            weights = train_picker(order, folder, say=lambda text: print(f"     {text}", flush=True))
    finally:
        torch.set_num_threads(threads)
    return weights


def judge(weights: Path, out: Path, settings: PhantomSettings, judged: int = JUDGED) -> dict[str, float]:
    """Weighted F4 and F4 by kind of a picker on the first of the phantoms that all are judged by."""
    config = phantoms(TEST_SEED, judged if settings == PhantomSettings() else 3, settings)
    out.mkdir(exist_ok=True)
    tomograms = choose(find_tomograms([config]), "wbp")[:judged]
    outcomes = list(pick_batch(tomograms, out, PickSettings((str(weights),))))
    failed = [each.failure.message for each in outcomes if each.failure is not None]
    assert not failed, failed
    picks = collect(out, [each.row["file"] for each in outcomes], load_picker([weights]))
    truth = truth_of(config)
    found = score_picks(truth[truth["tomogram"].isin([each.name for each in tomograms])], picks)
    by_kind = found.objects.set_index("object")["f_beta"]
    print("     " + "  ".join(f"{name} {value:.2f}" for name, value in by_kind.items()) + f"  -> {found.score:.3f}")
    return {"weighted_f4": found.score, **{str(name): float(value) for name, value in by_kind.items()}}


def truth_of(config: Path) -> pd.DataFrame:
    """Where the particles are."""
    return read_project_picks(open_project(config), user="phantom")


def digest(*what: object, code: tuple[Path, ...] = DECIDING) -> str:
    """Hash of settings, of files' contents, and of the code that they are used by."""

    def plain(value: object) -> object:
        if isinstance(value, Path):
            return hashlib.sha256(value.read_bytes()).hexdigest()
        return asdict(value) if hasattr(value, "__dataclass_fields__") else str(value)  # type: ignore[arg-type]

    text = json.dumps([*what, _without_words(code)], default=plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


@cache
def _without_words(files: tuple[Path, ...]) -> str:
    """Hash of code without its documentation, which may change without hours of training."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return hashlib.sha256("".join(map(ast.dump, trees)).encode()).hexdigest()
