"""The browser's gates bite: a sound page passes, each broken one is caught."""

from __future__ import annotations

import pytest

from tests.book import visit as v

pytestmark = pytest.mark.browser

PAGE = """\
<!DOCTYPE html>
<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Page</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>body { color: #111; background: #fff } a { color: #00c }</style></head>
<body><main><article><h1>Page</h1>
<p>Text with a formula: <span class="math">x</span>.</p>
<script>
  const set = document.createElement("mjx-container");
  document.querySelector(".math").replaceChildren(set);
</script>
</article></main></body></html>
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def tab(browser, folder):
    """A tab on a folder that the tests write to."""
    with v.served(folder) as base:
        visit = v.Visit(browser, base)
        yield visit
        visit.close()


def problems(tab, folder, old="", new=""):
    assert old in PAGE
    (folder / "page.html").write_text(PAGE.replace(old, new, 1) if old else PAGE)
    return v.inspect(tab, "page.html")


def test_a_sound_page_passes(tab, folder):
    assert problems(tab, folder) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("</main>", '<script src="https://cdn.example.org/a.js"></script></main>', "leaves the"),
        ("</main>", '<img alt="A curve" src="https://example.org/a.png"></main>', "leaves the"),
        ("<script>", "<script>fetch('https://example.org/').catch(() => 0);", "leaves the machine"),
        ("<style>", "<style>@import 'https://example.org/a.css';", "leaves the machine"),
        ("</main>", '<script src="missing.js"></script></main>', "404"),
        ("</main>", '<img alt="A curve" src="missing.png"></main>', "image does not load"),
        ("<script>", "<script>console.error('wrong');", "console error: wrong"),
        ("<script>", "<script>console.warn('careful');", "console warning: careful"),
        ("<script>", "<script>setTimeout(() => { throw Error('late') });", "script error"),
        ("</main>", '<div style="width: 700px">wide</div></main>', "scrolls sideways"),
        ('data-theme="light"', 'data-theme="dark"', "the theme is dark"),
        ('createElement("mjx-container")', 'createElement("b")', "formula is not set"),
        ('createElement("mjx-container")', 'createElement("mjx-merror")', "MathJax"),
        ("<p>Text", "<p>$$ x $$", "TeX left in the text"),
        ("<p>Text", r"<p>\begin{aligned}", "TeX left in the text"),
        ("</main>", '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="></main>', "image-alt"),
        ("<style>", "<style>p { color: #ccc }", "color-contrast"),
        ("</main>", "<button></button></main>", "button-name"),
        (' lang="en"', "", "html-has-lang"),
        ("<main>", "<div>", "landmark"),
    ],
)
def test_a_broken_page_is_caught(tab, folder, old, new, expected):
    found = problems(tab, folder, old, new)
    assert any(expected in problem for problem in found), found


LISTING = """\
<style>pre { color: #111 } .k { color: #00c } .k.pale, .grey .k { color: #ccc }
.dim { opacity: 0.2 } pre.dark { background: #111; color: #eee } pre.dark .k { color: #99f }</style>
<pre><span class="k">for</span> x <span class="k">in</span> y <b>{}</b></pre></main>"""


@pytest.mark.parametrize(
    ("part", "caught"),
    [
        ('<span class="k">if</span>', False),
        ('<span class="k pale">if</span>', True),
        ('<em class="k pale">if</em>', True),
        ('<i class="grey"><span class="k">if</span></i>', True),
        ('<i class="dim"><span class="k">if</span></i>', True),
        ('<span class="k"><span class="k pale">if</span></span>', True),
        ('<span class="k" style="color: #ccc">if</span>', True),
        ('<i style="background: #00a"><span class="k">if</span></i>', True),
        ('<span class="k" role="magic">if</span>', True),
    ],
)
def test_axe_sees_every_look_of_the_words_of_a_listing(tab, folder, part, caught):
    """Of words that look the same it sees one, and a word that looks otherwise is not the same."""
    page = PAGE.replace("</article>", "").replace("</main>", LISTING.replace("{}", part))
    (folder / "page.html").write_text(page.replace("</main>", "</article></main>"))
    page = tab.open("page.html")
    text = page.inner_text("pre")
    found = v.accessibility(page)
    assert page.locator("pre > span").count() < 3
    assert page.inner_text("pre") == text
    assert bool(found) == caught, found


def test_an_exception_covers_its_rule_and_selector_only(tab, folder):
    (folder / "page.html").write_text(PAGE.replace("</main>", '<b><button id="b"></button></b>'))
    page = tab.open("page.html")
    assert v.accessibility(page, {"button-name": [("#b", "a reason")]}) == []
    assert v.accessibility(page, {"button-name": [("#c", "a reason")]})
    assert v.accessibility(page, {"image-alt": [("#b", "a reason")]})


def test_exceptions_are_explained():
    listed = [entry for entries in v.EXCEPTIONS.values() for entry in entries]
    assert all(text and len(why) > 20 for text, why in listed)


FIGURE = """\
<figure class="distill-live" data-state="live"><svg width="9" height="9"></svg><label>ridge
<input type="range" min="0" max="3"></label><label>rounds <input type="range" min="0" max="3">
</label><label>ridge <input type="radio" name="p" value="ridge" checked></label>
<label>flow <input type="radio" name="p" value="flow"></label></figure>
<script>
  const [ridge, rounds, first, second] = document.querySelectorAll("figure input");
  const draw = () => document.querySelector("figure svg").replaceChildren(
    [ridge.value * rounds.value, first.checked].join());
  for (const input of [ridge, rounds, first, second]) input.oninput = draw;
  draw();
</script>
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", None),
        ("ridge.value * rounds.value", "ridge.value", "slider 'rounds' changes nothing"),
        (", first.checked", "", "choice 'flow' changes nothing"),
        ('type="range"', 'type="text"', "no slider"),
    ],
)
def test_a_slider_that_does_nothing_is_caught(tab, folder, old, new, expected):
    (folder / "page.html").write_text(PAGE.replace("</main>", FIGURE.replace(old, new) + "</main>"))
    page = tab.open("page.html")
    found = v.live_figure(page.locator(v.LIVE))
    assert found == [] if expected is None else any(expected in problem for problem in found), found


def test_a_figure_that_stays_a_picture_is_caught(tab, folder):
    (folder / "page.html").write_text(
        PAGE.replace("</main>", FIGURE.replace('="live"', '="failed"'))
    )
    tab.open("page.html", patience=500)
    assert tab.drain() == ["a live figure does not come to life"]
