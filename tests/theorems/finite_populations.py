"""Populations of finitely many points, so small that every sample and every sign can be tried.

The functions are f(x) = c s(x) with a number c: the space of the kernel s(x) s(x'), in which f has
norm |c|. The loss is min(rho |f(x) - y|, M), which is rho-Lipschitz in the prediction. For fixed
signs every mean of losses is piecewise linear in c, so its supremum lies at a break point.
"""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np


class Population(NamedTuple):
    p: np.ndarray  # (m,), probabilities
    s: np.ndarray  # (m,), the feature
    y: np.ndarray  # (m,), the labels
    M: float
    rho: float = 1.0

    def losses(self, c):
        """Loss of the function c s at every point, shape (len(c), m)."""
        return np.minimum(self.rho * np.abs(np.outer(c, self.s) - self.y), self.M)

    def breaks(self):
        """All c at which some loss has a kink."""
        use = self.s != 0
        s, y = self.s[use], self.y[use]
        cut = self.M / self.rho
        return np.concatenate([[0.0], y / s, (y - cut) / s, (y + cut) / s])

    def ball(self, beta):
        """Break points of the ball of radius beta, its ends included."""
        c = self.breaks()
        return np.unique([*c[np.abs(c) < beta], -beta, beta])


@functools.cache
def signs(n):
    return np.array(list(itertools.product((-1.0, 1.0), repeat=n)))


@functools.cache
def samples(m, n):
    """Every sample of n out of m points, up to order: indices, counts, number of orders."""
    index = np.array(list(itertools.combinations_with_replacement(range(m), n)))
    counts = np.stack([(index == k).sum(axis=1) for k in range(m)], axis=1)
    orders = [math.factorial(n) / math.prod(math.factorial(int(k)) for k in row) for row in counts]
    return index, counts, np.array(orders)


@functools.cache
def neighbours(m, n):
    """Pairs of samples that differ in one point."""
    counts = samples(m, n)[1]
    apart = np.abs(counts[:, None] - counts[None]).sum(axis=2) == 2
    return np.nonzero(apart)


def gap(population, counts, table):
    """Largest (expected - empirical) mean of losses over the rows of `table`, for each sample."""
    n = counts.sum(axis=1)[:, None]
    return (table @ population.p - counts @ table.T / n).max(axis=1)


def complexity(index, table):
    """Mean over all signs of the largest correlation with a row of `table`, for each sample."""
    losses = np.moveaxis(table[:, index], 1, 0)  # (samples, functions, n)
    return (losses @ signs(index.shape[1]).T).max(axis=1).mean(axis=-1) / index.shape[1]
