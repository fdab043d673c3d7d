"""The built site without a browser; and every gate bites."""

from __future__ import annotations

import os

import pytest

from tests.book import site
from tests.book.site import Site


def test_the_site_is_built_from_these_sources():
    problems = site.stale()
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def pages(built):
    return Site(built)


@pytest.mark.parametrize("check", site.SITE_CHECKS, ids=lambda f: f.__name__)
def test_site(pages, check):
    problems = check(pages)
    assert not problems, "\n".join(problems)


def test_every_page_of_the_toc_is_built(pages):
    assert site.complete(pages, site.toc()) == []


# A small site that passes every check, and ways to break it.

PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><title>{title}</title>
<meta name="viewport" content="width=device-width">
<meta name="description" content="A page about nothing in particular, for the gates.">
<link rel="stylesheet" href="_static/a.css"></head>
<body><article><h1 id="top">{title}</h1>
<img alt="The error falls and then rises" src="_static/a.png">
<div class="proof theorem" id="thm-one"><p>It holds.</p></div>
<p>Checked by 200 instances.</p>
<h2 id="next">Next</h2><h3>More</h3>
<a href="{other}#top">there</a> <a href="https://example.org/">elsewhere</a>
</article></body></html>
"""


@pytest.fixture
def small(tmp_path):
    """Two pages that pass every check."""
    (tmp_path / "_static").mkdir()
    (tmp_path / "_sources").mkdir()
    (tmp_path / "_static" / "a.css").write_text("p { background: url(a.png) }")
    (tmp_path / "_static" / "a.png").write_text("")
    for title, other in (("one", "two.html"), ("two", "one.html")):
        (tmp_path / f"{title}.html").write_text(PAGE.format(title=title, other=other))
        (tmp_path / "_sources" / f"{title}.md").write_text(f"# {title}")
    return tmp_path


@pytest.mark.parametrize("check", site.SITE_CHECKS, ids=lambda f: f.__name__)
def test_a_sound_site_passes(small, check):
    assert check(Site(small)) == []


IMAGE = 'alt="The error falls and then rises"'
BROKEN = [
    (site.links, 'href="two.html#top"', 'href="three.html"'),
    (site.links, 'href="two.html#top"', 'href="two.html#bottom"'),
    (site.links, 'href="two.html#top"', 'href="#bottom"'),
    (site.links, 'src="_static/a.png"', 'src="_static/b.png"'),
    (site.links, 'href="two.html#top"', 'href="../../etc"'),
    (site.external_links, "https://example.org/", "http://example.org/"),
    (site.external_links, "https://example.org/", "https://localhost:8000/"),
    (site.duplicate_ids, 'id="next"', 'id="top"'),
    (site.external_resources, "</body>", '<script src="https://cdn.example.org/a.js"></script>'),
    (site.external_resources, "_static/a.css", "//cdn.example.org/a.css"),
    (site.external_resources, "_static/a.png", "https://cdn.example.org/a.png"),
    (site.external_resources, "</body>", '<iframe src="https://example.org"></iframe>'),
    (site.external_resources, "<p>", "<p style=\"background: url('https://example.org/a')\">"),
    (site.external_resources, "<h3>", "<style>@import 'https://example.org/a.css';</style><h3>"),
    (site.images, IMAGE, 'alt=""'),
    (site.images, IMAGE, ""),
    (site.images, IMAGE, 'alt="a.png"'),
    (site.images, IMAGE, 'alt="_images/0123456789abcdef0123456789abcdef.png"'),
    (site.images, IMAGE, 'alt="Figure"'),
    (site.heads, ' lang="en"', ""),
    (site.heads, "<title>one</title>", "<title>two</title>"),
    (site.heads, "<title>one</title>", ""),
    (site.heads, 'name="description"', 'name="keywords"'),
    (site.heads, 'name="viewport"', 'name="view"'),
    (site.headings, "<h2", "<h1>Again</h1><h2"),
    (site.headings, "<h1", "<h2"),
    (site.headings, "<h3>More</h3>", "<h4>More</h4>"),
    (site.leftovers, "It holds.", "It holds by {prf:ref}."),
    (site.leftovers, "It holds.", "$$ x"),
    (site.leftovers, "It holds.", ":::{note}"),
    (site.leftovers, "It holds.", "[?]"),
    (site.leftovers, "It holds.", '<span class="problematic">text</span>'),
    (site.leftovers, "It holds.", r'<span class="math">\eqref{eq-x}</span>'),
    (site.checked_by, "Checked by 200 instances.", "It was seen."),
    (site.machine, "It holds.", "It holds in /{}/ada/book.".format("home")),
    (site.machine, "It holds.", f"It holds in {site.ROOT}."),
]


@pytest.mark.parametrize(
    ("check", "old", "new"), BROKEN, ids=[f"{b[0].__name__}-{i}" for i, b in enumerate(BROKEN)]
)
def test_a_broken_page_is_caught(small, check, old, new):
    page = small / "one.html"
    assert old in page.read_text()
    page.write_text(page.read_text().replace(old, new))
    assert check(Site(small))


def test_every_check_is_tried():
    assert {check for check, *_ in BROKEN} == set(site.SITE_CHECKS)


def test_a_style_sheet_from_elsewhere_is_caught(small):
    (small / "_static" / "a.css").write_text("@import url(https://example.org/font.css);")
    assert site.external_resources(Site(small))
    (small / "_static" / "a.css").write_text("/* url(https://example.org/a.png) */")
    assert not site.external_resources(Site(small))


def test_a_site_without_results_is_caught(small):
    for page in small.glob("*.html"):
        page.write_text(page.read_text().replace("proof theorem", "proof"))
    assert site.checked_by(Site(small))


def test_a_missing_page_is_caught(small):
    assert site.complete(Site(small), {"root": "one", "chapters": [{"file": "two.md"}]}) == []
    assert site.complete(Site(small), {"root": "one", "chapters": [{"file": "three"}]})


def test_a_stale_site_is_caught(tmp_path):
    source, built = tmp_path / "_toc.yml", tmp_path / "_build" / "html"
    source.write_text("root: index")
    assert "make book" in site.stale(built, tmp_path)[0]
    built.mkdir(parents=True)
    (built / "index.html").write_text("")
    assert site.stale(built, tmp_path) == []
    os.utime(built / "index.html", (0, 0))
    assert "make book" in site.stale(built, tmp_path)[0]
    (built.parent / ".stamp").write_text("")
    assert site.stale(built, tmp_path) == []
