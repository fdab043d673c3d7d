"""A labelled result of the book as something that can be tried: statement, instances, mutants.

A file ``tests/theorems/test_<label>.py`` (hyphens as underscores) defines one `Result`:

    RESULT = Result(
        label="prp-ridge-filter",
        assumptions=("K symmetric positive semidefinite", "lam > 0"),
        draw=draw,              # (rng, i) -> instance, for i = 0, 1, ...; make some extreme
        statement=statement,    # instance -> Verdict, or None if the instance is saturated
        mutants={"lam doubled": Mutant(statement=...), "lam < 0 allowed": Mutant(draw=...)},
    )
    test_holds, test_mutants_fail = RESULT.tests()

A *mutant* is the same statement with one thing wrong: a sign flipped, a 1/n dropped, an exponent
off by one, an assumption removed. It counts as caught when at least one instance refutes it. The
Sphinx extension ``_ext/ledger.py`` runs every file while the site is built and prints the counts
under each result.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest


class Verdict(NamedTuple):
    """Whether the statement holds on one instance, by what relative margin, with what error."""

    holds: bool
    slack: float  # of the inequalities: smallest (rhs - lhs) / scale; infinite if there are none
    error: float  # of the equalities: largest |lhs - rhs| / scale; 0 if there are none


def equal(lhs, rhs, *, tol=1e-10, scale=None):
    """lhs == rhs up to `tol` times `scale` (default: the largest entry)."""
    lhs, rhs = np.asarray(lhs, float), np.asarray(rhs, float)
    if lhs.shape != rhs.shape:
        raise ValueError(f"the two sides have shapes {lhs.shape} and {rhs.shape}")
    scale = max(np.abs(lhs).max(), np.abs(rhs).max()) if scale is None else scale
    error = np.abs(lhs - rhs).max() / (scale or 1.0)
    return Verdict(bool(error <= tol), np.inf, float(error))


def at_most(lhs, rhs, *, tol=1e-12, scale=None):
    """lhs <= rhs, rounding of `tol` times `scale` allowed."""
    lhs, rhs = np.broadcast_arrays(np.asarray(lhs, float), np.asarray(rhs, float))
    scale = max(np.abs(lhs).max(), np.abs(rhs).max()) if scale is None else scale
    slack = ((rhs - lhs) / (scale or 1.0)).min()
    return Verdict(bool(slack >= -tol), float(slack), 0.0)


def less(lhs, rhs, *, scale=None):
    """lhs < rhs strictly, with no allowance: skip saturated instances instead."""
    verdict = at_most(lhs, rhs, scale=scale)
    return verdict._replace(holds=verdict.slack > 0)


def both(*verdicts):
    """All parts of a statement hold; slack and error are those of the tightest part."""
    holds, slacks, errors = zip(*verdicts, strict=True)
    return Verdict(all(holds), min(slacks), max(errors))


@dataclass(frozen=True)
class Mutant:
    """A wrong version: another statement, another way to draw instances, or both."""

    statement: Callable[[Any], Verdict | None] | None = None
    draw: Callable[[np.random.Generator, int], Any] | None = None


class Record(NamedTuple):
    """What one run of a result found."""

    label: str
    assumptions: tuple[str, ...]
    instances: int
    skipped: int
    refuted: int
    worst_slack: float
    worst_error: float
    mutants: dict[str, int]  # name -> number of instances that refute it


@dataclass(frozen=True)
class Result:
    """One labelled result and the way to try it; see the module's docstring."""

    label: str
    assumptions: tuple[str, ...]
    draw: Callable[[np.random.Generator, int], Any]
    statement: Callable[[Any], Verdict | None]
    mutants: Mapping[str, Mutant]
    instances: int = 200
    skip_at_most: float = 0.5  # a result whose instances are mostly saturated is not tested
    _cache: dict = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self):
        if self.instances < 200:
            raise ValueError(f"instances must be >= 200, got {self.instances}")
        if not self.mutants:
            raise ValueError(f"{self.label} has no mutants")

    def _drawn(self, draw):
        """Return the instances; those of the true statement are drawn once for it and its mutants.

        A statement must not change its instance.
        """
        if draw in self._cache:
            return self._cache[draw]
        rng = np.random.default_rng(zlib.crc32(self.label.encode()))
        drawn = [draw(rng, i) for i in range(self.instances)]
        if draw is self.draw:
            self._cache[draw] = drawn
        return drawn

    def _verdicts(self, draw, statement):
        return [statement(instance) for instance in self._drawn(draw)]

    def holds(self):
        """Run the true statement on every instance."""
        verdicts = self._verdicts(self.draw, self.statement)
        kept = [v for v in verdicts if v is not None]
        return kept, len(verdicts) - len(kept)

    def refutations(self, name):
        """Count the instances that refute mutant `name`."""
        mutant = self.mutants[name]
        verdicts = self._verdicts(mutant.draw or self.draw, mutant.statement or self.statement)
        return sum(v is not None and not v.holds for v in verdicts)

    def run(self):
        """Run the statement and every mutant once."""
        kept, skipped = self.holds()
        return Record(
            self.label,
            self.assumptions,
            len(kept),
            skipped,
            sum(not v.holds for v in kept),
            min(v.slack for v in kept),
            max(v.error for v in kept),
            {name: self.refutations(name) for name in self.mutants},
        )

    def tests(self):
        """Return the two pytest functions of a theorem file."""

        def test_holds():
            kept, skipped = self.holds()
            assert len(kept) >= 200, f"only {len(kept)} instances are not saturated; draw more"
            assert skipped <= self.skip_at_most * self.instances, f"{skipped} instances skipped"
            bad = [v.slack for v in kept if not v.holds]
            assert not bad, f"{len(bad)} of {len(kept)} instances fail, worst slack {min(bad):.3g}"

        @pytest.mark.parametrize("name", list(self.mutants))
        def test_mutants_fail(name):
            assert self.refutations(name) > 0, f"no instance refutes the mutant {name!r}"

        return test_holds, test_mutants_fail
