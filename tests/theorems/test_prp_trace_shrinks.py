"""The eigenvalues of the equivalent kernel fall with every round, and the empirical error rises."""

import itertools
from typing import NamedTuple

import numpy as np

from distill_lib.kernel import constrained
from tests.theorems import exact_fits as exact
from tests.theorems import refits
from tests.theorems.ledger import Mutant, Result, both, equal, less

mp = refits.mp


class Instance(NamedTuple):
    d: np.ndarray  # zeros included
    ridges: np.ndarray
    z: np.ndarray  # coefficients of the targets, none of them zero


def draw(rng, i):
    d = refits.eigenvalues(rng, i)
    ridges = [refits.ridge_near(rng, d) for _ in range(2 + i % 3)]
    z = rng.standard_normal(len(d)) + np.sign(rng.standard_normal(len(d)))
    return Instance(d, np.array(ridges), z)


def kept(x):
    """Filter after each round, 120 digits, shape (rounds, n)."""
    b, rows = [mp.mpf(1)] * len(x.d), []
    for lam in x.ridges:
        b = [v * mp.mpf(d) / (mp.mpf(d) + mp.mpf(lam)) for v, d in zip(b, x.d, strict=True)]
        rows.append(b)
    return rows


def equivalent(x, b, lam=None):
    """Eigenvalues d with d / (lam + d) = b, where lam is that of the first round."""
    lam = mp.mpf(x.ridges[0] if lam is None else lam)
    return [lam * v / (1 - v) for v in b]


def empirical(x, b):
    return sum((mp.mpf(z) * (1 - v)) ** 2 for z, v in zip(x.z, b, strict=True))


def signs(pairs):
    return [exact.sign(after - before) for before, after in pairs]


def claims(x, *, eigenvalues=None, grows=empirical, singular=False):
    filters = kept(x)
    rows = [equivalent(x, b) for b in filters] if eigenvalues is None else eigenvalues(x, filters)
    library = [constrained.equivalent_eigenvalues(x.d, x.ridges[: t + 1]) for t in range(len(rows))]
    positive = [j for j, d in enumerate(x.d) if d > 0 or singular]
    fall = [
        -s for a, b in itertools.pairwise(rows) for s in signs([(a[j], b[j]) for j in positive])
    ]
    traces = [-s for s in signs(itertools.pairwise([sum(row) for row in rows]))]
    errors = signs(itertools.pairwise([grows(x, b) for b in filters]))
    got = np.array([[float(v) for v in row] for row in rows])
    return both(
        equal(np.where(got > 0, np.array(library) / np.where(got > 0, got, 1), 1), 1 + 0 * got),
        less(0, [*fall, *traces, *errors], scale=1),
    )


RESULT = Result(
    label="prp-trace-shrinks",
    assumptions=(
        "K positive semidefinite and not zero",
        "every ridge > 0",
        "the targets are not in the null space of K (for the error)",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "each round its own first ridge": Mutant(
            lambda x: claims(
                x,
                eigenvalues=lambda x, rows: [
                    equivalent(x, b, lam) for b, lam in zip(rows, x.ridges, strict=True)
                ],
            )
        ),
        "strictly also where the eigenvalue is zero": Mutant(lambda x: claims(x, singular=True)),
        "the empirical error falls": Mutant(
            lambda x: claims(x, grows=lambda x, b: -empirical(x, b))
        ),
        "targets in the null space": Mutant(
            lambda x: claims(x._replace(z=np.where(x.d > 0, 0.0, x.z)))
        ),
        "variance b (1 - b) instead of the error": Mutant(
            lambda x: claims(x, grows=lambda x, b: sum(v * (1 - v) for v in b))
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
