"""What people read is written in plain words: the old private ones are refused, headings are noun phrases."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from click import Command, Group

from pipeline.__main__ import command_line
from pipeline.knowledge.causes import OWNERS, causes
from pipeline.rules.rule import rules
from pipeline.store.catalog import catalog

ROOT = Path(__file__).resolve().parents[2]
OLD = {
    r"nobody|somebody|anybody|everybody|whom": "a noun: user, group, account, administrator",
    r"tells?|told|telling": "reports, shows, says which",
    r"sa(ys|id)|saying": "reports, shows, states",
    r"speaks?( (for|of))?|spoken": "covers, reports",
    r"wants?|wanted|wanting": "needs, requires, expects",
    r"hears?|heard": "received",
    r"stands?|stood|standing": "is, is listed, remains",
    r"mend(s|ed|ing)?": "fix",
    r"gives? up|given up": "stops retrying, disables",
    r"noise": "no-op events",
    r"benign": "expected skip",
    r"escrows?|awaits?": "pending retry",
    r"beats?|pulse": "background jobs",
    r"lets? go|turns? away|kin|undone": "removes, rejects, left open",
    r"under way": "running",
    r"in place": "in sync",
    r"(nobody|entra|it|app) knows|knows? nothing|not known": "unknown, has no record",
    r"silent|silence[sd]?": "no activity, OK, muted",
    r"footings?|vouch\w*": "summary, coverage",
    r"asks? for patience|by their signs|no more": "plain words",
}
"Words that voice.md refuses, with what is written instead."
PATTERN = re.compile("|".join(rf"(?:\b(?:{old})\b)" for old in OLD), re.IGNORECASE)
Text = tuple[str, str]
"Where a text is, and the text."


def words_of(text: str) -> set[str]:
    """Returns the refused words of a text; what is code, as commands and names of columns, is left out."""
    plain = re.sub(r"`[^`]*`|https?://\S+|\$\w+|\w*_\w+", " ", text)
    return {one[0].lower() for one in PATTERN.finditer(plain)}


def refused(texts: Iterator[Text]) -> list[str]:
    """Returns one line for each text with a refused word."""
    return [f"{place}: {', '.join(sorted(found))}: {text}" for place, text in texts if (found := words_of(text))]


def help_texts() -> Iterator[Text]:
    """Reads what --help of each command shows."""
    pending: list[tuple[str, Command]] = [("pipeline", typer.main.get_command(command_line()))]
    while pending:
        path, command = pending.pop()
        yield path, command.help or ""
        yield from ((f"{path} {one.name}", getattr(one, "help", None) or "") for one in command.params)
        if isinstance(command, Group):
            pending += [(f"{path} {name}", inner) for name, inner in command.commands.items()]


def rule_texts() -> Iterator[Text]:
    """Reads what pages, messages and docs show of each rule."""
    for name, rule in rules().items():
        yield from ((f"{name} {where}", text) for where, text in rule_parts(name).items())
        yield from ((f"{name} {one.name}", one.meaning) for one in rule.parameters)
        yield from ((f"{name} summary", text) for text in sql_texts(rule.query.sql))


def rule_parts(name: str) -> dict[str, str]:
    """Returns the texts of a rule's header."""
    rule = rules()[name]
    return {"title": rule.title, "Fires": rule.fires, "Silent": rule.silent, "Do": rule.do}


def sql_texts(sql: str) -> Iterator[str]:
    """Reads the sentences of a statement: its literals with a blank in them."""
    code = re.sub(r"--[^\n]*", "", sql)
    yield from (one for one in re.findall(r"'((?:[^']|'')*)'", code) if " " in one.strip())


def cause_texts() -> Iterator[Text]:
    """Reads what is documented of each cause."""
    for cause in causes():
        for text in (cause.title, cause.meaning, cause.retries, *cause.steps):
            yield f"causes.toml {cause.name}", text
    yield from (("OWNERS", text) for text in OWNERS.values())


def python_texts(folder: str) -> Iterator[Text]:
    """Reads the sentences of a folder's modules: string constants with a blank, docstrings left out."""
    for file in sorted((ROOT / folder).rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        asides = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                asides |= {id(one) for one in node.values}
                text = "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in asides:
                text = node.value
            else:
                continue
            if " " in text.strip():
                yield f"{file.relative_to(ROOT)}:{node.lineno}", text
