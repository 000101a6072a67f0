"""Rows without secrets: all texts of a row that may hold one are cleaned at once, as one text of JSON.

By its names and quotes a secret is known, so a row is cleaned before its words are taken out of JSON. DuckDB compiles
each pattern once a statement, which takes longer than reading a small file: so they stand in one place of it.
"""

from collections.abc import Mapping, Sequence

from pipeline.config.secrets import HINT, literal, removed
from pipeline.ingest.characters import fit_json_sql, fit_sql

UNFIT = r"|\x00|\\u0000"
"A NUL inside a list, which no column may hold either: a row with one is written anew as well."
Lists = Mapping[str, tuple[str, str]]
"Columns that are no text: the type of each, and SQL for the text of one of its values `x`, none where it is no list."


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
    joined = [f"concat_ws(e'\\n', {', '.join(texts)})"] if texts else []
    joined += [
        f"list_aggregate(list_transform({name}, lambda x: {text}), 'string_agg', e'\\n')"
        if text
        else f"{name}::varchar"
        for name, (_, text) in lists.items()
    ]
    return (
        " or ".join(f"coalesce(regexp_matches({text}, {literal(HINT + UNFIT)}), false)" for text in joined) or "false"
    )


def digest(name: str) -> str:
    """Builds SQL for an id that is its digest where it holds a secret."""
    return f"case when clean.{name} is distinct from {fit_sql(name)} then md5({name}) else clean.{name} end"
