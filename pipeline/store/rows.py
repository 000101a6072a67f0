"""Dataclasses as rows of a table: their fields are its columns."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

from pipeline.store.writer_lock import Cursor

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), datetime: pa.timestamp("us")}


def column_names(kind: "type[DataclassInstance]") -> str:
    """Returns the columns of a dataclass as they stand in a select, for `Kind(*row)`."""
    return ", ".join(f'"{field.name}"' for field in fields(kind))


def insert_rows(cursor: Cursor, table: str, rows: "Sequence[DataclassInstance]") -> None:
    """Inserts dataclasses of one kind into a table with a single statement."""
    if not rows:
        return
    schema = arrow_schema(type(rows[0]))
    values = {name: [getattr(row, name) for row in rows] for name in schema.names}
    cursor.register("inserted_rows", pa.table(values, schema=schema))
    try:
        cursor.execute(f'insert into "{table}" by name select * from inserted_rows')
    finally:
        cursor.unregister("inserted_rows")


def arrow_schema(kind: "type[DataclassInstance]") -> pa.Schema:
    """Returns the Arrow types of a dataclass: a column without a single value has no type of its own otherwise."""
    hints = get_type_hints(kind)
    return pa.schema([(field.name, arrow_type(hints[field.name])) for field in fields(kind)])


def arrow_type(hint: Any) -> pa.DataType:
    """Returns the Arrow type of a field; None beside a type means that it may be missing.

    >>> arrow_type(int | None), arrow_type(list[str])
    (DataType(int64), ListType(list<item: string>))
    """
    if get_origin(hint) in (Union, UnionType):
        [hint] = [part for part in get_args(hint) if part is not NoneType]
    if get_origin(hint) in (list, tuple):
        return pa.list_(arrow_type(get_args(hint)[0]))
    return TYPES[hint]
