"""The built site without a browser: each check returns a list of problems, empty if all is well."""

from __future__ import annotations

import itertools
import re
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import yaml
from bs4 import BeautifulSoup

from tests.book.notebook import ROOT

BUILT = ROOT / "_build" / "html"

# What the site is made of. A change in any of them makes it stale.
SOURCES = (
    "_config.yml",
    "_toc.yml",
    "references.bib",
    "chapters/**/*",
    "_ext/**/*",
    "_static/**/*",
    "distill_lib/**/*.py",
    "distill_lib/**/*.js",
    "distill_lib/**/*.css",
    "tests/theorems/*.py",
)
FILE_NAME = re.compile(r"^\S+\.(png|svg|jpe?g|gif|webp)$|^[0-9a-f]{16,}|^_images/", re.I)
# Left behind when a directive, a role or a reference was not understood.
LEFTOVER = re.compile(r"\{(cite|ref|eq|prf|doc|numref|term)[:\w]*\}|:::|\[\?\]|\{math\}|\$\$")
REDIRECT = re.compile(r"""http-equiv=["']?refresh""", re.I)
HEADING = re.compile(r"^h[1-6]$")


def stale(built=BUILT, root=ROOT, sources=SOURCES):
    """Say why the site has to be built first."""
    index = built / "index.html"
    if not index.exists():
        return ["there is no built site: run make book"]
    stamp = built.parent / ".stamp"
    when = (stamp if stamp.exists() else index).stat().st_mtime
    newer = [
        path.relative_to(root)
        for pattern in sources
        for path in sorted(root.glob(pattern))
        if path.is_file() and "__pycache__" not in path.parts and path.stat().st_mtime > when
    ]
    age = time.strftime("%H:%M:%S", time.localtime(when))
    return [f"{path} changed after the site was built at {age}: run make book" for path in newer]


class Page:
    """One HTML page, parsed."""

    def __init__(self, path, root):
        self.path, self.root = path, root
        self.name = path.relative_to(root).as_posix()
        self.soup = BeautifulSoup(path.read_text("utf8"), "html.parser")

    def __repr__(self):
        return self.name

    @cached_property
    def ids(self):
        """All anchors of the page, with how often each occurs."""
        names = [a["name"] for a in self.soup.find_all("a", attrs={"name": True})]
        found = Counter(tag["id"] for tag in self.soup.find_all(id=True))
        return found + Counter(name for name in names if name not in found)

    @cached_property
    def content(self):
        """The part that is written, without the frame of the theme."""
        return self.soup.find("article") or self.soup.find("main") or self.soup

    @property
    def is_redirect(self):
        return bool(REDIRECT.search(self.path.read_text("utf8")[:2000]))

    @cached_property
    def is_written(self):
        """Whether a person wrote the page, rather than Sphinx."""
        return (self.root / "_sources").joinpath(self.name).with_suffix("").parent.exists() and any(
            (self.root / "_sources").glob(self.name.removesuffix(".html") + ".*")
        )


class Site:
    """A folder of pages."""

    def __init__(self, root=BUILT):
        self.root = Path(root)
        files = sorted(self.root.rglob("*.html"))
        self.pages = {p.resolve(): Page(p, self.root) for p in files if "_static" not in p.parts}

    def __iter__(self) -> Iterator[Page]:
        """Go through the pages, those aside that only lead to another."""
        return (page for page in self.pages.values() if not page.is_redirect)


def page_names(root=BUILT):
    """Names of all pages, for the parametrised tests; before the first build, of those to come."""
    names = [
        path.relative_to(root).as_posix()
        for path in sorted(root.rglob("*.html"))
        if not REDIRECT.search(path.read_text("utf8")[:2000])
    ]
    return [name for name in names if not name.startswith("_static/")] or [
        f"{name}.html" for name in toc_pages(toc())
    ]


def one_of_each(names):
    """Leave out generated pages that differ from another one only in their text."""
    seen, kept = set(), []
    for name in names:
        folder = name.partition("/")[0]
        if folder == "chapters" or "/" not in name or folder not in seen:
            kept.append(name)
        seen.add(folder)
    return kept


def targets(page):
    """Links and embedded files of a page: (tag, address)."""
    for tag in page.soup.find_all(["a", "img", "script", "link", "source", "iframe", "object"]):
        for attribute in ("href", "src", "data"):
            address = tag.get(attribute)
            if address and not address.startswith(("data:", "mailto:", "javascript:")):
                yield tag, address


def is_external(address):
    """Whether an address leaves the site."""
    parts = urllib.parse.urlsplit(address)
    return bool(parts.scheme or parts.netloc)


def links(site):
    """Every local link leads to a file and, where it names one, to an anchor."""
    problems = []
    for page in site:
        for _, address in targets(page):
            if is_external(address):
                continue
            parts = urllib.parse.urlsplit(address)
            path = urllib.parse.unquote(parts.path)
            target = (page.path.parent / path).resolve() if path else page.path.resolve()
            target = target / "index.html" if target.is_dir() else target
            anchor = urllib.parse.unquote(parts.fragment)
            if not target.exists():
                problems.append(f"{page}: {address} does not exist")
            elif not target.is_relative_to(site.root.resolve()):
                problems.append(f"{page}: {address} is outside the site")
            elif anchor and target in site.pages and anchor not in site.pages[target].ids:
                problems.append(f"{page}: no anchor {address}")
    return problems


def external_links(site):
    """An external link is https and has an address that can be right."""
    problems = []
    for page in site:
        for tag, address in targets(page):
            parts = urllib.parse.urlsplit(address)
            if tag.name == "a" and is_external(address) and parts.scheme != "https":
                problems.append(f"{page}: link is not https: {address}")
            if "localhost" in parts.netloc or parts.netloc.startswith("127."):
                problems.append(f"{page}: link to one's own machine: {address}")
    return problems


def duplicate_ids(site):
    """An id is used once on a page."""
    return [
        f"{page}: id {name!r} is used {count} times"
        for page in site
        for name, count in page.ids.items()
        if count > 1
    ]


def external_resources(site):
    """No page and no style sheet loads anything from elsewhere."""
    problems = []
    for page in site:
        for tag, address in targets(page):
            canonical = tag.name == "link" and "canonical" in (tag.get("rel") or ())
            if tag.name != "a" and not canonical and is_external(address):
                problems.append(f"{page}: <{tag.name}> loads {address}")
        styles = [tag.get_text() for tag in page.soup.find_all("style")]
        styles += [tag["style"] for tag in page.soup.find_all(style=True)]
        problems += [f"{page}: style loads {url}" for css in styles for url in css_urls(css)]
    for sheet in sorted(site.root.rglob("*.css")):
        urls = css_urls(sheet.read_text("utf8", errors="replace"))
        problems += [f"{sheet.relative_to(site.root)}: loads {url}" for url in urls]
    return problems


def css_urls(css):
    """External addresses that a style sheet loads, by url() or @import."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    found = re.findall(r"""url\(\s*["']?([^"')\s]+)""", css)
    found += re.findall(r"""@import\s+["']([^"']+)""", css)
    return [url for url in found if not url.startswith(("data:", "#")) and is_external(url)]


def images(site):
    """Every image has an alternative text that a person wrote."""
    problems = []
    for page in site:
        for image in page.soup.find_all("img"):
            if "toggler" in image.get("class", ()):  # Sphinx's, in the index of modules
                continue
            alt, source = image.get("alt"), (image.get("src") or "")[:60]
            if not alt or not alt.strip():
                problems.append(f"{page}: no alt text: {source}")
            elif FILE_NAME.search(alt.strip()) or alt.strip() in source:
                problems.append(f"{page}: alt text is a file name: {alt[:60]!r}")
            elif len(alt.split()) < 3 and not image.find_parent(class_="logo"):
                problems.append(f"{page}: alt text {alt!r} says too little")
    return problems


def heads(site):
    """Language, title and description of every page; titles and descriptions are its own."""
    problems, titles = [], Counter()
    for page in site:
        html, title = page.soup.find("html"), page.soup.find("title")
        if not (html and html.get("lang")):
            problems.append(f"{page}: <html> has no lang")
        text = title.get_text(strip=True) if title else ""
        titles[text] += 1
        if not text or titles[text] > 1:
            problems.append(f"{page}: title {text!r} is missing or used on another page too")
        if not page.soup.find("meta", attrs={"name": "viewport"}):
            problems.append(f"{page}: no viewport")
        if page.is_written:
            description = page.soup.find("meta", attrs={"name": "description"})
            content = (description or {}).get("content", "")
            if len(content) < 40:
                problems.append(f"{page}: no meta description, or a short one: {content!r}")
    return problems


def headings(site):
    """One h1 a page; no level is skipped in what is written."""
    problems = []
    for page in site:
        levels = [int(tag.name[1]) for tag in page.content.find_all(HEADING)]
        if levels.count(1) != 1:
            problems.append(f"{page}: {levels.count(1)} h1")
        for before, after in itertools.pairwise(levels):
            if after > before + 1:
                problems.append(f"{page}: heading h{after} follows h{before}")
    return problems


def leftovers(site):
    """No markup that was not understood is shown as text."""
    problems = []
    for page in site:
        content = BeautifulSoup(str(page.content), "html.parser")
        for tag in content.find_all(["code", "pre", "script", "style", "annotation"]):
            tag.decompose()
        for text in content.find_all(string=LEFTOVER):
            problems.append(f"{page}: markup left in the text: {' '.join(text.split())[:80]!r}")
        for tag in content.find_all(class_="math"):  # formulas are TeX until a browser sets them
            if re.search(r"\\(ref|eqref|label|cite)\b", tag.get_text()):
                problems.append(f"{page}: {tag.get_text()[:60]!r}")
        for tag in content.find_all(class_=["problematic", "system-message"]):
            problems.append(f"{page}: {tag.get_text(' ', strip=True)[:80]!r}")
    return problems


def checked_by(site):
    """Under every labelled result it says how it was checked."""
    kinds = ("theorem", "proposition", "lemma", "corollary")
    problems, seen = [], 0
    for page in site:
        for block in page.soup.find_all("div", class_="proof"):
            if not set(block.get("class", ())) & set(kinds):
                continue
            seen += 1
            following = block.find_next_sibling()
            text = block.get_text(" ") + (following.get_text(" ") if following else "")
            if "Checked by" not in text:
                problems.append(f"{page}: nothing says how {block.get('id')} was checked")
    return problems if seen else ["no labelled result on the whole site"]


def toc_pages(toc):
    """All pages that a table of contents names."""
    found = []

    def visit(node):
        if isinstance(node, dict):
            found.extend(node[key] for key in ("root", "file") if key in node)
            for child in node.values():
                visit(child)
        elif isinstance(node, list):
            for child in node:
                visit(child)

    visit(toc)
    return found


def complete(site, toc):
    """Every page of the table of contents was built."""
    built = {page.name for page in site.pages.values()}
    return [
        f"{name} was not built"
        for name in toc_pages(toc)
        if re.sub(r"\.(md|ipynb|rst)$", "", name) + ".html" not in built
    ]


def toc(root=ROOT):
    """The table of contents of the book."""
    return yaml.safe_load((root / "_toc.yml").read_text("utf8"))


def machine(site):
    """No page shows where it was built."""
    trace = re.compile(rf"{re.escape(str(ROOT))}|(?<![\w.])/(home|root|work|Users)/\w+/")
    return [
        f"{page}: shows a path of this machine: {found[0]}"
        for page in site
        if (found := trace.search(str(page.soup)))
    ]


SITE_CHECKS = (
    links,
    external_links,
    duplicate_ids,
    external_resources,
    images,
    heads,
    headings,
    leftovers,
    checked_by,
    machine,
)
