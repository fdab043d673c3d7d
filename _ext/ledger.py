"""The theorem ledger: ties every labelled result of the book to the test that tries it.

While the site is built, every ``tests/theorems/test_*.py`` is loaded and its `RESULT` is run. Under
each theorem, proposition, lemma and corollary stands what was found, with a link to a page that
shows the test. The directive ``theorem-ledger`` prints the table of all results.

The build warns, and so fails under ``-W``, when a result has no test, a test has no result, a
result is refuted, or a mutant survives. What was found is kept beside the doctrees, and a test is
run again when it, or anything of this project that it imports, has changed.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import html
import importlib.util
import json
import math
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.errors import NoUri
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx_proof.nodes import NODE_TYPES
from threadpoolctl import threadpool_limits

logger = logging.getLogger(__name__)

KINDS = ("theorem", "proposition", "lemma", "corollary")
PAGES = "theorems"  # folder of the generated pages
ENOUGH = 200  # instances; CONTRIBUTING asks for them


@dataclass(frozen=True)
class Trial:
    """What running one test file found."""

    label: str
    test: str  # file name without .py
    assumptions: tuple[str, ...]
    instances: int
    skipped: int
    refuted: int
    slack: float | None  # None: the statement has no inequality
    error: float
    mutants: dict[str, int]  # name -> number of instances that refute it

    @property
    def survivors(self):
        """Names of the mutants that no instance refutes."""
        return [name for name, count in self.mutants.items() if not count]

    @classmethod
    def from_record(cls, test, record):
        """Take over what `tests.theorems.ledger.Result.run` returns."""
        return cls(
            record.label,
            test,
            tuple(record.assumptions),
            record.instances,
            record.skipped,
            record.refuted,
            record.worst_slack if math.isfinite(record.worst_slack) else None,
            record.worst_error,
            dict(record.mutants),
        )


@dataclass(frozen=True)
class Entry:
    """A labelled result as it stands in the book."""

    label: str
    kind: str
    docname: str
    title: tuple  # inline nodes


# --- running the tests ---------------------------------------------------------------------------


def test_name(label):
    """Return the name of the file that tests a result, without ``.py``."""
    return "test_" + label.replace("-", "_")


def _local_imports(path, root):
    """Yield the files of the library and of the tests that a file imports."""
    folders = {"distill_lib": _package(root, "distill_lib"), "tests": root / "tests"}
    for node in ast.walk(ast.parse(path.read_text("utf8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            top, *rest = name.split(".")
            for depth in range(len(rest) + 1) if top in folders else ():
                module = folders[top].joinpath(*rest[:depth])
                yield from filter(Path.is_file, (module.with_suffix(".py"), module / "__init__.py"))


@functools.cache
def _package(root, name):
    """Folder of a package, wherever it is installed; below the root if nowhere."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else root / name


def digest(path, root):
    """Return the sha256 of a test and of everything of this project that it runs."""
    sources, todo = set(), [path]
    while todo:
        source = todo.pop()
        if source not in sources:
            sources.add(source)
            todo += _local_imports(source, root)
    parts = sorted((source.name, source.read_bytes()) for source in sources)
    fields = tuple(Trial.__dataclass_fields__)  # what is kept: another form is another outcome
    return hashlib.sha256(repr((fields, parts)).encode()).hexdigest()


def run_test(path):
    """Run one test file; return what was found, or a text that says why it could not be run."""
    spec = importlib.util.spec_from_file_location(f"_theorem_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        with threadpool_limits(1):  # small matrices: more threads only wait for each other
            spec.loader.exec_module(module)
            return asdict(Trial.from_record(path.stem, module.RESULT.run()))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def run_tests(folder, root, cache_file):
    """Run every test file of a folder, or take what was found before.

    Parameters
    ----------
    folder : Path
        Holds ``test_*.py``.
    root : Path
        What the names of their imports start from.
    cache_file : Path
        JSON; written after each test that ran, so that nothing is lost when the build is stopped.

    Returns
    -------
    trials : dict of str to Trial
        By name of the test.
    broken : dict of str to str
        Names of the tests that could not be run, with the reason.
    """
    paths = {path.stem: path for path in sorted(folder.glob("test_*.py"))}
    keys = {test: f"{test}:{digest(path, root)}" for test, path in paths.items()}
    old = json.loads(cache_file.read_text("utf8")) if cache_file.exists() else {}
    found = {test: old[key] for test, key in keys.items() if key in old}
    for test, outcome in _run_all({t: p for t, p in paths.items() if t not in found}):
        found[test] = outcome
        kept = {keys[t]: f for t, f in sorted(found.items()) if not isinstance(f, str)}
        cache_file.parent.mkdir(parents=True, exist_ok=True)
        cache_file.write_text(json.dumps(kept, indent=1), "utf8")
    trials = {
        test: Trial(**{**found[test], "assumptions": tuple(found[test]["assumptions"])})
        for test in paths
        if not isinstance(found[test], str)
    }
    return trials, {test: found[test] for test in paths if isinstance(found[test], str)}


def _run_all(paths):
    """Yield name and outcome of each test as it finishes; several run at a time."""
    if not paths:
        return
    with ProcessPoolExecutor(min(len(paths), os.cpu_count() or 1)) as pool:
        jobs = {pool.submit(run_test, path): test for test, path in paths.items()}
        for done, job in enumerate(as_completed(jobs), 1):
            logger.info("theorem ledger: %s (%d of %d)", jobs[job], done, len(jobs))
            yield jobs[job], job.result()


def _folder(app):
    return Path(app.srcdir) / app.config.ledger_tests


def load_trials(app):
    """Run the tests; the environment keeps the outcome for this build only."""
    root = str(app.srcdir)
    if root not in sys.path:  # the tests import one another as tests.theorems
        sys.path.insert(0, root)
    cache = Path(app.doctreedir).parent / "ledger-cache.json"
    app.ledger_trials, app.ledger_broken = run_tests(_folder(app), Path(app.srcdir), cache)


# --- words ---------------------------------------------------------------------------------------


def power_of_ten(value):
    """Return the smallest power of ten that is not below `value`, as ``10⁻¹⁵``."""
    exponent = math.ceil(math.log10(value) - 1e-9)
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _plain(value):
    """Return a margin with one digit: 0.3, 0.02, or 4 · 10⁻⁵."""
    if value >= 1e-3:
        return f"{value:.1g}" if value < 1 else f"{value:.2g}"
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa} · {power_of_ten(10.0 ** int(exponent))}"


def accuracy(trial):
    """Say how exactly the equalities hold and how much room the inequalities leave."""
    parts = []
    if trial.error > 0:
        parts.append(f"largest relative error below {power_of_ten(trial.error)}")
    elif trial.slack is None:
        parts.append("exact to the last bit")
    if trial.slack is not None and trial.slack <= 0:
        parts.append("tightest inequality met with equality up to rounding")
    elif trial.slack is not None:
        parts.append(f"smallest relative margin {_plain(trial.slack)}")
    return ", ".join(parts)


def mutants_caught(trial):
    """Say how many wrong versions were refuted."""
    number, caught = len(trial.mutants), len(trial.mutants) - len(trial.survivors)
    if caught < number:
        return f"only {caught} of {number} mutants caught"
    return {1: "its mutant caught", 2: "both mutants caught"}.get(
        number, f"all {number} mutants caught"
    )


def count(number, noun):
    """Return ``1 result``, ``2 results``, ``1,234 instances``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


# --- collecting the results ----------------------------------------------------------------------


def _title_nodes(node):
    """Inline nodes of a result's title, without the parentheses that sphinx-proof adds."""
    children = [child.deepcopy() for child in node[0].children]
    if children and isinstance(children[0], nodes.Text):
        children[0] = nodes.Text(children[0].astext().lstrip().removeprefix("("))
    if children and isinstance(children[-1], nodes.Text):
        children[-1] = nodes.Text(children[-1].astext().removesuffix(")"))
    return tuple(children)


def _results(doctree):
    kinds = tuple(NODE_TYPES[kind] for kind in KINDS)
    return [n for n in doctree.findall(lambda n: isinstance(n, kinds)) if n["realtype"] in KINDS]


def collect(app, doctree):
    """Note the results of a page, and whether it holds the table."""
    env = app.env
    env.ledger_entries = getattr(env, "ledger_entries", {})
    env.ledger_entries[env.docname] = [
        Entry(n["label"], n["realtype"], env.docname, _title_nodes(n)) for n in _results(doctree)
    ]
    env.ledger_pages = getattr(env, "ledger_pages", set())
    if any(doctree.findall(LedgerTable)):
        env.ledger_pages.add(env.docname)


def purge(app, env, docname):
    """Forget a page that is read again."""
    getattr(env, "ledger_entries", {}).pop(docname, None)
    getattr(env, "ledger_pages", set()).discard(docname)


def merge(app, env, docnames, other):
    """Take over the pages that another process read."""
    for docname in docnames:
        if docname in getattr(other, "ledger_entries", {}):
            env.ledger_entries = getattr(env, "ledger_entries", {})
            env.ledger_entries[docname] = other.ledger_entries[docname]
    env.ledger_pages = getattr(env, "ledger_pages", set()) | (
        getattr(other, "ledger_pages", set()) & set(docnames)
    )


def entries(env):
    """All results, in the order of the table of contents."""
    found = getattr(env, "ledger_entries", {})
    order = list(_reading_order(env))
    docnames = sorted(found, key=lambda d: order.index(d) if d in order else len(order))
    return [entry for docname in docnames for entry in found[docname]]


def _reading_order(env):
    relations = env.collect_relations()
    docname, seen = env.config.root_doc, set()
    while docname and docname not in seen:
        yield docname
        seen.add(docname)
        docname = relations.get(docname, [None, None, None])[2]


def check(app, env):
    """Warn of everything that must not be published; have the pages with results written again."""
    book = entries(env)
    labels = {entry.label for entry in book}
    for entry in book:
        _check_entry(app, entry)
    for test, reason in app.ledger_broken.items():
        logger.warning("%s.py cannot be run: %s", _path(app, test), reason)
    for test, trial in app.ledger_trials.items():
        _check_trial(app, test, trial, labels)
    return sorted({entry.docname for entry in book} | getattr(env, "ledger_pages", set()))


def _path(app, test):
    return f"{app.config.ledger_tests}/{test}"


def _check_entry(app, entry):
    test = test_name(entry.label)
    if test not in app.ledger_trials and test not in app.ledger_broken:
        logger.warning(
            "%s %s has no test: %s.py does not exist",
            entry.kind,
            entry.label,
            _path(app, test),
            location=entry.docname,
        )


def _check_trial(app, test, trial, labels):
    path = f"{_path(app, test)}.py"
    expected = test_name(trial.label)
    if test != expected:
        logger.warning("%s tests %s; its name should be %s.py", path, trial.label, expected)
    if trial.label not in labels:
        logger.warning("%s tests %s, which is no result of the book", path, trial.label)
    if trial.instances < ENOUGH:
        logger.warning("%s is tried on %d instances only (%s)", trial.label, trial.instances, path)
    if trial.refuted:
        found = f"{trial.refuted} of {trial.instances} instances"
        logger.warning("%s is refuted by %s (%s)", trial.label, found, path)
    for name in trial.survivors:
        logger.warning("%s: no instance refutes the mutant %r (%s)", trial.label, name, path)


# --- what the reader sees ------------------------------------------------------------------------


class LedgerTable(nodes.General, nodes.Element):
    """Where the table of all results goes."""


class LedgerDirective(SphinxDirective):
    """``{theorem-ledger}``: totals and the table of all results."""

    option_spec = {"class": directives.class_option}  # noqa: RUF012 (docutils' own form)

    def run(self):
        """Leave a place; the table is filled in when all pages are known."""
        return [LedgerTable()]


def _trial_of(app, label):
    return app.ledger_trials.get(test_name(label))


def _link(app, fromdoc, todoc, text, anchor=""):
    """Return a reference, or the text alone in a builder without pages."""
    try:
        uri = app.builder.get_relative_uri(fromdoc, todoc)
    except NoUri:
        uri = None
    content = [text] if isinstance(text, nodes.Node) else [nodes.Text(text)]
    if uri is None or (app.builder.format != "html" and todoc.startswith(f"{PAGES}/")):
        return nodes.inline("", "", *content)
    return nodes.reference("", "", *content, internal=True, refuri=uri + anchor)


def _checked_line(app, docname, trial):
    page = _link(app, docname, f"{PAGES}/{trial.test}", nodes.literal("", trial.test))
    tail = f": {count(trial.instances, 'instance')}, {accuracy(trial)}; {mutants_caught(trial)}."
    line = nodes.paragraph("", "", nodes.Text("Checked by "), page, classes=["checked-by"])
    line += nodes.Text(tail)
    return line


def number(env, entry):
    """Return the number of a result, as ``2.3``; empty if it has none."""
    of_kind = env.toc_fignumbers.get(entry.docname, {}).get(entry.kind, {})
    return ".".join(map(str, of_kind.get(entry.label, ())))


def name(env, entry):
    """Return ``Proposition 2.3``."""
    return f"{entry.kind.title()} {number(env, entry)}".strip()


def resolve(app, doctree, docname):
    """Put the line under every result, and the table in its place."""
    for node in _results(doctree):
        trial = _trial_of(app, node["label"])
        if trial:
            node += _checked_line(app, docname, trial)
    for place in list(doctree.findall(LedgerTable)):
        place.replace_self(_ledger(app, docname))


def _ledger(app, docname):
    known = [(e, _trial_of(app, e.label)) for e in entries(app.env)]
    known = [(entry, trial) for entry, trial in known if trial]
    if not known:
        return [nodes.paragraph("", "The book has no results yet.")]
    instances = sum(trial.instances for _, trial in known)
    mutants = sum(len(trial.mutants) for _, trial in known)
    caught = mutants - sum(len(trial.survivors) for _, trial in known)
    totals = nodes.paragraph(classes=["ledger-totals"])
    totals += nodes.strong("", f"{count(len(known), 'result')}, {count(instances, 'instance')}")
    totals += nodes.Text(f". {caught} of {count(mutants, 'mutant')} caught.")
    return [totals, _table(app, docname, known)]


HEADINGS = ("Result", "Chapter", "Assumptions", "Test", "Instances", "Mutants")
WIDTHS = (22, 10, 30, 15, 12, 11)


def _table(app, docname, known):
    table = nodes.table(classes=["ledger", "colwidths-given"])
    group = nodes.tgroup(cols=len(HEADINGS))
    table += group
    for width in WIDTHS:
        group += nodes.colspec(colwidth=width)
    group += nodes.thead("", nodes.row("", *[_cell(nodes.Text(text)) for text in HEADINGS]))
    body = nodes.tbody()
    group += body
    for entry, trial in known:
        body += nodes.row("", *[_cell(*c) for c in _row(app, docname, entry, trial)])
    return table


def _cell(*children):
    if children and isinstance(children[0], nodes.bullet_list):
        return nodes.entry("", *children)
    return nodes.entry("", nodes.paragraph("", "", *children))


def _chapter(env, docname):
    """Return the number of a chapter, its title if it has none."""
    section = env.toc_secnumbers.get(docname, {}).get("", ())
    return str(section[0]) if section else env.titles[docname].astext()


def _row(app, docname, entry, trial):
    result = _link(app, docname, entry.docname, name(app.env, entry), "#" + entry.label)
    title = [child.deepcopy() for child in entry.title]
    chapter = _link(app, docname, entry.docname, _chapter(app.env, entry.docname))
    breakable = trial.test.replace("_", "_\N{ZERO WIDTH SPACE}")
    test = _link(app, docname, f"{PAGES}/{trial.test}", nodes.literal("", breakable))
    items = [nodes.list_item("", nodes.paragraph("", text)) for text in trial.assumptions]
    assumptions = nodes.bullet_list("", *items) if items else nodes.Text("none")
    return (
        [result, *([nodes.Text(" ")] if title else []), *title],
        [chapter],
        [assumptions],
        [test],
        [nodes.Text(f"{trial.instances:,}")],
        [nodes.Text(f"{len(trial.mutants) - len(trial.survivors)} of {len(trial.mutants)}")],
    )


# --- one page a test -----------------------------------------------------------------------------


def test_pages(app):
    """Yield one page for every test: what it assumes, its mutants, its source."""
    if app.builder.format != "html":
        return
    book = {entry.label: entry for entry in entries(app.env)}
    for test, trial in app.ledger_trials.items():
        pagename = f"{PAGES}/{test}"
        context = {
            "title": f"How {trial.label} is checked",
            "body": _page_body(app, pagename, trial, book.get(trial.label)),
            "description": f"Assumptions, mutants and source of the test of {trial.label}.",
        }
        yield pagename, context, "page.html"


def _page_body(app, pagename, trial, entry):
    uri = functools.partial(app.builder.get_relative_uri, pagename)
    tried = trial.instances + trial.skipped
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{refuting:,} of {tried:,}</td></tr>"
        for name, refuting in trial.mutants.items()
    )
    assumptions = "".join(f"<li>{html.escape(text)}</li>" for text in trial.assumptions)
    source = (_folder(app) / f"{trial.test}.py").read_text("utf8")
    back = ""
    if entry:
        text = f"{name(app.env, entry)}: {_plain_title(entry)}".removesuffix(": ")
        back = f'<a href="{uri(entry.docname)}#{entry.label}">{html.escape(text)}</a>'
    ledgers = [f'<a href="{uri(page)}">theorem ledger</a>' for page in sorted(app.env.ledger_pages)]
    skipped = (
        f" {count(trial.skipped, 'further instance').capitalize()} "
        f"{'was' if trial.skipped == 1 else 'were'} saturated in rounding and skipped."
        if trial.skipped
        else ""
    )
    return f"""
<section id="how-it-is-checked">
<h1>How {html.escape(name(app.env, entry)) if entry else trial.label} is checked</h1>
<p>This is the test of {back or trial.label}, an entry of the {"".join(ledgers) or "ledger"}.</p>
<p>Tried on {count(trial.instances, "instance")}: {accuracy(trial)}.{skipped}</p>
<section id="assumptions"><h2>What is assumed</h2><ul class="simple">{assumptions}</ul></section>
<section id="mutants"><h2>Mutants</h2>
<p>A mutant is the statement with one thing wrong. It is caught when an instance refutes it.</p>
<div class="pst-scrollable-table-container"><table class="table mutants">
<thead><tr><th scope="col">what is wrong</th><th scope="col">refuted by</th></tr></thead>
<tbody>{rows}</tbody></table></div></section>
<section id="source"><h2>Source</h2>
<p><code class="docutils literal notranslate">{_path(app, trial.test)}.py</code></p>
{app.builder.highlighter.highlight_block(source, "python")}
</section></section>
"""


def _plain_title(entry):
    return "".join(child.astext() for child in entry.title).strip()


def setup(app):
    app.add_config_value("ledger_tests", "tests/theorems", "env", (str,))
    app.add_node(LedgerTable)
    app.add_directive("theorem-ledger", LedgerDirective)
    app.connect("builder-inited", load_trials)
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", check)
    app.connect("doctree-resolved", resolve)
    app.connect("html-collect-pages", test_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
