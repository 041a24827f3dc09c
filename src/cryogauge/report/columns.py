"""What a table of tomograms says: its columns in words, its cells as text, its order."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: Shown where a value does not apply.
NOTHING = "–"
#: How units at the end of names are written, where otherwise than there.
_UNITS = {"_e_A2": " e⁻/Å²", "_A2": " Å²", "_A": " Å", "_um2": " µm²", "_um": " µm", "_deg": "°"}


@dataclass(frozen=True)
class Failure:
    """A tomogram that could not be judged.

    Attributes
    ----------
    tomogram
        Its name, as in the tables.
    message
        One sentence: what is wrong with it.
    hint
        The mend, or an empty string.
    """

    tomogram: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Column:
    """One of ``SCORE_COLUMNS`` in words.

    Attributes
    ----------
    name
        Its name in ``scores.csv``.
    heading, unit
        What stands above it; the unit may be empty.
    meaning
        One sentence, shown as a tooltip.
    digits
        Decimals shown, or None for text.
    first
        The order of the first click on its heading: what a reader wants to see on top.
    """

    name: str
    heading: str
    unit: str
    meaning: str
    digits: int | None
    first: Literal["ascending", "descending"]


#: In the order in which a reader decides, which is not the order of ``scores.csv``.
COLUMNS = (
    Column("tomogram", "Tomogram", "", "Name of the file, made unique where two are alike.", None, "ascending"),
    Column(
        "tomoscore",
        "TomoScore",
        "0–1",
        "Mean of the slice scores above 0.2; 0 where no slice reaches 0.2. Higher is better.",
        2,
        "descending",
    ),
    Column(
        "uncertainty",
        "±",
        "0–1",
        "Half-width of the 90 % interval of the TomoScore. Two tomograms closer than this are not in a sure order.",
        2,
        "descending",
    ),
    Column("flags", "Flags", "", "What calls for a second look; nothing where nothing is amiss.", None, "descending"),
    Column(
        "smallest_feature_nm",
        "Smallest feature",
        "nm",
        "Smallest feature that can be told apart. Compares tomograms of different pixel size. Smaller is better.",
        1,
        "ascending",
    ),
    Column(
        "smallest_feature_px",
        "Smallest feature",
        "px",
        "The same in pixels of this tomogram. Smaller is better.",
        1,
        "ascending",
    ),
    Column(
        "spectral_feature_px",
        "Second opinion",
        "px",
        "Smallest feature that the power spectrum alone lets one expect, without any learning.",
        1,
        "ascending",
    ),
    Column(
        "thickness_nm", "Thickness", "nm", "Distance between the fitted surfaces, along their normal.", 0, "ascending"
    ),
    Column("thickness_slices", "Above 0.2", "slices", "Number of slices that score above 0.2.", 0, "descending"),
    Column(
        "specimen_tilt_deg",
        "Tilt",
        "°",
        "Angle between the specimen's normal and the z axis.",
        1,
        "ascending",
    ),
    Column("best_slice", "Best slice", "z", "Index, from 0, of the slice with the highest score.", 0, "ascending"),
    Column("pixel_size_A", "Pixel", "Å", "Edge of a voxel of this tomogram.", 2, "ascending"),
    Column("seconds", "Time", "s", "Time spent on it.", 1, "descending"),
)


def number_in(row: Mapping[str, Any], name: str) -> float | None:
    """A number of a row; None where it is absent, an empty cell or NaN."""
    value = row.get(name)
    if value is None or value == "":
        return None
    value = float(value)
    return None if math.isnan(value) else value


def flag_words(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Flags of a row, from a tuple or from the words of a CSV cell."""
    flags = row.get("flags") or ()
    return tuple(flags.split()) if isinstance(flags, str) else tuple(flags)


def in_words(flag: str) -> str:
    """``out_of_domain`` as ``out of domain``."""
    return flag.replace("_", " ")


def name_in_words(name: str) -> str:
    """``defocus_A`` as ``defocus Å``, ``angle_deg`` as ``angle°``."""
    ending = next((unit for unit in _UNITS if name.endswith(unit)), "")
    return in_words(name.removesuffix(ending)) + _UNITS.get(ending, "")


def value_in_words(value: object) -> str:
    """A setting or cell as a person reads it: a dash for None and for nothing, yes and no, lists and mappings."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        given = {name: each for name, each in value.items() if each is not None and each != "" and each != ()}
        return (
            ", ".join(f"{name_in_words(str(name))} {value_in_words(each)}" for name, each in given.items()) or NOTHING
        )
    if isinstance(value, (list, tuple)):
        words = [value_in_words(each) for each in value]
        return (" " if all(each.endswith(".") for each in words) else ", ").join(words) or NOTHING
    return str(value)


def cell_text(column: Column, row: Mapping[str, Any]) -> str:
    """A cell as a person reads it: rounded numbers, flags in words, a dash where there is nothing."""
    if column.name == "flags":
        return ", ".join(in_words(flag) for flag in flag_words(row))
    if column.digits is None:
        return str(row.get(column.name, NOTHING))
    value = number_in(row, column.name)
    return NOTHING if value is None else f"{value:.{column.digits}f}"


def sort_key(column: Column, row: Mapping[str, Any]) -> str:
    """A cell as the report's script sorts it: an unrounded number or a text; empty where there is nothing."""
    if column.name == "flags":
        words = flag_words(row)
        return f"{len(words)} {' '.join(words)}" if words else ""
    if column.digits is None:
        return str(row.get(column.name, ""))
    value = number_in(row, column.name)
    return "" if value is None else repr(value)


def best_first(rows: Iterable[Mapping[str, Any]]) -> list[int]:
    """Positions of the rows by falling TomoScore; equal ones by name; those without one last."""

    def key(item: tuple[int, Mapping[str, Any]]) -> tuple[bool, float, str]:
        score = number_in(item[1], "tomoscore")
        return score is None, -(score or 0.0), str(item[1].get("tomogram", ""))

    return [position for position, _ in sorted(enumerate(rows), key=key)]
