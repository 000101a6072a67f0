"""What holds of the pages as a house: each question has a place, each thing is done in the one file that does it.

A failure names the file and the line, and says what to write where.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from pipeline.store.catalog import catalog
from views.app import PAGES
from views.frame.state import Key, Word

ROOT = Path(__file__).resolve().parents[2]
VIEWS = ROOT / "views"
ASKING = ("panel", "ask", "ask_ahead")
ONLY = {
    "session_state": (
        "frame/state.py",
        "declare a Key or a Memory there, and use state.value, set_value or the Memory",
    ),
    "query_params": ("frame/state.py", "declare a Word there, and use read_word, has_word or write_word"),
    "dataframe": ("frame/table.py", "draw the rows with table()"),
    "data_editor": ("frame/table.py", "draw the rows with table()"),
    "table": ("frame/table.py", "draw the rows with table(), or with text_grid() where cells are sentences"),
    "column_config": ("frame/table.py", "use a column of that file, or write one more there"),
    "plotly_chart": ("frame/chart.py", "draw the figure with chart(), chart_mark() or chart_stretch()"),
}
"Attributes of streamlit that one file alone uses, and what to do elsewhere."


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Reads every module of the pages."""
    for file in sorted(VIEWS.rglob("*.py")):
        yield file, ast.parse(file.read_text(encoding="utf-8"))


def place(file: Path, node: ast.expr | ast.keyword) -> str:
    """Writes where a piece of code is."""
    return f"{file.relative_to(ROOT)}:{node.lineno}"


def asked(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.keyword, str]]:
    """Reads the questions that a module asks by name, or whose SQL it shows."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name in ASKING:
            for one in call.args[: 1 if name != "ask_ahead" else None]:
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    yield one, one.value
        if name == "show_sql":
            yield from ((one, one.arg) for one in call.keywords if one.arg)


def report(faults: list[str]) -> None:
    """Fails with one line for each fault, and nothing else."""
    assert not faults, "\n" + "\n".join(faults)


def test_every_question_that_a_page_asks_exists() -> None:
    report(
        [
            f"{place(file, node)}: queries/ has no {name}.sql; write it, or correct the name"
            for file, tree in trees()
            for node, name in asked(tree)
            if name not in catalog()
        ]
    )


def test_every_question_is_asked_somewhere_or_made_for_analysts() -> None:
    words = {
        node.value
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    named = words | {name for _, tree in trees() for _, name in asked(tree)}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    report(
        [
            f'queries/{name}.sql: no page asks it; draw it with panel("{name}", ...) on a page, name it in README.md, '
            "or put the heading 'For analysts' into its header"
            for name, query in catalog().items()
            if name not in named and name not in readme and not query.for_analysts
        ]
    )


def test_every_page_file_is_in_the_navigation() -> None:
    files = {file.name for file in VIEWS.glob("*.py")} - {"__init__.py", "app.py"}
    report([f"views/{file}: add it to PAGES in views/app.py, or move it into views/parts" for file in files - {*PAGES}])
    report([f"views/app.py: PAGES names {file}, and views/{file} is not there" for file in {*PAGES} - files])


def test_no_module_imports_a_page() -> None:
    """Pages are above the parts, and each is alone; only the files in folders are shared."""
    pages = {f"views.{file.removesuffix('.py')}" for file in PAGES}
    imported = [
        (file, node, name)
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for name in [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
    ]
    report(
        [
            f"{file.relative_to(ROOT)}:{node.lineno}: imports the page {name}; move what is shared into views/parts"
            for file, node, name in imported
            if name in pages
        ]
    )


def test_each_thing_is_done_in_the_one_file_that_does_it() -> None:
    report(
        [
            f"{place(file, node)}: st.{node.attr} belongs into views/{home} alone; {advice}"
            for file, tree in trees()
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "st"
            for home, advice in [ONLY.get(node.attr, ("", ""))]
            if home and file != VIEWS / home
        ]
    )


def test_every_widget_has_a_declared_key() -> None:
    report(
        [
            f"{place(file, one)}: key={ast.unparse(one.value)} is written out; declare it in Key of "
            "views/frame/state.py and use Key.NAME, or Key.NAME.of(...) for one among several"
            for file, tree in trees()
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            for one in node.keywords
            if one.arg == "key" and isinstance(one.value, ast.Constant | ast.JoinedStr)
        ]
    )


def test_every_declared_key_and_word_is_used() -> None:
    used = {
        (node.value.id, node.attr)
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    report(
        [
            f"views/frame/state.py: {kind.__name__}.{name} is declared and not used; take it out"
            for kind in (Key, Word)
            for name in kind.__members__
            if (kind.__name__, name) not in used
        ]
    )


def test_instants_are_written_by_the_one_formatter() -> None:
    months = ("%b", "%a", "%B", "%A")
    report(
        [
            f"{place(file, node)}: the format {node.value!r} is written out; use pipeline/config/wording.py, or the "
            "formats for Plotly in views/charts/base.py"
            for file, tree in trees()
            if file != VIEWS / "charts/base.py"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            if any(f"{month} " in f"{node.value} " or f"{month}," in node.value for month in months)
        ]
    )
