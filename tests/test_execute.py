"""tools/execute.py: what it stores, what it refuses, and that it changes nothing needlessly."""

import importlib.util
import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PATH = Path(__file__).resolve().parents[1] / "tools" / "execute.py"
SPEC = importlib.util.spec_from_file_location("execute", PATH)
execute = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(execute)

WIDGET_AND_HTML = """
class Figure:
    def _repr_mimebundle_(self, **kwargs):
        view = "application/vnd.jupyter.widget-view+json"
        return {view: {"model_id": "7"}, "text/html": "<b>figure</b>", "text/plain": "Figure"}

Figure()
"""


def store(path, *sources, tags=()):
    cells = [new_markdown_cell("# Title"), *map(new_code_cell, sources)]
    cells[-1].metadata["tags"] = list(tags)
    nbformat.write(new_notebook(cells=cells), path)
    return path


def outputs(path):
    return [o for c in nbformat.read(path, 4).cells if c.cell_type == "code" for o in c.outputs]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A notebook that was executed once, with what each kind of output leaves behind."""
    folder = tmp_path_factory.mktemp("good")
    (folder / "data.txt").write_text("found\n")
    path = store(
        folder / "good.ipynb",
        "import os\nprint(open('data.txt').read().strip(), os.environ['OMP_NUM_THREADS'])",
        WIDGET_AND_HTML,
        "1 / 0",
        tags=["raises-exception"],
    )
    assert execute.main([str(path)]) == 0
    return path


def test_runs_in_its_folder_with_one_thread(good):
    assert outputs(good)[0].text == "found 1\n"


def test_widget_view_gives_way_to_html(good):
    assert set(outputs(good)[1].data) == {"text/html", "text/plain"}


def test_expected_error_is_stored_without_a_traceback(good):
    error = outputs(good)[2]
    assert (error.ename, error.traceback) == (
        "ZeroDivisionError",
        ["ZeroDivisionError: division by zero"],
    )


def test_metadata_is_the_same_on_every_machine(good):
    notebook = nbformat.read(good, 4)
    assert notebook.metadata.language_info == {"name": "python"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    assert [c.execution_count for c in notebook.cells[1:]] == [1, 2, 3]
    assert not any("execution" in c.metadata for c in notebook.cells)


def test_second_execution_leaves_every_byte_and_id(good):
    before, ids = good.read_bytes(), [c.id for c in nbformat.read(good, 4).cells]
    stamp = good.stat().st_mtime_ns
    execute.execute(good)
    assert good.read_bytes() == before
    assert good.stat().st_mtime_ns == stamp
    assert [c.id for c in nbformat.read(good, 4).cells] == ids


def test_status_holds_digest_times_and_versions(good):
    entry = json.loads(good.with_name("status.json").read_text())["good.ipynb"]
    notebook = nbformat.read(good, 4)
    assert entry["sha256"] == execute.code_digest(notebook)
    assert entry["seconds"] >= entry["slowest_cell"]["seconds"]
    assert entry["slowest_cell"]["id"] in [c.id for c in notebook.cells]
    assert {"python", "numpy", "scipy"} <= set(entry["versions"])


def test_digest_sees_code_and_not_prose():
    def digest(prose, code):
        return execute.code_digest(
            new_notebook(cells=[new_markdown_cell(prose), new_code_cell(code)])
        )

    assert digest("one", "x = 1") == digest("two", "x = 1")
    assert digest("one", "x = 1") != digest("one", "x = 2")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\nraise ValueError('no such thing')", "fails with ValueError: no such thing"),
        ("import sys\nprint('oops', file=sys.stderr)", "writes to stderr: oops"),
        ("import warnings\nwarnings.warn('beware')", "writes to stderr"),
        ("print('RuntimeWarning: overflow')", "shows a warning"),
        ("object()", "shows an address"),
        (f"print({str(PATH)!r})", "shows a path of this machine"),
    ],
)
def test_refuses_and_does_not_write(tmp_path, capsys, source, message):
    path = store(tmp_path / "bad.ipynb", "1 + 1", source)
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["bad.ipynb"]
    error = capsys.readouterr().err
    assert f"{path}, cell 2 ({source.splitlines()[0][:60]})" in error
    assert message in error


def test_cells_without_ids_get_stable_ones():
    def ids():
        notebook = nbformat.v4.reads(
            json.dumps(
                {
                    "cells": [
                        {"cell_type": "markdown", "metadata": {}, "source": "a"},
                        {"cell_type": "markdown", "metadata": {}, "source": "a"},
                        {"cell_type": "markdown", "metadata": {}, "source": "b", "id": "mine"},
                    ],
                    "metadata": {},
                    "nbformat": 4,
                    "nbformat_minor": 4,
                }
            )
        )
        execute.give_ids(notebook)
        return [cell.id for cell in notebook.cells]

    first = ids()
    assert first == ids()
    assert len(set(first)) == 3
    assert first[2] == "mine"
