"""Find a browser on this machine and say how to launch it.

Playwright's own download does not work on every machine, so a browser of the system is used. The
fixture `browser` in `tests/conftest.py` launches it once a session and process.
"""

from __future__ import annotations

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable():
    """Return the path of Chromium or Chrome, or None: ``$CHROME`` first, then the usual names."""
    asked = os.environ.get("CHROME")
    if asked:
        found = shutil.which(asked)
        if found is None:
            raise FileNotFoundError(f"the environment variable CHROME names no program: {asked!r}")
        return found
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch_options():
    """Return the keyword arguments of ``playwright.chromium.launch``; refuse if there is none."""
    path = executable()
    if path is None:
        raise FileNotFoundError(
            f"no browser found: install Chromium ({', '.join(NAMES)}) or set CHROME to its path"
        )
    # Chromium has no sandbox for root, as which containers usually run.
    root = getattr(os, "geteuid", lambda: 1)() == 0
    return {"executable_path": path, "args": [*_FLAGS, *(["--no-sandbox"] if root else [])]}
