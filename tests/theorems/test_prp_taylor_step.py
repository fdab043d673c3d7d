"""A student is its teacher plus a step along the derivative in log lam."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics.pairwise import rbf_kernel

from tests.theorems.ledger import Mutant, Result, both, equal

STEP = 1e-30  # of the complex step derivative: exact to rounding, nothing cancels


class Instance(NamedTuple):
    K: np.ndarray
    K_new: np.ndarray
    lam: float
    teacher_lam: float
    alpha: float
    y: np.ndarray
    truth: np.ndarray
    sigma: float


def draw(rng, i, *, teacher=1.0):
    n = 1 if i % 5 == 4 else int(rng.integers(2, 12))
    X = rng.standard_normal((n, 2)) * 10.0 ** rng.uniform(-1, 1)
    if i % 5 == 2:
        X[-1] = X[0]  # a repeated point: a zero eigenvalue
    if i % 5 == 1:
        X *= 0.02  # almost equal points: eigenvalues over more than twelve decades
    lam = 10.0 ** rng.uniform(-3, 1)
    alpha = float(rng.uniform(-2, 3))
    truth, sigma = rng.standard_normal(n), 10.0 ** rng.uniform(-1, 1)
    y = truth + sigma * rng.standard_normal(n)
    K_new = rbf_kernel(rng.standard_normal((4, 2)), X)
    return Instance(rbf_kernel(X), K_new, lam, teacher * lam, alpha, y, truth, sigma)


def predictor(K, K_new, lam):
    """The matrix that maps targets to predictions; `lam` may be complex."""
    return K_new @ np.linalg.inv(K + lam * np.eye(len(K)))


def slope(K, K_new, lam):
    """Its derivative in log lam, by a complex step."""
    return predictor(K, K_new, lam * (1 + 1j * STEP)).imag / STEP


def risk(matrix, x):
    return ((matrix @ x.truth - x.truth) ** 2).sum() + x.sigma**2 * (matrix**2).sum()


def check(x, *, weight=lambda alpha: 1 - alpha, scale=1.0, curvature=1.0):
    xi = weight(x.alpha)
    smoother = predictor(x.K, x.K, x.teacher_lam)
    targets = x.alpha * x.y + (1 - x.alpha) * smoother @ x.y
    student = predictor(x.K, x.K_new, x.lam) @ targets
    teacher = predictor(x.K, x.K_new, x.lam) @ x.y
    step = scale * slope(x.K, x.K_new, x.lam) @ x.y
    size = np.abs(x.y).max() / x.lam

    S, G = predictor(x.K, x.K, x.lam), slope(x.K, x.K, x.lam)
    mixed = predictor(x.K, x.K, x.lam) @ (
        x.alpha * np.eye(len(S)) + (1 - x.alpha) * predictor(x.K, x.K, x.teacher_lam)
    )
    at = x._replace(truth=np.zeros_like(x.truth))
    second = ((G @ x.truth) ** 2).sum() + risk(G, at)
    first = 2 * ((S @ x.truth - x.truth) @ (G @ x.truth) + x.sigma**2 * (S * G).sum())
    expected = risk(S, x) + xi * first + curvature * xi**2 * second
    return both(
        equal(student, teacher + xi * step, tol=1e-10, scale=size),
        equal(risk(mixed, x), expected, tol=1e-9, scale=risk(S, x) + xi**2 * second),
    )


RESULT = Result(
    label="prp-taylor-step",
    assumptions=(
        "K symmetric positive semidefinite",
        "lam > 0, the same for teacher and student",
        "any real weight alpha on the ground truth",
        "for the risk: fixed inputs, uncorrelated noise of variance sigma^2",
    ),
    draw=draw,
    statement=check,
    mutants={
        "alpha in place of 1 - alpha": Mutant(lambda x: check(x, weight=lambda alpha: alpha)),
        "derivative in lam, not in log lam": Mutant(lambda x: check(x, scale=1 / x.lam)),
        "half the curvature": Mutant(lambda x: check(x, curvature=0.5)),
        "a teacher with another ridge": Mutant(draw=lambda r, i: draw(r, i, teacher=1.5)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
