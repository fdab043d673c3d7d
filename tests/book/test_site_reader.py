"""What a reader does: move sliders, use the keyboard, search, read from disk or without scripts."""

from __future__ import annotations

import functools
import gzip
import json
import re

import pytest

from tests.book.notebook import CHAPTERS
from tests.book.visit import LIVE, Visit, inspect, live_figure

pytestmark = pytest.mark.browser

PAGES = [f"chapters/{path.stem}.html" for path in CHAPTERS]
# Half of it are the theme's icons and MathJax, which a reader's browser keeps for the next page.
HEAVIEST = {"requests": 80, "bytes": 6_000_000, "compressed": 3_000_000}


@pytest.fixture(scope="module")
def from_disk(browser, built):
    """A tab that opens the files themselves, without a server."""
    visit = Visit(browser, built.resolve().as_uri())
    yield visit
    visit.close()


@pytest.fixture(scope="module")
def without_scripts(browser, address):
    """A tab in which no script runs."""
    visit = Visit(browser, address, scripts=False)
    yield visit
    visit.close()


def test_the_address_of_the_site_leads_to_the_first_page(light):
    light.page.goto(f"{light.base}/")
    light.page.wait_for_url("**/chapters/index.html")


def live_figures(page):
    """Every live figure of a chapter answers, and there is one."""
    figures = page.locator(LIVE).all()
    found = [problem for figure in figures for problem in live_figure(figure)]
    return found if figures else ["no live figure on the page"]


# To open a chapter takes longer than to try it, most of all to set its formulas. So one visit
# tries all that belongs together.


@pytest.mark.parametrize("name", PAGES)
def test_figures_and_answers_of_a_chapter(light, name):
    page = light.open(name)
    problems = live_figures(page) + light.drain()
    assert not problems, "\n".join(problems)
    open_a_solution_and_an_answer_by_keyboard(page)
    assert light.drain() == []


@pytest.mark.parametrize("name", ["chapters/index.html", "chapters/notation.html", *PAGES])
def test_pages_work_from_disk(from_disk, name):
    problems = inspect(from_disk, name, axe=False)
    if name in PAGES:
        problems += live_figures(from_disk.page) + from_disk.drain()
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", PAGES)
def test_figures_are_pictures_without_scripts(without_scripts, name):
    page = without_scripts.open(name)
    pictures = page.locator(f"{LIVE} img")
    assert pictures.count() == page.locator(LIVE).count() > 0
    for picture in pictures.all():
        assert picture.is_visible()
        assert picture.bounding_box()["width"] > 200
        assert picture.bounding_box()["height"] > 100


def focus_is_visible(page):
    """Whether something is drawn around the element with the focus."""
    return page.evaluate(
        """() => { const style = getComputedStyle(document.activeElement);
        return style.outlineStyle !== "none" || style.boxShadow !== "none" }"""
    )


@pytest.mark.parametrize("name", PAGES[:1])
def test_the_keyboard_shows_where_it_is(light, name):
    page = light.open(name)
    page.keyboard.press("Tab")
    first = page.evaluate("() => document.activeElement.innerText")
    assert "skip" in first.lower(), f"the first stop is {first!r}, not the link to the content"
    for _ in range(12):
        assert focus_is_visible(page), page.evaluate("() => document.activeElement.outerHTML")
        page.keyboard.press("Tab")


def open_a_solution_and_an_answer_by_keyboard(page):
    """The first solution and the first answer of a chapter open."""
    solution = page.locator(".solution.dropdown, .solution details").first
    content = solution.locator("p, pre").last
    assert not content.is_visible()
    solution.locator("button, summary").first.press("Enter")
    content.wait_for(state="visible", timeout=3000)
    answer = page.locator("article details:not(.toggle-details):not(.hide)").first
    answer.locator("summary").press("Enter")
    assert answer.evaluate("(node) => node.open")


def test_search_finds_a_word(light):
    page = light.open("search.html?q=Green")
    page.locator("#search-results li a").first.wait_for(timeout=10_000)
    found = page.locator("#search-results").inner_text()
    assert "filter" in found.lower()
    assert light.drain() == []


def test_search_opens_by_keyboard(light):
    page = light.open("chapters/index.html")
    page.keyboard.press("Control+k")
    page.locator("input[type=search]:visible").first.wait_for(timeout=3000)


@functools.lru_cache(maxsize=500)
def compressed(body):
    """Size of a body as a server sends it; most pages share most files."""
    return len(gzip.compress(body))


def weigh(browser, address, name):
    """Size and number of the requests of a first visit, plain and as a server compresses them."""
    context = browser.new_context()
    page = context.new_page()
    responses = []
    page.on("response", lambda response: responses.append(response))
    page.goto(f"{address}/{name}", wait_until="networkidle")
    bodies = [(response.headers.get("content-type", ""), response.body()) for response in responses]
    context.close()
    is_text = re.compile("text|javascript|json|svg")
    sent = [compressed(body) if is_text.search(kind) else len(body) for kind, body in bodies]
    plain = sum(len(body) for _, body in bodies)
    return {"requests": len(bodies), "bytes": plain, "compressed": sum(sent)}


def test_first_visits_are_light(browser, address, built):
    weights = {name: weigh(browser, address, name) for name in ["chapters/index.html", *PAGES]}
    (built.parent / "weight.json").write_text(json.dumps(weights, indent=2) + "\n")
    heavy = {
        name: weight
        for name, weight in weights.items()
        if any(weight[measure] > most for measure, most in HEAVIEST.items())
    }
    assert not heavy, heavy
