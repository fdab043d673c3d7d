"""The page of reproductions: verdicts, links, numbers, commands, counts; no result is missing."""

from __future__ import annotations

import copy
import importlib
import io
import re
import shlex
import sys
from functools import cache

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import docutils_namespace, patch_docutils

from tests.book.notebook import CHAPTERS, ROOT, Notebook, paragraphs
from tests.book.quoted import in_code, in_output, in_prose, is_printed, outputs

sys.path.insert(0, str(ROOT / "_ext"))
reproduction = importlib.import_module("reproduction")

CONTENT = reproduction.read(ROOT / "chapters" / reproduction.SOURCE)
PAGE = (ROOT / "chapters" / "reproduction.md").read_text("utf8")
RESULTS = ("prf:theorem", "prf:proposition", "prf:lemma", "prf:corollary")
RESULT_LABEL = re.compile(r"(thm|prp|lem|cor)-")
KINDS = {"theorem", "claim", "figure", "table", "number", "experiment"}
FIELDS = {"id", "kind", "known", "claim", "where", "ours", "verdict"}
OPTIONAL = {"lines", "counts", "why", "run", "cannot", "quoted", "by"}
ROWS = [row for paper in CONTENT["papers"] for row in paper["rows"]]
NUMBERED = re.compile(
    r"\b(theorem|proposition|lemma|corollary|section|figure|table|equation)s?\s+[A-Z]?\d", re.I
)


@cache
def notebooks():
    """All chapters by name."""
    return {path.stem: Notebook.read(path) for path in CHAPTERS}


@cache
def labels():
    """Labels of the book, each with the name of its notebook."""
    found = {}
    for name, notebook in notebooks().items():
        here = re.findall(r"(?m)^\(([\w-]+)\)=", notebook.text)
        here += [d.options["label"] for d in notebook.directives if "label" in d.options]
        figures = [cell.metadata.get("mystnb", {}).get("figure", {}) for cell in notebook.code]
        found |= dict.fromkeys([*here, *(f["name"] for f in figures if "name" in f)], name)
    return found


@cache
def results():
    """Labels of all theorems, propositions, lemmas and corollaries, with their text."""
    return {
        d.options["label"]: f"{d.argument} {d.body}"
        for notebook in notebooks().values()
        for d in notebook.directives
        if d.name in RESULTS
    }


@cache
def printed_lines(name):
    """Lines that a notebook prints, with single spaces."""
    return [" ".join(line.split()) for t in outputs(notebooks()[name]) for line in t.splitlines()]


@cache
def coded(name):
    """Floating-point numbers of the code of a notebook."""
    return [n for cell in notebooks()[name].code for n in in_code(cell.source)]


@cache
def evidence(name):
    """What a notebook prints, and the floating-point numbers of its code."""
    return [n for line in printed_lines(name) for n in in_output(line)], coded(name)


def from_lines(row, names):
    """What the lines of a row hold, and the code of its notebooks."""
    pieces = row.get("lines", ())
    held = [t for name in names for t in printed_lines(name) if any(p in t for p in pieces)]
    printed = [n for line in held for n in in_output(line)]
    return printed, [n for name in names for n in coded(name)]


@cache
def prose(name):
    """What a notebook says: numbers of its prose, printed numbers, and those of its code."""
    notebook = notebooks()[name]
    said = [n for text in paragraphs(notebook.text) for n in in_output(text)]
    printed, in_cells = evidence(name)
    return said + printed, in_cells


def numbers(text):
    """Numbers of a piece of the page that can be wrong by a digit."""
    return [n for paragraph in paragraphs(text) for n in in_prose(paragraph)]


def whole_numbers(text):
    """Whole numbers of two digits or more in the words, not in formulas: 18 of 18."""
    words = " ".join(paragraphs(text, math=False)).replace(",000", "000")
    return re.findall(r"(?<![\w.-])\d{2,}(?![\w%]|\.\d|-\w)", words)


def missing(text, names, known, *, whole=True):
    """Numbers of a text that are neither known nor, if they are whole, in the code."""
    absent = [n.text for n in numbers(text) if not any(is_printed(n, *have) for have in known)]
    counted = {str(number.value) for printed, _ in known for number in printed}
    counted = counted.union(*map(_integers, names))
    return absent + [n for n in whole_numbers(text) if whole and n not in counted]


@cache
def _integers(name):
    """Whole numbers of the code of a notebook."""
    code = "\n".join(cell.source for cell in notebooks()[name].code)
    return set(re.findall(r"(?<![\w.])\d+(?![\w.])", code.replace("_", "")))


def problems(row):
    """What is wrong with a row."""
    found = []
    if not FIELDS <= set(row) <= FIELDS | OPTIONAL:
        return [f"fields {sorted(set(row) ^ FIELDS)}"]
    if row["verdict"] not in CONTENT["verdicts"]:
        found.append(f"verdict {row['verdict']!r}")
    if row["kind"] not in KINDS or row["known"] not in reproduction.KNOWN:
        found.append(f"kind {row['kind']!r} or known {row['known']!r}")
    found += [f"label {label} does not exist" for label in row["where"] if label not in labels()]
    return found or _form(row) + _numbers(row)


def _form(row):
    """Whether a row has what its verdict asks for."""
    verdict, found = row["verdict"], []
    proved = verdict == "proved and tested"
    if proved and not any(RESULT_LABEL.match(label) for label in row["where"]):
        found.append("proved, but names no result")
    if not proved and "counts" not in row:
        found.append("does not say what counts as agreement")
    if ("why" in row) != (verdict == "differs, and why"):
        found.append("why and the verdict do not go together")
    if ("run" in row) + ("cannot" in row) != (verdict == "not run"):
        found.append("a row that is not run has a command or says why there is none")
    if verdict == "reproduced" and not numbers(row["ours"]):
        found.append("reproduced, without a number")
    for name in ("claim", "ours", "counts", "why"):
        if NUMBERED.search(row.get(name, "")):
            found.append(f"a statement number in {name}")
    return found


def _numbers(row):
    """Numbers that nothing backs."""
    names = sorted({labels()[label] for label in row["where"]})
    anywhere, quoted = [evidence(name) for name in names], row.get("quoted", {})
    found = [f"no line has {n}" for n in missing(row["ours"], names, [from_lines(row, names)])]
    for text in (row.get("counts", ""), row.get("why", "")):
        found += [f"no cell prints {n}" for n in missing(text, names, anywhere)]
    printed = [line for name in names for line in printed_lines(name)]
    for piece in row.get("lines", ()):
        if not any(piece in line for line in printed):
            found.append(f"no cell prints a line with {piece!r}")
    written = {n.text for n in numbers(row["claim"])}
    for text in missing(row["claim"], names, [prose(name) for name in names], whole=False):
        if text not in quoted:
            found.append(f"{text} of the claim is not in {', '.join(names)}")
    found += [f"quoted {text} is not in the claim" for text in quoted if text not in written]
    found += [f"quoted {t} has no source" for t, source in quoted.items() if len(source) < 10]
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_row(row):
    assert problems(row) == []


def test_ids_are_unique():
    ids = [row["id"] for row in ROWS]
    assert len(ids) == len(set(ids))


def test_every_paper_has_its_table():
    keys = [paper["key"] for paper in CONTENT["papers"]]
    assert re.findall(r":::\{reproduction-table\} (\S+)", PAGE) == keys
    for name in ("summary", "rest"):
        assert f":::{{reproduction-{name}}}" in PAGE
    cited = re.findall(r"@\w+\{(\w+),", (ROOT / "references.bib").read_text("utf8"))
    works = {*keys, *(row["by"] for row in ROWS if "by" in row)} - {"others"}
    assert works <= set(cited)
    others = reproduction.rows_of(CONTENT, "others")
    assert all(("by" in row) == (row in others) for row in ROWS)


def test_counts_equal_the_rows():
    table = reproduction.counts(CONTENT)
    assert list(table) == list(CONTENT["verdicts"])
    assert sum(sum(by.values()) for by in table.values()) == len(ROWS)
    for paper in CONTENT["papers"]:
        assert sum(by[paper["key"]] for by in table.values()) == len(paper["rows"])
    assert all(sum(by.values()) for by in table.values()), "a verdict that is never given"


def test_no_labelled_result_is_missing():
    in_rows = {label for row in ROWS for label in row["where"] if RESULT_LABEL.match(label)}
    rest = [*CONTENT["classical"], *CONTENT["own"]]
    assert len(rest) == len(set(rest))
    assert in_rows & set(rest) == set(), "in a row, and said to be in none"
    assert in_rows | set(rest) == set(results())


def test_a_result_that_cites_a_paper_stands_in_its_table():
    for paper in CONTENT["papers"]:
        here = {label for row in paper["rows"] for label in row["where"]}
        cites = re.compile(rf"\{{cite[^}}]*\}}`[^`]*\b{paper['key']}\b")
        assert {label for label, text in results().items() if cites.search(text)} <= here


def test_links_of_the_page_exist():
    linked = re.findall(r"\{(?:prf:ref|numref|ref|eq)\}`(?:[^`<]*<)?([\w-]+)>?`", PAGE)
    assert linked
    assert set(linked) <= set(labels())
    assert not numbers(PAGE.split(":::{reproduction-summary}")[1]), "a number that nothing backs"


def parsed(command):
    """Return name, data and settings of ``python -m experiments ...``."""
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "experiments"]
    found = re.search(r"--data (\S+)", command)
    changed = command.partition("--set ")[2].split()
    return words[3], found[1], [text.partition("=")[0] for text in changed]


@pytest.mark.parametrize(
    "command", sorted({row["run"] for row in ROWS if "run" in row}), ids=lambda c: c[22:]
)
def test_commands_start_an_experiment(command):
    pytest.importorskip("torch")
    from experiments import sweep

    name, data, changed = parsed(command)
    assert name in sweep.NAMES
    settings = sweep.settings_of(name, data)
    assert set(changed) <= set(settings)


# --- the extension ---------------------------------------------------------------------------

SMALL = """
verdicts: {proved and tested: "With $x$.", not run: Nothing.}
proved_rule: Proof.
papers:
- key: ada
  rows:
  - {id: one, kind: theorem, known: recalled, claim: "A $x$.", where: [sec-here], ours: The same,
     verdict: proved and tested}
  - {id: two, kind: table, known: code, claim: B., where: [sec-here], ours: Nothing., counts: C.,
     verdict: not run, run: python -m experiments rounds}
own: [sec-here]
"""
SMALL_PAGE = """
(sec-here)=
# A page

:::{reproduction-summary}
:::

:::{reproduction-table} KEY
:::

:::{reproduction-rest} own
:::
"""
CONF = """
extensions = ["myst_parser", "reproduction"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
"""


def build(folder, key="ada"):
    """Build a page; return it, and the warnings."""
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text(SMALL_PAGE.replace("KEY", key))
    (folder / "reproduction.yml").write_text(SMALL)
    warnings = io.StringIO()
    with patch_docutils(str(folder)), docutils_namespace():
        Sphinx(
            folder, folder, folder / "out", folder / "trees", "html", None, None, warnings
        ).build()
    return BeautifulSoup((folder / "out" / "index.html").read_text("utf8"), "html.parser"), [
        line for line in warnings.getvalue().splitlines() if "numfig" not in line
    ]


def test_the_page_is_made_from_the_file(tmp_path):
    page, _ = build(tmp_path)
    rows = [[td.get_text(" ", strip=True) for td in tr("td")] for tr in page.select("tr")]
    assert rows[1:4] == [["proved and tested", "1", "1"], ["not run", "1", "1"], ["all", "2", "2"]]
    first, second = page.select("table.reproduction tbody tr")
    assert (first["id"], second["id"]) == ("rep-one", "rep-two")
    assert first.select_one("p.known").get_text() == "Theorem, as we recall it."
    assert [td.get_text(strip=True) for td in first("td")][2:] == ["Proof.", "proved and tested"]
    assert second.code.get_text() == "python -m experiments rounds"
    assert page.select_one("dl.verdicts dd .math")


def test_a_table_of_an_unknown_paper_stops_the_build(tmp_path):
    with pytest.raises(ExtensionError, match="no paper 'eve'"):
        build(tmp_path, "eve")


# --- the tests find what they are for --------------------------------------------------------


def row_of(name):
    """A copy of a row."""
    return copy.deepcopy(next(row for row in ROWS if row["id"] == name))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("p2-table", {"verdict": "agrees"}, "verdict 'agrees'"),
        ("p2-table", {"where": ["sec-nowhere"]}, "sec-nowhere does not exist"),
        ("p2-table", {"ours": "The largest deviation is 4.9e-06."}, "no line has 4.9e-06"),
        ("p2-table", {"ours": "The largest deviation is 0.14855."}, "no line has 0.14855"),
        ("p2-table", {"lines": ["worst deviation", "no such line"]}, "a line with 'no such line'"),
        ("p2-table", {"counts": "5e-7."}, "no cell prints 5e-7"),
        ("p2-table", {"ours": "All agree."}, "reproduced, without a number"),
        ("p2-cost", {"ours": "A grid takes 3457."}, "no line has 3457"),
        ("p2-cost", {"where": ["sec-weight-cost"]}, "names no result"),
        ("p3-gain", {"ours": "Digits: $+4.7$ points."}, "no line has 4.7"),
        ("p3-table", {"claim": "CIFAR-100: 72.53 to 74.55."}, "72.53 of the claim is not in"),
        ("p3-table", {"run": None}, "command"),
        ("p3-table", {"claim": "Table 3 has 72.52."}, "a statement number in claim"),
        ("p1-bound", {"why": None}, "why and the verdict"),
        ("p1-test", {"counts": None}, "what counts as agreement"),
        ("p1-test", {"extra": "x"}, "extra"),
    ],
)
def test_a_wrong_row_is_caught(name, change, message):
    row = row_of(name) | change
    row = {key: value for key, value in row.items() if value is not None}
    assert any(message in problem for problem in problems(row)), problems(row)
