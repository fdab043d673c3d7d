"""Docstrings are code: their examples run, their parameters exist, their sources are named."""

import doctest
import importlib
import inspect
import pkgutil
import re

import pytest

import distill_lib

NAMES = [
    "distill_lib",
    *(m.name for m in pkgutil.walk_packages(distill_lib.__path__, "distill_lib.")),
]
SOURCE = re.compile(r"\b[Cc]hapters? \d|\(\d{4}\)")  # a chapter of the book, or a paper's year


def public_objects():
    """Name, object and the docstrings around it: all names in __all__, and methods of classes."""
    for module_name in NAMES:
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", []):
            thing = getattr(module, name)
            if not callable(thing) or thing.__module__ != module_name:
                continue
            docs = (module.__doc__, thing.__doc__)
            yield f"{module_name}.{name}", thing, docs
            for method_name, method in vars(thing).items() if inspect.isclass(thing) else ():
                function = getattr(method, "__func__", method)
                own = getattr(function, "__module__", None) == module_name
                if own and inspect.isfunction(function) and not method_name.startswith("_"):
                    yield f"{module_name}.{name}.{method_name}", function, (*docs, method.__doc__)


def needs_source(name):
    """Mathematics and data have a source; how a figure is drawn, or a result packed, has none."""
    drawn = name.startswith(("distill_lib.figures", "distill_lib.exercises"))
    owner = name.rpartition(".")[0]
    packed = any(hasattr(PUBLIC[n][0], "_fields") for n in (name, owner) if n in PUBLIC)
    return not drawn and not packed


PUBLIC = {name: (thing, docs) for name, thing, docs in public_objects()}


def documented_parameters(docstring):
    """Names in the numpydoc section Parameters, in order; None without such a section."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    if "Parameters" not in lines:
        return None
    start = lines.index("Parameters") + 2
    names = []
    for line, below in zip(lines[start:], [*lines[start + 1 :], ""], strict=True):
        if re.fullmatch("-{3,}", below):
            break
        if line and not line[0].isspace():
            names += [part.strip().lstrip("*") for part in line.split(" : ")[0].split(",")]
    return names


def accepted_parameters(thing):
    names = list(inspect.signature(thing).parameters)
    return names[1:] if names and names[0] in ("self", "cls") else names


@pytest.mark.parametrize("name", NAMES)
def test_examples_run(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_documented_and_sourced(name):
    thing, docs = PUBLIC[name]
    assert thing.__doc__, f"{name} has no docstring"
    if needs_source(name):
        sourced = any(SOURCE.search(doc or "") for doc in docs)
        assert sourced, f"{name} names no chapter and no paper"


@pytest.mark.parametrize("name", PUBLIC)
def test_documented_parameters_are_the_accepted_ones(name):
    thing, _ = PUBLIC[name]
    documented = documented_parameters(thing.__doc__)
    if documented is None and (inspect.isclass(thing) or not accepted_parameters(thing)):
        return  # a class may describe its fields in words
    assert documented == accepted_parameters(thing)


def test_the_check_reads_numpydoc():
    def example(a, b, *rest, c=1, **more):
        """Do nothing.

        Parameters
        ----------
        a, b : float
            Two numbers: not parameters.
        *rest
            More.
        c : int, default 1
        **more
            Others.

        Returns
        -------
        None
        """

    assert documented_parameters(example.__doc__) == ["a", "b", "rest", "c", "more"]
    assert accepted_parameters(example) == ["a", "b", "rest", "c", "more"]
