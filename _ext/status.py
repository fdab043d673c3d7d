"""The directive ``notebook-status``: how long each notebook ran, when, and on which versions.

It reads ``status.json`` beside the page, which ``tools/execute.py`` writes, and warns when the code
of a notebook is not the code that ran.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

STATUS = "status.json"
BUILD = ("jupyter-book", "Sphinx", "myst-nb", "sphinx-book-theme", "sphinx-proof", "distill-lib")
HEADINGS = ("Notebook", "Executed", "Seconds", "Slowest cell", "Seconds there")


def code_digest(path):
    """Return the sha256 of the code of a notebook, as ``tools/execute.py`` does."""
    cells = nbformat.read(path, 4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


class NotebookStatus(SphinxDirective):
    """Tables of run times and versions."""

    def run(self):
        """Build the tables from the status file of the page's folder."""
        folder = Path(self.env.doc2path(self.env.docname)).parent
        status, notebooks = folder / STATUS, sorted(folder.glob("*.ipynb"))
        self.env.note_dependency(str(status))
        for path in notebooks:
            self.env.note_dependency(str(path))
        runs = json.loads(status.read_text("utf8")) if status.exists() else {}
        listed = [path for path in notebooks if path.name in runs]
        for path in set(notebooks) - set(listed):
            self._warn(f"{path.name} has no entry in {STATUS}: run make execute")
        for path in listed:
            if runs[path.name]["sha256"] != code_digest(path):
                self._warn(f"the code of {path.name} changed after it ran: run make execute")
        return [
            *self._runs(listed, runs),
            *self._versions("The notebooks ran on", _versions_of([runs[p.name] for p in listed])),
            *self._versions("This site was built with", _build_versions()),
        ]

    def _warn(self, text):
        logger.warning("status page: %s", text, location=self.env.docname)

    def _runs(self, paths, runs):
        if not paths:
            return [nodes.paragraph("", "No notebook has been executed yet.")]
        rows = [self._row(path, runs[path.name]) for path in paths]
        total = sum(runs[path.name]["seconds"] for path in paths)
        text = f"All notebooks together: {total:.0f} seconds, one thread."
        return [table(HEADINGS, (30, 14, 10, 36, 10), rows), nodes.paragraph("", text)]

    def _row(self, path, run):
        slowest = run["slowest_cell"]
        chapter = nodes.reference("", path.name, refuri=f"{path.stem}.html", internal=True)
        return [
            [chapter if self.env.app.builder.format == "html" else nodes.Text(path.name)],
            [nodes.Text(run["date"])],
            [nodes.Text(f"{run['seconds']:.1f}")],
            [nodes.literal("", slowest["first_line"])],
            [nodes.Text(f"{slowest['seconds']:.1f}")],
        ]

    def _versions(self, caption, versions):
        if not versions:
            return []
        text = ", ".join(f"{name} {version}" for name, version in versions.items())
        return [nodes.paragraph("", "", nodes.strong("", caption), nodes.Text(f": {text}."))]


def _versions_of(runs):
    """Versions of all runs; where they differ, all of them."""
    found = {}
    for run in runs:
        for name, version in run["versions"].items():
            found.setdefault(name, set()).add(version)
    return {name: " and ".join(sorted(versions)) for name, versions in found.items()}


def _build_versions():
    found = {"Python": platform.python_version()}
    for name in BUILD:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def table(headings, widths, rows):
    """Return a docutils table; a cell is a list of inline nodes."""
    node = nodes.table(classes=["status", "colwidths-given"])
    group = nodes.tgroup(cols=len(headings))
    node += group
    for width in widths:
        group += nodes.colspec(colwidth=width)
    head = [_cell([nodes.Text(text)]) for text in headings]
    group += nodes.thead("", nodes.row("", *head))
    group += nodes.tbody("", *[nodes.row("", *map(_cell, row)) for row in rows])
    return node


def _cell(children):
    return nodes.entry("", nodes.paragraph("", "", *children))


def setup(app):
    app.add_directive("notebook-status", NotebookStatus)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
