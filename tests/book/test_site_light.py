"""Every page in a real browser with the light theme: no error, no request elsewhere, accessible."""

from __future__ import annotations

import pytest

from tests.book.site import page_names
from tests.book.visit import inspect

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", page_names())
def test_page(light, name):
    problems = inspect(light, name)
    assert not problems, "\n".join(problems)
