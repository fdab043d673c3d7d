"""Exact clusters: the clean labels lie in the range of the kernel, and a share of the noise too.

Statement: let H = Z H^C Z^T be constant on K clusters. Its rank is that of H^C, so at most K, and
every vector of its range is constant on clusters. If H^C is positive definite, the rank is K and
the range holds all vectors that are constant on clusters, so the clean labels have all their energy
in it. If n_l rho_l labels of cluster l are wrong, the noise (given minus clean labels) has the
energy 4 sum_l n_l rho_l, of which exactly the share sum_l n_l rho_l^2 / sum_l n_l rho_l lies in the
range; it is rho if all rates are rho.

The range is measured: an orthonormal basis of the column space of features of all n points.

Saturated instances, in which no label is wrong, are skipped.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import retrieval
from tests.theorems import noisy_clusters
from tests.theorems.ledger import Mutant, Result, both, equal

SINGULAR = 5  # every so-manyth H^C has a zero eigenvalue


class Instance(NamedTuple):
    clusters: noisy_clusters.Clusters
    definite: bool
    cluster: np.ndarray  # (n,), to which cluster a point belongs, in a random order
    y: np.ndarray  # (n,), given labels
    clean: np.ndarray  # (n,), true labels
    features: np.ndarray  # (n, K), H = features features^T
    basis: np.ndarray  # (n, rank), orthonormal, of the column space


def draw(rng, i, *, spread=0.0):
    """Draw an instance; the points of a cluster differ by `spread` in their features."""
    x = noisy_clusters.clusters(rng, i, condition=1e6, equal_rates=i % 4 == 1)
    if i % 3 == 2:
        x = noisy_clusters.any_rates(rng, x)
    K, definite = len(x.sizes), i % SINGULAR < SINGULAR - 1
    factor = np.linalg.cholesky(x.centre)
    if not definite:
        factor[:, rng.integers(K)] = 0.0
    cluster, y, clean = noisy_clusters.labels(rng, x)
    features = factor[cluster]
    if spread:
        extra = spread * np.abs(factor).max() * rng.standard_normal((x.n, K + 2))
        features = np.hstack([features, extra])
    U, s, _ = np.linalg.svd(features / (np.abs(features).max() or 1.0), full_matrices=False)
    basis = U[:, s > 1e-7 * s[0]] if s[0] else U[:, :0]
    x = x._replace(centre=factor @ factor.T)
    return Instance(x, definite, cluster, y, clean, features, basis)


def energy(x, v):
    """Energy of a vector in the range, and in all."""
    return ((x.basis.T @ v) ** 2).sum(), (v**2).sum()


def dense_rank(x):
    """Rank of the n x n matrix, where it is small."""
    if x.clusters.n > 150 or x.basis.shape[1] == 0:
        return x.basis.shape[1]
    d = np.linalg.eigvalsh(x.features @ x.features.T)
    return (d > 1e-11 * d[-1]).sum()


def rank(x, *, definite=None):
    """The rank, and that the range is constant on clusters; if H^C > 0, all that is."""
    definite = x.definite if definite is None else definite
    K = len(x.clusters.sizes)
    expected = K if definite else K - 1
    found = [equal([x.basis.shape[1], dense_rank(x)], [expected] * 2)]
    for k in range(K):
        member = x.cluster == k
        values = x.basis[member]
        found.append(equal(np.linalg.norm(values - values[:1]), 0.0, scale=1.0))
        if definite:
            found.append(equal(*energy(x, member.astype(float))))
    return both(*found)


def clean_inside(x, *, definite=None):
    definite = x.definite if definite is None else definite
    return equal(*energy(x, x.clean)) if definite else equal(0.0, 0.0)


def share(x):
    n, rho = x.clusters.sizes, x.clusters.rates
    return (n * rho**2).sum() / (n * rho).sum()


def noise(x, *, claimed=share, factor=4):
    """Energy of the noise in all, and its share in the range."""
    if not x.definite:
        return equal(0.0, 0.0)
    inside, total = energy(x, x.y - x.clean)
    n, rho = x.clusters.sizes, x.clusters.rates
    parts = [equal(total, factor * (n * rho).sum()), equal(inside / total, claimed(x), scale=1.0)]
    if np.ptp(rho) == 0:
        parts.append(equal(inside / total, rho[0], scale=1.0))
    return both(*parts)


def library(x):
    """Its share of the noise, and the energies that it measures on the n x n matrix."""
    c = x.clusters
    parts = [equal(retrieval.noise_share(c.sizes, c.rates), share(x), scale=1.0)]
    if x.definite and c.n <= 60:
        H = x.features @ x.features.T
        found = [retrieval.direction_energy(H, v) for v in (x.clean, x.y - x.clean)]
        exact = [energy(x, v) for v in (x.clean, x.y - x.clean)]
        parts += [
            equal([f.directions.sum(), f.outside], [inside, total - inside], scale=total, tol=1e-9)
            for f, (inside, total) in zip(found, exact, strict=True)
        ]
        d = np.linalg.eigvalsh(H)[::-1][: len(c.sizes)]
        parts.append(equal(retrieval.cluster_eigenvalues(c.centre, c.sizes), d))
        parts.append(equal(retrieval.top_share(H, x.clean, len(c.sizes)), 1.0))
    return both(*parts)


def kept(part):
    """Skip instances without a wrong label."""
    return lambda x: part(x) if x.clusters.flipped.any() else None


@kept
def statement(x):
    return both(rank(x), clean_inside(x), noise(x), library(x))


def mean_rate(x):
    return x.clusters.flipped.sum() / x.clusters.n


def minority(x):
    """As if the wrong labels were never more than half of a cluster."""
    n, rho = x.clusters.sizes, x.clusters.rates
    return (n * rho * np.minimum(rho, 1 - rho)).sum() / (n * rho).sum()


def without_sizes(x):
    return (x.clusters.rates**2).sum() / x.clusters.rates.sum()


RESULT = Result(
    label="prp-cluster-energy",
    assumptions=(
        "H = Z H^C Z^T: exact clusters, H^C symmetric positive semidefinite",
        "for all but rank <= K: H^C positive definite",
        "labels +-1, all clean labels of a cluster equal; rho_l in [0, 1], not all 0",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "H^C singular, the range holds all that is constant on clusters": Mutant(
            kept(lambda x: rank(x, definite=True))
        ),
        "H^C singular, the clean labels lie in the range": Mutant(
            kept(lambda x: clean_inside(x, definite=True))
        ),
        "the given labels lie in the range": Mutant(kept(lambda x: equal(*energy(x, x.y)))),
        "points of a cluster differ a little": Mutant(
            kept(rank), draw=lambda rng, i: draw(rng, i, spread=1e-3)
        ),
        "the noise lies outside": Mutant(kept(lambda x: noise(x, claimed=lambda x: 0.0))),
        "the noise has the energy 2 sum n rho": Mutant(kept(lambda x: noise(x, factor=2))),
        "the share is the mean rate": Mutant(kept(lambda x: noise(x, claimed=mean_rate))),
        "the share is the largest rate": Mutant(
            kept(lambda x: noise(x, claimed=lambda x: x.clusters.rates.max()))
        ),
        "the share for the smaller part": Mutant(kept(lambda x: noise(x, claimed=minority))),
        "the share without the sizes": Mutant(kept(lambda x: noise(x, claimed=without_sizes))),
    },
    instances=280,
)
test_holds, test_mutants_fail = RESULT.tests()
