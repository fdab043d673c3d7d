"""What every page needs beyond its text: unique ids, a description, a clean API reference.

sphinx-proof and sphinx-exercise give every block the same id; a browser then jumps to the first.
The description is the page's own first paragraph. Nothing is fetched from another site.
"""

from __future__ import annotations

import html
import re

from docutils import nodes

OPENING, CLOSING = re.compile(r"[(\[“‘]+$"), re.compile(r"^[.,;:!?)\]”’]+")
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


def keep_punctuation(app, doctree, docname):
    """Tie a formula to the punctuation beside it, which would else begin the next line."""
    if app.builder.format != "html":
        return
    for formula in list(doctree.findall(nodes.math)):
        parent, tied = formula.parent, nodes.inline(classes=["nobreak"])
        place = parent.index(formula)
        before = parent[place - 1] if place else None
        after = parent[place + 1] if place + 1 < len(parent) else None
        left = OPENING.search(before) if isinstance(before, nodes.Text) else None
        right = CLOSING.search(after) if isinstance(after, nodes.Text) else None
        if not (left or right):
            continue
        if right:
            parent.replace(after, nodes.Text(after[right.end() :]))
        parent.replace(formula, tied)
        if left:
            parent.replace(before, nodes.Text(before[: left.start()]))
        pieces = [left and nodes.Text(left[0]), formula, right and nodes.Text(right[0])]
        tied.extend([piece for piece in pieces if piece])


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


def plain_citations(app, pagename, templatename, context, doctree):
    """Drop the roles of the bibliography: they are deprecated, and its list has other children."""
    if 'class="citation-list"' in context.get("body", ""):
        body = context["body"].replace(' role="doc-biblioentry"', "")
        context["body"] = body.replace(
            '<div role="list" class="citation-list"', '<div class="citation-list"'
        )


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
    app.connect("doctree-resolved", keep_punctuation)
    app.connect("html-page-context", plain_citations)
    app.connect("html-page-context", describe)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
