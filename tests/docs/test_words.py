"""What people read is written in plain words: the old private ones are refused, headings are noun phrases."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from pipeline.__main__ import command_line
from pipeline.knowledge.causes import OWNERS, causes
from pipeline.knowledge.quarantine_reasons import ALL_REASONS
from pipeline.rules.overrides import variants
from pipeline.rules.rule import rules
from pipeline.store.catalog import Query, catalog

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "collect",
    "commands",
    "config",
    "evidence",
    "knowledge",
    "maintenance",
    "monitoring",
    "notify",
    "rules",
    "sample",
    "scheduler",
)
"Folders of pipeline/ whose sentences people read: output, errors, messages, verdicts, metrics."
OLD = {
    r"nobody|somebody|anybody|everybody|whom|kin": "a noun: user, group, account, administrator",
    r"tells?|told|telling|says?|said|saying|speaks?|spoken": "reports, shows, lists",
    r"wants?|wanted|wanting": "needs, requires, expects",
    r"hears?|heard": "received",
    r"stands?(?!-in)|stood|standing": "is, is listed, remains",
    r"mend(s|ed|ing)?": "fix",
    r"gives? up|given up|lets? go|turns? away|undone": "retries end, disables, removes, rejects, open",
    r"noise": "no-op events",
    r"benign": "expected skip",
    r"escrows?|awaits?": "pending retry",
    r"beats?|pulse": "background jobs",
    r"under way": "running",
    r"wires?|needs? you": "log, SCIM traffic, needs attention",
    r"(entra|it|app) knows|knows? nothing|not known": "unknown, has no record",
    r"silent|silence[sd]?": "no activity, OK, muted",
    r"footings?|vouch\w*": "summary, coverage",
    r"asks? for patience|by their signs": "throttles, probably",
    r"health rules?": "alert rule",
}
"Words that people do not read, with what is written instead."
PATTERN = re.compile("|".join(rf"(?:\b(?:{old})\b)" for old in OLD), re.IGNORECASE)
QUESTION = re.compile(
    r"\?$|^(who|whom|whose|what|which|when|where|why|how|is|are|does|do|did|will)\b(?! to do)", re.IGNORECASE
)
SQL = re.compile(r"\bselect\b|^\"?\w+\"?(, \"?\w+\"?)+$", re.IGNORECASE)
VALUES = {"not known", "in place", "name or service not known"}
"Values of columns that analysts are promised, and words of others by which an error is recognised."
Text = tuple[str, str]
"Where a text is, and the text."


def words_of(text: str) -> set[str]:
    """Returns the refused words of a text; code, as commands and names of columns, is left out."""
    plain = re.sub(r"`[^`]*`|https?://\S+|\$\w+|\w*_\w+", " ", text)
    return set() if text in VALUES else {one[0].lower() for one in PATTERN.finditer(plain)}


def report(texts: Iterable[Text]) -> None:
    """Fails with one line for each text that has a refused word, and what is written instead."""
    every = list(texts)
    faults = [f"{place}: {', '.join(sorted(words))}: {text}" for place, text in every if (words := words_of(text))]
    assert every, "no text was read"
    if faults:
        instead = [f"  {old}: write {new}" for old, new in OLD.items()]
        pytest.fail("\n".join(["", *faults, "Instead:", *instead]), pytrace=False)


def help_texts() -> Iterator[Text]:
    """Reads what --help shows of every command, argument and option."""
    pending: list[tuple[str, Any]] = [("pipeline", typer.main.get_command(command_line()))]
    while pending:
        path, command = pending.pop()
        yield path, command.help or ""
        yield from ((f"{path} {one.name}", getattr(one, "help", None) or "") for one in command.params)
        pending += [(f"{path} {name}", inner) for name, inner in getattr(command, "commands", {}).items()]


def rule_texts(name: str) -> Iterator[Text]:
    """Reads what pages, messages and docs show of a rule."""
    rule = rules()[name]
    shown = {"Title": rule.title, "Fires": rule.fires, "Silent": rule.silent, "Do": rule.do, "question": rule.question}
    yield from ((f"{name} {heading}", text) for heading, text in shown.items())
    yield from header_texts(rule.query)
    yield from ((f"{name} needs", str(one)) for one in rule.needs)
    yield from ((f"{name} summary", text) for text in sql_texts(rule.query.sql))


def header_texts(query: Query) -> Iterator[Text]:
    """Reads what a question's header calls its parameters and columns; values between backticks are none."""
    yield from ((f"{query.name} ${one.name}", one.meaning) for one in query.parameters)
    yield from ((f"{query.name} {column}", meaning) for column, meaning in query.columns.items())


def cause_texts() -> Iterator[Text]:
    """Reads what is documented of each cause and of each reason for a quarantine."""
    for cause in causes():
        for text in (cause.title, cause.meaning, cause.retries, *cause.steps):
            yield f"causes.toml, {cause.name}", text
    yield from (("OWNERS", text) for text in OWNERS.values())
    for reason in ALL_REASONS:
        for text in (reason.brief, reason.meaning, reason.source, *(step.text for step in reason.steps)):
            yield f"quarantine_reasons, {reason.word}", text


def sql_texts(sql: str) -> Iterator[str]:
    """Reads the sentences of a statement: literals with a blank in them."""
    code = re.sub(r"--[^\n]*", "", sql)
    yield from (one for one in re.findall(r"'((?:[^']|'')*)'", code) if " " in one.strip())


def python_texts(text: str) -> Iterator[tuple[int, str]]:
    """Reads the sentences of a module: its strings with a blank, but for docstrings and SQL, each with its line."""
    tree = ast.parse(text)
    parts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts |= {id(one) for one in node.values}
            words = "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            words = node.value
        else:
            continue
        if " " in words.strip() and not SQL.search(words):
            yield node.lineno, words


def headings(name: str) -> list[str]:
    """Returns the headings of a document; comments of its recipes are none."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def test_help_has_none_of_the_old_words() -> None:
    report(help_texts())


@pytest.mark.parametrize("name", sorted(rules()))
def test_a_rule_has_none_of_the_old_words(name: str) -> None:
    report(rule_texts(name))


@pytest.mark.parametrize("name", sorted(rules()))
def test_a_rule_shows_the_values_in_force(name: str) -> None:
    rule = rules()[name]
    for text in (rule.fires, rule.silent, rule.do):
        assert not re.search(r"[`{}]", text), text
    named = re.findall(r"`(\w+)%?`", rule.fires_template)
    [general] = variants(rule, {name: dict.fromkeys(named, 7654)})
    assert rule.fires.count("7,654") == 0
    assert len(re.findall(r"7,?654", general.fires)) == len(named)


@pytest.mark.parametrize("name", sorted(catalog()))
def test_a_question_has_none_of_the_old_words(name: str) -> None:
    query = catalog()[name]
    report((f"{name} {part}", getattr(query, part)) for part in ("question", "title", "about"))
    report(header_texts(query))


def test_causes_have_none_of_the_old_words() -> None:
    report(cause_texts())


@pytest.mark.parametrize("room", [*(f"pipeline/{room}" for room in ROOMS), "views", "demo"])
def test_sentences_in_code_have_none_of_the_old_words(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    report(
        (f"{file.relative_to(ROOT)}:{line}", text)
        for file in files
        for line, text in python_texts(file.read_text(encoding="utf-8"))
    )


def test_templates_of_messages_have_none_of_the_old_words() -> None:
    files = sorted((ROOT / "pipeline/notify/templates").glob("*.j2"))
    report((file.name, re.sub(r"{[{%].*?[%}]}", "…", file.read_text(encoding="utf-8"))) for file in files)


def test_sentences_that_sql_writes_have_none_of_the_old_words() -> None:
    files = [*sorted((ROOT / "pipeline/model").glob("*.sql")), *sorted((ROOT / "queries").glob("*.sql"))]
    report((file.name, text) for file in files for text in sql_texts(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["README.md", "docs/glossary.md", "docs/runbook.md", "docs/notifications.md"])
def test_headings_are_noun_phrases_of_plain_words(name: str) -> None:
    report((name, heading) for heading in headings(name))
    assert not [heading for heading in headings(name) if QUESTION.search(heading)]


def test_what_users_read_in_docs_has_none_of_the_old_words() -> None:
    names = ["deploy", "dictionary", "glossary", "graph", "notifications", "runbook", "secrets", "tour"]
    for name in ("README.md", "sample_logs/README.md", *(f"docs/{name}.md" for name in names)):
        report((name, line) for line in (ROOT / name).read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Nobody is told of anything", "nobody"),
        ("The rule fails; mend it.", "mend"),
        ("4 objects await a retry", "await"),
        ("In Graph's own words: it SAYS so", "says"),
    ],
)
def test_an_old_word_is_seen_in_every_kind_of_text(text: str, word: str) -> None:
    assert word in words_of(text)
    assert [one for _, one in python_texts(f"def f():\n    'no text'\n    return {text!r}")] == [text]
    assert list(sql_texts(f"select '{text.replace(chr(39), chr(39) * 2)}' -- 'a comment'"))
    with pytest.raises(pytest.fail.Exception, match=word):
        report([("here", text)])


def test_code_and_names_of_columns_are_no_words() -> None:
    assert not words_of("See `python -m pipeline beats` and the column said_by; $noise is a parameter")
    assert QUESTION.search("Who is told of what") and not QUESTION.search("What to do")
