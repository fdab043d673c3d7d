"""Every kind of page in a real browser with the dark theme: no error, accessible.

Of the pages that Sphinx and our extensions generate, one of each folder: they differ in their text
only, and `test_site_light.py` visits all of them.
"""

from __future__ import annotations

import pytest

from tests.book.site import one_of_each, page_names
from tests.book.visit import inspect

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", one_of_each(page_names()))
def test_page(dark, name):
    problems = inspect(dark, name)
    assert not problems, "\n".join(problems)
