"""The ranked table on a terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cryogauge.report.columns import COLUMNS, Failure, best_first, cell_text

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_BY_NAME = {column.name: column for column in COLUMNS}
#: What fits a terminal of 80 characters beside the name, with headings as short; the rest is in ``scores.csv``.
_NUMBERS = {
    "tomoscore": "Score",
    "uncertainty": "±",
    "smallest_feature_nm": "Feature\nnm",
    "smallest_feature_px": "\npx",
    "spectral_feature_px": "Second\npx",
    "thickness_nm": "Thick\nnm",
}


def ranked_table(rows: Sequence[Mapping[str, Any]], failures: Sequence[Failure] = ()) -> "Table":
    """Tomograms by falling TomoScore, then those that could not be judged with the reason.

    Parameters
    ----------
    rows
        Values of ``SCORE_COLUMNS``, one mapping a tomogram, in any order.
    failures
        Tomograms that could not be judged.

    Returns
    -------
    A table for a rich console. Flags and failures are words, so nothing is lost without colour; names are shown as
    they are, square brackets included.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="bold",
        caption_justify="left",
        caption_style="none",
    )
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("Tomogram", overflow="fold")
    for heading in _NUMBERS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Flags", overflow="fold")
    for rank, position in enumerate(best_first(rows), start=1):
        row = rows[position]
        numbers = [
            Text(cell_text(_BY_NAME[name], row), style="bold" if name == "tomoscore" else "") for name in _NUMBERS
        ]
        name, flags = (cell_text(_BY_NAME[column], row) for column in ("tomogram", "flags"))
        table.add_row(str(rank), Text(name), *numbers, Text(flags, style="yellow"))
    if failures:
        # Below the table, across all of its columns: within one, a sentence would be a pillar of words.
        table.caption = Text("\n").append(Text("\n").join(_sentence(failure) for failure in failures))
    return table


def _sentence(failure: Failure) -> "Text":
    from rich.text import Text

    text = Text.assemble(("✕ ", "red"), (failure.tomogram, "bold"), (f" not judged: {failure.message}", "red"))
    return text.append(f"\n  hint: {failure.hint}") if failure.hint else text
