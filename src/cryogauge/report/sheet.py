"""A page of figures and tables: studies, trainings, comparisons. One HTML file that opens without a network."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryogauge.io.replace import replacing
from cryogauge.report.columns import NOTHING, name_in_words, value_in_words
from cryogauge.report.svg import PLOT_CSS

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = re.compile(r"[-−+±]?\d[\d.,]*(e[-+]\d+)?\s?%?|-?inf")
_LONG = 24  # characters: a column of such is of sentences or long names, and is not squeezed to a word's width


@dataclass(frozen=True)
class Block:
    """A part of the page.

    Attributes
    ----------
    heading
        Plain text.
    text
        A paragraph of plain text; none when empty.
    figures
        SVG text of our own plots, each with a caption in plain text.
    table
        Numbers to three significant digits; a cell that is the heading of another block leads there. None for no table.
    """

    heading: str
    text: str = ""
    figures: Sequence[tuple[str, str]] = ()
    table: "pd.DataFrame | None" = None


def write_sheet(
    path: Path,
    title: str,
    facts: Sequence[tuple[str, str]],
    blocks: Sequence[Block],
    *,
    settings: Mapping[str, object],
) -> Path:
    """Write the page.

    Parameters
    ----------
    path
        Where it goes; it appears there only when it is whole.
    title
        Plain text.
    facts
        The findings in brief: a value and what it is, such as ``("63 e⁻/Å²", "reach 90 %")``.
    blocks
        In their order.
    settings
        What was used, by names.

    Returns
    -------
    ``path``.
    """
    from markupsafe import Markup

    from cryogauge.report.html import page_environment, style_sheet

    page = page_environment().get_template("sheet.html")
    content = page.render(
        style=Markup(style_sheet() + PLOT_CSS),
        title=title,
        facts=facts,
        blocks=[
            {
                "heading": block.heading,
                "text": block.text,
                "figures": [(Markup(svg), caption) for svg, caption in block.figures],
                "table": None if block.table is None else _cells(block.table),
            }
            for block in blocks
        ],
        parts={block.heading: number for number, block in reversed([*enumerate(blocks, 1)])},
        settings=[(name_in_words(name), value) for name, value in settings.items()],
    )
    with replacing(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
    return path


def _cells(table: "pd.DataFrame") -> dict[str, list[Any]]:
    rows = [[_text(value) for value in row] for row in table.itertuples(index=False)]
    return {
        "head": [name_in_words(str(name)) for name in table.columns],
        "kinds": [_kind([row[place] for row in rows]) for place in range(len(table.columns))],
        "rows": rows,
    }


def _kind(cells: Sequence[str]) -> str:
    """How a column is set: the class of its cells."""
    told = [cell for cell in cells if cell not in (NOTHING, "")]
    if all(_NUMBER.fullmatch(cell) for cell in told) and any(cells):
        return "number"
    return "long" if any(len(cell) > _LONG for cell in told) else ""


def _text(value: object) -> str:
    if isinstance(value, float):
        return NOTHING if value != value else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return value_in_words(value)
