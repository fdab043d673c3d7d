"""What imports what: the kernel wing stays light, and data flows one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "distill_lib"

#: From the first to the last; a module imports from its own layer and the ones before. The first
#: pattern that fits a module's name decides, so `kernel.*` holds what is not named above it.
LAYERS = [
    ["_validation", "_fetch"],
    ["_images"],
    ["datasets", "noise", "results"],
    ["kernel.kernels"],
    ["kernel.spectrum"],
    ["kernel.filters"],
    ["kernel.estimators"],
    ["kernel.experiments", "kernel.real_data", "kernel.noisy_data"],
    ["kernel"],
    ["deep"],
    ["deep._setup", "deep.checkpoints", "deep.distributed"],
    ["deep.*"],
    ["figures", "figures.*"],
    ["exercises", "exercises.*"],
]
#: Procedures and their theory build on the filters; estimators may use them.
PROCEDURES = LAYERS.index(["kernel.estimators"]) - 0.5

LIGHT = {"numpy", "scipy", "sklearn", "distill_lib"}
#: Imported inside a function, when a reader asks for a download.
LATE = {"_fetch": {"pooch", "tqdm"}}


def modules():
    """Dotted names below distill_lib, and their files."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            yield name, path


MODULES = dict(modules())


def layer(name):
    for rank, patterns in enumerate(LAYERS):
        for pattern in patterns:
            if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])):
                return rank
    if name.startswith("kernel."):
        return PROCEDURES
    raise AssertionError(f"distill_lib.{name} has no place in LAYERS: give it one")


def imported_names(path):
    """Full dotted names of everything that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def resolve(name):
    """Return the module behind a dotted name; a name that a package re-exports is looked up."""
    name = name.removeprefix("distill_lib").removeprefix(".")
    if name in MODULES or not name:
        return name
    package, _, last = name.rpartition(".")
    if package in MODULES and MODULES[package].name == "__init__.py":
        for origin in imported_names(MODULES[package]):
            if origin.rpartition(".")[2] == last and origin.startswith("distill_lib."):
                return resolve(origin)
    return package


@pytest.mark.parametrize("name", MODULES)
def test_data_flows_one_way(name):
    for imported in imported_names(MODULES[name]):
        if imported.split(".")[0] == "distill_lib":
            origin = resolve(imported)
            assert not origin or layer(origin) <= layer(name), (
                f"distill_lib.{name} imports {imported}, which is further along the chain"
            )


def test_the_rule_would_notice():
    """The chain itself, and that names re-exported by a package are followed to their module."""
    chain = ["kernel.kernels", "kernel.spectrum", "kernel.filters", "kernel.risk",
             "kernel.estimators", "kernel.experiments", "figures.style", "exercises"]  # fmt: skip
    ranks = [layer(name) for name in chain]
    assert ranks == sorted(set(ranks))
    assert resolve("distill_lib.kernel.Spectrum") == "kernel.spectrum"
    assert resolve("distill_lib.kernel.filters") == "kernel.filters"
    assert resolve("distill_lib.kernel.filters.ridge") == "kernel.filters"


@pytest.mark.parametrize(
    "name", [name for name in MODULES if layer(name) <= layer("kernel")], ids=str
)
def test_the_kernel_wing_needs_three_packages(name):
    for imported in imported_names(MODULES[name]):
        top = imported.split(".")[0]
        allowed = LIGHT | LATE.get(name, set()) | sys.stdlib_module_names
        assert top in allowed, f"distill_lib.{name} needs {top}"


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("deep")])
def test_only_the_deep_wing_imports_torch(name):
    assert "torch" not in {imported.split(".")[0] for imported in imported_names(MODULES[name])}


def test_a_fresh_process_loads_nothing_else():
    wing = [f"distill_lib.{name}" for name in MODULES if layer(name) <= layer("kernel")]
    code = (
        f"import sys, {', '.join(wing)}\n"
        "heavy = {'torch', 'matplotlib', 'IPython', 'ipywidgets', 'pooch', 'tqdm'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
