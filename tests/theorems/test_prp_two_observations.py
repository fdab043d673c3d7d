"""A mixed round is Gaussian-process regression in which every latent value is observed twice."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct

from distill_lib.kernel import mixing
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, at_most, both

mp = mixed.mp

ROUNDS = 2


class Instance(NamedTuple):
    problem: mixed.Problem
    teacher: np.ndarray  # (n, q)
    alpha: float
    mean: np.ndarray  # (m, q): posterior of the latent values at new points
    covariance: np.ndarray  # (m, m)
    chain: np.ndarray  # (ROUNDS + 1, n, q): labels, then posterior means at the training points
    again: np.ndarray  # (n, q): mean if the teacher is the regression with noise lam / alpha
    sklearn: bool  # compare with scikit-learn too: slow


def weights_on_observations(x, alpha, correlated=0):
    """Rows that turn labels and teacher into means at the new and at the training points.

    They are K_at C^-1, with C the covariance of all 2n observations.
    """
    alpha, lam, one = mp.mpf(alpha), mp.mpf(x.lam), mixed.exact(np.eye(x.n))
    shared = one * (correlated * lam / mp.sqrt(alpha * (1 - alpha)))
    C = np.block(
        [[x.K + one * (lam / alpha), x.K + shared], [x.K + shared, x.K + one * (lam / (1 - alpha))]]
    )
    twice = np.hstack([np.vstack([x.K_new, x.K])] * 2)
    rows = mixed.solve(C, twice.T).T
    return rows[: len(x.new)], rows[len(x.new) :]


def once(x, noise, targets):
    """Mean at the training points and covariance at the new ones, after one observation."""
    solved = mixed.dual(x.K, noise, np.hstack([targets, x.K_new.T]))
    q = targets.shape[1]
    return x.K @ solved[:, :q], x.new @ x.new.T - x.K_new @ solved[:, q:]


def draw(rng, i, *, correlated=0):
    x = mixed.problem(rng, i, outputs=1 + (i % 6 == 5))
    near = 10.0 ** rng.uniform(-9, -3)
    alpha = [float(rng.uniform(0.02, 0.98)), near, 1 - near][i // 5 % 3]
    teacher = mixed.exact(rng.standard_normal(x.Y.shape))
    at_new, at_training = weights_on_observations(x, alpha, correlated)
    mean = at_new @ np.vstack([x.Y, teacher])
    covariance = x.new @ x.new.T - at_new @ np.hstack([x.K_new, x.K_new]).T
    chain = [x.Y]
    for _ in range(ROUNDS):
        chain.append(at_training @ np.vstack([x.Y, chain[-1]]))
    limit = once(x, mp.mpf(x.lam) / mp.mpf(alpha), x.Y)[0]
    again = at_training @ np.vstack([x.Y, limit])
    return Instance(x, teacher, alpha, mean, covariance, np.array(chain), again, i % 5 == 0)


def library(x):
    """Verdicts on the library, and on scikit-learn, where floats can solve the system."""
    p, Y, P = x.problem, mixed.floats(x.problem.Y), mixed.floats(x.teacher)
    if p.d[0] / (p.lam * min(1.0, x.alpha, 1 - x.alpha)) > 1e5 or p.spread > 1e5:
        return
    new = mixed.floats(p.new)
    got = mixing.gp_posterior(
        mixed.floats(p.K), Y, P, p.lam, x.alpha, mixed.floats(p.K_new), new @ new.T
    )
    results = [got]
    if x.sklearn:
        process = GaussianProcessRegressor(
            DotProduct(0.0, "fixed"),
            alpha=np.repeat([p.lam / x.alpha, p.lam / (1 - x.alpha)], p.n),
            optimizer=None,
        )
        process.fit(np.vstack([mixed.floats(p.features)] * 2), np.vstack([Y, P])[:, 0])
        mean, covariance = process.predict(new, return_cov=True)
        results.append((np.column_stack([mean, got.mean[:, 1:]]), covariance))
    for mean, covariance in results:
        yield mixed.close(mean, x.mean, scale=abs(x.mean).max() + 1, tol=1e-9)
        yield mixed.close(covariance, x.covariance, scale=abs(p.new).max() ** 2, tol=1e-9)


def claims(x, *, weight=lambda a: a, noise=lambda a: 1, limit=lambda a: 1 / a, at=0, true=False):
    """`weight` of the labels in the mean, `noise` of the covariance and the `limit`, over lam."""
    p, alpha, lam = x.problem, mp.mpf(x.alpha), mp.mpf(x.problem.lam)
    mixed_target = p.Y * weight(alpha) + x.teacher * (1 - weight(alpha))
    mean = p.K_new @ mixed.dual(p.K, p.lam, mixed_target)
    end = once(p, lam * limit(alpha), p.Y)[0]
    far = [mp.sqrt(mixed.square(values - end)) for values in x.chain]
    q = (1 - alpha) * mp.mpf(p.d[0]) / (mp.mpf(p.d[0]) + lam)
    shrinks = [float((after - q * before) / far[0]) for before, after in pairwise(far)]
    return both(
        mixed.same(mean, x.mean),
        mixed.same(once(p, lam * noise(alpha), p.Y)[1], x.covariance, scale=abs(p.new).max() ** 2),
        mixed.same(x.again, end, scale=abs(p.Y).max()),  # the limit does not change any more,
        at_most(shrinks, 0.0, tol=1e-100, scale=1.0),  # and the path comes to it
        *(library(x) if true else ()),
    )


RESULT = Result(
    label="prp-two-observations",
    assumptions=(
        "f ~ GP(0, k), K positive semidefinite",
        "independent noise of variance lam / alpha and lam / (1 - alpha)",
        "0 < alpha < 1, lam > 0; for the limit the same alpha in every round",
        "the second observation is treated as fresh, although the teacher was made from the labels",
    ),
    draw=draw,
    statement=lambda x: claims(x, true=True),
    mutants={
        "alpha and 1 - alpha swapped": Mutant(lambda x: claims(x, weight=lambda a: 1 - a)),
        "covariance of one observation with lam / alpha": Mutant(
            lambda x: claims(x, noise=lambda a: 1 / a)
        ),
        "covariance of two observations with lam each": Mutant(
            lambda x: claims(x, noise=lambda a: mp.mpf(0.5))
        ),
        "limit with noise lam alpha": Mutant(lambda x: claims(x, limit=lambda a: a)),
        "limit with noise lam": Mutant(lambda x: claims(x, limit=lambda a: 1)),
        "correlated noise": Mutant(draw=lambda rng, i: draw(rng, i, correlated=mp.mpf(0.5))),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
