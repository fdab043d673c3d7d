"""A notebook as the gates see it: cells, headings, directives, exercises, prose."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))

MARKDOWN = (
    MarkdownIt("commonmark")
    .enable("table")
    .use(dollarmath_plugin, double_inline=True)
    .use(colon_fence_plugin)
    .use(myst_block_plugin)
    .use(myst_role_plugin)
)

# The argument of these directives is a path or a language, and their body is not prose.
LITERAL = {"code-block", "code", "literalinclude", "raw", "eval-rst", "toctree", "bibliography"}
HIDDEN = {"remove-cell", "remove-input", "hide-cell", "hide-input"}


@dataclass(frozen=True)
class Directive:
    """One ``:::{name} argument`` block: its options and the Markdown inside it."""

    name: str
    argument: str
    options: dict[str, str]
    body: str

    @classmethod
    def parse(cls, token):
        """Read a colon fence; None if it is no directive."""
        match = re.match(r"\{([\w:-]+)\}\s*(.*)", token.info.strip())
        if not match:
            return None
        options, lines = {}, token.content.splitlines()
        while lines and (option := re.match(r":([\w-]+):\s*(.*)", lines[0])):
            options[option[1]] = option[2]
            lines.pop(0)
        return cls(match[1], match[2], options, "\n".join(lines))


def walk(source):
    """Yield the block tokens of a Markdown text, with directives opened: (token, directive)."""
    for token in MARKDOWN.parse(source):
        directive = Directive.parse(token) if token.type == "colon_fence" else None
        yield token, directive
        if directive and directive.name == "math":
            yield from walk(f"$$\n{directive.body}\n$$")
        elif directive and directive.name not in LITERAL:
            yield from walk(directive.argument)
            yield from walk(directive.body)


def directives(source):
    """All directives of a Markdown text, nested ones included."""
    return [directive for _, directive in walk(source) if directive]


def inline_text(token, *, math=True):
    """Prose of an inline token: no code, no targets of links; formulas as ``$...$``."""
    parts = []
    for child in token.children or ():
        if child.type == "text":
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type.startswith("math_inline") and math:
            parts.append(f"${child.content}$")
        elif child.type == "image":
            parts.append(inline_text(child, math=math))
        elif child.type in ("code_inline", "myst_role", "math_inline", "math_inline_double"):
            parts.append(" \N{OBJECT REPLACEMENT CHARACTER} ")
    return "".join(parts)


def paragraphs(source, *, math=True):
    """Text of every block of prose: paragraphs, headings, table cells, captions, HTML."""
    found = []
    for token, _ in walk(source):
        if token.type == "inline":
            found.append(inline_text(token, math=math))
        elif token.type.startswith("math_block") and math:
            found.append(f"$${token.content}$$")
        elif token.type == "html_block":
            found.append(BeautifulSoup(token.content, "html.parser").get_text(" "))
    return [text for text in found if text.strip()]


@dataclass(frozen=True)
class Exercise:
    """The three pieces of an exercise; a missing piece is None."""

    label: str
    text: str
    cell: nbformat.NotebookNode | None
    solution: Directive | None


@dataclass
class Notebook:
    """A notebook and where it lies."""

    path: Path
    node: nbformat.NotebookNode = field(repr=False)

    @classmethod
    def read(cls, path):
        """Read without changing anything, so that a missing cell id stays missing."""
        return cls(Path(path), nbformat.from_dict(nbformat.reader.reads(Path(path).read_text())))

    @property
    def cells(self):
        return self.node.cells

    @property
    def code(self):
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def markdown(self):
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @cached_property
    def text(self):
        """All Markdown, in order. Cells are separate blocks."""
        return "\n\n".join(cell.source for cell in self.markdown)

    @cached_property
    def headings(self):
        """Pairs (level, text) in order."""
        found, level = [], None
        for token, _ in walk(self.text):
            if token.type == "heading_open":
                level = int(token.tag[1])
            elif token.type == "inline" and level:
                found.append((level, inline_text(token).strip()))
                level = None
        return found

    @cached_property
    def directives(self):
        return directives(self.text)

    @cached_property
    def captions(self):
        """Alt texts and captions of the figures: prose that lives in metadata."""
        metas = [cell.metadata.get("mystnb", {}) for cell in self.code]
        return [
            text
            for meta in metas
            for text in (
                meta.get("image", {}).get("alt", ""),
                meta.get("figure", {}).get("caption", ""),
            )
            if text
        ]

    @cached_property
    def exercises(self):
        """The exercises in order, with their cells and solutions."""
        solutions = {d.argument: d for d in self.directives if d.name == "solution"}
        cells = {label: c for c in self.code for label in checked_labels(c.source)}
        return [
            Exercise(label, d.body, cells.get(label), solutions.get(label))
            for d in self.directives
            if d.name == "exercise"
            for label in [d.options.get("label", "")]
        ]

    def section(self, pattern):
        """Markdown of the level-two section whose heading matches; empty if there is none."""
        inside, kept = False, []
        for cell in self.markdown:
            for part in re.split(r"(?m)^(?=## )", cell.source):
                if part.startswith("## "):
                    inside = bool(re.match(pattern, part[3:].strip(), re.I))
                if inside:
                    kept.append(part)
        return "\n\n".join(kept)


def tags(cell):
    """Tags of a cell as a set."""
    return set(cell.metadata.get("tags", ()))


def checked_labels(source):
    """Labels of the exercises that a code cell checks."""
    return re.findall(r"""^check\(\s*["']([^"']+)["']""", source, re.M)


def python_blocks(markdown):
    """Sources of the fenced Python blocks of a Markdown text, in order."""
    return [
        token.content
        for token, _ in walk(markdown)
        if token.type == "fence" and token.info.strip() in ("python", "py")
    ]
