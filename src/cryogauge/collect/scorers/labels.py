"""What people selected and left, from our tables with a column ``chosen`` and from sessions of microscope programs."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.collect.plugins import What
from cryogauge.collect.targets.holes import find_holes
from cryogauge.collect.targets.squares import find_squares
from cryogauge.io.session.door import import_session
from cryogauge.io.session.images import load_picture
from cryogauge.io.session.read import read_session, session_pixels
from cryogauge.records import BadInput
from cryogauge.records.session import CollectionSession

#: Labels of a session that are read, the first that a place has.
_LABELS = ("chosen", "acquire", "quality", "class")
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
#: A labelled place is the found target whose middle lies within this part of its width.
_NEAR = 0.5


@dataclass(frozen=True)
class Labelled:
    """What :func:`read_labelled` returns.

    Attributes
    ----------
    table
        Squares or holes with ``chosen``, ``grid`` and ``image``.
    notes
        What was left out or taken for granted.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]


def read_labelled(paths: Sequence[Path], what: What, good: Collection[str] = ()) -> Labelled:
    """Labelled squares or holes.

    Parameters
    ----------
    paths
        Tables as ``collect squares`` and ``collect holes`` write them, with a column ``chosen`` (0 or 1, yes or no, or
        a rating); collection data sets; or what ``collect import`` reads, such as a ``.nav`` file and SmartScope's
        exports, with the pictures beside them.
    what
        ``squares`` or ``holes``.
    good
        Of labels that are words, as SmartScope's classes, those that mean selected.

    Returns
    -------
    Labelled
        Ratings are scaled to 0 to 1 file by file. In a picture in which items were marked to acquire, what was found
        and not marked counts as left.

    Raises
    ------
    BadInput
        When a path cannot be used, or nothing labelled of that kind is found.
    """
    tables: list[pd.DataFrame] = []
    notes: list[str] = []
    for path in paths:
        if path.suffix.lower() == ".csv" and _has_chosen(path):
            tables.append(_from_table(path))
        else:
            try:
                tables += _from_session(path, what, good, notes)
            except BadInput as error:
                if path.suffix.lower() != ".csv":
                    raise
                raise BadInput(f"{path} has no column chosen", "add one: yes, no, or a rating") from error
    if not tables:
        raise BadInput(f"nothing labelled was found among the {what}", "; ".join(notes[:3]) or "label some of them")
    table = pd.concat(tables, ignore_index=True)
    if table["grid"].nunique() == 1 < table["image"].nunique():  # also SmartScope's exports, which name none
        notes.append("all labels are of one grid: images are kept out in turn to measure on, not grids")
        table["grid"] = table["image"]
    return Labelled(table, tuple(notes))


def _has_chosen(path: Path) -> bool:
    try:
        return "chosen" in pd.read_csv(path, nrows=0).columns
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as a table: {error!s:.120}", "give a .csv file") from error


def _from_table(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except ValueError as error:
        raise BadInput(f"{path} cannot be read as a table: {error!s:.120}", "save it as CSV again") from error
    image = table["image"].astype(str) if "image" in table else pd.Series("image", index=table.index)
    table["image"] = f"{path.resolve().parent.name}/{path.name}: " + image
    if "grid" not in table:
        table["grid"] = table["image"]
    return table.assign(chosen=scaled_ratings([_number(value, path) for value in table["chosen"]]))


def scaled_ratings(values: Sequence[float]) -> NDArray[np.float64]:
    """Selections and ratings on 0 to 1: as they are when they are within, else from the lowest to the highest."""
    ratings = np.array(values, np.float64)
    known = ratings[np.isfinite(ratings)]
    if known.size and (known.min() < 0 or known.max() > 1):
        ratings = (ratings - known.min()) / max(float(np.ptp(known)), 1e-9)
    return ratings


def _number(value: Any, where: Path) -> float:
    text = str(value).strip().lower()
    if text in ("", "nan"):
        return float("nan")
    try:
        return _WORDS[text] if text in _WORDS else float(text)
    except ValueError as error:
        raise BadInput(
            f"{where}: chosen is {text!r:.40}, which is neither yes, no nor a number", "correct it"
        ) from error


def _from_session(path: Path, what: What, good: Collection[str], notes: list[str]) -> list[pd.DataFrame]:
    if (path / "dataset.json").is_file():
        session = read_session(path)

        def pixels(image: str) -> NDArray[np.generic]:
            return session_pixels(path, session, image)[0]

        there = set(session.images.loc[session.images["file"] != "", "image"])
    else:
        session = import_session([path])

        def pixels(image: str) -> NDArray[np.generic]:
            return load_picture(session.pictures[image])

        there = set(session.pictures)
    values, marked = _labels(session, path, good)
    sizes = dict(zip(session.images["image"], session.images["pixel_size_A"], strict=True))
    grids = dict(zip(session.images["image"], session.images["grid"], strict=True))
    tables = []
    for name, places in session.places.groupby("parent", sort=False):
        image = str(name)
        middles = {
            row["place"]: (float(np.mean(row["outline_x_px"])), float(np.mean(row["outline_y_px"])))
            for row in places.to_dict("records")
            if row["place"] in values and len(row["outline_x_px"])
        }
        if not middles:
            continue
        if image not in there:
            notes.append(f"{path.name}: {image} has {len(middles)} labels and no picture: left out")
            continue
        try:
            table = _found(what, pixels(image), sizes[image])
        except BadInput as error:
            notes.append(f"{path.name}: {image} is left out: {error.message}")
            continue
        chosen, missed = _matched(table, middles, values)
        if missed:
            notes.append(f"{path.name}: {missed} of {len(middles)} labelled places of {image} are none of its {what}")
        if np.isnan(chosen).all():
            continue
        if any(place in marked and values[place] > 0 for place in middles):
            chosen = np.where(np.isnan(chosen), 0.0, chosen)
        tables.append(table.assign(chosen=chosen, image=f"{path.name}: {image}", grid=f"{path.name}: {grids[image]}"))
    return tables


def _found(what: What, image: NDArray[np.generic], pixel_size_A: float) -> pd.DataFrame:
    known = pixel_size_A if pixel_size_A > 0 else None
    find: Callable[..., Any] = find_squares if what == "squares" else find_holes
    return find(image, known).table


def _labels(session: CollectionSession, path: Path, good: Collection[str]) -> tuple[dict[str, float], set[str]]:
    """Selection of each labelled place, and the places that are marked to acquire or not."""
    rows = session.labels[(session.labels["subject_kind"] == "place") & session.labels["label"].isin(_LABELS)]
    rows = rows.assign(rank=[_LABELS.index(label) for label in rows["label"]]).sort_values("rank", kind="stable")
    rows = rows.drop_duplicates("subject")
    words = rows["label"] == "class"
    if words.any():
        known = sorted(set(rows.loc[words, "value"]))
        if not good or not set(good) <= set(known):
            hint = f"say which of them mean selected, with --good; they are: {', '.join(known)[:200]}"
            raise BadInput(f"{path} has classes, not selections", hint)
    values = dict(zip(rows.loc[words, "subject"], rows.loc[words, "value"].isin(list(good)).astype(float), strict=True))
    rated = rows[~words]
    numbers = scaled_ratings([_number(value, path) for value in rated["value"]])
    values |= dict(zip(rated["subject"], numbers.tolist(), strict=True))
    return values, set(rows.loc[rows["label"] == "acquire", "subject"])


def _matched(
    table: pd.DataFrame, middles: dict[str, tuple[float, float]], values: dict[str, float]
) -> tuple[NDArray[np.float64], int]:
    """The selection of each found target, NaN where nothing was said of it, and how many places are none of them."""
    chosen = np.full(len(table), np.nan)
    if table.empty:
        return chosen, len(middles)
    width = table["side_px" if "side_px" in table else "diameter_px"].to_numpy(float)
    missed = 0
    for place, (x, y) in middles.items():
        away = np.hypot(table["x_px"].to_numpy(float) - x, table["y_px"].to_numpy(float) - y) / width
        nearest = int(away.argmin())
        if away[nearest] < _NEAR:
            chosen[nearest] = values[place]
        else:
            missed += 1
    return chosen, missed
