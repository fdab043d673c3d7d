"""Fixtures of the tests of live figures."""

import pytest

from tests.figures.live_page import Site


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture
def site(page, tmp_path):
    return Site(page, tmp_path)
