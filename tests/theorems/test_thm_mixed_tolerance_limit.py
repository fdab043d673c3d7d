"""Where the tolerance form ends with labels in the mix: at zero, or at one fit within eps/alpha."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import mixing
from tests.theorems import exact_fits as exact
from tests.theorems.ledger import Mutant, Result, Verdict, at_most, both, equal

ROUNDS = 300
LONG = 3000  # rounds of a path whose weight is close to the one that decides
SETTLED = 1e-9  # relative size of the last step of a path that has come to its end
WRONG = Verdict(False, -np.inf, np.inf)


class Instance(NamedTuple):
    problem: exact.Problem
    alpha: float
    path: mixing.MixedPath

    @property
    def level(self):
        """The number alpha |y|^2 / (n eps), which decides."""
        x = self.problem
        return self.alpha * (x.y**2).sum() / (x.n * x.tolerance)


def draw(rng, i, *, varying=False):
    """Draw a path; every third weight is too small to keep it alive, some of them are 0.

    Some are within a thousandth of the weight that decides.
    """
    x = exact.problem(rng, i, share=10 ** rng.uniform(-2.5, -0.1), outputs=1 + (i % 4 == 3))
    least = x.n * x.tolerance / (x.y**2).sum()  # the weight at which alpha |y|^2 = n eps
    if i % 3 == 2:
        alpha = least * rng.uniform(0, 0.95)
    else:
        alpha = 1.0 if i % 15 == 0 else least + (1 - least) * rng.uniform(0.02, 1)
    alpha = 0.0 if i % 18 == 5 else alpha
    rounds = LONG if i % 10 == 4 else ROUNDS
    if rounds == LONG:
        alpha = min(least * (1 + (1e-3 if i % 20 == 4 else -1e-3)), 1.0)
    alphas = np.where(np.arange(rounds) % 2, 1, 0.5) * alpha if varying else alpha
    return Instance(x, alpha, mixing.distill(x.spectrum, x.y, x.tolerance, alphas, rounds))


def floats(A):
    return np.array(A.tolist(), float)


def single_fit(x, ridge):
    """Values and mean squared error of one ridge fit, by a linear solve in 120 digits."""
    fitted = x.problem.K * exact.dual(x.problem.K, ridge, x.problem.Y)
    error = exact.square(fitted - x.problem.Y) / x.problem.n
    return floats(fitted), float(error)


def norms(x):
    """Norms of some of the functions, first and last among them, from dense dual coefficients."""
    rounds = sorted({*range(min(3, x.path.rounds)), x.path.rounds // 2, x.path.rounds - 1})
    kept = []
    for t in rounds:
        alpha = x.alpha if t else 1.0
        target = alpha * x.path.targets[0] + (1 - alpha) * x.path.targets[t]
        c = exact.dual(x.problem.K, float(x.path.ridges[t]), exact.mp.matrix(target.tolist()))
        kept.append(float(exact.mp.sqrt(exact.trace(c.T * x.problem.K * c))))
    return np.array(kept), x.path.function_norms[rounds]


def claims(x, *, level=None, power=1, ridge_power=1, first=False):
    level = x.level if level is None else level(x)
    if not x.path.feasible or x.path.collapsed != (level < 1):
        return WRONG
    steps = np.diff(x.path.targets[1:], axis=0)
    # every function of a round is allowed in the next one, so its norm does not grow
    every = x.path.function_norms
    some, by_library = norms(x)
    falls = both(
        at_most(np.diff(every, append=0.0), 0.0, scale=every[0]),
        at_most(np.diff(some, append=0.0), 0.0, scale=some[0], tol=1e-9),
        equal(by_library, some, tol=1e-7),
    )
    if level < 1:  # it has ended by itself
        return falls
    last = x.path.targets[1 if first else -1]
    if np.abs(steps[-1]).max() > SETTLED * np.abs(x.problem.y).max():
        return None
    fitted, error = single_fit(x, float(x.path.ridges[-1]) / x.alpha**ridge_power)
    return both(
        falls,
        equal(error, x.problem.tolerance / x.alpha**power, tol=1e-6),
        equal(last, fitted, tol=1e-6, scale=np.abs(x.problem.y).max()),
    )


RESULT = Result(
    label="thm-mixed-tolerance-limit",
    assumptions=(
        "K symmetric positive semidefinite",
        "round 0 strictly feasible and not collapsed",
        "the same tolerance and the same alpha in [0, 1] in every round",
        "alpha |y|^2 different from n eps",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "a limit within eps": Mutant(lambda x: claims(x, power=0)),
        "a limit within eps/alpha^2": Mutant(lambda x: claims(x, power=2)),
        "the last ridge itself": Mutant(lambda x: claims(x, ridge_power=0)),
        "the first fit is the limit": Mutant(lambda x: claims(x, first=True)),
        "no path collapses": Mutant(lambda x: claims(x, level=lambda x: max(x.level, 1.0))),
        "alpha^2 |y|^2 decides": Mutant(lambda x: claims(x, level=lambda x: x.alpha * x.level)),
        "1/n lost: alpha |y|^2 against eps": Mutant(
            lambda x: claims(x, level=lambda x: x.problem.n * x.level)
        ),
        "weights that alternate": Mutant(draw=lambda rng, i: draw(rng, i, varying=True)),
    },
    instances=300,
)
test_holds, test_mutants_fail = RESULT.tests()
