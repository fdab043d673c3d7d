"""The page of reproductions: what the papers claim, and what this book has of it.

Everything stands in ``reproduction.yml`` beside the page. Three directives show it:

- ``reproduction-summary``: what the verdicts mean, and how often each is given, counted;
- ``reproduction-table`` with the key of a paper: its rows;
- ``reproduction-rest`` with ``classical`` or ``own``: labelled results in no row.

The cells are MyST, so a reference to a label that does not exist is a warning like any other.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

SOURCE = "reproduction.yml"
COLUMNS = ("What the paper says", "Ours", "Counts as agreement", "Verdict")
WIDTHS = (27, 38, 17, 18)
KNOWN = {
    "abstract": "from the abstract",
    "code": "from public code",
    "secondary": "quoted by others",
    "recalled": "as we recall it",
}
ROLES = {"sec": "numref", "fig": "numref"}  # everything else is a proof block
NAMES = {"others": "Other"}


def read(path):
    """Return the content of ``reproduction.yml``."""
    return yaml.safe_load(Path(path).read_text("utf8"))


def rows_of(content, key):
    """Return the rows of one paper."""
    found = [paper["rows"] for paper in content["papers"] if paper["key"] == key]
    if not found:
        raise ExtensionError(f"{SOURCE} has no paper {key!r}")
    return found[0]


def counts(content):
    """Return how often each verdict is given: verdict -> key of the paper -> number."""
    return {
        verdict: {
            paper["key"]: sum(row["verdict"] == verdict for row in paper["rows"])
            for paper in content["papers"]
        }
        for verdict in content["verdicts"]
    }


def slug(verdict):
    """Return a class name for a verdict."""
    return "verdict-" + verdict.replace(",", "").replace(" ", "-")


def reference(label):
    """Return the MyST that links to a label."""
    return f"{{{ROLES.get(label.split('-')[0], 'prf:ref')}}}`{label}`"


def claim(row):
    """Return the first cell: the claim, and how we know it."""
    by = f"{{cite:t}}`{row['by']}`: " if "by" in row else ""
    known = f"{row['kind'].capitalize()}, {KNOWN[row['known']]}."
    return [f"{by}{row['claim']}", known]


def ours(row):
    """Return the second cell: what we have, why it differs, what would run it, where it stands."""
    parts = [row["ours"]]
    if "why" in row:
        parts.append(f"**Why:** {row['why']}")
    if "run" in row:
        parts.append(f"`{row['run']}`")
    if "cannot" in row:
        parts.append(f"No command: {row['cannot']}")
    return [*parts, ", ".join(map(reference, row["where"]))]


class _Directive(SphinxDirective):
    """Reads the file, and knows how to put MyST into a node."""

    def content_of_page(self):
        """Return the content; the page is built anew when the file changes."""
        path = Path(self.env.doc2path(self.env.docname)).parent / SOURCE
        self.env.note_dependency(str(path))
        return read(path)

    def parse(self, text, classes=()):
        """Return the nodes of a piece of MyST."""
        holder = nodes.Element()
        self.state.nested_parse(StringList(text.splitlines(), SOURCE), self.content_offset, holder)
        for child in holder.children if classes else ():
            child["classes"] += classes
        return holder.children

    def entry(self, *paragraphs):
        """Return a cell of paragraphs."""
        return nodes.entry("", *[node for text in paragraphs for node in self.parse(text)])


class Table(_Directive):
    """``{reproduction-table} key``: the rows of one paper."""

    required_arguments = 1

    def run(self):
        """Build the table."""
        content = self.content_of_page()
        rows = [self._row(content, row) for row in rows_of(content, self.arguments[0])]
        return [_table("reproduction", COLUMNS, WIDTHS, rows)]

    def _row(self, content, row):
        first, known = claim(row)
        *said, where = ours(row)
        rule = row.get("counts") or content["proved_rule"]
        verdict = nodes.inline("", row["verdict"], classes=["verdict", slug(row["verdict"])])
        cells = [
            nodes.entry("", *self.parse(first), *self.parse(known, ["known"])),
            nodes.entry("", *self.entry(*said).children, *self.parse(where, ["where"])),
            self.entry(rule),
            nodes.entry("", nodes.paragraph("", "", verdict)),
        ]
        return nodes.row("", *cells, ids=[f"rep-{row['id']}"])


class Summary(_Directive):
    """``{reproduction-summary}``: the meaning of the verdicts, and their counts."""

    def run(self):
        """Build the list and the table."""
        content = self.content_of_page()
        table = counts(content)
        keys = [paper["key"] for paper in content["papers"]]
        rows = [
            self._numbers(_badge(verdict), [by[key] for key in keys])
            for verdict, by in table.items()
        ]
        total = [sum(by[key] for by in table.values()) for key in keys]
        rows.append(self._numbers(nodes.strong("", "all"), total))
        headings = ["Verdict", *[self._name(key) for key in keys], "All"]
        widths = (30, *[12] * len(keys), 10)
        return [self._meanings(content), _table("reproduction-counts", headings, widths, rows)]

    def _meanings(self, content):
        items = [
            nodes.definition_list_item(
                "",
                nodes.term("", "", _badge(verdict)),
                nodes.definition("", *self.parse(meaning)),
            )
            for verdict, meaning in content["verdicts"].items()
        ]
        return nodes.definition_list("", *items, classes=["verdicts"])

    def _name(self, key):
        return NAMES.get(key) or f"P{[*self._keys()].index(key) + 1}"

    def _keys(self):
        return [paper["key"] for paper in self.content_of_page()["papers"]]

    @staticmethod
    def _numbers(first, numbers):
        texts = [nodes.Text(str(number)) for number in [*numbers, sum(numbers)]]
        return nodes.row(
            "", *[nodes.entry("", nodes.paragraph("", "", t)) for t in [first, *texts]]
        )


class Rest(_Directive):
    """``{reproduction-rest} own``: labelled results that no row names."""

    required_arguments = 1

    def run(self):
        """Build one paragraph of links."""
        labels = self.content_of_page()[self.arguments[0]]
        return self.parse(", ".join(map(reference, labels)) + ".")


def _badge(verdict):
    return nodes.inline("", verdict, classes=["verdict", slug(verdict)])


def _table(name, headings, widths, rows):
    table = nodes.table(classes=[name, "colwidths-given"])
    group = nodes.tgroup(cols=len(headings))
    table += group
    for width in widths:
        group += nodes.colspec(colwidth=width)
    head = [nodes.entry("", nodes.paragraph("", text)) for text in headings]
    group += nodes.thead("", nodes.row("", *head))
    group += nodes.tbody("", *rows)
    return table


def setup(app):
    app.add_directive("reproduction-table", Table)
    app.add_directive("reproduction-summary", Summary)
    app.add_directive("reproduction-rest", Rest)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
