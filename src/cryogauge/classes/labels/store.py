"""Grades that people gave, in SQLite or PostgreSQL: several people may write at once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from cryogauge.io.database import Database, Schema
from cryogauge.records import BadInput, ClassStack
from cryogauge.records.classes import BEST_GRADE, WORST_GRADE

_TABLES = sa.MetaData()
_MARK = sa.Table("cryogauge_class_labels_schema", _TABLES, sa.Column("version", sa.Integer, primary_key=True))
_IMAGES = sa.Table(
    "cryogauge_class_images",
    _TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("content", sa.String(32), nullable=False, unique=True),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("class", sa.Integer, nullable=False),
    sa.Column("pixel_size_A", sa.Float),
)
_LABELS = sa.Table(
    "cryogauge_class_labels",
    _TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("image_id", sa.ForeignKey("cryogauge_class_images.id"), nullable=False),
    sa.Column("annotator", sa.String(64), nullable=False),
    sa.Column("grade", sa.Float, nullable=False),
    sa.Column("repeat", sa.Boolean, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("labelled_at", sa.String(32), nullable=False),
    sa.Column("consent", sa.Text),  # the wording that was agreed to; null where nobody else is to use the grade
    # An average is graded once, and once more as a check; a key pressed in two windows counts once.
    sa.UniqueConstraint("annotator", "image_id", "repeat"),
    sqlite_autoincrement=True,  # ids never come back, so that the last label is always the one with the highest
)
_SCHEMA = Schema(_TABLES, _MARK, 1, "labels of classes", "cryogauge label classes")

#: Columns of a table of labels, one row a label in the order of labelling.
CLASS_LABEL_COLUMNS = (
    "file", "class", "pixel_size_A", "annotator", "grade", "repeat", "seconds", "labelled_at", "consent",
)  # fmt: skip


@dataclass(frozen=True)
class LabelImage:
    """A class average that may be labelled.

    Attributes
    ----------
    content
        Key of the picture, by which it is known wherever it lies.
    file
        The file or job that it is read from.
    number
        The program's number of the class.
    pixel_size_A
        Edge of a pixel in Å, None where nobody knows.
    """

    content: str
    file: str
    number: int
    pixel_size_A: float | None


def images_of(stack: ClassStack, file: str = "") -> list[LabelImage]:
    """The averages of a job as they may be labelled; ``file`` in place of the job's own source."""
    return [
        LabelImage(_key(image), file or stack.source, int(number), stack.pixel_size_A)
        for image, number in zip(stack.images, stack.table["class"], strict=True)
    ]


def _key(image: np.ndarray) -> str:
    digest = hashlib.blake2b(str(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image, dtype="<f4").tobytes())
    return digest.hexdigest()


class ClassLabelStore:
    """Grades and the averages that they belong to; safe to use from several threads and processes.

    Parameters
    ----------
    place
        Path of a SQLite file or URL (``postgresql://user@host/database``).
    create
        Make file and tables where there are none.

    Raises
    ------
    BadInput
        When there is no such file or database, it is no store of labels of classes, or one of another version.
    Retryable
        When the server cannot be reached, or the disk is full.
    """

    def __init__(self, place: str | Path, *, create: bool = True) -> None:
        self._database = Database(place, _SCHEMA, create=create)
        self.name = self._database.name

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> "ClassLabelStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_images(self, images: Sequence[LabelImage]) -> dict[str, int]:
        """Make averages known, or bring up to date where they lie; ``{content: id}`` of those given."""
        rows = [
            {"content": each.content, "file": each.file, "class": each.number, "pixel_size_A": each.pixel_size_A}
            for each in images
        ]
        found = self._database.upsert(_IMAGES, rows, ("content",))
        return {content: image_id for (content,), image_id in found.items()}

    def labelled(self, annotator: str) -> list[tuple[int, bool]]:
        """``(image id, whether as a repeat)`` of all that somebody has labelled, in the order of labelling."""
        query = sa.select(_LABELS.c.image_id, _LABELS.c.repeat).where(_LABELS.c.annotator == annotator)
        with self._database.transaction() as connection:
            return [(image_id, repeat) for image_id, repeat in connection.execute(query.order_by(_LABELS.c.id))]

    def add(
        self,
        image_id: int,
        annotator: str,
        grade: float,
        *,
        seconds: float = 0.0,
        repeat: bool = False,
        consent: str | None = None,
    ) -> bool:
        """Keep a label at once; False when there is one already, which stays.

        Raises
        ------
        BadInput
            For a grade outside of the rubric's.
        """
        if not BEST_GRADE <= grade <= WORST_GRADE:
            raise BadInput(f"{grade:g} is no grade", f"give {BEST_GRADE:g}, the best, to {WORST_GRADE:g}, the worst")
        values = {
            "image_id": image_id, "annotator": annotator, "grade": grade, "repeat": repeat, "seconds": seconds,
            "consent": consent, "labelled_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }  # fmt: skip
        return self._database.insert_once(_LABELS, values)

    def remove(self, image_id: int, annotator: str, *, repeat: bool = False) -> bool:
        """Take a label back; False when there is none."""
        chosen = (_LABELS.c.image_id == image_id, _LABELS.c.annotator == annotator, _LABELS.c.repeat == repeat)
        with self._database.transaction() as connection:
            return connection.execute(sa.delete(_LABELS).where(*chosen)).rowcount > 0

    def rows(self) -> list[dict[str, Any]]:
        """Every label with its average, in the order of labelling: ``CLASS_LABEL_COLUMNS``."""
        columns = [_IMAGES.c[name] if name in _IMAGES.c else _LABELS.c[name] for name in CLASS_LABEL_COLUMNS]
        with self._database.transaction() as connection:
            query = sa.select(*columns).select_from(_LABELS.join(_IMAGES)).order_by(_LABELS.c.id)
            return [dict(row) for row in connection.execute(query).mappings()]

    def table(self) -> pd.DataFrame:
        """Every label as a table of ``CLASS_LABEL_COLUMNS``."""
        return pd.DataFrame(self.rows(), columns=pd.Index(CLASS_LABEL_COLUMNS))


def read_class_labels(place: str | Path) -> pd.DataFrame:
    """Every label of a store as a table of ``CLASS_LABEL_COLUMNS``.

    Raises
    ------
    BadInput
        When there is none, or it holds something else.
    """
    with ClassLabelStore(place, create=False) as store:
        return store.table()
