"""The built site, served on this machine, for the tests that look at it."""

from __future__ import annotations

import pytest

from tests.book import site
from tests.book.visit import Visit, served


@pytest.fixture(scope="session")
def built():
    """The folder of the built site; fails with the command to run if there is none."""
    if not (site.BUILT / "index.html").exists():
        pytest.fail("there is no built site: run make book")
    return site.BUILT


@pytest.fixture(scope="session")
def address(built):
    """Where the site is served."""
    with served(built) as base:
        yield base


@pytest.fixture(scope="module")
def light(browser, address):
    """A tab that asks for the light theme."""
    visit = Visit(browser, address, theme="light")
    yield visit
    visit.close()


@pytest.fixture(scope="module")
def dark(browser, address):
    """A tab that asks for the dark theme."""
    visit = Visit(browser, address, theme="dark")
    yield visit
    visit.close()
