"""Fixtures that several folders of tests share."""

import json
import os
from pathlib import Path

import pytest

from tests.browser import launch_options

STATUS = Path(__file__).resolve().parents[1] / "chapters" / "status.json"
#: Seconds of the slowest files of tests on one core, roughly: only their order counts.
SLOW = {
    "test_site_light.py": 370,
    "test_site_reader.py": 210,
    "test_site_dark.py": 240,
    "test_dampening.py": 70,
    "test_two_paths.py": 60,
    "test_live.py": 50,
    "test_signal_first.py": 50,
    "test_tolerance_rounds.py": 40,
}
KERNEL = 8  # seconds until a notebook's kernel has imported what it needs


def pytest_collection_modifyitems(config, items):
    """Where files are shared out among processes, start the slow ones first, so that none is last.

    Of a notebook the recorded run says how long it takes. The order within a file stays.
    """
    if not hasattr(config, "workerinput"):
        return
    runs = json.loads(STATUS.read_text("utf8"))
    seconds = SLOW | {name: KERNEL + run["seconds"] for name, run in runs.items()}
    items.sort(key=lambda item: -seconds.get(item.path.name, 0))


@pytest.fixture(scope="session")
def browser():
    """Launch Chromium once a session; without one, skip on a reader's machine and fail in CI."""
    try:
        options = launch_options()
    except FileNotFoundError as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(**options)
        yield launched
        launched.close()
