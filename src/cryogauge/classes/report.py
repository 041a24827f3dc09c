"""The contact sheet: averages by grade, why each is poor, and what a cut-off keeps. One file, without a network."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.classes.accuracy import KEEP_UP_TO
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput, ClassStack
from cryogauge.records.classes import REASONS, RUBRIC
from cryogauge.report.columns import NOTHING, in_words, name_in_words
from cryogauge.report.html import page_environment, page_script, style_sheet
from cryogauge.report.pictures import data_uri, encode_within, grey_levels, reduce_picture

#: The whole sheet stays below 15 MB, however many classes share it …
_SHEET_BYTES = 14_500_000
#: … and a few do not get more than can be seen.
_PICTURE_BYTES, _LONGEST_PX = 24_000, 256
#: Parts thousands; keeps a number with its unit.
_THIN, _UNBROKEN = "\u202f", "\u00a0"
#: Probability from which a reason is named.
_NAMED_FROM = 0.5
#: Flags that are no reasons, in words.
_OTHER_FLAGS = {
    "out_of_domain": "unlike what the network learned from: look for yourself",
    "nan": "the average holds values that are no numbers",
}
#: What may be sorted by within a band: keys of the cards, and words.
_ORDERS = (
    ("grade", "grade"), ("particles", "particles"), ("resolution", "resolution"), ("mass", "mass"), ("number", "class"),
)  # fmt: skip


def write_contact_sheet(
    path: Path,
    stack: ClassStack,
    grades: pd.DataFrame,
    *,
    title: str = "Class averages by grade",
    settings: Mapping[str, object] | None = None,
    cutoff: float | None = None,
) -> Path:
    """Write the sheet: averages from the best to the worst, grouped by the letters of the rubric.

    Parameters
    ----------
    path
        Where it goes; it appears there only when it is whole.
    stack
        The averages.
    grades
        Of :func:`cryogauge.classes.grade.grade_classes`, a row an average in the stack's order.
    title
        Plain text.
    settings
        What was used, shown as it is.
    cutoff
        Grade up to which the sheet begins with classes kept; by default the one up to which a class is acceptable.

    Returns
    -------
    ``path``. The file stays below 15 MB for a thousand classes: the more, the smaller their pictures.

    Raises
    ------
    BadInput
        When there are no classes, or grades and averages are not as many.
    """
    from markupsafe import Markup

    if len(grades) != len(stack.images) or not len(grades):
        raise BadInput(f"{len(stack.images)} averages but {len(grades)} grades", "grade the classes again")
    environment = page_environment()
    table = grades.reset_index(drop=True)
    counted = bool(table["particles"].notna().any())
    weighed = stack.pixel_size_A is not None
    cards = [_card(row, position, counted, weighed) for position, row in enumerate(table.to_dict("records"))]
    content = {
        "style": Markup(style_sheet() + style_sheet("classes.css")),
        **page_script("classes.js"),
        "title": title,
        "notes": stack.notes,
        "facts": _facts(stack, table),
        "cutoff": f"{KEEP_UP_TO if cutoff is None else cutoff:g}",
        "unit": "particles" if counted else "distribution",
        "orders": [(key, words) for key, words in _ORDERS if any(card["data"][key] != "" for card in cards)],
        "classes": cards,
        "bands": _bands(cards, table),
        "settings": [(name_in_words(name), value) for name, value in (settings or {}).items()],
    }
    page = environment.get_template("classes.html")
    _add_pictures(cards, stack.images, _SHEET_BYTES - len(page.render(**content).encode()))
    with replacing(path) as temporary:
        temporary.write_text(page.render(**content), encoding="utf-8")
    return path


def band_of(grade: float) -> str:
    """Letter of the rubric that a grade is nearest to, the better of two; grades are open at both ends."""
    return min(RUBRIC, key=lambda letter: (round(abs(RUBRIC[letter][0] - grade), 9), RUBRIC[letter][0]))


def _card(row: Mapping[Any, Any], position: int, counted: bool, weighed: bool) -> dict[str, Any]:
    """What is said of a class; the picture comes later."""
    known = {name: _number(row[name]) for name in ("resolution_A", "distribution", "particles", "mass_kDa")}
    told = [
        None if known["particles"] is None else f"{known['particles']:,.0f} particles".replace(",", _THIN),
        None if known["distribution"] is None else f"{100 * known['distribution']:.1f} %",
        None if known["resolution_A"] is None else f"{known['resolution_A']:.1f} Å",
        f"{known['mass_kDa']:.0f} kDa" if known["mass_kDa"] is not None else "mass unknown" if weighed else None,
    ]
    parts = [part.replace(" ", _UNBROKEN) for part in told if part]
    # The most probable first, so that what is said first is what is wrong with it.
    probable = {name: _number(row.get(f"p_{name}")) or 0.0 for name in REASONS}
    named = sorted((name for name in REASONS if probable[name] > _NAMED_FROM), key=lambda name: -probable[name])
    reasons = [(in_words(name), REASONS[name]) for name in named]
    others = [flag for flag in row["flags"] if flag not in REASONS]
    reasons += [(in_words(flag), _OTHER_FLAGS.get(flag, "")) for flag in others]
    grade = float(row["grade"])
    weight = known["particles"] if counted else known["distribution"]
    return {
        "position": position,
        "number": int(row["class"]),
        "letter": band_of(grade),
        "grade": f"{grade:.2f}",
        "uncertainty": f"{float(row['uncertainty']):.2f}",
        "told": " · ".join(parts) or NOTHING,
        "reasons": reasons,
        "source": "",
        "size": (0, 0),
        "data": {
            "grade": f"{grade:.6g}",
            "weight": _key(weight),
            "particles": _key(known["particles"] if counted else known["distribution"]),
            "resolution": _key(known["resolution_A"]),
            "mass": _key(known["mass_kDa"]),
            "number": str(int(row["class"])),
        },
    }


def _bands(cards: Sequence[dict[str, Any]], table: pd.DataFrame) -> list[dict[str, Any]]:
    """The letters that occur, each with its cards from the best grade."""
    order = np.argsort(table["grade"].to_numpy(dtype=float), kind="stable")
    shares = table["distribution"].to_numpy(dtype=float)
    bands = []
    for letter, (_, meaning) in RUBRIC.items():
        members = [cards[position] for position in order if cards[position]["letter"] == letter]
        if members:
            share = float(np.nansum(shares[[card["position"] for card in members]]))
            told = f"{len(members)} class{'' if len(members) == 1 else 'es'}"
            told += f", {100 * share:.1f} % of the particles" if np.isfinite(shares).any() else ""
            bands.append({"letter": letter, "meaning": meaning, "told": told, "classes": members})
    return bands


def _facts(stack: ClassStack, table: pd.DataFrame) -> list[tuple[str, str]]:
    """The job in brief."""
    facts = []
    if table["particles"].notna().any():
        facts.append((f"{table['particles'].sum():,.0f}".replace(",", _THIN), "particles"))
    facts.append((f"{table['grade'].min():.2f}", "best grade"))
    facts.append((f"{stack.box_px} px", "box"))
    if stack.pixel_size_A is not None:
        facts.append((f"{stack.pixel_size_A:.3g} Å", "a pixel"))
    return facts


def _add_pictures(cards: Sequence[dict[str, Any]], images: np.ndarray, budget: int) -> None:
    """Give each card its picture, as an address that holds it; all share ``budget`` bytes of HTML."""
    # Base64 writes three bytes as four; forty bytes say what the picture is.
    most = min(_PICTURE_BYTES, int((budget / len(cards) - 40) * 3 / 4))
    for card in cards:
        picture = reduce_picture(grey_levels(np.asarray(images[card["position"]], dtype=np.float32)), _LONGEST_PX)
        card["source"] = data_uri("jpeg", encode_within(picture, most))
        card["size"] = picture.shape


def _number(value: object) -> float | None:
    """A value as a number; None where it is missing or none."""
    number = float(value) if isinstance(value, (int, float, np.number)) else math.nan
    return number if math.isfinite(number) else None


def _key(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
