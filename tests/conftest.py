"""Fixtures that several folders of tests share."""

import os

import pytest

from tests.browser import launch_options


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
