"""What every chapter has to fulfil. Each check returns a list of problems, empty if all is well."""

from __future__ import annotations

import ast
import itertools
import re

from bs4 import BeautifulSoup
from packaging.version import Version

import distill_lib
from distill_lib import exercises as registry
from tests.book.notebook import HIDDEN, checked_labels, paragraphs, python_blocks, tags, walk
from tools.execute import USES_TORCH

MAX_LINES = 25
MAX_CELL_SECONDS = 20
MAX_CHAPTER_SECONDS = 90

INSTALL = """\
# On Colab or another fresh machine: install the library if it is missing.
import importlib.util

if importlib.util.find_spec("distill_lib") is None:
    %pip install -q "distill-lib[{extras}]>={bound}"\
"""

# The sections of the template, in order: a name for messages, and how the heading begins.
SECTIONS = (
    ("A puzzle", r"(a|the) puzzle\b"),
    ("Predict", r"predict"),
    ("Set-up", r"set-?up\b"),
    ("See it", r"see it\b"),
    ("Where it stops", r"where it stops\b"),
    ("From the paper", r"from the papers?\b"),
    ("Exercises", r"exercises\b"),
    ("Three questions", r"three questions\b"),
    ("Summary", r"summary\b"),
)
CARD = ("You will be able to", "You need", "Time", "Results of")
LEVELS = ("Verify", "Derive", "Explore")

# Words that tell a reader who does not see it that it is his fault.
FORBIDDEN = re.compile(
    r"\b(clearly|obvious(ly)?|trivially|evidently|needless to say|(it is )?easy to see"
    r"|it is easy to|as (everyone|everybody) knows|of course|one (easily )?sees)\b",
    re.I,
)
EMPTY_ALT = re.compile(r"^\s*(figure|plot of|image|graph of|picture|chart of|screenshot)\b", re.I)
MACRO = re.compile(r"\\(re)?newcommand|\\providecommand|\\DeclareMathOperator|\\def\s*\\|\\gdef")


def where(notebook, cell):
    """Say where a cell is, so that it can be found in JupyterLab."""
    first = cell.source.strip().splitlines()
    return f"cell {notebook.cells.index(cell)} ({first[0][:50] if first else 'empty'})"


def executed(notebook):
    """Execution counts run 1, 2, ... in order: executed once, from a fresh kernel."""
    cells = [cell for cell in notebook.code if cell.source.strip()]
    return [
        f"{where(notebook, cell)}: execution count {cell.execution_count}, expected {expected}; "
        "run make execute"
        for expected, cell in enumerate(cells, 1)
        if cell.execution_count != expected
    ]


def stored_errors(notebook):
    """No stored error, except where the reader's answer is still missing."""
    return [
        f"{where(notebook, cell)}: stored error {output.ename}"
        for cell in notebook.code
        for output in cell.outputs
        if output.output_type == "error" and "raises-exception" not in tags(cell)
    ]


def stderr(notebook):
    """No warning, progress bar or other text on stderr."""
    return [
        f"{where(notebook, cell)}: stored stderr"
        for cell in notebook.code
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]


def widgets(notebook):
    """No widget state: it has random ids, and the site has no kernel to give it to."""
    problems = ["widget state in the metadata"] if "widgets" in notebook.node.metadata else []
    return problems + [
        f"{where(notebook, cell)}: stored {mime}"
        for cell in notebook.code
        for output in cell.outputs
        for mime in output.get("data", {})
        if mime.startswith("application/vnd.jupyter.widget")
    ]


def kernel(notebook):
    """The kernel is the plain one, and no version of Python is stored."""
    meta = notebook.node.metadata
    problems = []
    if meta.get("kernelspec", {}).get("name") != "python3":
        problems.append(f"kernelspec is {meta.get('kernelspec')}, expected the name python3")
    if meta.get("language_info") != {"name": "python"}:
        problems.append("language_info holds more than the name: it changes with each machine")
    return problems


def ids(notebook):
    """Every cell has an id of its own."""
    seen, problems = set(), []
    for cell in notebook.cells:
        if not cell.get("id"):
            problems.append(f"{where(notebook, cell)}: no id")
        elif cell.id in seen:
            problems.append(f"{where(notebook, cell)}: id {cell.id} is used twice")
        seen.add(cell.get("id"))
    return problems


def cell_length(notebook):
    """A code cell that the reader sees fits on a screen."""
    return [
        f"{where(notebook, cell)}: {lines} lines, at most {MAX_LINES}"
        for cell in notebook.code
        if not tags(cell) & HIDDEN and (lines := len(cell.source.strip().splitlines())) > MAX_LINES
    ]


def _needs_torch(notebook):
    """Whether a cell imports PyTorch or what is built on it."""
    return any(USES_TORCH.search(cell.source) for cell in notebook.code)


def install_cell(notebook):
    """The first code cell installs the library where it is missing; it is the same everywhere."""
    if not notebook.code:
        return ["no code cell"]
    first, problems = notebook.code[0], []
    bound = re.search(r">=([\d.]+)", first.source)
    extras = "figures,deep" if _needs_torch(notebook) else "figures"
    expected = INSTALL.format(extras=extras, bound=bound[1] if bound else "0")
    if first.source.strip() != expected:
        problems.append(f"the first code cell is not the guarded install of [{extras}]")
    elif Version(bound[1]) > Version(distill_lib.__version__):
        problems.append(f"installs >={bound[1]}, but this is {distill_lib.__version__}")
    if "remove-cell" not in tags(first):
        problems.append("the install cell is not tagged remove-cell")
    return problems


def _html(cell):
    """The HTML outputs of a cell."""
    return "".join(
        "".join(output.data["text/html"])
        for output in cell.outputs
        if "text/html" in output.get("data", {})
    )


def is_figure(cell):
    """Whether a cell shows a matplotlib figure."""
    return any("image/png" in o.get("data", {}) for o in cell.outputs) and not is_live(cell)


def is_live(cell):
    """Whether a cell shows a live figure."""
    return bool(BeautifulSoup(_html(cell), "html.parser").find("figure"))


def alt_problems(alt, caption):
    """Say what is wrong with an alternative text."""
    if not alt:
        return ["no alt text"]
    problems = []
    if len(alt) <= 40:
        problems.append(f"alt text has only {len(alt)} characters: say what the figure shows")
    if alt.strip() == caption.strip():
        problems.append("alt text repeats the caption")
    if EMPTY_ALT.match(alt):
        problems.append(f"alt text says what the figure is, not what it shows: {alt[:40]!r}")
    return problems


def figures(notebook):
    """Every figure has a name, a caption and an alternative text that says what it shows."""
    problems, names = [], set()
    for cell in filter(is_figure, notebook.code):
        meta = cell.metadata.get("mystnb", {})
        alt = meta.get("image", {}).get("alt", "")
        caption = meta.get("figure", {}).get("caption", "")
        name = meta.get("figure", {}).get("name", "")
        found = alt_problems(alt, caption)
        if not caption:
            found.append("no caption")
        if not name.startswith("fig-"):
            found.append(f"name {name!r} does not start with fig-")
        if name in names:
            found.append(f"name {name!r} is used twice")
        names.add(name)
        problems += [f"{where(notebook, cell)}: {problem}" for problem in found]
    return problems


def live_figures(notebook):
    """A live figure is tagged, and its picture for readers without scripts has alt text."""
    problems = []
    for cell in notebook.code:
        if is_live(cell) != ("live-figure" in tags(cell)):
            problems.append(f"{where(notebook, cell)}: tag live-figure and output do not agree")
        if is_live(cell):
            image = BeautifulSoup(_html(cell), "html.parser").find("img")
            alt = image.get("alt", "") if image else ""
            problems += [f"{where(notebook, cell)}: {p}" for p in alt_problems(alt, "")]
    if not any("live-figure" in tags(cell) for cell in notebook.code):
        problems.append("no live figure")
    return problems


def backtick_directives(notebook):
    """Directives use colons: back-ticks show as code in Jupyter and Colab."""
    return [
        f"{where(notebook, cell)}: directive with back-ticks: {token.info}"
        for cell in notebook.markdown
        for token, _ in walk(cell.source)
        if token.type == "fence" and token.info.strip().startswith("{")
    ]


def macros(notebook):
    """No TeX macro is defined: it would be unknown in Jupyter and Colab."""
    return [
        f"{where(notebook, cell)}: defines a TeX macro ({found[0]})"
        for cell in notebook.markdown
        if (found := MACRO.search(cell.source))
    ]


def title(notebook):
    """One title, at the top."""
    titles = [text for level, text in notebook.headings if level == 1]
    first = notebook.cells[0]
    if len(titles) != 1 or first.cell_type != "markdown" or "# " not in first.source[:200]:
        return [f"expected one title at the top, found {titles}"]
    return []


def heading_order(notebook):
    """No level of headings is skipped."""
    levels = [level for level, _ in notebook.headings]
    return [
        f"heading {notebook.headings[i][1]!r}: from level {a} to {b}"
        for i, (a, b) in enumerate(itertools.pairwise(levels), 1)
        if b > a + 1
    ]


def sections(notebook):
    """The sections of the template, in order, with a labelled result between set-up and figure."""
    headings = [text for level, text in notebook.headings if level == 2]
    problems, position, places = [], -1, {}
    for name, pattern in SECTIONS:
        places[name] = [i for i, text in enumerate(headings) if re.match(pattern, text, re.I)]
        later = [i for i in places[name] if i > position]
        if later:
            position = later[0]
        elif places[name]:
            problems.append(f"section {name!r} comes too early")
        else:
            problems.append(f"no section {name!r}")
    if places["Set-up"] and places["See it"] and places["See it"][0] - places["Set-up"][0] < 2:
        problems.append("no section with results between 'Set-up' and 'See it'")
    if not any(d.name.startswith("prf:") and "label" in d.options for d in notebook.directives):
        problems.append("no labelled result")
    return problems


def card(notebook):
    """The card at the top says what the chapter gives and takes."""
    cards = [
        d
        for d in notebook.directives
        if d.name == "admonition" and d.argument.strip() == "In this chapter"
    ]
    if len(cards) != 1:
        return [f"{len(cards)} cards 'In this chapter', expected one"]
    return [f"the card does not say {item!r}" for item in CARD if item not in cards[0].body]


def labelled_results(notebook):
    """Every theorem-like directive has a label with the prefix of its kind."""
    prefixes = {"theorem": "thm-", "proposition": "prp-", "lemma": "lem-", "corollary": "cor-"}
    return [
        f"{d.name} {d.argument!r}: label {d.options.get('label')!r} should start with {prefix}"
        for d in notebook.directives
        if (prefix := prefixes.get(d.name.removeprefix("prf:")))
        and not d.options.get("label", "").startswith(prefix)
    ]


def exercises(notebook):
    """At least three exercises, at all levels, each with cell, solution and checker."""
    found, problems = notebook.exercises, []
    if len(found) < 3:
        problems.append(f"{len(found)} exercises, at least 3")
    levels = {level for e in found for level in LEVELS if e.text.strip().startswith(f"**{level}.")}
    problems += [f"no exercise at the level {level}" for level in LEVELS if level not in levels]
    for exercise in found:
        problems += [f"{exercise.label or 'exercise'}: {p}" for p in exercise_problems(exercise)]
    known = {e.label for e in found}
    problems += [
        f"solution of {d.argument!r}, which is no exercise of this chapter"
        for d in notebook.directives
        if d.name == "solution" and d.argument not in known
    ]
    problems += [
        f"{where(notebook, cell)}: checks {label!r}, which is no exercise of this chapter"
        for cell in notebook.code
        for label in checked_labels(cell.source)
        if label not in known
    ]
    return problems


def exercise_problems(exercise):
    """What is missing of one exercise."""
    problems = []
    if not exercise.label.startswith("ex-"):
        problems.append(f"label {exercise.label!r} does not start with ex-")
    if not any(exercise.text.strip().startswith(f"**{level}.") for level in LEVELS):
        problems.append(f"does not begin with its level, one of {', '.join(LEVELS)}")
    if exercise.label not in registry.labels():
        problems.append("no checker is registered")
    if exercise.cell is None:
        problems.append("no code cell with the placeholder")
    elif missing := {"raises-exception", "remove-output"} - tags(exercise.cell):
        problems.append(f"the placeholder cell lacks the tags {sorted(missing)}")
    if exercise.solution is None:
        return [*problems, "no solution"]
    if exercise.solution.options.get("label") != f"sol-{exercise.label.removeprefix('ex-')}":
        problems.append(f"label of the solution is {exercise.solution.options.get('label')!r}")
    if exercise.solution.options.get("class") != "dropdown":
        problems.append("the solution is not folded (:class: dropdown)")
    if not python_blocks(exercise.solution.body):
        problems.append("the solution has no Python block")
    return problems


def imports(notebook):
    """All top-level imports of a notebook as one source."""
    found = []
    for cell in notebook.code[1:]:
        if not re.search(r"^\s*[%!]", cell.source, re.M):
            nodes = ast.parse(cell.source).body
            found += [ast.unparse(n) for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)]
    return "\n".join(found)


def placeholder(notebook, exercise):
    """An exercise that is not filled in fails loudly, with nothing but the imports before it."""
    stored = [o.ename for o in exercise.cell.outputs if o.output_type == "error"]
    problems = [] if stored == ["Unfilled"] else [f"stored outcome is {stored}, not Unfilled"]
    try:
        exec(imports(notebook) + "\n" + exercise.cell.source, {"__name__": "placeholder"})
    except registry.Unfilled:
        return problems
    except Exception as error:
        return [*problems, f"the placeholder raises {error!r}, not Unfilled"]
    return [*problems, "the placeholder passes"]


def solution(exercise):
    """The first Python block of a solution is complete and passes the checker."""
    blocks = python_blocks(exercise.solution.body)
    if not blocks:
        return ["the solution has no Python block"]
    calls = [
        ast.unparse(node)
        for node in ast.parse(exercise.cell.source).body
        if isinstance(node, ast.Expr) and "check(" in ast.unparse(node)
    ]
    names = {"__name__": "solution"}
    try:
        exec(blocks[0], names)
        exec("from distill_lib.exercises import check\n" + "\n".join(calls), names)
    except Exception as error:
        return [f"the solution does not pass: {error!r}"]
    return []


def _answers(section):
    """Number of folded answers after each stretch of prose of a section."""
    depth, groups, fresh = 0, [], True
    for token, _ in walk(section):
        html = token.content if token.type == "html_block" else ""
        for tag in re.findall(r"</?details\b", html):
            if tag == "<details" and depth == 0:
                if fresh:
                    groups.append(0)
                groups[-1] += 1
                fresh = False
            depth += 1 if tag == "<details" else -1
        if depth == 0 and token.type == "inline":
            fresh = True
    return groups


def questions(notebook):
    """Three questions, each with at least three answers that fold out."""
    groups = _answers(notebook.section(r"three questions"))
    if len(groups) != 3 or min(groups) < 3:
        return [f"answers per question are {groups}, expected three questions with at least 3"]
    return []


def prediction(notebook):
    """The prediction is followed by an answer later in the chapter."""
    later = notebook.text.lower().split("## predict", 1)
    if len(later) == 2 and later[1].count("predict") < 1:
        return ["the prediction is never answered"]
    return []


def words(notebook):
    """No word that tells the reader it is easy."""
    return [
        f"{found[0]!r} in: {text[max(0, found.start() - 30) : found.end() + 20]!r}"
        for text in [*paragraphs(notebook.text, math=False), *notebook.captions]
        for found in FORBIDDEN.finditer(text)
    ]


NOTEBOOK_CHECKS = (
    executed,
    stored_errors,
    stderr,
    widgets,
    kernel,
    ids,
    cell_length,
    install_cell,
    figures,
    live_figures,
    backtick_directives,
    macros,
    title,
    heading_order,
    sections,
    card,
    labelled_results,
    exercises,
    questions,
    prediction,
    words,
)


def status(notebook, entries, digest):
    """The recorded run is of this code and within the budget."""
    entry = entries.get(notebook.path.name)
    if entry is None:
        return ["no recorded run: make execute"]
    problems = []
    if entry["sha256"] != digest(notebook.node):
        problems.append("the code changed after the recorded run: make execute")
    if entry["seconds"] > MAX_CHAPTER_SECONDS:
        problems.append(f"ran for {entry['seconds']} s, at most {MAX_CHAPTER_SECONDS} s")
    slowest = entry["slowest_cell"]
    if slowest["seconds"] > MAX_CELL_SECONDS:
        problems.append(
            f"cell {slowest['index']} ran for {slowest['seconds']} s, at most {MAX_CELL_SECONDS} s"
        )
    return problems


def config_macros(config):
    """The configuration gives MathJax no macros either."""
    node = config
    for key in ("sphinx", "config", "mathjax3_config", "tex", "macros"):
        node = (node or {}).get(key)
    return ["mathjax3_config defines macros"] if node else []
