"""Many simulated tomograms with their truth, drawn from a recipe: a batch that resumes."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from cryogauge import __version__
from cryogauge.io import write_mrc
from cryogauge.io.json_file import write_json_file
from cryogauge.io.replace import write_csv
from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch
from cryogauge.records import BadInput
from cryogauge.simulate import oracle
from cryogauge.simulate.product import write_truth
from cryogauge.simulate.recipe import Recipe, draw, read_recipe
from cryogauge.simulate.tomogram import make_tomogram

RECIPE, LEDGER, TABLE = "recipe.json", "ledger.sqlite", "dataset.csv"


@dataclass(frozen=True)
class DatasetItem:
    """One tomogram of a data set to be made."""

    recipe: Recipe
    index: int
    out: Path

    @property
    def name(self) -> str:
        """What the tomogram is called."""
        return f"{self.index:06d}"


def bundled_recipes() -> list[str]:
    """Names of the recipes for data sets that ship with the package."""
    return sorted(path.name.removesuffix(".yaml") for path in _recipe_folder().iterdir() if path.suffix == ".yaml")


def find_recipe(name: str | Path) -> Path:
    """The path of a recipe: a file, or the name of one that ships with the package.

    Raises
    ------
    BadInput
        When it is neither.
    """
    path = Path(name)
    if path.exists():
        return path
    bundled = _recipe_folder() / f"{str(name).removesuffix('.yaml')}.yaml"
    if path.name != str(name) or not bundled.exists():
        raise BadInput(f"there is no recipe {name}", f"give a YAML file, or one of: {', '.join(bundled_recipes())}")
    return bundled


def _recipe_folder() -> Path:
    return Path(str(files("cryogauge") / "recipes"))


def simulate_dataset(
    recipe: str | Path,
    out: Path,
    workers: int = 1,
    *,
    count: int | None = None,
    on_outcome: Callable[[Outcome[DatasetItem]], None] = lambda outcome: None,
) -> dict[str, Path]:
    """Simulate the tomograms of a recipe that a folder does not hold yet.

    Tomogram ``i`` depends on the recipe and ``i`` alone, so that a larger ``count`` later adds to what is there. Files
    appear when they are whole, and an interrupted run goes on where it stopped.

    Parameters
    ----------
    recipe
        YAML file, or the name of a recipe that ships with the package.
    out
        The folder: ``tomograms/NNNNNN.mrc``, and in ``truth/NNNNNN`` what
        :func:`cryogauge.simulate.product.write_truth` writes, ``biology.mrc`` (half precision) and ``draw.json``.
    workers
        Tomograms under way at a time.
    count
        How many; as many as the recipe says by default.
    on_outcome
        Told of each tomogram as it is done or has failed.

    Returns
    -------
    dict
        ``tomograms, truth``: folders; ``table``: ``dataset.csv``, one row a tomogram that succeeded; ``recipe``: what
        was used.

    Raises
    ------
    BadInput
        When the recipe cannot be used, or the folder holds tomograms of another.
    """
    chosen = read_recipe(find_recipe(recipe))
    chosen = chosen if count is None else replace(chosen, count=count)
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, chosen)
    rows: dict[int, dict[str, Any]] = {}
    with Ledger(out / LEDGER) as ledger:
        items = (DatasetItem(chosen, index, out) for index in range(chosen.count))
        for outcome in run_batch(make_item, items, key=item_key, ledger=ledger, artefacts=_artefacts, workers=workers):
            if outcome.failure is None:
                rows[outcome.item.index] = outcome.row
            on_outcome(outcome)
    write_csv(out / TABLE, pd.DataFrame([rows[index] for index in sorted(rows)]), float_format=None)
    return {"tomograms": out / "tomograms", "truth": out / "truth", "table": out / TABLE, "recipe": out / RECIPE}


def _claim(out: Path, recipe: Recipe) -> None:
    """Write the recipe into the folder; raises ``BadInput`` where another one is at home."""
    path, plain = out / RECIPE, {"version": __version__, **_plain(asdict(recipe))}
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        if {**before, "count": recipe.count} != plain:
            raise BadInput(f"{out} holds a data set of another recipe or version", "choose another output folder")
        plain["count"] = max(before["count"], recipe.count)
    write_json_file(path, plain)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(values))


def item_key(item: DatasetItem) -> LedgerKey:
    """Everything that a tomogram depends on: its draw, and the version that makes it."""
    content = hashlib.sha256(repr(draw(item.recipe, item.index)).encode()).hexdigest()
    return LedgerKey(item.name, content, "", __version__)


def _artefacts(item: DatasetItem, key: LedgerKey) -> tuple[str, ...]:
    return (f"tomograms/{item.name}.mrc", f"truth/{item.name}/truth.json")


def make_item(item: DatasetItem, key: LedgerKey) -> dict[str, Any]:
    """Make one tomogram and its truth; the tomogram's file comes last. Runs in a worker."""
    made = make_tomogram(draw(item.recipe, item.index))
    truth = oracle.judge(
        made.data,
        made.specimen.biology_V,
        within=made.specimen.coverage(),
        half_range_deg=made.draw.imaging.tilt_range_deg,
    )
    folder = item.out / "truth" / item.name
    partial = folder.with_name(f".{item.name}.part")
    shutil.rmtree(partial, ignore_errors=True)  # left by a worker that was killed
    partial.mkdir(parents=True)
    try:
        written = write_truth(partial, made.specimen, truth, item.name)
        write_mrc(partial / "biology.mrc", made.specimen.biology_V, made.draw.voxel_size_A, mode=12)
        write_json_file(partial / "draw.json", asdict(made.draw))
        summary = json.loads(written["truth"].read_text(encoding="utf-8"))
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    tomograms = item.out / "tomograms"
    tomograms.mkdir(exist_ok=True)
    write_mrc(tomograms / f"{item.name}.mrc", made.data, made.draw.voxel_size_A)
    imaging = made.draw.imaging
    return {"tomogram": item.name, **summary, "dose_e_A2": imaging.dose_e_A2, "defocus_A": imaging.defocus_A}
