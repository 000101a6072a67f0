"""Files that people write keep their layout, and a complaint names the line that it is about."""

import tomllib
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from pipeline.config.errors import RulesError
from pipeline.config.toml_file import line_of, read_toml, replace_file, with_table

WRITTEN = """# ours
email = "it@example.com"

[route.cerby]
to = [
    "json://a",
    "json://b", # why
]
quiet_hours = { from = "22:00", until = "06:00" }

[smtp]
tls.ca = "ca.pem"

[route."Contoso Docs".digest]
every = "daily"
"""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("email",), 2),
        (("route", "cerby"), 4),
        (("route", "cerby", "to"), 5),
        (("route", "cerby", "quiet_hours", "until"), 9),
        (("route", "cerby", "missing"), 4),
        (("smtp",), 11),
        (("smtp", "tls", "ca"), 12),
        (("route", "Contoso Docs", "digest"), 14),
        (("route", "Contoso Docs", "digest", "every"), 15),
        (("route", "Contoso Docs", "digest", "at", "hour"), 14),
        (("missing",), 1),
        ((), 1),
    ],
)
def test_the_line_is_that_of_the_key_or_of_what_is_nearest_to_it(keys: tuple[str, ...], line: int) -> None:
    assert line_of(WRITTEN, *keys) == line


RULES = """# ours
[growth]
# why six
least = 6  # six

[growth.app.Cerby]
least = 9

[silence]
silent = true
"""


@pytest.mark.parametrize(
    ("path", "values", "wanted"),
    [
        (("growth",), {"least": [5, 3], "severity": "info"},
         {"growth": {"least": [5, 3], "severity": "info", "app": {"Cerby": {"least": 9}}},
          "silence": {"silent": True}}),
        (("growth", "app", "Contoso Docs"), {"silent": True},
         {"growth": {"least": 6, "app": {"Cerby": {"least": 9}, "Contoso Docs": {"silent": True}}},
          "silence": {"silent": True}}),
        (("growth", "app", "Cerby"), {}, {"growth": {"least": 6}, "silence": {"silent": True}}),
        (("silence",), {}, {"growth": {"least": 6, "app": {"Cerby": {"least": 9}}}}),
        (("late",), {"hours": 2},
         {"growth": {"least": 6, "app": {"Cerby": {"least": 9}}}, "silence": {"silent": True}, "late": {"hours": 2}}),
    ],
)  # fmt: skip
def test_one_table_is_changed_and_every_comment_stays(
    path: tuple[str, ...], values: dict[str, Any], wanted: dict[str, Any]
) -> None:
    text = with_table(RULES, path, values)
    assert text is not None and tomllib.loads(text) == wanted
    assert [mark for mark in ("# ours", "# why six", "# six") if mark not in text] == []


def test_an_emptied_table_stays_for_its_comment_alone() -> None:
    assert with_table("[a]\n# why\nx = 1\n", ("a",), {}) == "[a]\n# why\n"
    assert with_table("# ours\n[b]\ny = 1\n[a]\nx = 1\n", ("a",), {}) == "# ours\n[b]\ny = 1\n"


def test_an_inline_table_is_changed_in_its_line_and_takes_no_table() -> None:
    assert with_table("growth = { least = 3 } # one line\n", ("growth",), {"least": 4}) == (
        "growth = { least = 4 } # one line\n"
    )
    assert with_table("growth = { least = 3 }\n", ("growth", "app", "Cerby"), {"least": 4}) is None


def test_writers_at_once_leave_one_whole_text_and_nothing_beside_it(tmp_path: Path) -> None:
    file, start = tmp_path / "rules.toml", Barrier(8)
    texts = [f"[rule{number}]\n" + "x = 1\n" * 2000 for number in range(8)]

    def write(text: str) -> None:
        start.wait()
        replace_file(file, text, RulesError)

    threads = [Thread(target=write, args=[text]) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read_text() in texts
    assert [one.name for one in tmp_path.iterdir()] == ["rules.toml"]


def test_what_cannot_be_read_or_written_is_a_sentence_of_the_callers_error(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"nowhere\.toml cannot be read \(No such file or directory\); name a file\."):
        read_toml(tmp_path / "nowhere.toml", RulesError, "name a file")
    (tmp_path / "bad.toml").write_text("[a")
    with pytest.raises(RulesError, match=r"bad\.toml is no TOML: "):
        read_toml(tmp_path / "bad.toml", RulesError)
    with pytest.raises(RulesError, match=r"cannot be written \(No such file or directory\); nothing was changed\."):
        replace_file(tmp_path / "no" / "rules.toml", "x = 1\n", RulesError)
