"""2-D classes on a session's page: the averages of each grid's last round, and the numbers of all rounds."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.collect.screen.rounds import ROUND_COLUMNS
from cryogauge.io.mrc import map_mrc
from cryogauge.records import BadInput
from cryogauge.report import Block
from cryogauge.report.pictures import data_uri, encode_within, grey_levels

#: Of a table on the page.
_SHOWN = (
    "round", "exposures", "particles", "used", "classes", "good_share", "best_grade", "best_resolution_A", "views",
    "crowd_share", "views_covered", "flags", "said",
)  # fmt: skip
_IN_A_ROW, _EDGE_PX, _WORDS_PX, _BYTES = 10, 96, 18, 9_000


def rounds_table(rounds: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row a round: :data:`cryogauge.collect.screen.rounds.ROUND_COLUMNS`."""
    return pd.DataFrame(list(rounds)).reindex(columns=list(ROUND_COLUMNS))


def class_block(folder: Path, slot: int, name: str, rounds: Sequence[Mapping[str, Any]]) -> Block:
    """What the page shows of the classes of a grid.

    Parameters
    ----------
    folder
        Of the session.
    slot, name
        Of the grid.
    rounds
        Its rounds in their order, one at least.
    """
    last = rounds[-1]
    figures = []
    if last["averages"]:
        try:
            figures = [(_strip(map_mrc(folder / last["averages"])[1], last["each"]),
                        f"Averages of round {last['round']}, {last['used']} particles, the best first: grade from 1 to "
                        "5 and part of the particles.")]  # fmt: skip
        except (BadInput, OSError, ValueError, IndexError):
            figures = []
    table = rounds_table(rounds).reindex(columns=list(_SHOWN))
    return Block(f"2-D classes of grid {slot}: {name}", str(last["said"]), figures, table)


def _strip(averages: NDArray[np.floating], each: Sequence[Mapping[str, Any]]) -> str:
    """SVG of averages side by side, each with its grade and share."""
    parts = []
    for place, row in enumerate(each):
        picture = encode_within(grey_levels(np.asarray(averages[row["picture"]], np.float32)), _BYTES)
        x, y = _EDGE_PX * (place % _IN_A_ROW), (_EDGE_PX + _WORDS_PX) * (place // _IN_A_ROW)
        told = f"{row['grade']:.1f}, {100 * row['share']:.0f} %"
        more = escape(f"class {row['class']}: grade {row['grade']:.2f} {row['flags'].replace('_', ' ')}".strip())
        parts.append(
            f'<image href="{data_uri("jpeg", picture)}" x="{x + 1}" y="{y}" width="{_EDGE_PX - 2}" '
            f'height="{_EDGE_PX - 2}"><title>{more}</title></image>'
            f'<text x="{x + _EDGE_PX / 2:g}" y="{y + _EDGE_PX + 10}" text-anchor="middle" font-size="11" '
            f'fill="currentColor">{told}</text>'
        )
    width = _EDGE_PX * min(len(each), _IN_A_ROW)
    height = (_EDGE_PX + _WORDS_PX) * -(-len(each) // _IN_A_ROW)
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="class averages" '
        f'style="max-width:100%">{"".join(parts)}</svg>'
    )
