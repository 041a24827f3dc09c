"""The tables of a collection data set as Parquet files, with the types that ``TABLES`` gives them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.records.session import TABLES, Column

#: A table with more rows is refused: no session has them, and a file may claim any number.
MOST_ROWS = 20_000_000
_MOST_BYTES = 4 * 2**30  # of a table unpacked


def write_table(path: Path, name: str, table: pd.DataFrame) -> None:
    """Write a table of ``TABLES``: unknown numbers as nulls, the meaning of each column beside its type."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [
        pa.field(column.name, _arrow_type(column), metadata={"meaning": column.meaning}) for column in TABLES[name]
    ]
    arrays = [pa.array(_values(table[field.name]), field.type, from_pandas=True) for field in fields]
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path, compression="zstd")


def inspect_table(path: Path, name: str) -> tuple[list[str], pd.DataFrame | None]:
    """What is wrong with a table of ``TABLES`` as a whole, and the table where nothing is, without columns besides."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            rows = file.metadata.num_rows
            size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
            if rows > MOST_ROWS or size > _MOST_BYTES:
                return [f"claims {rows} rows of {size} bytes together, more than any session has"], None
            schema = file.schema_arrow
            faults = [fault for column in TABLES[name] if (fault := _column_fault(schema, column))]
            if faults:
                return faults, None
            found = file.read(columns=[column.name for column in TABLES[name]], use_threads=False)
        return [], pd.DataFrame({column.name: _series(found.column(column.name), column) for column in TABLES[name]})
    except FileNotFoundError:
        return ["does not exist"], None
    except (pa.ArrowException, OSError, ValueError) as error:
        return [f"is no Parquet file, or a damaged one: {str(error).partition(chr(10))[0]:.200}"], None


def _arrow_type(column: Column) -> Any:
    import pyarrow as pa

    if column.kind in ("key", "text"):
        return pa.string()
    return pa.list_(pa.float64()) if column.kind == "numbers" else pa.float64()


def _column_fault(schema: Any, column: Column) -> str:
    import pyarrow.types as types

    count = len(schema.get_all_field_indices(column.name))
    if count != 1:
        return f"lacks the column {column.name}" if count == 0 else f"has the column {column.name} {count} times"
    found = schema.field(column.name).type
    numeric = types.is_floating(found) or types.is_integer(found)
    if column.kind in ("key", "text"):
        fits, wanted = types.is_string(found) or types.is_large_string(found), "text"
    elif column.kind == "numbers":
        fits = (types.is_list(found) or types.is_large_list(found)) and (
            types.is_floating(found.value_type) or types.is_integer(found.value_type)
        )
        wanted = "lists of numbers"
    else:
        fits, wanted = numeric, "numbers"
    return "" if fits else f"has {found} in the column {column.name}, not {wanted}"


def _values(series: pd.Series) -> list[Any]:
    return [None if isinstance(value, float) and np.isnan(value) else value for value in series]


def _series(column: Any, wanted: Column) -> pd.Series:
    values = column.to_pylist()
    if wanted.kind in ("key", "text"):
        return pd.Series(["" if value is None else value for value in values], dtype=object)
    if wanted.kind == "numbers":
        lists = [[np.nan if each is None else each for each in value or ()] for value in values]
        return pd.Series([np.asarray(each, np.float64) for each in lists], dtype=object)
    return pd.Series([np.nan if value is None else float(value) for value in values], dtype=np.float64)
