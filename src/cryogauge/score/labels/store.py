"""Labels in SQLite, or in PostgreSQL by its URL: several people may write at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from cryogauge.io.database import Database, Schema

#: Why a slice was shown: drawn at random, or as one that the model is least sure of.
Chosen = Literal["random", "unsure"]

_TABLES = sa.MetaData()
_MARK = sa.Table("cryogauge_labels_schema", _TABLES, sa.Column("version", sa.Integer, primary_key=True))
_SLICES = sa.Table(
    "cryogauge_slices",
    _TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("content", sa.String(64), nullable=False),
    sa.Column("z", sa.Integer, nullable=False),
    sa.Column("tomogram", sa.Text, nullable=False),
    sa.Column("uri", sa.Text, nullable=False),
    sa.Column("pixel_size_A", sa.Float, nullable=False),
    sa.UniqueConstraint("content", "z"),
)
_LABELS = sa.Table(
    "cryogauge_labels",
    _TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("slice_id", sa.ForeignKey("cryogauge_slices.id"), nullable=False),
    sa.Column("annotator", sa.String(64), nullable=False),
    sa.Column("category", sa.Integer, nullable=False),
    sa.Column("width_px", sa.Float),
    sa.Column("repeat", sa.Boolean, nullable=False),
    sa.Column("chosen", sa.String(8)),  # came later: null in rows that are older
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("labelled_at", sa.String(32), nullable=False),
    # A slice is labelled once, and once more as a check; a key pressed in two windows counts once.
    sa.UniqueConstraint("annotator", "slice_id", "repeat"),
    sqlite_autoincrement=True,  # ids never come back, so that the last label is always the one with the highest
)
_SCHEMA = Schema(_TABLES, _MARK, 1, "labels", "cryogauge label slices")


@dataclass(frozen=True)
class LabelSlice:
    """A slice that may be labelled.

    Attributes
    ----------
    content
        Key of the tomogram's content, by which it is known wherever it lies.
    z
        Index of the slice, from 0.
    tomogram, uri
        What it is called and where it is.
    pixel_size_A
        Edge of a pixel in Å.
    """

    content: str
    z: int
    tomogram: str
    uri: str
    pixel_size_A: float


@dataclass(frozen=True)
class Label:
    """What one person said of one slice.

    Attributes
    ----------
    category
        0 to 5, see :data:`cryogauge.score.labels.categories.CATEGORIES`.
    width_px
        Width measured on the slice in pixels, None when nothing was measured.
    seconds
        Time from seeing the slice to the label.
    """

    category: int
    width_px: float | None
    seconds: float


class LabelStore:
    """Labels and the slices they belong to; safe to use from several threads and processes.

    Parameters
    ----------
    place
        Path of a SQLite file or URL (``postgresql://user@host/database``).
    create
        Make file and tables where there are none.

    Raises
    ------
    BadInput
        When there is no such file or database, it is no store of labels, or one of another version.
    Retryable
        When the server cannot be reached, or the disk is full.
    """

    def __init__(self, place: str | Path, *, create: bool = True) -> None:
        self._database = Database(place, _SCHEMA, create=create)
        self.name = self._database.name
        self._has_chosen = self._find_chosen(create)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> "LabelStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_slices(self, slices: Sequence[LabelSlice]) -> dict[tuple[str, int], int]:
        """Make slices known; where they are known already, their name, place and pixel size are brought up to date.

        Returns
        -------
        ``{(content, z): id}`` of those given.
        """
        found = self._database.upsert(_SLICES, [vars(each) for each in slices], ("content", "z"))
        return {(content, z): slice_id for (content, z), slice_id in found.items()}

    def labelled(self, annotator: str) -> list[tuple[int, bool]]:
        """``(slice id, whether as a repeat)`` of all that somebody has labelled, in the order of labelling."""
        query = sa.select(_LABELS.c.slice_id, _LABELS.c.repeat).where(_LABELS.c.annotator == annotator)
        with self._database.transaction() as connection:
            return [(slice_id, repeat) for slice_id, repeat in connection.execute(query.order_by(_LABELS.c.id))]

    def add(self, slice_id: int, annotator: str, label: Label, *, repeat: bool, chosen: Chosen | None = None) -> bool:
        """Keep a label at once; False when there is one already, which stays. ``chosen`` is None where nobody knows."""
        values = {
            **vars(label), "slice_id": slice_id, "annotator": annotator, "repeat": repeat, "chosen": chosen,
            "labelled_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }  # fmt: skip
        return self._database.insert_once(_LABELS, values)

    def remove(self, slice_id: int, annotator: str, *, repeat: bool) -> bool:
        """Take a label back; False when there is none."""
        chosen = (_LABELS.c.slice_id == slice_id, _LABELS.c.annotator == annotator, _LABELS.c.repeat == repeat)
        with self._database.transaction() as connection:
            return connection.execute(sa.delete(_LABELS).where(*chosen)).rowcount > 0

    def rows(self) -> list[dict[str, Any]]:
        """Every label with its slice, in the order of labelling: the stored columns of ``LABEL_COLUMNS``."""
        query = sa.select(
            _SLICES.c.tomogram, _SLICES.c.uri, _SLICES.c.z, _SLICES.c.pixel_size_A,
            _LABELS.c.annotator, _LABELS.c.category, _LABELS.c.width_px, _LABELS.c.repeat,
            _LABELS.c.chosen if self._has_chosen else sa.null().label("chosen"), _LABELS.c.seconds,
            _LABELS.c.labelled_at,
        ).join(_SLICES)  # fmt: skip
        with self._database.transaction() as connection:
            return [dict(row) for row in connection.execute(query.order_by(_LABELS.c.id)).mappings()]

    def _find_chosen(self, create: bool) -> bool:
        """Whether the column that came later is there; it is added where it may be."""
        with self._database.transaction(alone=create) as connection:
            columns = {column["name"] for column in sa.inspect(connection).get_columns(_LABELS.name)}
            found = _LABELS.c.chosen.name in columns
            if create and not found:  # who only reads may not be allowed to
                connection.execute(sa.DDL(f"ALTER TABLE {_LABELS.name} ADD COLUMN chosen VARCHAR(8)"))
            return found or create
