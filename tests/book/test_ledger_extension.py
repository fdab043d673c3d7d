"""The extensions of the site: the theorem ledger, unique ids, descriptions, launch buttons."""

import importlib
import io
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

EXTENSIONS = Path(__file__).resolve().parents[2] / "_ext"
sys.path.insert(0, str(EXTENSIONS))
ledger = importlib.import_module("ledger")
launch = importlib.import_module("launch")
pages = importlib.import_module("pages")

CONF = """
extensions = ["myst_parser", "sphinx_proof", "ledger", "pages"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
numfig = True
exclude_patterns = ["tests", "_build"]
"""
PAGE = """\
# A chapter

The first sentence says what it is about.

:::{prf:proposition} Squares of $x$
:label: prp-squares
Let (as $x$) be real. Then $x^2 \\ge 0$.
:::

:::{prf:proof}
One.
:::

:::{prf:proof}
Two.
:::

:::{prf:definition} No result
:label: def-other
Nothing to test.
:::

:::{theorem-ledger}
:::
"""
TEST = """
from tests.theorems.ledger import Mutant, Result, at_most

RESULT = Result(
    label="prp-squares",
    assumptions=("x is real",),
    draw=lambda rng, i: rng.standard_normal(),
    statement=lambda x: at_most({left}, x**2, scale=1.0),
    mutants={{"sign flipped": Mutant(statement=lambda x: at_most(0, {mutant}, scale=1.0))}},
)
"""


def write(folder, page=PAGE, left="0", mutant="-(x**2)", name="test_prp_squares"):
    """Lay out a book of one page with one test."""
    tests = folder / "tests" / "theorems"
    tests.mkdir(parents=True)
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text(page)
    (tests / f"{name}.py").write_text(textwrap.dedent(TEST.format(left=left, mutant=mutant)))
    return folder


def build(folder, builder="html"):
    """Build the book; return its folder and the warnings."""
    warnings = io.StringIO()
    out = folder / "_build" / builder
    with patch_docutils(str(folder)), docutils_namespace():
        app = Sphinx(
            folder, folder, out, folder / "_build" / "doctrees", builder, None, None, warnings
        )
        app.build()
    found = [line for line in warnings.getvalue().splitlines() if "WARNING" in line]
    return out, found


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("good"))
    return folder, *build(folder)


def soup(path):
    return BeautifulSoup(path.read_text("utf8"), "html.parser")


def test_a_sound_book_builds_without_a_warning(good):
    assert good[2] == []


def test_each_result_says_how_it_was_checked(good):
    line = soup(good[1] / "index.html").select_one("#prp-squares p.checked-by")
    assert line.get_text() == (
        "Checked by test_prp_squares: 200 instances, smallest relative margin "
        f"{line.get_text().split('margin ')[1].split(';')[0]}; its mutant caught."
    )
    assert line.a["href"] == "theorems/test_prp_squares.html"


def test_only_results_are_checked(good):
    assert soup(good[1] / "index.html").select_one("#def-other p.checked-by") is None


def test_page_of_a_test_shows_assumptions_mutants_and_source(good):
    page = soup(good[1] / "theorems" / "test_prp_squares.html")
    assert page.h1.get_text() == "How Proposition 1 is checked"
    assert page.select_one("#assumptions li").get_text() == "x is real"
    assert [td.get_text() for td in page.select("table.mutants td")] == [
        "sign flipped",
        "200 of 200",
    ]
    assert 'label="prp-squares"' in page.select_one("#source .highlight").get_text()
    back = page.find("a", href="../index.html#prp-squares")
    assert back.get_text() == "Proposition 1: Squares of x"


def test_table_lists_every_result(good):
    page = soup(good[1] / "index.html")
    cells = [td.get_text(" ", strip=True) for td in page.select("table.ledger tbody td")]
    cells = [text.replace("\N{ZERO WIDTH SPACE}", "") for text in cells]
    assert "Proposition 1" in cells[0]
    assert cells[1:] == ["A chapter", "x is real", "test_prp_squares", "200", "1 of 1"]
    assert "1 result, 200 instances" in page.select_one(".ledger-totals").get_text()


def test_ids_are_unique(good):
    ids = [tag["id"] for tag in soup(good[1] / "index.html").find_all(id=True)]
    assert sorted(ids) == sorted(set(ids))
    assert "prp-squares-content" in ids


def test_punctuation_stays_with_its_formula(good):
    tied = soup(good[1] / "index.html").select(".nobreak")
    title, text, end = (tag.get_text() for tag in tied)
    assert title == text == r"\(x\))"
    assert end == r"\(x^2 \ge 0\)."


def test_description_is_the_first_paragraph(good):
    page = soup(good[1] / "index.html")
    description = page.find("meta", attrs={"name": "description"})
    assert description["content"] == "The first sentence says what it is about."
    assert page.find("meta", property="og:title")["content"] == "A chapter"


def test_second_build_runs_nothing(good, monkeypatch):
    monkeypatch.setattr(ledger, "run_test", pytest.fail)
    assert build(good[0])[1] == []


def test_latex_builder_has_the_line_too(good):
    out, found = build(good[0], "latex")
    assert found == []
    assert "Checked by" in next(out.glob("*.tex")).read_text("utf8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "helper"}, "proposition prp-squares has no test"),
        ({"page": "# Empty\n\nNo result."}, "which is no result of the book"),
        ({"name": "test_prp_cubes"}, "its name should be test_prp_squares.py"),
        ({"left": "1"}, "prp-squares is refuted by"),
        ({"mutant": "x**2"}, "no instance refutes the mutant 'sign flipped'"),
        ({"left": "no_such_name"}, "cannot be run: NameError"),
        ({"page": PAGE.replace(":label: prp-squares\n", "")}, "has no test"),
    ],
)
def test_what_must_not_be_published_is_a_warning(tmp_path, change, message):
    _, found = build(write(tmp_path, **change))
    assert any(message in line for line in found), found


def test_change_of_a_helper_runs_the_test_again(tmp_path):
    theorems = write(tmp_path) / "tests" / "theorems"
    test = theorems / "test_prp_squares.py"
    test.write_text("import tests.theorems.helper\n" + test.read_text())
    (theorems / "helper.py").write_text("x = 1\n")
    before = ledger.digest(test, tmp_path)
    (theorems / "other.py").write_text("x = 1\n")
    assert ledger.digest(test, tmp_path) == before
    (theorems / "helper.py").write_text("x = 2\n")
    assert ledger.digest(test, tmp_path) != before


@pytest.mark.parametrize(
    ("slack", "error", "words"),
    [
        (None, 3e-16, "largest relative error below 10⁻¹⁵"),
        (None, 1e-12, "largest relative error below 10⁻¹²"),
        (None, 0.0, "exact to the last bit"),
        (0.25, 0.0, "smallest relative margin 0.2"),
        (4.2e-5, 0.0, "smallest relative margin 4 · 10⁻⁵"),
        (-1e-17, 2e-14, "largest relative error below 10⁻¹³, tightest inequality met with"),
    ],
)
def test_accuracy_in_words(slack, error, words):
    trial = ledger.Trial("prp-x", "test_prp_x", (), 200, 0, 0, slack, error, {"m": 1})
    assert ledger.accuracy(trial).startswith(words)


def test_description_is_cut_after_a_sentence():
    text = "One sentence. " * 30
    assert pages.shorten(text).endswith("sentence.")
    assert len(pages.shorten("word " * 100)) <= pages.LONGEST + 2


# --- launch buttons ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://github.com/ada/book.git", "https://github.com/ada/book"),
        ("https://github.com/ada/book", "https://github.com/ada/book"),
        ("https://user:secret@github.com/ada/book.git", "https://github.com/ada/book"),
        ("git@github.com:ada/my.book.git", "https://github.com/ada/my.book"),
        ("ssh://git@github.com/ada/book.git", "https://github.com/ada/book"),
        ("https://example.org/ada/book.git", None),
        ("https://github.com.example.org/ada/book.git", None),
        ("/srv/git/book", None),
        ("", None),
    ],
)
def test_origin(address, url):
    assert launch.from_origin(address) == url


def git(folder, *arguments):
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path):
    git(tmp_path, "init", "-b", "draft")
    git(tmp_path, "remote", "add", "origin", "git@github.com:ada/book.git")
    return tmp_path


def test_clone_takes_origin_and_branch(clone):
    assert launch.find(clone, {}) == ("https://github.com/ada/book", "draft", "")


def test_book_in_a_subfolder(clone):
    (clone / "docs").mkdir()
    assert launch.find(clone / "docs", {}).path == "docs"


def test_no_repository_no_buttons(tmp_path):
    assert launch.find(tmp_path, {}) is None
    assert launch.options(None) == {}


def test_actions_take_precedence(clone):
    environ = {"GITHUB_REPOSITORY": "eve/fork", "GITHUB_SERVER_URL": "https://github.com"}
    branch = environ | {"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"}
    assert launch.find(clone, branch) == ("https://github.com/eve/fork", "main", "")
    pull_request = branch | {"GITHUB_REF_NAME": "7/merge", "GITHUB_BASE_REF": "release"}
    assert launch.find(clone, pull_request).branch == "release"


def test_private_repository_or_other_server_has_no_buttons(clone, tmp_path):
    event = tmp_path / "event.json"
    event.write_text('{"repository": {"private": true}}')
    environ = {"GITHUB_REPOSITORY": "eve/fork", "GITHUB_EVENT_PATH": str(event)}
    assert launch.find(clone, environ) is None
    event.write_text('{"repository": {"private": false, "default_branch": "trunk"}}')
    assert launch.find(clone, environ).branch == "trunk"
    assert launch.find(clone, environ | {"GITHUB_SERVER_URL": "https://git.example.org"}) is None


def test_options_name_colab_and_binder():
    options = launch.options(launch.Repository("https://github.com/ada/book", "main", ""))
    assert options["launch_buttons"]["colab_url"].startswith("https://colab.")
    assert options["launch_buttons"]["binderhub_url"].startswith("https://mybinder.")
    assert options["repository_branch"] == "main"
