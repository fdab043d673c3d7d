"""Rounds of the tolerance form are products of ridge filters with growing ridges; they end."""

import itertools
from typing import NamedTuple

import numpy as np

from distill_lib.kernel import constrained
from tests.theorems import exact_fits as exact
from tests.theorems import refits
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less

mp = exact.mp
ROUNDS = 6


class Instance(NamedTuple):
    d: np.ndarray  # positive eigenvalues
    ridges: np.ndarray  # of the library
    filters: np.ndarray  # logarithms of the measured filters, (rounds, rank)
    nothing: float  # largest fitted coefficient along a zero eigenvalue
    squares: np.ndarray  # |y_t|^2 / (n eps) for t = 0, 1, ..., measured
    steps: np.ndarray  # |y_{t+1} - y_t|^2 / (n eps), measured
    predicted: np.ndarray  # at a new point, by a solve in each round
    unrolled: np.ndarray  # the same, by the library
    collapsed: bool


def draw(rng, i, *, frozen=False):
    problem = exact.problem(rng, i, share=10 ** rng.uniform(-3, -0.4))
    d = problem.spectrum.eigenvalues
    path = constrained.distill(
        problem.spectrum, problem.y[:, 0], problem.tolerance, max_rounds=ROUNDS
    )
    # A new point: its kernel row has the form Q sqrt(D) w, or the enlarged matrix is not psd.
    row = problem.Q * mp.matrix([mp.mpf(v) for v in np.sqrt(d) * rng.standard_normal(len(d))])
    fits, predicted = [problem.Y], []
    for lam in path.ridges:
        dual = exact.dual(problem.K, float(path.ridges[0] if frozen else lam), fits[-1])
        predicted.append(float((row.T * dual)[0]))
        fits.append(problem.K * dual)
    z = [list(problem.Q * fit) for fit in fits]
    rank, unit = np.count_nonzero(d), problem.n * mp.mpf(problem.tolerance)
    return Instance(
        d[:rank],
        path.ridges,
        np.array(
            [refits.logs([v / u for v, u in zip(fit, z[0][:rank], strict=False)]) for fit in z[1:]]
        ),
        max((abs(float(v)) for fit in z[1:] for v in fit[rank:]), default=0.0),
        np.array([float(exact.square(fit) / unit) for fit in fits]),
        np.array([float(exact.square(b - a) / unit) for a, b in itertools.pairwise(fits)]),
        np.array(predicted),
        path.predict(np.array([[float(v) for v in row]]))[:, 0],
        path.collapsed,
    )


def products(x, shift=0, first_only=False):
    """Logarithm of the product of the filters of rounds 0, ..., t + shift."""
    lams = np.full_like(x.ridges, x.ridges[0]) if first_only else x.ridges
    factors = np.vstack([np.zeros_like(x.d), -np.log1p(lams[:, None] / x.d)])
    total = np.cumsum(factors, axis=0)
    index = np.clip(np.arange(1, len(lams) + 1) + shift, 0, len(lams))
    return total[index]


def claims(x, *, shift=0, first_only=False, decrement=1.0, growth=1.0, power=1.0):
    log_b = products(x, shift, first_only)
    parts = [
        equal(log_b, x.filters, tol=1e-9, scale=1 + np.abs(x.filters).max()),
        equal(x.nothing, 0.0, tol=1e-40, scale=1.0),
        equal(x.steps, np.ones_like(x.steps), tol=1e-9),  # every constraint is active
        at_most(x.squares[1:], x.squares[:-1] - decrement, tol=1e-9, scale=1.0 + x.squares[0]),
        equal(x.unrolled, x.predicted, tol=1e-8),
        less(len(x.ridges) * decrement, x.squares[0] ** power, scale=1.0),  # N < r_0^2
    ]
    if len(x.ridges) > 1:
        parts.append(less(growth * x.ridges[:-1] / x.ridges[1:], 1.0, scale=1.0))
    if x.collapsed:
        parts.append(at_most(x.squares[-1], 1.0, tol=1e-9, scale=1.0))
    return both(*parts)


RESULT = Result(
    label="prp-unrolling",
    assumptions=(
        "K symmetric positive semidefinite",
        "round 0 strictly feasible",
        "the same tolerance in every round",
        "rounds counted up to the collapse",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "one factor too many": Mutant(lambda x: claims(x, shift=1)),
        "one factor too few": Mutant(lambda x: claims(x, shift=-1)),
        "every factor with the first ridge": Mutant(lambda x: claims(x, first_only=True)),
        "the ridge of round 0 in every round": Mutant(draw=lambda r, i: draw(r, i, frozen=True)),
        "squared norm falls by twice n eps": Mutant(lambda x: claims(x, decrement=2.0)),
        "fewer than r_0 rounds": Mutant(lambda x: claims(x, power=0.5)),
        "the ridge doubles at least": Mutant(lambda x: claims(x, growth=2.0)),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
