"""Rounds of a linear network with weight decay are filter powers."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, filters
from tests.theorems.ledger import Mutant, Result, equal


class Instance(NamedTuple):
    X: np.ndarray  # inputs, one row a point
    Y: np.ndarray  # labels as rows
    mu: float  # weight decay
    rounds: int
    outputs: np.ndarray  # after the last round, by least squares in the weights


def draw(rng, i, *, free_bias=False, fixed=True):
    n, p, outputs = (int(v) for v in rng.integers(1, (12, 9, 4)))
    if i % 5 == 0:
        n, p = (1, 3) if i % 10 else (3, 8)  # one point; more weights than points
    X = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-2, 2)
    if i % 7 == 0:
        X[-1] = X[0]  # a point twice
    if i % 11 == 0:
        X[:] = 0.0  # nothing but the bias
    Y, mu = rng.standard_normal((n, outputs)), 10.0 ** rng.uniform(-4, 2)
    rounds, targets = int(rng.integers(1, 6)), Y
    for k in range(rounds):
        targets = fit(X, targets, mu * (1 if fixed else 2**k), free_bias)
    return Instance(X, Y, mu, rounds, targets)


def fit(X, targets, mu, free_bias):
    """Minimise (1/n) |Z - targets|^2 + (mu/2) |weights|^2 over all weights; return Z."""
    n, features = len(X), np.column_stack([X, np.ones(len(X))])
    penalty = np.sqrt(mu / 2) * np.eye(features.shape[1])
    if free_bias:
        penalty[-1] = 0.0
    rows = np.vstack([features / np.sqrt(n), penalty])
    zeros = np.zeros((len(penalty), targets.shape[1]))
    weights = np.linalg.lstsq(rows, np.vstack([targets / np.sqrt(n), zeros]), rcond=None)[0]
    return features @ weights


def check(x, *, lam=None, bias=True, shift=0):
    K = x.X @ x.X.T + float(bias)
    spectrum = Spectrum.from_gram(K)
    lam = len(K) * x.mu / 2 if lam is None else lam
    b = filters.distilled(spectrum.eigenvalues, lam, x.rounds + shift)
    return equal(spectrum.apply(b, x.Y), x.outputs, tol=1e-8, scale=np.abs(x.Y).max())


RESULT = Result(
    label="prp-linear-network-rounds",
    assumptions=(
        "one linear layer, its bias penalised like its weights",
        "mean over the points of the squared error on outputs",
        "mu > 0, the same in every round",
        "every round trained to its minimum",
    ),
    draw=draw,
    statement=check,
    mutants={
        "lam = n mu": Mutant(lambda x: check(x, lam=len(x.X) * x.mu)),
        "no 1/n in the loss: lam = mu / 2": Mutant(lambda x: check(x, lam=x.mu / 2)),
        "kernel without the bias": Mutant(lambda x: check(x, bias=False)),
        "one round more": Mutant(lambda x: check(x, shift=1)),
        "bias not penalised": Mutant(draw=lambda r, i: draw(r, i, free_bias=True)),
        "weight decay that grows": Mutant(draw=lambda r, i: draw(r, i, fixed=False)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
