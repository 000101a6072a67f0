"""Names are nouns and verbs of the field: what a thing is, not a gesture."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("pipeline", "views", "demo", "benchmarks", "queries")
WORDS = """
told tell tells telling teller said say says saying spoken speak speaks found finding held holding known knowing knows
mine ours theirs heard hear hears meant stands standing stood vouch vouched vouches vouching asking asker stranger
strangers remembered remembering reach hush hushed woken wake gone worse mend mended mending whom whose nobody somebody
anybody everybody wants wanting beat beats beating pulse lasting begun undone unheard unseen unread talkative patience
bear bears hopeless astray unwell enough heed kin homes mildest beyond alike beside near
"""
GESTURES = frozenset(WORDS.split()) - {"finding"}
"Refused as whole words of a name; `finding` is what a health rule reports, a word of the field."
INSTEAD = "Name what it is, such as 'thresholds', 'open_cycles' or 'matched_requests' (docs/glossary.md has the words)."
CTE = re.compile(
    r"(?:\bwith|,)\s+(?:recursive\s+)?(?P<name>\w+)(?:\s*\([^()]*\))?\s+as\s+(?:not\s+)?(?:materialized\s+)?\("
)
DEFINED = re.compile(r'create or replace (?:temp )?(?:view|macro|table) "?(?P<name>\w+)')
NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
Name = tuple[int, str]


def gestures(name: str) -> set[str]:
    """Returns the words of a name, in snake case or camel case, that are gestures."""
    return set(re.split(r"_+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())) & GESTURES


def names_of_sql(text: str) -> Iterator[Name]:
    """Reads the CTEs, views, macros and tables that a text of SQL names, each with its line."""
    code = re.sub(r"--[^\n]*", "", text)
    for pattern in (CTE, DEFINED):
        for one in pattern.finditer(code):
            yield code[: one.start("name")].count("\n") + 1, one["name"]


def names_of_python(text: str) -> Iterator[Name]:
    """Reads the functions, classes and CTEs that a module names, each with its line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, NAMED):
            yield node.lineno, node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "select" in node.value:
            yield from ((node.lineno + line - 1, name) for line, name in names_of_sql(node.value))


def names_of(file: Path) -> Iterator[Name]:
    """Reads the names of one file; a module's own is one of them, a question's is promised to its readers."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        yield 1, file.stem
        yield from names_of_python(text)
    else:
        yield from names_of_sql(text)


@pytest.mark.parametrize("room", ROOMS)
def test_no_name_is_a_gesture(room: str) -> None:
    refused = [
        f"{file.relative_to(ROOT)}:{line}: '{name}' has {', '.join(sorted(words))}"
        for file in sorted((ROOT / room).rglob("*"))
        # A migration stays as it was released.
        if file.suffix in {".py", ".sql"} and "migrations" not in file.parts
        for line, name in names_of(file)
        if (words := gestures(name))
    ]
    assert not refused, "\n".join([f"{len(refused)} names are gestures. {INSTEAD}", *refused])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("with told as (select 1) from told", "told"),
        ("with jobs as (select 1), what_is_known(a, b) as materialized (select 1) from jobs", "what_is_known"),
        ('create or replace macro "said_of"(x) as x;', "said_of"),
        ("create or replace temp table told_words as select 1", "told_words"),
    ],
)
def test_a_gesture_in_sql_is_seen(text: str, name: str) -> None:
    assert [one for _, one in names_of_sql(text) if gestures(one)] == [name]


def test_a_gesture_in_python_is_seen_and_words_of_the_field_are_not() -> None:
    text = 'def told(): ...\nclass KnowingRules: ...\ndef findings(): ...\nSQL = """\nwith mine as (select 1)"""\n'
    assert [(line, name) for line, name in names_of_python(text) if gestures(name)] == [
        (1, "told"),
        (2, "KnowingRules"),
        (5, "mine"),
    ]
    assert not gestures("footing_rows") | gestures("holder") | gestures("nearest")
