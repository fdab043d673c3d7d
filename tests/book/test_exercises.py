"""Exercises: an empty answer fails loudly, the solution passes, every checker is used."""

from __future__ import annotations

import nbformat
import pytest

from distill_lib import exercises as registry
from distill_lib.exercises import _registry
from tests.book import notebook_checks as checks
from tests.book.notebook import CHAPTERS, Directive, Exercise, Notebook

NOTEBOOKS = [Notebook.read(path) for path in CHAPTERS]
EXERCISES = [
    pytest.param(notebook, exercise, id=exercise.label)
    for notebook in NOTEBOOKS
    for exercise in notebook.exercises
]


@pytest.mark.parametrize(("notebook", "exercise"), EXERCISES)
def test_placeholder_fails_loudly(notebook, exercise):
    assert checks.placeholder(notebook, exercise) == []


@pytest.mark.parametrize(("notebook", "exercise"), EXERCISES)
def test_solution_passes(notebook, exercise):
    assert checks.solution(exercise) == []


def test_checkers_and_exercises_are_the_same():
    used = [exercise.label for notebook in NOTEBOOKS for exercise in notebook.exercises]
    assert sorted(used) == registry.labels()


# The gates themselves, on an exercise that is broken.


@pytest.fixture
def label(monkeypatch):
    """An exercise of which the answer is 42."""

    def checker(answer):
        _registry.require(answer == 42, "not 42")

    monkeypatch.setitem(_registry._CHECKERS, "ex-gate", checker)
    return "ex-gate"


def make(label, cell, block="answer = 42"):
    """Make a notebook with one exercise, and the exercise."""
    node = nbformat.v4.new_notebook()
    code = nbformat.v4.new_code_cell(cell)
    code.outputs = [nbformat.v4.new_output("error", ename="Unfilled", evalue="", traceback=[])]
    node.cells = [
        nbformat.v4.new_code_cell("%pip install nothing"),
        nbformat.v4.new_code_cell("from distill_lib.exercises import check"),
        code,
    ]
    solution = Directive("solution", label, {}, f"```python\n{block}\n```")
    return Notebook("x.ipynb", node), Exercise(label, "**Verify.**", code, solution)


def test_a_sound_exercise_passes(label):
    notebook, exercise = make(label, f'answer = ...\ncheck("{label}", answer)')
    assert checks.placeholder(notebook, exercise) == []
    assert checks.solution(exercise) == []


@pytest.mark.parametrize(
    "cell",
    [
        'answer = 42\ncheck("ex-gate", answer)',
        'answer = 41\ncheck("ex-gate", answer)',
        'answer = unknown\ncheck("ex-gate", answer)',
        "answer = ...",
    ],
)
def test_a_placeholder_that_does_not_fail_is_caught(label, cell):
    assert checks.placeholder(*make(label, cell))


def test_a_placeholder_that_was_stored_otherwise_is_caught(label):
    notebook, exercise = make(label, f'answer = ...\ncheck("{label}", answer)')
    exercise.cell.outputs = []
    assert checks.placeholder(notebook, exercise)


@pytest.mark.parametrize("block", ["answer = 41", "answer = np.sqrt(1764)", "other = 42"])
def test_a_solution_that_does_not_pass_is_caught(label, block):
    _, exercise = make(label, f'answer = ...\ncheck("{label}", answer)', block)
    assert checks.solution(exercise)
