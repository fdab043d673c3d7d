"""The JavaScript of the live figures as self-contained sources.

A figure's file imports from ``toolkit.js``, so that editors understand it. A widget's module has
no files beside it, so the two are joined into one module; the site gets the very same text.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

STATIC = Path(__file__).parent / "static"
TOOLKIT, HYDRATE, STYLE = STATIC / "toolkit.js", STATIC / "hydrate.js", STATIC / "live.css"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./toolkit\.js";\n', re.MULTILINE)


def module_names():
    """Return the names of the figures that have a JavaScript module."""
    return sorted({path.stem for path in STATIC.glob("*.js")} - {TOOLKIT.stem, HYDRATE.stem})


def module_source(name):
    """Return one ES module: the toolkit, then the figure `name`."""
    figure, imports = _IMPORT.subn("", (STATIC / f"{name}.js").read_text("utf8"))
    if imports != 1:
        raise ValueError(f"{name}.js must import once from ./toolkit.js, found {imports} imports")
    return f"{TOOLKIT.read_text('utf8')}\n{figure}"


def site_script():
    """Return one classic script that brings every live figure of a page to life.

    It is no module script, because a browser blocks those on ``file://``.
    """
    sources = json.dumps({name: module_source(name) for name in module_names()})
    return f"(() => {{\nconst SOURCES = {sources};\n{HYDRATE.read_text('utf8')}}})();\n"
