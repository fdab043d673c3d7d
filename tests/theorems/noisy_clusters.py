"""Random clusters with wrong labels, and the dynamics on them by brute force.

The results of chapters 11 and 12 speak of kernel matrices H that are constant on clusters. Then the
predictions are constant on clusters too, and one number a cluster tells all: `path` and `after` run
the K-dimensional recursion, also with thousands of points in a cluster. `points` writes the same
instance out with n labels in a random order, and `run` is the plain loop on n points.
"""

from typing import NamedTuple

import mpmath
import numpy as np

mp = mpmath.MPContext()  # our own: the precision of other tests stays as it is
mp.dps = 60

#: What is extreme about an instance; the kind runs with the instance number.
KINDS = ("random", "10:90", "one cluster", "one point", "5:3000", "close", "wide", "half wrong")

#: A float as a 60-digit number, or an array of floats as an array of them; nothing is rounded.
exact = np.vectorize(lambda v: mp.mpf(float(v)), otypes=[object])


class Clusters(NamedTuple):
    """K clusters: how many points, how many wrong labels, true signs, kernel of the centres."""

    sizes: np.ndarray  # (K,), whole numbers n_l
    flipped: np.ndarray  # (K,), whole numbers rho_l n_l
    signs: np.ndarray  # (K,), s_l = +-1
    centre: np.ndarray  # (K, K), H^C
    step: float

    @property
    def n(self):
        return int(self.sizes.sum())

    @property
    def rates(self):
        return self.flipped / self.sizes

    @property
    def means(self):
        """Mean given label of every cluster, counted: right labels minus wrong ones."""
        return self.signs * (self.sizes - 2 * self.flipped) / self.sizes

    @property
    def M(self):
        return self.centre * self.sizes

    @property
    def d(self):
        """Eigenvalues of M, those of H that are not zero, descending."""
        return eigenvalues(self.centre, self.sizes)

    @property
    def mu(self):
        return self.d[-1]

    @property
    def mu_max(self):
        return self.d[0]

    def length(self, v):
        """Length of a vector of n entries that is v_l on cluster l: ||v||_N. Rows are vectors."""
        return np.sqrt((self.sizes * np.square(v)).sum(-1))


class Points(NamedTuple):
    """The same instance point by point, in a random order."""

    H: np.ndarray  # (n, n)
    y: np.ndarray  # (n,), given labels
    clean: np.ndarray  # (n,), true labels
    cluster: np.ndarray  # (n,), to which cluster a point belongs


def any_rates(rng, x):
    """Let any number of labels be wrong, all of them in some clusters."""
    flipped = rng.integers(0, x.sizes + 1)
    return x._replace(flipped=np.where(rng.random(len(x.sizes)) < 0.2, x.sizes, flipped))


def eigenvalues(centre, sizes):
    root = np.sqrt(sizes)
    return np.linalg.eigvalsh(centre * root[:, None] * root)[::-1]


# --- instances -----------------------------------------------------------------------------------


def counts(rng, kind, *, largest):
    """Draw the sizes of the clusters."""
    if kind in ("one cluster", "one point"):
        return np.array([1 if kind == "one point" else rng.integers(2, 30)])
    if kind == "10:90":
        return np.array([10, 90])
    if kind == "5:3000":
        sizes = np.array([5, largest, rng.integers(5, 100)])
        return rng.permutation(sizes[: rng.integers(2, 4)])
    return rng.integers(2, 30, rng.integers(2, 6))


def wrong(rng, kind, sizes):
    """Draw how many labels of each cluster are wrong: fewer than half of them."""
    most = (sizes - 1) // 2
    if kind == "half wrong":  # as many as can be in some clusters, none in the others
        flipped = most * rng.integers(0, 2, len(sizes))
        flipped[rng.integers(len(sizes))] = most.max()
        return np.minimum(flipped, most)
    if kind == "10:90" and rng.random() < 0.5:
        return np.array([4, 36])
    return rng.integers(0, most + 1)


def same_rate(rng, kind, *, largest):
    """Draw sizes and wrong labels such that every cluster has the same rate < 1/2."""
    parts = int(rng.integers(3, 12))
    sizes = parts * np.maximum(counts(rng, kind, largest=largest) // parts, 1)
    return sizes, sizes // parts * int(rng.integers(1, (parts + 1) // 2))


def relu_kernel(rng, K):
    """Tangent kernel of random unit centres when the first layer alone is trained."""
    centres = rng.standard_normal((K, 3 * K))
    centres /= np.linalg.norm(centres, axis=1)[:, None]
    cosine = np.clip(centres @ centres.T, -1, 1)
    return cosine * (np.pi - np.arccos(cosine)) / np.pi


def centre_kernel(rng, kind, sizes, *, condition):
    """Draw H^C > 0, such that the eigenvalues of H^C N span a factor `condition` at most."""
    K = len(sizes)
    if kind == "wide":  # the given span, and any eigenvectors
        Q = np.linalg.qr(rng.standard_normal((K, K)))[0]
        H = (Q * np.geomspace(1, 1 / condition, K)) @ Q.T / np.sqrt(np.outer(sizes, sizes))
    elif kind == "random":
        H = relu_kernel(rng, K)
    else:
        c = {"10:90": 0.9, "close": 1 - 10.0 ** rng.uniform(-4, -1)}.get(kind, rng.uniform(0, 1))
        H = np.full((K, K), c) + (1 - c) * np.eye(K)
    H = (H + H.T) / 2
    d = eigenvalues(H, sizes)
    if d[0] > condition * d[-1]:
        H += np.diag((d[0] - condition * d[-1]) / (condition - 1) / sizes)
    return H * 10.0 ** rng.uniform(-2, 2)


def clusters(rng, i, *, kinds=KINDS, condition=1e3, equal_rates=False, largest=3000, fastest=1.0):
    """Draw instance number i, with step * mu_max = `fastest` in every third, less in the others."""
    kind = kinds[i % len(kinds)]
    if equal_rates:
        sizes, flipped = same_rate(rng, kind, largest=largest)
    else:
        sizes = counts(rng, kind, largest=largest)
        flipped = wrong(rng, kind, sizes)
    K = len(sizes)
    signs = rng.choice([-1.0, 1.0], K)
    if kind == "10:90":
        signs = np.array([1.0, -1.0])
    centre = centre_kernel(rng, kind, sizes, condition=condition)
    speed = fastest if i // len(kinds) % 3 == 0 else fastest * rng.uniform(0.05, 1)
    return Clusters(sizes, flipped, signs, centre, speed / eigenvalues(centre, sizes)[0])


def labels(rng, x):
    """Return cluster, given label and true label of all n points, in a random order."""
    cluster = np.repeat(np.arange(len(x.sizes)), x.sizes)
    place = np.concatenate([np.arange(size) for size in x.sizes])
    clean = x.signs[cluster]
    y = np.where(place < x.flipped[cluster], -clean, clean)
    order = rng.permutation(x.n)
    return cluster[order], y[order], clean[order]


def points(rng, x):
    """Write an instance out, point by point, in a random order."""
    cluster, y, clean = labels(rng, x)
    return Points(x.centre[np.ix_(cluster, cluster)], y, clean, cluster)


# --- dynamics ------------------------------------------------------------------------------------


def run(H, y, weights, step, *, target=np.sign, start=None):
    """u_0, u_1, ... of u <- u - step H (u - alpha_t y - (1 - alpha_t) h(u)), the plain loop."""
    u = np.zeros(y.shape) if start is None else start
    kept = [u]
    for alpha in weights:
        u = u - step * (H @ (u - alpha * y - (1 - alpha) * target(u)))
        kept.append(u)
    return np.array(kept)


def path(x, weights, *, target=np.sign, start=None):
    """The same on clusters: w_0, w_1, ..., one number a cluster, shape (steps + 1, K)."""
    return run(x.M, x.means, weights, x.step, target=target, start=start)


def after(x, doublings, *, start=None):
    """w_t of plain descent at t = 1, 2, 4, ..., 2^doublings, 60 digits, shape (doublings + 1, K).

    One step is an affine map; it is squared again and again.
    """
    K = len(x.sizes)
    eta_M = exact(x.centre) * exact(x.sizes) * mp.mpf(float(x.step))
    means = exact(x.signs) * exact(x.sizes - 2 * x.flipped) / exact(x.sizes)
    linear, constant = exact(np.eye(K)) - eta_M, eta_M @ means
    start = exact(np.zeros(K) if start is None else start)
    kept = [linear @ start + constant]
    for _ in range(doublings):
        constant = linear @ constant + constant
        linear = linear @ linear
        kept.append(linear @ start + constant)
    return np.array(kept)


def doublings(rate, *, left=1e-30):
    """How often one step is doubled until (1 - rate)^t is below `left`."""
    steps = np.log(left) / np.log1p(-rate) if rate < 1 else 1.0
    return int(np.ceil(np.log2(max(steps, 1.0)))) + 1


def floats(values):
    """Numbers of 60 digits as an array of floats."""
    return np.array(values, dtype=float)
