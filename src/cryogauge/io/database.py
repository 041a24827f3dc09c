"""Tables in SQLite, or in PostgreSQL by its URL: made once, of one version, with the database's errors as ours."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError

from cryogauge.records import BadInput, Retryable

#: Inserting what may be there already is not in the common language.
_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
#: Rows written in one statement: SQLite takes some thousand parameters.
_CHUNK = 500
#: Two that come first at once must not both make the tables.
_ALONE = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(1129730097)"}


@dataclass(frozen=True)
class Schema:
    """What a database holds.

    Attributes
    ----------
    tables
        All tables.
    mark
        The one among them that holds the version, in a column of this name.
    version
        The version written and read.
    holds
        What it is in words: ``labels``.
    written_by
        The command that writes it.
    """

    tables: sa.MetaData
    mark: sa.Table
    version: int
    holds: str
    written_by: str


class Database:
    """Tables of one schema; safe to use from several threads and processes.

    Parameters
    ----------
    place
        Path of a SQLite file or URL (``postgresql://user@host/database``).
    schema
        What it holds.
    create
        Make file and tables where there are none.

    Raises
    ------
    BadInput
        When there is no such file or database, it holds something else, or another version.
    Retryable
        When the server cannot be reached, or the disk is full.
    """

    def __init__(self, place: str | Path, schema: Schema, *, create: bool = True) -> None:
        self._schema = schema
        self._engine = _engine(str(place), schema, create)
        self.name = self._engine.url.render_as_string(hide_password=True).removeprefix("sqlite:///")
        self._insert = _INSERTS[self._engine.dialect.name]
        with ExitStack() as undo:
            undo.callback(self._engine.dispose)
            self._prepare(create)
            undo.pop_all()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def transaction(self, *, alone: bool = False) -> Iterator[sa.Connection]:
        """A transaction; ``alone`` waits until no other that asks for it is under way.

        Raises
        ------
        sqlalchemy.exc.IntegrityError
            When a constraint is broken.
        BadInput, Retryable
            For every other error of the database.
        """
        try:
            with self._engine.begin() as connection:
                if alone:
                    connection.exec_driver_sql(_ALONE[self._engine.dialect.name])
                yield connection
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise _told(self.name, self._schema, error) from error

    def upsert(
        self, table: sa.Table, rows: Sequence[Mapping[str, Any]], key: tuple[str, ...]
    ) -> dict[tuple[Any, ...], int]:
        """Insert rows, or bring up to date those that are there.

        Parameters
        ----------
        table
            With a column ``id``.
        rows
            All of the same columns; of several with one key the last counts.
        key
            The columns by which a row is known, which are unique in the table.

        Returns
        -------
        ``{key: id}`` of the rows given.
        """
        by_key = {tuple(row[name] for name in key): dict(row) for row in rows}
        unique = [by_key[each] for each in sorted(by_key)]  # two that write in one order cannot wait for each other
        told = [*(table.c[name] for name in key), table.c.id]
        found: dict[tuple[Any, ...], int] = {}
        with self.transaction() as connection:
            for first in range(0, len(unique), _CHUNK):
                chunk = unique[first : first + _CHUNK]
                statement = self._insert(table).values(chunk)
                updated = {name: statement.excluded[name] for name in chunk[0] if name not in key}
                statement = statement.on_conflict_do_update(index_elements=key, set_=updated)
                found |= {tuple(row[:-1]): row[-1] for row in connection.execute(statement.returning(*told))}
        return found

    def insert_once(self, table: sa.Table, row: Mapping[str, Any]) -> bool:
        """Insert a row; False when there is one already that it must not repeat, which stays."""
        try:
            with self.transaction() as connection:
                connection.execute(sa.insert(table).values(dict(row)))
        except IntegrityError:
            return False
        return True

    def _prepare(self, create: bool) -> None:
        schema, mark = self._schema, self._schema.mark
        with self.transaction(alone=create) as connection:
            tables = set(sa.inspect(connection).get_table_names())
            if mark.name not in tables:
                if not create or (tables and self._engine.dialect.name == "sqlite"):
                    raise BadInput(f"{self.name} holds no {schema.holds}", f"give what `{schema.written_by}` wrote")
                for table in schema.tables.sorted_tables:
                    connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
                connection.execute(self._insert(mark).values(version=schema.version).on_conflict_do_nothing())
            version = connection.execute(sa.select(mark.c.version)).scalar()
        if version != schema.version:
            raise BadInput(
                f"{self.name} was written by another version of cryogauge "
                f"({schema.holds} version {version}, not {schema.version})",
                f"export the {schema.holds} with that version, or keep new ones elsewhere",
            )


def _engine(place: str, schema: Schema, create: bool) -> sa.Engine:
    if "://" not in place:
        path = Path(place)
        if not path.exists() and not create:
            raise BadInput(f"{place} does not exist", "check the path")
        if not path.parent.is_dir():
            raise BadInput(f"there is no folder {path.parent}", "make it first")
        url = sa.URL.create("sqlite", database=str(path))
    else:
        try:
            url = sa.make_url(place)
        except ArgumentError as error:
            raise BadInput("this is no URL of a database", "write postgresql://user@host/database") from error
        if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
            raise BadInput(
                f"{schema.holds} cannot be kept in {url.drivername}",
                "give a path (SQLite) or postgresql://user@host/database",
            )
        url = url.set(drivername="postgresql+psycopg")
    try:
        engine = sa.create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    except ModuleNotFoundError as error:
        raise BadInput("PostgreSQL's driver is missing", "pip install 'cryogauge[postgres]'") from error
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: Any) -> None:
    """Readers and a writer at a time, and waiting instead of failing where two write."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _told(name: str, schema: Schema, error: DBAPIError) -> BadInput | Retryable:
    what = " ".join(str(error.orig).split())
    code = getattr(error.orig, "sqlite_errorname", "")
    if code == "SQLITE_FULL":
        return Retryable(f"no space is left for {name}", "free some space and go on")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Retryable(f"{name} is locked by another program", "close it and try again")
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return BadInput(f"{name} is damaged or no store of {schema.holds}", f"give what `{schema.written_by}` wrote")
    if code or not isinstance(error, OperationalError):
        return BadInput(f"cannot use {name}: {what}", "check the path, the address and what you may do there")
    return Retryable(f"cannot use {name}: {what}", "check that the server runs and can be reached")
