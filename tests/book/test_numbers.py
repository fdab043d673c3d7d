"""Every number of the prose is printed by a cell of the same notebook."""

from __future__ import annotations

from decimal import Decimal

import nbformat
import pytest

from tests.book.notebook import CHAPTERS, Notebook
from tests.book.quoted import in_code, in_output, in_prose, unprinted


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_every_number_is_printed(path):
    problems = unprinted(Notebook.read(path))
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The error falls to 0.35, then rises.", ["0.35"]),
        ("It is 3.", []),
        ("from 0.3–0.5 to $-0.25$", ["0.3", "0.5", "0.25"]),
        ("about 12 % of the 300 points", ["12 %"]),
        ("a share of $12.5\\,\\%$", ["12.5%"]),
        ("a loss of 7 per cent", ["7%"]),
        ("the residual is $3.2\\cdot10^{-4}$", ["3.2\\cdot10^{-4}"]),
        ("the residual is $3 \\times 10^{-4}$", ["3 \\times 10^{-4}"]),
        ("below $10^{-12}$ and below 10⁻⁸", ["10^{-12}", "10^{-8}"]),
        ("at 1e-4", ["1e-4"]),
        ("1.7× better, 1.8$\\lambda$ worse", ["1.7", "1.8"]),
        ("Python 3.11, section 2.12, version 1.0.4, in 2020", []),
        ("see arXiv:2002.05715 and [there](https://example.org/1.25)", []),
        ("the power $10^{k}$, the index $x_{1}$, the square $a^2$", []),
        ("code like `lam = 0.125` and {cite:t}`a2.5` does not count", []),
        ("a value .5 without a zero", [".5"]),
        ("| 0.25 | 11 |", ["0.25"]),
    ],
)
def test_numbers_of_prose(text, expected):
    from tests.book.notebook import paragraphs

    found = [n.text for paragraph in paragraphs(text) for n in in_prose(paragraph)]
    assert found == expected


def test_numbers_of_outputs_and_code():
    values = [n.value for n in in_output("loss 0.3512 at [1. 2.5] n=40, 3.2e-04, 35.1%")]
    assert values == [Decimal(v) for v in ("0.3512", "1", "2.5", "40", "0.00032", "35.1")]
    code = "x = 0.25 + 3 + 1e-4  # 7.5\ny = '8.5'\nif x:\n    %pip install a>=9.5\n"
    assert [n.value for n in in_code(code)] == [Decimal("0.25"), Decimal("0.0001")]


def notebook(prose, output="", code="x", quoted=None, tags=()):
    """Make a notebook with one paragraph and one printing cell."""
    node = nbformat.v4.new_notebook(metadata={"book": {"quoted": quoted or {}}})
    cell = nbformat.v4.new_code_cell(code, metadata={"tags": list(tags)})
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=output)]
    node.cells = [nbformat.v4.new_markdown_cell(prose), cell]
    return Notebook("x.ipynb", node)


@pytest.mark.parametrize(
    ("prose", "output"),
    [
        ("The error is 0.35.", "error 0.3512"),
        ("The error is 0.35.", "error 0.35"),
        ("The change is $-0.35$.", "change -0.351"),
        ("It falls by 12 %.", "ratio 0.1234"),
        ("It falls by 12 %.", "12.3%"),
        ("The share is 0.12.", "12.3%"),
        ("The residual is $3\\cdot10^{-4}$.", "3.2e-04"),
        ("The value is 2.0.", "[2. 0.5]"),
    ],
)
def test_a_printed_number_passes(prose, output):
    assert unprinted(notebook(prose, output)) == []


@pytest.mark.parametrize(
    ("prose", "output"),
    [
        ("The error is 0.36.", "error 0.3512"),  # a changed digit
        ("The error is 0.350.", "error 0.35"),  # a digit that was not printed
        ("The error is 1.35.", "error 0.35"),
        ("The value is 2.0.", "2 points"),
        ("It falls by 13 %.", "ratio 0.1234"),
        ("It falls by 12 %.", "12 points"),
        ("The residual is $3\\cdot10^{-5}$.", "3.2e-04"),
        ("| 0.36 |\n|---|\n| 0.37 |", "0.36"),
        (":::{note}\nInside, 0.36.\n:::", "0.3512"),
        ("::::{prf:proof}\n:::{note}\nNested, 0.36.\n:::\n::::", "0.3512"),
        ("<details><summary>Is it 0.36?</summary>\n\nNo.\n\n</details>", "0.3512"),
        ("$$ x = 0.36 $$ (eq-x)", "0.3512"),
    ],
)
def test_a_wrong_number_is_caught(prose, output):
    assert unprinted(notebook(prose, output))


def test_code_backs_a_number_only_exactly():
    assert not unprinted(notebook("A ridge of 0.05.", code="lam = 0.05"))
    assert not unprinted(notebook("A level of 5 %.", code="level = 0.05"))
    assert unprinted(notebook("A ridge of 0.05.", code="lam = 0.0512"))
    assert unprinted(notebook("A ridge of 0.05.", code="lam = '0.05'  # 0.05"))


def test_an_output_that_is_not_compared_backs_nothing():
    assert unprinted(notebook("It is 0.35.", "0.35", tags=["nbval-ignore-output"]))


def test_captions_and_alt_texts_count():
    broken = notebook("Words.", "0.35")
    broken.code[0].metadata["mystnb"] = {"image": {"alt": "The error falls to 0.36"}}
    assert unprinted(broken)


def test_the_allow_list_needs_a_source_and_a_use():
    source = "Furlanello et al. (2018), table 2"
    assert not unprinted(notebook("They report 17.25.", quoted={"17.25": source}))
    assert unprinted(notebook("They report 17.25.", quoted={"17.25": ""}))
    assert unprinted(notebook("They report it.", quoted={"17.25": source}))
