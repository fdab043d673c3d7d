"""A minimiser of loss plus ridge lies in the span of the kernel functions: chapter 2."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from tests.theorems import spectral_problems as problems
from tests.theorems.ledger import Mutant, Result, both, equal


class Case(NamedTuple):
    problem: problems.Problem
    loss: str  # "square", "joint" or "logistic"; see also `jump`
    penalty: np.ndarray  # (p, p): identity, unless a mutant changes it
    competitor: np.ndarray  # (p,)


def draw(rng, i):
    problem = problems.draw(rng, i)
    p = problem.new.shape[1]
    loss = ("square", "joint", "logistic")[i // 6 % 3]
    return Case(problem, loss, np.eye(p), rng.standard_normal(p))


def loss_value(case, values):
    y = case.problem.y
    if case.loss == "logistic":
        return np.logaddexp(0, -np.sign(y) * values).sum()
    joint = values.mean() ** 2 / 2 if case.loss == "joint" else 0.0
    return ((values - y) ** 2).sum() / 2 + joint


def loss_derivatives(case, values):
    """Gradient and Hessian of the loss with respect to the values at the training points."""
    y, n = case.problem.y, len(values)
    if case.loss == "logistic":
        q = expit(-np.sign(y) * values)
        return -np.sign(y) * q, np.diag(q * (1 - q))
    joint = np.full((n, n), 1 / n**2) if case.loss == "joint" else np.zeros((n, n))
    return values - y + joint @ values, np.eye(n) + joint


def objective(case, w):
    p = case.problem
    return loss_value(case, p.features @ w) + p.lam / 2 * w @ case.penalty @ w


def minimiser(case):
    """Newton's method over all weights, damped: nothing here knows of a kernel."""
    p = case.problem
    Phi, w = p.features, np.zeros(len(case.penalty))
    for _ in range(60):
        g, H = loss_derivatives(case, Phi @ w)
        gradient = Phi.T @ g + p.lam * case.penalty @ w
        step = np.linalg.solve(Phi.T @ H @ Phi + p.lam * case.penalty, gradient)
        length = 1.0
        while length > 1e-6 and objective(case, w - length * step) > objective(case, w):
            length /= 2
        w = w - length * step
        if np.abs(step).max() <= 1e-14 * np.abs(w).max():
            break
    return w


def inside(case, w):
    """Projection on the span of the feature vectors of the training points."""
    basis = case.problem.V[:, case.problem.d > 0]
    return basis @ (basis.T @ w)


def lies_in_span(case, w=None):
    w = minimiser(case) if w is None else w
    return equal(inside(case, w), w, tol=1e-9, scale=np.abs(w).max() + 1e-3)


def jump(case, w):
    """Objective with a loss that is not continuous: the number of wrong signs.

    Values that are zero up to rounding count as positive, so that rounding does not decide.
    """
    p = case.problem
    wrong = (p.features @ w > -1e-9) != (p.y > 0)
    return wrong.sum() + p.lam / 2 * w @ w


def pythagoras(case):
    """For any w: same training values, and the objective drops by lam/2 ||w_outside||^2."""
    p, w = case.problem, case.competitor
    projected = inside(case, w)
    outside = p.lam / 2 * ((w - projected) ** 2).sum()
    return both(
        equal(p.features @ w, p.features @ projected, scale=1.0),
        *(
            equal(J(case, w) - J(case, projected), outside, scale=J(case, w))
            for J in (objective, jump)
        ),
    )


def statement(case):
    return both(lies_in_span(case), pythagoras(case))


def tilted_penalty(rng, i):
    """Measure the size of a function with another norm than the one of the kernel."""
    case = draw(rng, i)
    A = rng.standard_normal(case.penalty.shape)
    return case._replace(penalty=A @ A.T + 0.1 * np.eye(len(A)))


def value_elsewhere(case):
    """Let the loss also look at the value at a point that is not among the training points."""
    p = case.problem
    Phi = np.vstack([p.features, p.new[:1]])
    return lies_in_span(case, problems.primal_weights(Phi, np.append(p.y, 1.0), p.lam))


def no_ridge(case):
    """With lam = 0 a least-squares fit stays a minimiser if you add what no point sees."""
    p = case.problem
    outside = case.competitor - inside(case, case.competitor)
    w = np.linalg.lstsq(p.features, p.y, rcond=1e-10)[0] + outside
    gradient = p.features.T @ (p.features @ w - p.y)
    return lies_in_span(case, w) if np.abs(gradient).max() < 1e-9 else None


def one_kernel_less(case):
    w, basis = minimiser(case), np.linalg.qr(case.problem.features[1:].T)[0]
    return equal(basis @ (basis.T @ w), w, tol=1e-6)


RESULT = Result(
    label="thm-representer",
    assumptions=(
        "k positive semidefinite, H its function space",
        "the loss depends on f only through f(x_1), ..., f(x_n)",
        "lam > 0, and the ridge is on the norm of H",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "another norm in the ridge": Mutant(statement=lies_in_span, draw=tilted_penalty),
        "loss sees a point outside the training set": Mutant(statement=value_elsewhere),
        "lam = 0 allowed": Mutant(statement=no_ridge),
        "span of n - 1 kernel functions": Mutant(statement=one_kernel_less),
    },
    instances=216,
)
test_holds, test_mutants_fail = RESULT.tests()
