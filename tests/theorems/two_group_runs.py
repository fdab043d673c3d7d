"""The two-group model as a linear model that is run: dense features, flows by matrix exponential.

Points have one strong feature that carries the clean class, and weak features with orthonormal
rows; nothing of the formulas of chapter 10 is used.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import expm

from tests.theorems.spectral_problems import orthonormal


class Run(NamedTuple):
    rho: float
    a: float  # weak progress of the teacher
    b: float  # the student's own
    clean: np.ndarray
    labels: np.ndarray
    teacher: np.ndarray  # fitted values
    student: np.ndarray

    @property
    def flipped(self):
        return self.labels != self.clean

    def margins(self, axis):
        """Margins of teacher and student, one row each, on the labels or on the teacher's class."""
        sign = self.labels if axis == "given" else np.sign(self.teacher)
        return sign * np.array([self.teacher, self.student])


def flow(X, targets, time):
    """Fitted values of the flow in the weights, as one exponential of its equation."""
    p = X.shape[1]
    generator = np.zeros((p + 1, p + 1))
    generator[:p, :p], generator[:p, p] = -X.T @ X, X.T @ targets
    return X @ expm(time * generator)[:p, p]


def draw(rng, i, *, progress=None, strong=60.0, spread=0.0, share=None):
    """Draw a data set, run a teacher and a student on it.

    `strong` is the exponent of what is left of the strong direction, exp(-strong), or more of it;
    with `spread` the weak directions differ.
    """
    n = int(rng.integers(3, 17))
    flips = 1 + i % ((n - 1) // 2) if share is None else share(n)
    a, b = progress(rng, i, flips / n) if progress else draw_progress(rng, i)
    weak = 10.0 ** rng.uniform(-2, 2)
    T, t = -np.log1p(-np.array([a, b])) / weak
    clean = rng.choice([-1.0, 1.0], n)
    labels = np.where(rng.permutation(n) < flips, -clean, clean)
    size = np.sqrt(strong / (n * min(T, t)))
    directions = orthonormal(rng, n + 2, n).T * (1 + spread * rng.uniform(-1, 1, (n, 1)))
    X = np.column_stack([size * clean, np.sqrt(weak) * directions])
    teacher = flow(X, labels, T)
    return Run(flips / n, a, b, clean, labels, teacher, flow(X, teacher, t))


def draw_progress(rng, i):
    """Two numbers in (0, 1); every fifth time close to an end."""
    a, b = rng.uniform(0.02, 0.98, 2)
    if i % 5 == 0:
        a = [10.0 ** rng.uniform(-4, -2), 1 - 10.0 ** rng.uniform(-4, -2)][i % 2]
    if i % 5 == 1:
        b = [10.0 ** rng.uniform(-4, -2), 1 - 10.0 ** rng.uniform(-4, -2)][i % 2]
    return float(a), float(b)
