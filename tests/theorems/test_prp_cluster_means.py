"""Exact clusters: plain descent ends at the cluster means. All signs are right, the values are not.

Statement: let H = Z H^C Z^T be constant on clusters, H^C positive definite, mu_max the largest
eigenvalue of H, 0 < eta < 2/mu_max, and let u_0 be constant on clusters. Labels are +-1, s_l is the
true label of cluster l and rho_l the fraction that is wrong. Then u_t tends to (1 - 2 rho_l) s_l on
cluster l, at the distance 2 sqrt(sum_l n_l rho_l^2) from the clean labels. The limit has the right
sign where rho_l < 1/2, the wrong one where rho_l > 1/2.

The limit is found by doubling the number of steps of the affine map of one step until nothing
moves, in 60 digits with one number a cluster, and in floats with one number a point.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import retrieval
from tests.theorems import noisy_clusters
from tests.theorems.ledger import Mutant, Result, both, equal

DENSE = 40  # points up to which the n x n matrix is used as well


class Instance(NamedTuple):
    clusters: noisy_clusters.Clusters
    ends: np.ndarray  # (K,): w_t at a very large t
    clean: np.ndarray  # (n,)
    u: np.ndarray  # (n,): the same point by point


def dense(rng, x, doublings, start, *, rough=0.0):
    """u_t at t = 2^doublings on all points, from `start` plus a rough part."""
    p = noisy_clusters.points(rng, x)
    begin = start[p.cluster] + rough * rng.standard_normal(x.n)
    affine = np.eye(x.n + 1)
    affine[:-1, :-1] -= x.step * p.H
    affine[:-1, -1] = x.step * (p.H @ p.y)
    for _ in range(doublings):
        affine = affine @ affine
    return p.clean, affine[:-1, :-1] @ begin + affine[:-1, -1]


def draw(rng, i, *, fastest=1.99, singular=False, rough=0.0, doublings=None):
    small = i % 2
    x = noisy_clusters.clusters(rng, i // 2, condition=1e2 if small else 1e8, fastest=fastest)
    if i % 5 == 4:
        x = noisy_clusters.any_rates(rng, x)
    if singular:
        factor = np.linalg.cholesky(x.centre)
        factor[:, -1] = 0.0
        x = x._replace(centre=factor @ factor.T)
    start = rng.standard_normal(len(x.sizes)) if i % 3 == 0 else np.zeros(len(x.sizes))
    if doublings is None:
        rate = 1 - np.abs(1 - x.step * x.d).max()
        doublings = noisy_clusters.doublings(rate) if rate > 0 else 9
    ends = noisy_clusters.floats(noisy_clusters.after(x, doublings, start=start)[-1])
    if not small or x.n > DENSE:
        cluster, _, clean = noisy_clusters.labels(rng, x)
        return Instance(x, ends, clean, ends[cluster])
    return Instance(x, ends, *dense(rng, x, doublings, start, rough=rough))


def limit(x, *, loss=2.0, signs=True):
    """The value on every cluster, and on every point."""
    c = x.clusters
    means = (1 - loss * c.rates) * (c.signs if signs else 1)
    by_point = np.sort(np.repeat(means, c.sizes))
    return both(
        equal(x.ends, means, tol=1e-13, scale=1.0),
        equal(np.sort(x.u), by_point, tol=1e-10, scale=1.0),
    )


def distance(x, *, claimed=None, factor=2.0):
    c = x.clusters
    if claimed is None:
        claimed = np.sqrt((c.sizes * c.rates**2).sum())
    return equal(np.linalg.norm(x.u - x.clean), factor * claimed, scale=np.sqrt(c.n))


def signs(x, *, wrong=lambda c: c.sizes[c.rates > 0.5].sum()):
    """Count wrong signs; a tie has no sign and is left out."""
    c = x.clusters
    if np.any(c.rates == 0.5):
        return equal(0.0, 0.0)
    return equal((x.u * x.clean < 0).sum() / c.n, wrong(c) / c.n, scale=1.0)


def library(x):
    c = x.clusters
    found = retrieval.errors(x.u, x.clean)
    parts = [
        equal(retrieval.cluster_means(c.rates, c.signs), x.ends, scale=1.0),
        equal(retrieval.limit_error(c.sizes, c.rates), found.distance, scale=np.sqrt(c.n)),
    ]
    if np.all(c.rates < 0.5):
        parts.append(equal(found.zero_one, 0.0, scale=1.0))
    return both(*parts)


def statement(x):
    return both(limit(x), distance(x), signs(x), library(x))


RESULT = Result(
    label="prp-cluster-means",
    assumptions=(
        "H = Z H^C Z^T: exact clusters, H^C positive definite",
        "0 < eta < 2/mu_max",
        "u_0 constant on clusters",
        "labels +-1, all clean labels of a cluster equal; rho_l in [0, 1]",
        "right signs: rho_l < 1/2",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "limit (1 - rho) s": Mutant(lambda x: limit(x, loss=1.0)),
        "limit s": Mutant(lambda x: limit(x, loss=0.0)),
        "limit without the true signs": Mutant(lambda x: limit(x, signs=False)),
        "distance without the factor 2": Mutant(lambda x: distance(x, factor=1.0)),
        "distance 2 max rho sqrt(n)": Mutant(
            lambda x: distance(x, claimed=x.clusters.rates.max() * np.sqrt(x.clusters.n))
        ),
        "distance 2 (mean rho) sqrt(n)": Mutant(
            lambda x: distance(x, claimed=x.clusters.flipped.sum() / np.sqrt(x.clusters.n))
        ),
        "distance without the sizes": Mutant(
            lambda x: distance(x, claimed=np.sqrt((x.clusters.rates**2).sum()))
        ),
        "no wrong sign for any rates": Mutant(lambda x: signs(x, wrong=lambda c: 0)),
        "the wrong labels are learned": Mutant(lambda x: signs(x, wrong=lambda c: c.flipped.sum())),
        "H^C singular": Mutant(
            limit, draw=lambda rng, i: draw(rng, i, singular=True, doublings=40)
        ),
        "eta above 2/mu_max": Mutant(limit, draw=lambda rng, i: draw(rng, i, fastest=2.05)),
        "a start that is not constant on clusters": Mutant(
            limit, draw=lambda rng, i: draw(rng, i, rough=1.0)
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
