"""Rows without secrets: all texts of a row that may hold one are cleaned at once, as one text of JSON.

By its names and quotes a secret is known, so a row is cleaned before its words are taken out of JSON. DuckDB compiles
each pattern once a statement, which takes longer than reading a small file: so they stand in one place of it, and a
small piece is first staged by a statement without them, which fails where a row may hold a secret.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from pipeline.config.secrets import HINT, literal, removed
from pipeline.ingest.characters import fit_json_sql, fit_sql

UNFIT = r"|\x00|\\u0000"
"A NUL inside a list, which no column may hold either: a row with one is written anew as well."
Lists = Mapping[str, tuple[str, str]]
"Columns that are no text: the type of each, and SQL for the text of one of its values `x`, none where it is no list."
MAY_HOLD = "a row may hold a secret"
"What DuckDB's error says where `unless_secrets_in` found one."


class Redaction(Protocol):
    """How the secrets of a relation's rows are kept out."""

    def __call__(self, relation: str, texts: Sequence[str], lists: Lists, ids: Sequence[str] = (), /) -> str:
        """Builds SQL for the relation's rows; see `without_secrets_in`."""


def unless_secrets_in(relation: str, texts: Sequence[str], lists: Lists, _ids: Sequence[str] = ()) -> str:
    """Builds SQL for a relation's rows as they are, which fails with MAY_HOLD where one of them may hold a secret.

    Measured: staging one event takes 43 ms of processor time so, and 117 with all that would clean it.
    """
    return f"select * from ({relation}) where case when {may_hold(texts, lists)} then error('{MAY_HOLD}') else true end"


def without_secrets_in(relation: str, texts: Sequence[str], lists: Lists, ids: Sequence[str] = ()) -> str:
    """Builds SQL for a relation's rows with every secret in its columns replaced; `texts` are columns of text.

    An id that holds a secret becomes its digest, so that different ids stay different.
    """
    kinds = dict.fromkeys(texts, "varchar") | {name: kind for name, (kind, _) in lists.items()}
    packed = f"to_json(struct_pack({', '.join(f'{name} := {name}' for name in kinds)}))::varchar"
    members = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    cleaned = ", ".join(
        f"case when may_hold then {digest(name) if name in ids else f'clean.{name}'} else {name} end as {name}"
        for name in kinds
    )
    return f"""
        select * exclude (may_hold, clean_text, clean) replace ({cleaned})
        from (
            select *, case when may_hold then try_cast(try_cast(clean_text as json) as struct({members})) end as clean
            from (
                select *, case when may_hold then {fit_json_sql(removed(packed))} end as clean_text
                from (select *, {may_hold(texts, lists)} as may_hold from ({relation}))
            )
        )"""


def may_hold(texts: Sequence[str], lists: Lists) -> str:
    """Builds SQL that is true for a row that may hold a secret; never null."""
    parts = [
        *texts,
        *(
            f"list_aggregate(list_transform({name}, lambda x: {text}), 'string_agg', e'\\n')"
            if text
            else f"{name}::varchar"
            for name, (_, text) in lists.items()
        ),
    ]
    if not parts:
        return "false"
    return f"regexp_matches(concat_ws(e'\\n', {', '.join(parts)}), {literal(HINT + UNFIT)})"


def digest(name: str) -> str:
    """Builds SQL for an id that is its digest where it holds a secret."""
    return f"case when clean.{name} is distinct from {fit_sql(name)} then md5({name}) else clean.{name} end"
