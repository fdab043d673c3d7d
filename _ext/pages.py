"""What every page needs beyond its text: unique ids, a description, a clean API reference.

sphinx-proof and sphinx-exercise give every block the same id; a browser then jumps to the first.
The description is the page's own first paragraph. Nothing is fetched from another site.
"""

from __future__ import annotations

import html
import re

from docutils import nodes

REPEATED = re.compile(r"^(proof|exercise|solution)(-content)?$")
LONGEST = 200


def unique_ids(app, doctree):
    """Replace the ids that sphinx-proof and sphinx-exercise repeat by ones that are unique."""
    seen = {}
    for node in doctree.findall(nodes.Element):
        for index, old in enumerate(node.get("ids", ())):
            if REPEATED.match(old):
                parent = node.parent.get("label") if node.parent is not None else None
                seen[old] = seen.get(old, 0) + 1
                node["ids"][index] = f"{parent}-content" if parent else f"{old}-{seen[old]}"


def first_paragraph(doctree):
    """Return the first sentences of a page, up to 200 characters."""
    for paragraph in doctree.findall(nodes.paragraph):
        in_text = isinstance(paragraph.parent, nodes.section)
        if in_text and not any(paragraph.findall(nodes.math)):
            return shorten(" ".join(paragraph.astext().split()))
    return ""


def shorten(text):
    """Cut a text after a sentence, else after a word."""
    if len(text) <= LONGEST:
        return text
    end = max(text.rfind(mark, 0, LONGEST) for mark in (". ", "? ", "! "))
    return text[: end + 1] if end > 0 else text[: text.rfind(" ", 0, LONGEST)] + " …"


def describe(app, pagename, templatename, context, doctree):
    """Add the description and what a link preview shows."""
    text = first_paragraph(doctree) if doctree is not None else context.get("description", "")
    title = re.sub(r"<[^>]*>", "", str(context.get("title", "")))
    tags = {
        'property="og:title"': html.unescape(title),
        'property="og:type"': "article",
        'property="og:site_name"': app.config.html_title,
    }
    if text:
        tags |= {'name="description"': text, 'property="og:description"': text}
    context["metatags"] = context.get("metatags", "") + "".join(
        f'\n<meta {key} content="{html.escape(value, quote=True)}" />'
        for key, value in tags.items()
    )


def skip_fields(app, what, name, obj, skip, options):
    """Leave the fields of a named tuple out: its docstring says what they are."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("doctree-read", unique_ids, priority=400)
    app.connect("html-page-context", describe)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
