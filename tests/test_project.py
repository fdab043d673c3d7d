"""The project agrees with itself: commands, versions, pins, licences, layers, and no traces."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.metadata
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import distill_lib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text("utf8")
TEXT = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".cff", ".cfg", ".js", ".css", ".html"}
TEXT |= {".ipynb", ".json", ".bib", ".svg", ".sh", ""}


def project_files():
    """List the files that are tracked or would be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in names.splitlines() if (path := ROOT / name).is_file()]


# Commands


def targets(makefile):
    """Names of the targets of a Makefile."""
    return set(re.findall(r"^([a-z][\w-]*):(?!=)", makefile, re.M))


def unknown_commands(text, makefile):
    """List the ``make`` commands of a text that the Makefile does not have."""
    named = re.findall(r"(?:`|^\s*|\()make ([a-z][\w-]*)", text, re.M)
    return sorted(set(named) - targets(makefile))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "chapters/index.md"])
def test_commands_exist(name):
    assert unknown_commands((ROOT / name).read_text("utf8"), MAKEFILE) == []


def test_unknown_commands_are_caught():
    assert unknown_commands("run `make book`", "book: setup") == []
    assert unknown_commands("```bash\nmake bok   # build\n```", "book: setup") == ["bok"]


def test_examples_of_the_readme_run():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf8"), re.S)
    assert blocks
    subprocess.run([sys.executable, "-c", "\n".join(blocks)], cwd=ROOT, check=True, timeout=120)


# Versions and pins


def constraints():
    """Pinned versions by canonical name."""
    lines = (ROOT / "constraints.txt").read_text("utf8").splitlines()
    pins = [line.split("==") for line in lines if line.strip() and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pins}


# A virtual environment of Python 3.11 brings it along.
PROVIDED = {"setuptools"}
#: What the builds of torch for one kind of GPU bring along: torch pins these exactly itself.
ACCELERATOR = ("nvidia-", "cuda-", "triton")


def same_release(found, pinned):
    """Whether two versions differ at most in the local part, which names a build ("+cpu")."""
    return found.public == pinned.public and pinned.local in (None, found.local)


def unpinned(requirements, pins, installed, *, follow=True):
    """Problems of requirements and, if asked, of everything that they need in turn.

    `installed` maps a name to (version, requirements), or is None for what is not installed.
    """
    problems, queue, seen = [], [(r, set()) for r in map(Requirement, requirements)], set()
    while queue:
        requirement, wanted = queue.pop()
        name = canonicalize_name(requirement.name)
        extras = [{"extra": extra} for extra in wanted or {""}]
        unwanted = requirement.marker and not any(map(requirement.marker.evaluate, extras))
        if unwanted or name in PROVIDED or name.startswith(ACCELERATOR):
            continue
        if name not in pins:
            problems.append(f"{name} is not pinned")
        elif not requirement.specifier.contains(pins[name], prereleases=True):
            problems.append(f"{requirement} does not allow the pinned {pins[name]}")
        key = (name, frozenset(requirement.extras))
        if key in seen or not follow:
            continue
        seen.add(key)
        if (found := installed(name)) is None:
            problems.append(f"{name} is not installed")
            continue
        version, needs = found
        if name in pins and not same_release(Version(version), pins[name]):
            problems.append(f"{name} {version} is installed, {pins[name]} is pinned")
        queue += [(need, requirement.extras) for need in map(Requirement, needs)]
    return sorted(set(problems))


def installed(name):
    """Version and requirements of an installed package."""
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    return found.version, found.requires or []


def test_what_make_setup_installs_is_pinned():
    extras = re.search(r"^EXTRAS\s*:=\s*(\S+)", MAKEFILE, re.M)[1].split(",")
    needs = list(PROJECT["dependencies"])
    for extra in extras:
        needs += PROJECT["optional-dependencies"][extra]
    assert unpinned(needs, constraints(), installed) == []


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_every_extra_is_pinned(extra):
    needs = PROJECT["optional-dependencies"][extra]
    assert unpinned(needs, constraints(), installed, follow=False) == []


def test_pins_that_are_missing_or_contradict_are_caught():
    world = {"a": ("1.0", ["b>=2; python_version >= '3'", "c; extra == 'x'"]), "b": ("2.0", [])}
    pins = {"a": Version("1.0"), "b": Version("2.0")}
    assert unpinned(["a"], pins, world.get) == []
    assert unpinned(["a"], {"a": pins["a"]}, world.get) == ["b is not pinned"]
    assert unpinned(["a[x]"], pins, world.get) == ["c is not installed", "c is not pinned"]
    assert unpinned(["a>=2"], pins, world.get) == ["a>=2 does not allow the pinned 1.0"]
    wrong = {**pins, "b": Version("2.1")}
    assert unpinned(["a"], wrong, world.get) == ["b 2.0 is installed, 2.1 is pinned"]
    build = {"torch": ("2.0+cpu", ["nvidia-x==1"])}
    assert unpinned(["torch"], {"torch": Version("2.0")}, build.get) == []
    assert len(unpinned(["torch"], {"torch": Version("2.0+cu1")}, build.get)) == 1


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    changelog = (ROOT / "CHANGELOG.md").read_text("utf8")
    newest = re.search(r"^## \[?(\d[\w.]*)", changelog, re.M)[1]
    assert {citation["version"], newest} == {distill_lib.__version__}


# Licences and pages


def test_licences():
    code, text = (ROOT / "LICENSE").read_text("utf8"), (ROOT / "LICENSE-TEXT").read_text("utf8")
    assert code.startswith("MIT License")
    assert "https://creativecommons.org/licenses/by/4.0/legalcode" in text
    assert PROJECT["license"] == "MIT"


def pages_not_listed(toc, names):
    """Pages of chapters/ that the table of contents does not name."""
    listed = re.findall(r"(?:file|root):\s*(\S+)", toc)
    stems = {re.sub(r"\.(md|ipynb)$", "", name) for name in listed}
    return sorted(name for name in names if f"chapters/{Path(name).stem}" not in stems)


def test_every_page_is_in_the_table_of_contents():
    files = (ROOT / "chapters").iterdir()
    pages = [path.name for path in files if path.suffix in (".md", ".ipynb")]
    assert pages
    assert pages_not_listed((ROOT / "_toc.yml").read_text("utf8"), pages) == []


def test_a_page_that_is_not_listed_is_caught():
    toc = "root: chapters/index\nchapters:\n  - file: chapters/a\n"
    assert pages_not_listed(toc, ["index.md", "a.ipynb", "b.md"]) == ["b.md"]


# Traces that do not belong into a project

TRACES = {
    "a path of a machine": re.compile(r"(?<![\w.~])/(work|root|home|Users)/\w"),
    "the host of a package index": re.compile(
        r"https?://[^\s\"')>]*(py" r"pi|pythonhosted|npm" r"js|anaconda|artifactory|/simple\b)",
        re.I,
    ),
    "something left to do": re.compile(r"\b(TODO|FIXME|XXX)\b"),
    "a conflict of a merge": re.compile(r"^(<{7}|>{7}) ", re.M),
    "a key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[pousr]_[A-Za-z0-9]{30}"),
}


#: A picture in a notebook; among its letters any word turns up by chance.
PICTURE = re.compile(r"[A-Za-z0-9+/]{200,}={0,2}")


def traces(text):
    """List what a text contains that it must not."""
    text = PICTURE.sub("", text)
    found = {kind: pattern.search(text) for kind, pattern in TRACES.items()}
    return [f"{kind}: {match[0]!r}" for kind, match in found.items() if match]


def test_no_traces():
    problems = [
        f"{path.relative_to(ROOT)}: {trace}"
        for path in project_files()
        if path.suffix in TEXT and path != Path(__file__)
        for trace in traces(path.read_text("utf8", errors="replace"))
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    "text",
    [
        "/home/ada/book",
        "see /root/book",
        "https://pypi.example/x",
        "https://npmjs.example/x",
        "http://10.0.0.1/index/simple",
        "# TODO: later",
        "<<<<<<< HEAD",
    ],
)
def test_traces_are_caught(text):
    assert traces(text)


@pytest.mark.parametrize("text", ["a/root/b", "https://example.org/home/", "PyPI", "/tmp/x"])
def test_other_text_is_no_trace(text):
    assert traces(text) == []


# The package

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(distill_lib.__path__, "distill_lib.")
)
# Data flows one way: a module imports from its own line or from a line above.
LAYERS = (
    ("distill_lib._validation", "distill_lib._fetch"),
    ("distill_lib._images",),
    ("distill_lib.datasets", "distill_lib.noise", "distill_lib.results"),
    ("distill_lib.kernel.kernels",),
    ("distill_lib.kernel.spectrum", "distill_lib.kernel.filters"),
    ("distill_lib.kernel",),
    ("distill_lib.deep",),
    ("distill_lib.figures.style",),
    ("distill_lib.figures", "distill_lib.exercises"),
)


def layer(module):
    """Line of `LAYERS` to which a module belongs; the longest name that fits decides."""
    fits = [
        (len(name), index)
        for index, names in enumerate(LAYERS)
        for name in names
        if module == name or module.startswith(name + ".")
    ]
    return max(fits)[1] if fits else None


def imported(source):
    """Modules of the library that a source imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inside = {f"{node.module}.{name.name}" for name in node.names}
            found |= {name if name in MODULES else node.module for name in inside}
    return {name for name in found if name.startswith("distill_lib.")}


def against_the_flow(module, source):
    """Imports of a module from further along."""
    here = layer(module)
    if here is None:
        return [f"{module} is in no layer; add it to LAYERS"]
    return [
        f"{module} imports {name}"
        for name in sorted(imported(source))
        if layer(name) is None or layer(name) > here
    ]


@pytest.mark.parametrize("module", MODULES)
def test_data_flows_one_way(module):
    source = Path(importlib.util.find_spec(module).origin).read_text("utf8")
    assert against_the_flow(module, source) == []


def test_an_import_against_the_flow_is_caught():
    flow = against_the_flow
    assert flow("distill_lib.kernel.kernels", "from distill_lib.kernel import spectrum")
    assert flow("distill_lib.kernel.filters", "import distill_lib.figures.style")
    assert flow("distill_lib.unheard_of", "")
    assert not flow("distill_lib.figures.style", "from distill_lib.kernel import filters")


def test_the_kernel_wing_is_light():
    heavy = "{'torch', 'matplotlib', 'ipywidgets', 'anywidget', 'IPython'}"
    code = f"import sys, distill_lib.kernel; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("module", ["distill_lib", *MODULES])
def test_examples_in_docstrings(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0


# Continuous integration


def workflow():
    text = (ROOT / ".github" / "workflows" / "book.yml").read_text("utf8")
    return yaml.load(text, Loader=yaml.BaseLoader)  # plain strings: YAML takes `on` for true


def test_the_workflow_runs_what_contributors_run():
    steps = workflow()["jobs"]["test"]["steps"]
    assert any(step.get("run", "").strip() == "make test" for step in steps)


def test_the_workflow_asks_for_little():
    flow = workflow()
    assert flow["permissions"] == {"contents": "read"}
    assert "permissions" not in flow["jobs"]["test"]
    assert flow["jobs"]["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert "refs/heads/main" in flow["jobs"]["publish"]["if"]
    assert "concurrency" in flow
