"""Fixtures of the tests of live figures."""

import pytest

from tests.figures.live_page import WIDE, Site, cleared


@pytest.fixture(scope="session")
def _tab(browser):
    """One tab a process: a new one costs a process of the browser, and a second of its time."""
    context = browser.new_context(viewport=WIDE)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(_tab):
    """The tab, as if it were new: an empty page of the usual size, the pointer in its corner."""
    return cleared(_tab)


@pytest.fixture
def site(page, tmp_path):
    site = Site(page, tmp_path)
    yield site
    site.close()
