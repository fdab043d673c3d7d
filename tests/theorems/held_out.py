"""Chains with held-out points, refitted by hand: the independent route of chapter 8's searches.

A prediction is that of a dense fit to its targets. Best weights come from measured losses alone.
"""

from typing import NamedTuple

import numpy as np

from tests.theorems import mixed_chains as mixed

mp = mixed.mp


class Problem(NamedTuple):
    """Training points, held-out targets, and what one fit does; all in 250 digits."""

    train: mixed.Problem
    y: np.ndarray  # (m,), held-out targets
    fitted: np.ndarray  # (n, n): targets -> fitted values of one fit, by dense solves
    predicted: np.ndarray  # (m, n): targets -> predictions at the held-out points

    @property
    def labels(self):
        return self.train.Y[:, 0]

    @property
    def distinct(self):
        """Number of different positive eigenvalues: so many refits differ in direction."""
        return len(np.unique(self.train.d[self.train.d > 0]))

    @property
    def well_conditioned(self):
        """Whether floats can compare the refits; below they differ in the last digits only."""
        return self.train.spread < 1e3

    def mix(self, alpha, teacher):
        return self.labels * alpha + teacher * (1 - alpha)

    def loss(self, targets):
        """Mean squared held-out error of a fit to the targets."""
        return mixed.square(self.predicted @ targets - self.y) / len(self.y)

    def targets(self, alphas):
        """Targets of the last fit of a chain with these weights; the first fits the labels."""
        targets = self.labels
        for alpha in alphas[1:]:
            targets = self.mix(alpha, self.fitted @ targets)
        return targets

    def plain(self, rounds):
        """Predictions of the plain refits, shape (rounds, m)."""
        return np.array([self.predicted @ self.targets([0] * k) for k in range(1, rounds + 1)])


def problem(rng, i, *, m=4):
    """Draw a problem; the held-out targets are noise, or a noisy mix of refits."""
    x = mixed.problem(rng, i, new=m)
    inverse = mixed.dual(x.K, x.lam, mixed.exact(np.eye(x.n)))
    found = Problem(x, mixed.exact(rng.standard_normal(m)), x.K @ inverse, x.K_new @ inverse)
    if i % 2:
        mix = mixed.exact(rng.uniform(-0.5, 1, 3)) @ found.plain(3)
        size = abs(mix).max()
        found = found._replace(y=mix + found.y * size * mp.mpf(10.0 ** rng.uniform(-3, 0)))
    return found


def best_weight(loss):
    """Where a parabola has its minimum, from three of its values; None if it is flat."""
    left, middle, right = (loss(mp.mpf(v)) for v in (-1, 0, 1))
    bend = left - 2 * middle + right
    return (left - right) / (2 * bend) if bend > mixed.SAME * middle else None


def clip(alpha):
    return min(max(alpha, mp.mpf(0)), mp.mpf(1))


def greedy(x, rounds, *, weight=lambda alpha: alpha):
    """Weights and losses when each round takes the best weight, changed by `weight`."""
    targets, alphas = x.labels, [mp.mpf(1)]
    losses = [x.loss(targets)]
    for _ in range(1, rounds):
        teacher = x.fitted @ targets
        best = best_weight(lambda alpha, teacher=teacher: x.loss(x.mix(alpha, teacher)))
        alphas.append(mp.mpf(1) if best is None else weight(best))
        targets = x.mix(alphas[-1], teacher)
        losses.append(x.loss(targets))
    return alphas, np.array(losses)


def joint(refits, y):
    """Coordinates w of sum 1 with the least mean squared error of w @ refits, from its values."""

    def coordinates(later):
        return np.concatenate([[1 - later.sum()], later])

    def loss(later):
        return mixed.square(coordinates(later) @ refits - y) / len(y)

    if len(refits) == 1:
        return mixed.exact([1.0])
    return coordinates(mixed.minimize(loss, (len(refits) - 1,)))
