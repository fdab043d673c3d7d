"""On exact clusters no stopping time brings plain descent to the clean labels.

Statement: let H = Z H^C Z^T be constant on clusters, H^C positive definite, mu_max the largest
eigenvalue of H, 0 < eta <= 1/mu_max and u_0 = 0. Labels are +-1, the fraction rho_l < 1/2 of
cluster l is wrong. Then for every t

    ||u_t - clean|| >= sqrt(n) - sqrt(sum_l n_l (1 - 2 rho_l)^2),

which is positive if some rho_l is. If all rho_l are rho, the bound is 2 rho sqrt(n), the distance
of the limit: no stopping time does better than the limit.

Every step up to 60 is looked at, then t = 2^k until nothing moves; on few points also all n values.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import retrieval
from tests.theorems import noisy_clusters
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less

STEPS = 60
DENSE = 60  # points up to which the n x n matrix is used as well


class Instance(NamedTuple):
    clusters: noisy_clusters.Clusters
    far: np.ndarray  # ||u_t - clean|| at 0, 1, ..., STEPS, then at powers of two
    ends: float  # the last of them


def known():
    """Unequal rates for which one step comes closer than the limit."""
    centre = np.array([[1.0, 0.95], [0.95, 1.0]]) / 100
    return noisy_clusters.Clusters(
        np.array([50, 50]), np.array([20, 0]), np.ones(2), centre, 1 / 0.975
    )


def draw(rng, i, *, fastest=1.0, from_clean=False, above=False):
    x = noisy_clusters.clusters(rng, i // 2, condition=1e4, equal_rates=i % 2 == 1, fastest=fastest)
    if i == 0 and fastest == 1.0:
        x = known()
    if above:
        x = x._replace(flipped=x.sizes - x.flipped)
    return instance(rng, x, x.signs if from_clean else np.zeros(len(x.sizes)))


def instance(rng, x, start):
    w = noisy_clusters.path(x, np.ones(STEPS), start=start)
    rate = 1 - np.abs(1 - x.step * x.d).max()
    late = noisy_clusters.after(x, noisy_clusters.doublings(rate), start=start)
    far = x.length(np.vstack([w, noisy_clusters.floats(late)]) - x.signs)
    if x.n <= DENSE:
        p = noisy_clusters.points(rng, x)
        u = noisy_clusters.run(p.H, p.y, np.ones(STEPS), x.step, start=start[p.cluster])
        far = np.concatenate([np.linalg.norm(u - p.clean, axis=1), far])
    return Instance(x, far, far[-1])


def bound(x, *, loss=2.0):
    n, rho = x.clusters.sizes, x.clusters.rates
    return np.sqrt(n.sum()) - np.sqrt((n * (1 - loss * rho) ** 2).sum())


def scale(x):
    return np.sqrt(x.clusters.n)


def never_closer(x, *, than=bound):
    return at_most(than(x), x.far, scale=scale(x))


def positive(x):
    """And in the limit the distance that the bound has for equal rates."""
    noisy = x.clusters.flipped.any()
    return less(0.0, bound(x), scale=scale(x)) if noisy else equal(bound(x), 0.0, scale=scale(x))


def limit_is_best(x, *, only_equal=True):
    """For equal rates the bound is the limit, at 2 rho sqrt(n)."""
    rho = x.clusters.rates
    if only_equal and np.ptp(rho):
        return equal(0.0, 0.0)
    return at_most(x.ends, x.far, scale=scale(x))


def attained(x, *, mean=False):
    rho = x.clusters.rates
    if np.ptp(rho) and not mean:
        return equal(0.0, 0.0)
    claimed = 2 * (x.clusters.flipped.sum() / x.clusters.n) * scale(x)
    return equal([x.ends, bound(x)], [claimed] * 2, scale=scale(x))


def library(x):
    c = x.clusters
    return equal(retrieval.stopping_bound(c.sizes, c.rates), bound(x), scale=scale(x))


def statement(x):
    return both(never_closer(x), positive(x), limit_is_best(x), attained(x), library(x))


def fast(rng, i):
    """Stable steps above 1/mu_max."""
    return draw(rng, i, fastest=1.5)


RESULT = Result(
    label="thm-no-stopping-time",
    assumptions=(
        "H = Z H^C Z^T: exact clusters, H^C positive definite",
        "0 < eta <= 1/mu_max, u_0 = 0, every t >= 0",
        "labels +-1, all clean labels of a cluster equal; rho_l in [0, 1/2)",
        "bound > 0: some rho_l > 0",
        "the limit is best: all rho_l equal",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "the limit is best for unequal rates too": Mutant(
            lambda x: limit_is_best(x, only_equal=False)
        ),
        "the bound is 2 (mean rho) sqrt(n) for unequal rates too": Mutant(
            lambda x: attained(x, mean=True)
        ),
        "any stable step": Mutant(never_closer, draw=fast),
        "any stable step, equal rates, the limit is best": Mutant(limit_is_best, draw=fast),
        "a start at the clean labels": Mutant(
            never_closer, draw=lambda rng, i: draw(rng, i, from_clean=True)
        ),
        "rates above 1/2, the bound is the limit": Mutant(
            attained, draw=lambda rng, i: draw(rng, i, above=True)
        ),
        "bound with 3 rho": Mutant(lambda x: never_closer(x, than=lambda x: bound(x, loss=3.0))),
        "the limit's distance as the bound": Mutant(
            lambda x: never_closer(x, than=lambda x: x.ends)
        ),
        "the bound at the largest rate": Mutant(
            lambda x: never_closer(x, than=lambda x: 2 * x.clusters.rates.max() * scale(x))
        ),
        "the bound is positive without noise": Mutant(
            lambda x: less(0.0, bound(x), scale=scale(x))
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
