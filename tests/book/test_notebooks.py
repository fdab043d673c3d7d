"""Every chapter fulfils the template and is stored clean; and every gate bites."""

from __future__ import annotations

import copy
import json

import nbformat
import pytest
import yaml

import distill_lib
from distill_lib.exercises import _registry
from tests.book import notebook_checks as checks
from tests.book.notebook import CHAPTERS, ROOT, Notebook
from tools.execute import code_digest

STATUS = ROOT / "chapters" / "status.json"


def test_there_are_chapters():
    assert CHAPTERS


@pytest.mark.parametrize("check", checks.NOTEBOOK_CHECKS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_chapter(path, check):
    problems = check(Notebook.read(path))
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_recorded_run(path):
    entries = json.loads(STATUS.read_text("utf8"))
    problems = checks.status(Notebook.read(path), entries, code_digest)
    assert not problems, "\n".join(problems)


def test_recorded_runs_are_of_chapters_that_exist():
    assert sorted(json.loads(STATUS.read_text("utf8"))) == [path.name for path in CHAPTERS]


def test_configuration_defines_no_macros():
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    assert checks.config_macros(config) == []


def test_labels_are_unique_in_the_book():
    labels = [
        d.options["label"]
        for path in CHAPTERS
        for d in Notebook.read(path).directives
        if "label" in d.options
    ]
    assert sorted(labels) == sorted(set(labels))


# A small chapter that passes every check, and ways to break it.

TITLE = """\
# A chapter

A promise in one sentence.

:::{admonition} In this chapter
:class: tip
**You will be able to** do three things.

**You need** nothing. **Time**: 5 minutes. **Results of** nobody.
:::

## A puzzle
"""
FIGURE = (
    "The picture above surprises you.\n\n## Predict\n\nWhat happens next?\n\n## Set-up\n\n$x$.\n"
)
RESULT = """\
## Two results

:::{prf:proposition} One
:label: prp-one
It holds.
:::

## See it
"""
AFTER = """\
You predicted it.

## Where it stops

Here.

## From the paper

They say so.

## Exercises
"""
EXERCISE = """\
:::{{exercise}} Number
:label: ex-gate-{0}
**{1}.** Find it.
:::
"""
SOLUTION = """\
:::{{solution}} ex-gate-{0}
:label: sol-gate-{0}
:class: dropdown
```python
answer = 42
```
:::
"""
ANSWER = "<details><summary>Answer {}</summary>\n\nBecause.\n\n</details>\n\n"
QUESTIONS = "## Three questions\n\n" + "".join(
    f"**{i}.** Why?\n\n" + "".join(ANSWER.format(j) for j in range(3)) for i in range(3)
)
SUMMARY = "## Summary\n\nFive sentences.\n"
ALT = "The error falls for three rounds and then rises for seven more."
LIVE = f'<figure data-live="x"><img alt="{ALT}" src="data:image/png;base64,AAAA"></figure>'


def code(source, *tags, outputs=(), **metadata):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags), **metadata})
    cell.outputs = list(outputs)
    return cell


def display(**data):
    data = {mime.replace("_", "/"): value for mime, value in data.items()}
    return nbformat.v4.new_output("display_data", data)


def sound():
    """Make a chapter that passes every check."""
    text = nbformat.v4.new_markdown_cell
    mystnb = {"image": {"alt": ALT}, "figure": {"name": "fig-gate", "caption": "The error."}}
    cells = [
        text(TITLE),
        code(checks.INSTALL.format(extras="figures", bound=distill_lib.__version__), "remove-cell"),
        code("from distill_lib.exercises import check"),
        code("plt.show()", outputs=[display(image_png="AAAA")], mystnb=mystnb),
        text(FIGURE),
        text(RESULT),
        code("Live()", "live-figure", outputs=[display(text_html=LIVE, image_png="AAAA")]),
        text(AFTER),
    ]
    for i, level in enumerate(checks.LEVELS):
        unfilled = nbformat.v4.new_output("error", ename="Unfilled", evalue="", traceback=[])
        source = f'answer = ...\ncheck("ex-gate-{i}", answer)'
        cells += [
            text(EXERCISE.format(i, level)),
            code(source, "raises-exception", "remove-output", outputs=[unfilled]),
            text(SOLUTION.format(i)),
        ]
    cells += [text(QUESTIONS), text(SUMMARY)]
    node = nbformat.v4.new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "language_info": {"name": "python"},
        },
    )
    for count, cell in enumerate((c for c in cells if c.cell_type == "code"), 1):
        cell.execution_count = count
    return node


@pytest.fixture(autouse=True, scope="module")
def _checkers():
    """Register the checkers of the small chapter while this file runs."""
    gates = {f"ex-gate-{i}": lambda answer: None for i in range(3)}
    before = dict(_registry._CHECKERS)
    _registry._CHECKERS.update(gates)
    yield
    _registry._CHECKERS.clear()
    _registry._CHECKERS.update(before)


def reread(node, tmp_path):
    """Store and read again, as the gates read a chapter."""
    path = tmp_path / "99_gate.ipynb"
    path.write_text(json.dumps(node))
    return Notebook.read(path)


@pytest.mark.parametrize("check", checks.NOTEBOOK_CHECKS, ids=lambda f: f.__name__)
def test_a_sound_chapter_passes(check, tmp_path):
    assert check(reread(sound(), tmp_path)) == []


def replace(old, new):
    """Break a chapter by replacing text in its cells."""

    def breaks(node):
        assert any(old in cell.source for cell in node.cells), old
        for cell in node.cells:
            cell.source = cell.source.replace(old, new)

    return breaks


def change(index, **changes):
    """Break a chapter by changing the fields of one code cell."""

    def breaks(node):
        [c for c in node.cells if c.cell_type == "code"][index].update(copy.deepcopy(changes))

    return breaks


def meta(index, **changes):
    """Break a chapter by changing the metadata of one code cell."""

    def breaks(node):
        [c for c in node.cells if c.cell_type == "code"][index].metadata.update(changes)

    return breaks


def add(text):
    """Break a chapter by another Markdown cell at its end."""
    return lambda node: node.cells.append(nbformat.v4.new_markdown_cell(text))


def figure(alt=ALT, caption="The error.", name="fig-gate"):
    return meta(2, mystnb={"image": {"alt": alt}, "figure": {"name": name, "caption": caption}})


def out(kind, **fields):
    return change(1, outputs=[nbformat.v4.new_output(kind, **fields)])


BROKEN = [
    (checks.executed, change(1, execution_count=None)),
    (checks.executed, change(1, execution_count=7)),
    (checks.stored_errors, out("error", ename="ValueError", evalue="", traceback=[])),
    (checks.stderr, out("stream", name="stderr", text="Warning: slow")),
    (checks.widgets, out("display_data", data={"application/vnd.jupyter.widget-view+json": {}})),
    (checks.widgets, lambda node: node.metadata.update(widgets={"state": {}})),
    (checks.kernel, lambda node: node.metadata.kernelspec.update(name="my-env")),
    (checks.kernel, lambda node: node.metadata.language_info.update(version="3.11.4")),
    (checks.ids, lambda node: node.cells[3].pop("id")),
    (checks.ids, lambda node: node.cells[3].update(id=node.cells[4].id)),
    (checks.cell_length, change(1, source="x = 1\n" * 26)),
    (checks.install_cell, replace("%pip install -q", "%pip install")),
    (checks.install_cell, replace(f">={distill_lib.__version__}", ">=99.1")),
    (checks.install_cell, replace(f">={distill_lib.__version__}", "")),
    (checks.install_cell, meta(0, tags=[])),
    (
        checks.install_cell,
        replace("from distill_lib.exercises", "import torch\nfrom distill_lib.exercises"),
    ),
    (checks.install_cell, lambda node: node.cells.pop(1)),
    (checks.figures, meta(2, mystnb={})),
    (checks.figures, figure(alt="")),
    (checks.figures, figure(alt="Too short to say anything")),
    (checks.figures, figure(alt="Figure that shows the error of the model over ten rounds")),
    (checks.figures, figure(alt="Plot of the error of the model over all of its ten rounds")),
    (checks.figures, figure(caption="")),
    (checks.figures, figure(caption=ALT)),
    (checks.figures, figure(name="error")),
    (checks.live_figures, meta(3, tags=[])),
    (checks.live_figures, meta(2, tags=["live-figure"])),
    (checks.live_figures, change(3, outputs=[display(text_html=LIVE.replace(ALT, "Live"))])),
    (checks.live_figures, lambda node: node.cells.pop(6)),
    (checks.backtick_directives, add("```{note}\nText.\n```")),
    (checks.macros, add(r"$\newcommand{\R}{\mathbb{R}} x \in \R$")),
    (checks.macros, add(r"$\def\R{\mathbb{R}}$")),
    (checks.title, add("# Another title")),
    (checks.title, replace("# A chapter", "A chapter")),
    (checks.heading_order, add("#### Deep")),
    (checks.sections, replace("## Predict", "## Think")),
    (checks.sections, replace("## Set-up", "## Exercises")),
    (checks.sections, replace("## Two results", "Two results")),
    (checks.sections, replace("{prf:proposition}", "{note}")),
    (checks.sections, replace("## See it", "### See it")),
    (checks.card, replace("In this chapter", "Contents")),
    (checks.card, replace("**You need**", "**It takes**")),
    (checks.labelled_results, replace("prp-one", "thm-one")),
    (checks.labelled_results, replace(":label: prp-one\n", "")),
    (checks.exercises, lambda node: node.cells.pop(8)),
    (checks.exercises, lambda node: node.cells.pop(9)),
    (checks.exercises, lambda node: node.cells.pop(10)),
    (checks.exercises, replace("**Explore.**", "**Verify.**")),
    (checks.exercises, replace("ex-gate-1", "ex-unknown")),
    (checks.exercises, replace("sol-gate-1", "sol-gate-one")),
    (checks.exercises, replace('check("ex-gate-1"', 'check("ex-gate-2"')),
    (checks.exercises, replace(":class: dropdown\n", "")),
    (checks.exercises, replace("```python\n", "```\n")),
    (checks.exercises, meta(4, tags=["raises-exception"])),
    (checks.questions, replace(ANSWER.format(2), "")),
    (checks.questions, replace("**2.** Why?\n\n", "")),
    (checks.questions, replace("<details>", "")),
    (checks.prediction, replace("You predicted it.", "So it goes.")),
    (checks.words, add("This is clearly true.")),
    (checks.words, add(":::{prf:proof}\nIt is\neasy to see.\n:::")),
    (checks.words, figure(alt="The error clearly falls for three rounds and then rises.")),
]


@pytest.mark.parametrize(
    ("check", "breaks"), BROKEN, ids=[f"{c.__name__}-{i}" for i, (c, _) in enumerate(BROKEN)]
)
def test_a_broken_chapter_is_caught(check, breaks, tmp_path):
    node = sound()
    breaks(node)
    assert check(reread(node, tmp_path))


def test_every_check_is_tried():
    assert {check for check, _ in BROKEN} == set(checks.NOTEBOOK_CHECKS)


ENTRY = {"seconds": 50.0, "slowest_cell": {"index": 3, "seconds": 10.0}}


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "0"},
        {"seconds": 91.0},
        {"slowest_cell": {"index": 3, "seconds": 20.5}},
    ],
)
def test_a_bad_recorded_run_is_caught(changes, tmp_path):
    notebook = reread(sound(), tmp_path)
    entry = {**ENTRY, "sha256": code_digest(notebook.node)}
    assert checks.status(notebook, {"99_gate.ipynb": entry}, code_digest) == []
    assert checks.status(notebook, {"99_gate.ipynb": {**entry, **changes}}, code_digest)
    assert checks.status(notebook, {}, code_digest)


def test_macros_in_the_configuration_are_caught():
    config = {"sphinx": {"config": {"mathjax3_config": {"tex": {"macros": {"R": "x"}}}}}}
    assert checks.config_macros(config)
