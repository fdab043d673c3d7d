"""Launch buttons (Colab, Binder) for whichever public repository the site is built from.

The address of the repository is not written down anywhere: a fork's site opens the fork. It is
taken from the environment of GitHub Actions, else from the remote ``origin``. Without a public
GitHub repository there are no buttons.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

GITHUB = "https://github.com"
# Credentials in an address are dropped, whatever they are.
ORIGIN = re.compile(
    r"^(?:https://(?:[^@/]+@)?github\.com/|(?:ssh://)?git@github\.com[:/])"
    r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?$"
)


class Repository(NamedTuple):
    """A public repository on GitHub."""

    url: str
    branch: str
    path: str  # of the book's folder inside the repository


def from_origin(address):
    """Return the web address of a GitHub remote; None for any other."""
    match = ORIGIN.match(address.strip())
    return f"{GITHUB}/{match['owner']}/{match['name']}" if match else None


def _git(folder, *arguments):
    """Return what git prints, empty if it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _event(environ):
    """Return what GitHub Actions says about the repository, empty outside of it."""
    try:
        event = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_text("utf8"))
    except (KeyError, OSError, ValueError):
        return {}
    return event.get("repository") or {}


def find(folder, environ=os.environ):
    """Find the public repository that a folder belongs to.

    Parameters
    ----------
    folder : path-like
        Folder of the book.
    environ : mapping, optional
        Environment variables.

    Returns
    -------
    Repository or None
    """
    path = _git(folder, "rev-parse", "--show-prefix").strip("/")
    if environ.get("GITHUB_REPOSITORY"):
        event = _event(environ)
        if environ.get("GITHUB_SERVER_URL", GITHUB) != GITHUB or event.get("private"):
            return None
        on_branch = environ.get("GITHUB_REF_TYPE") == "branch" and environ.get("GITHUB_REF_NAME")
        # A pull request has a ref of its own, which cannot be opened: take what it is meant for.
        branch = environ.get("GITHUB_BASE_REF") or on_branch or event.get("default_branch")
        return Repository(f"{GITHUB}/{environ['GITHUB_REPOSITORY']}", branch or "main", path)
    url = from_origin(_git(folder, "remote", "get-url", "origin"))
    branch = _git(folder, "symbolic-ref", "--short", "HEAD") or "main"
    return Repository(url, branch, path) if url else None


def options(repository):
    """Return the theme's options for a repository, none without one."""
    if repository is None:
        return {}
    return {
        "repository_url": repository.url,
        "repository_branch": repository.branch,
        "repository_provider": "github",
        "path_to_docs": repository.path,
        "use_repository_button": True,
        "launch_buttons": {
            "notebook_interface": "jupyterlab",
            "colab_url": "https://colab.research.google.com",
            "binderhub_url": "https://mybinder.org",
        },
    }


def configure(app, config):
    """Add the options before the theme reads them."""
    found = options(find(app.srcdir))
    config.html_theme_options = {**config.html_theme_options, **found}


def setup(app):
    app.connect("config-inited", configure, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
