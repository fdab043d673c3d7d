"""Windows and schedules of self-labelling by hand, and clusters with several classes.

A burn-in is one power of the matrix of its step, of any length. What follows is a loop that looks
at the predictions after every step: nothing here assumes that the signs stay right.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import self_labels
from tests.theorems import noisy_clusters as noisy
from tests.theorems.ledger import both, equal


def smallest_burn_in(rate, ratio):
    """Smallest T >= 1 with (1 - rate)^T ratio <= 1, rounding of 1e-12 allowed."""
    if rate >= 1:
        return 1
    steps = max(1, int(np.ceil(np.log(ratio) / -np.log1p(-rate))))
    while steps > 1 and (1 - rate) ** (steps - 1) * ratio <= 1 + 1e-12:
        steps -= 1
    return steps


def after(M, targets, step, steps):
    """w_t of plain descent from 0, any t; a matrix of targets has one column a class."""
    K, targets = len(M), targets.reshape(len(M), -1)
    affine = np.eye(K + targets.shape[1])
    affine[:K, :K] -= step * M
    affine[:K, K:] = step * (M @ targets)
    return np.linalg.matrix_power(affine, steps)[:K, K:]


def descending(rng, i, largest, rate, *, most=800):
    """Draw alpha_{T0} = 1 >= alpha_{T0 + 1} >= ... with steps down of at most `largest`.

    Returns the weights and what they never fall below. As far as `most` allows, the schedule
    is followed by enough steps to converge.
    """
    largest = min(largest, 1.0)
    kind = i % 5
    lowest = [0.0, 0.0, rng.uniform(), rng.uniform(0, 0.1), 0.0][kind]
    length = int(min(2 * (1 - lowest) / largest + 40 / rate + 2, most))
    k = np.arange(length)
    if kind == 1:
        return (1 - largest) ** k, lowest
    down = np.full(length, largest)
    if kind == 3:
        down *= rng.uniform(0, 1, length) * rng.integers(0, 2, length)
    if kind == 4:  # plateaus, then runs of the largest steps
        period = int(np.ceil(1 / rate)) + 1
        down *= (k // period) % 2
    down[0] = 0
    return np.maximum(1 - down.cumsum(), lowest), lowest


# --- two classes ---------------------------------------------------------------------------------


class Window(NamedTuple):
    """What the theorem allows, for one instance of `noisy_clusters.Clusters`."""

    rho: float  # largest rate
    small: float  # sqrt(n_min)
    rate: float  # step mu
    radius: float  # half of sqrt(n_min) (1 - 2 rho)
    burn_in: int
    decrement: float  # infinite without noise


def window(x, *, least=min, rate=None):
    """`least` and `rate` are for mutants."""
    rho, small = x.rates.max(), np.sqrt(least(x.sizes))
    rate = x.step * x.mu if rate is None else rate
    radius = small * (1 - 2 * rho) / 2
    burn_in = smallest_burn_in(x.step * x.mu, x.length(x.means) / radius)
    moved = 2 * rho * np.sqrt(x.n)  # of the target, per unit of alpha
    return Window(rho, small, rate, radius, burn_in, rate * radius / moved if rho else np.inf)


def targets(x, alpha):
    """Mean target of every cluster while all signs are right, one row per weight."""
    return x.signs * (1 - 2 * np.multiply.outer(alpha, x.rates))


def swept(x, burn_in, alpha):
    """w_{T0}, w_{T0 + 1}, ...: a burn-in on the given labels, then the weights `alpha`."""
    start = after(x.M, x.means, x.step, burn_in)[:, 0]
    return noisy.path(x, alpha[:-1], start=start)


def half_angle(rng, sizes, *, slow=0.01, step=1.0):
    """Centre kernel with one slow direction, half way between the smallest cluster and sqrt(n_l).

    What the burn-in and the drop of alpha leave there hits the smallest cluster hardest.
    """
    root = np.sqrt(sizes)
    away = root * np.where(np.arange(len(sizes)) == np.argmin(sizes), 1, rng.choice([-1, 1]))
    e = away / np.linalg.norm(away) + (np.arange(len(sizes)) == np.argmin(sizes))
    e /= np.linalg.norm(e)
    return (np.eye(len(sizes)) - (1 - slow) * np.outer(e, e)) / np.outer(root, root) / step


def lopsided(rng, i):
    """Draw two clusters of which a large one can drown a small one: what mutants are caught by."""
    sizes = np.array([[10, 90], [5, 3000], [10, 12], [20, 400]][i % 4])
    flipped = np.floor(sizes * rng.uniform(0.2, 0.45, 2)).astype(int)
    if i % 8 < 4:
        flipped = sizes * 2 // 5
    signs = np.array([1.0, -1.0]) if i % 3 else np.ones(2)
    c = 1 - 10.0 ** rng.uniform(-2, -0.5)
    centre = half_angle(rng, sizes) if i // 4 % 2 else np.array([[1, c], [c, 1]])
    return noisy.Clusters(sizes, flipped, signs, centre, 1 / noisy.eigenvalues(centre, sizes)[0])


# --- several classes -----------------------------------------------------------------------------


class Classes(NamedTuple):
    """K clusters: how many points of each given class, true classes, kernel of the centres."""

    counts: np.ndarray  # (K, C), whole numbers
    classes: np.ndarray  # (K,), true class of every cluster
    centre: np.ndarray
    step: float

    @property
    def sizes(self):
        return self.counts.sum(1)

    @property
    def shares(self):
        return self.counts / self.sizes[:, None]

    @property
    def clean(self):
        return np.eye(self.counts.shape[1])[self.classes]

    @property
    def M(self):
        return self.centre * self.sizes

    @property
    def d(self):
        return noisy.eigenvalues(self.centre, self.sizes)

    @property
    def gap(self):
        """Smallest lead of the true class over the runner-up."""
        true = (self.shares * self.clean).sum(1)
        return (true - np.where(self.clean, -np.inf, self.shares).max(1)).min()

    def length(self, v):
        """Length of n rows that are v_l on cluster l; leading axes are kept."""
        return np.sqrt((self.sizes * np.square(v).sum(-1)).sum(-1))


def one_hot(u):
    """One-hot arg max of every row."""
    return (np.arange(u.shape[-1]) == u.argmax(-1)[..., None]).astype(float)


def votes(rng, size, C, true, *, close):
    """Draw how often each class is given in one cluster, such that `true` has the plurality."""
    if close:  # one vote ahead of as many others as fit, mostly without a majority
        rivals = int(rng.integers(1, C))
        lead, rest = divmod(size - 1, rivals + 1)
        counts = np.zeros(C, dtype=int)
        counts[: rivals + 1] = lead
        counts[0] += 1 + rest
    else:
        counts = np.sort(rng.multinomial(size, rng.dirichlet(np.full(C, rng.choice([0.3, 2.0])))))
        counts = counts[::-1].copy()
        if C > 1 and counts[0] == counts[1]:
            counts[0], counts[1] = counts[0] + 1, counts[1] - 1
    return np.insert(rng.permutation(counts[1:]), true, counts[0])


def classes(rng, i, *, condition=100, kinds=noisy.KINDS):
    """Draw instance number i with 2 to 6 classes."""
    kind = kinds[i % len(kinds)]
    sizes = noisy.counts(rng, kind, largest=3000)
    C = int(rng.integers(2, 7))
    true = rng.integers(0, C, len(sizes))
    if len(sizes) > 1:
        true[1] = (true[0] + 1) % C
    counts = np.array(
        [votes(rng, n, C, t, close=rng.random() < 0.4) for n, t in zip(sizes, true, strict=True)]
    )
    centre = noisy.centre_kernel(rng, kind, sizes, condition=condition)
    speed = 1.0 if i // len(kinds) % 3 == 0 else rng.uniform(0.05, 1)
    return Classes(counts, true, centre, speed / noisy.eigenvalues(centre, sizes)[0])


# --- the library, on n points --------------------------------------------------------------------


def on_points(x, weights, step, *, labels, most=60, **options):
    """Run the library on n points, in random order: first point of every cluster, or None.

    None if there are more than `most` points. `labels` gives the labels of each cluster, in order.
    """
    if x.sizes.sum() > most:
        return None
    cluster = np.repeat(np.arange(len(x.sizes)), x.sizes)
    order = np.random.default_rng(len(cluster)).permutation(len(cluster))
    cluster, y = cluster[order], np.concatenate(labels)[order]
    H = x.centre[np.ix_(cluster, cluster)]
    path = self_labels.run(H, y, weights, step=step, **options)
    first = np.unique(cluster, return_index=True)[1]
    spread = np.abs(path.predictions - path.predictions[:, first][:, cluster]).max()
    return path, path.predictions[:, first], float(spread)


def given_signs(x):
    """Return the given labels of every cluster, wrong ones first."""
    return [
        np.where(np.arange(size) < k, -s, s)
        for size, k, s in zip(x.sizes, x.flipped, x.signs, strict=True)
    ]


def agrees(x, w, burn_in, weights, *, labels, most=500):
    """Verdict on the library's run: constant on clusters, and w_{T0}, ... as in `w`."""
    weights = np.concatenate([np.ones(burn_in), weights])[:most]
    times = np.arange(burn_in, len(weights) + 1)
    if burn_in >= most:
        return equal(0.0, 0.0)
    found = on_points(x, weights, x.step, labels=labels, record=times)
    if found is None:
        return equal(0.0, 0.0)
    _, u, spread = found
    wanted = w[: len(u)]
    return both(
        equal(spread, 0.0, tol=1e-9, scale=1.0), equal(u[: len(w)], wanted, tol=1e-9, scale=1.0)
    )
