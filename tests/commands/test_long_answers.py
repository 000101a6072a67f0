"""Long answers: a screen has the first rows of one and ends a slow one; a file has all, in constant memory."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.__main__ import run
from pipeline.store.lake import Store

QUESTION = "select i, 'text ' || i as words, timestamp '2026-01-05' as at, [i] as listed from range({}) r(i)"
ASKING = """
import resource, sys
from pipeline.__main__ import run
assert run(sys.argv[1:]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def peak_mb(rows: int, *form: str) -> float:
    """Writes an answer of so many rows in a process of its own and returns that one's peak memory."""
    words = [sys.executable, "-c", ASKING, "sql", QUESTION.format(rows), *form]
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return int(done.stderr.split()[-1]) / 1024


MANY = [100_000, pytest.param(10_000_000, marks=[pytest.mark.deep, pytest.mark.timeout(1800)])]


@pytest.mark.parametrize("rows", MANY)
@pytest.mark.parametrize("form", ["--csv", pytest.param("--json", marks=pytest.mark.deep), "--parquet"])
def test_an_answer_of_many_rows_takes_no_more_memory_than_one_of_some(
    store: Store, form: str, rows: int, tmp_path: Path
) -> None:
    file = [str(tmp_path / "out.parquet")] if form == "--parquet" else []
    few = peak_mb(20_000, form, *file)
    assert peak_mb(rows, form, *file) < few + 100
    if file:
        assert pq.ParquetFile(file[0]).metadata.num_rows == rows


def test_a_screen_has_the_first_rows_and_says_that_there_are_more(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROVISIONING_SCREEN_ROWS", "30")
    assert run(["sql", "from range(1000000000)"]) == 0
    shown = capsys.readouterr().out
    assert "│    29 │" in shown and "│    30 │" not in shown and "… and more rows" in shown
    assert run(["sql", "from range(30)"]) == 0
    assert "more rows" not in capsys.readouterr().out


def test_a_slow_question_for_a_screen_is_ended_in_a_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROVISIONING_SCREEN_SECONDS", "1")
    slow = "select count(*) from range(10000000) a, range(10000000) b where hash(a.range, b.range) = 1"
    assert run(["sql", slow]) == 2
    said = capsys.readouterr().err
    assert "longer than 1 s and was ended (PROVISIONING_SCREEN_SECONDS)" in said and "\n" not in said.strip()


def test_csv_holds_no_formula(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    cells = ["=1+1", "+49 30", "-2", "@ada", "\t=1", "\r=1", "ada", "a=b", " =1"]
    listed = ", ".join(
        "'" + cell.replace("\t", "' || chr(9) || '").replace("\r", "' || chr(13) || '") + "'" for cell in cells
    )
    assert run(["sql", f'select unnest([{listed}]) as "=name", -5 as number', "--csv"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[:3] == ["'=name,number", "'=1+1,-5", "'+49 30,-5"]
    assert (
        "\n' =1,-5" in shown
        and "'@ada,-5" in shown
        and "'\t=1,-5" in shown
        and "\nada,-5" in shown
        and "\na=b,-5" in shown
    )
