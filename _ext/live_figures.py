"""Put the script and the style of the live figures on the pages that hold one, and on no other.

The files are made from the package, so that the site runs the very JavaScript that a notebook runs.
"""

from __future__ import annotations

from pathlib import Path

from distill_lib.figures import _bundle

MARK = 'class="distill-live"'
SCRIPT, STYLE = "live/figures.js", "live/figures.css"


def write_assets(app):
    """Write both files where Sphinx collects static files from."""
    if app.builder.format != "html":
        return
    folder = Path(app.doctreedir).parent / "live_figures"
    (folder / "live").mkdir(parents=True, exist_ok=True)
    (folder / SCRIPT).write_text(_bundle.site_script(), "utf8")
    (folder / STYLE).write_text(_bundle.STYLE.read_text("utf8"), "utf8")
    app.config.html_static_path.append(str(folder))


def add_to_page(app, pagename, templatename, context, doctree):
    """Ask for the files on a page with a live figure."""
    if MARK in context.get("body", ""):
        app.add_css_file(STYLE)
        app.add_js_file(SCRIPT, defer="defer")


def setup(app):
    app.connect("builder-inited", write_assets)
    app.connect("html-page-context", add_to_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
