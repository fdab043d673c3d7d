"""Arrays in, arrays out: the data sets of the book."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from distill_lib import _validation as check

__all__ = ["Digits", "Sinusoid", "digits", "sinusoid"]


class Sinusoid(NamedTuple):
    """A noisy sine: points `x`, targets `y`, a fine `grid` and the `truth` on it."""

    x: np.ndarray
    y: np.ndarray
    grid: np.ndarray
    truth: np.ndarray


#: The targets of the illustrative example, as published with the code of Borup and Andersen (2021).
_PUBLISHED_TARGETS = (
    0.38476636465198066, 1.2333967683416893, 1.33232242218057, 0.6920159488889518,
    -0.29756145531871736, -0.24189291901377769, -0.7964485769175675, -0.9616480167034174,
    -0.49672509509916934, -0.3469066003991437, 0.5589512650600734,
)  # fmt: skip


def sinusoid(n=None, *, noise=0.5, seed=None, grid_size=201):
    r"""Return :math:`\sin 2\pi x` on [0, 1] with Gaussian noise.

    Without arguments these are the eleven published points of Mobahi et al. (2020),
    x = 0, 0.1, ..., 1, with noise of standard deviation 0.5. With `n` they are n fresh equally
    spaced points.

    Parameters
    ----------
    n : int, optional
        Number of fresh points, >= 2; the published eleven if omitted.
    noise : float, default 0.5
        Standard deviation of the noise of fresh points, >= 0.
    seed : int or numpy Generator, optional
        Source of the noise; required with `n`.
    grid_size : int, default 201
        Number of equally spaced points of `grid`, >= 2.

    Returns
    -------
    Sinusoid
        Arrays ``x (n,)``, ``y (n,)``, ``grid (grid_size,)`` and ``truth (grid_size,)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or `n` and `seed` do not come together.

    Notes
    -----
    Source: chapter 1; targets from the public code of Borup and Andersen (2021).
    """
    grid = np.linspace(0, 1, check.scalar_whole("grid_size", grid_size, minimum=2))
    truth = np.sin(2 * np.pi * grid)
    if n is None:
        if seed is not None:
            raise ValueError(f"seed = {seed!r} needs n; the published points are not random")
        return Sinusoid(np.arange(11) / 10, np.array(_PUBLISHED_TARGETS), grid, truth)
    if seed is None:
        raise ValueError("seed is None; fresh noise needs a seed (an int or a numpy Generator)")
    x = np.linspace(0, 1, check.scalar_whole("n", n, minimum=2))
    scale = float(check.non_negative("noise", noise))
    y = np.sin(2 * np.pi * x) + scale * np.random.default_rng(seed).standard_normal(n)
    return Sinusoid(x, y, grid, truth)


class Digits(NamedTuple):
    """Handwritten digits: images as rows of 64 grey values in [0, 1], and their classes 0 to 9."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_validation: np.ndarray
    y_validation: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def digits(n_train, n_validation, *, seed):
    """Return scikit-learn's 1,797 digits (8 x 8 pixels) in a random three-way split.

    Parameters
    ----------
    n_train, n_validation : int
        Sizes of the first two parts, >= 1; all other images are for testing.
    seed : int or numpy Generator
        Source of the split.

    Returns
    -------
    Digits
        Arrays of shape (size, 64) and (size,).

    Raises
    ------
    TypeError, ValueError
        If a size is not a whole number >= 1, or nothing is left for testing.

    Notes
    -----
    Source: chapter 1; data from scikit-learn's ``load_digits`` (UCI optical recognition of
    handwritten digits).
    """
    check.scalar_whole("n_train", n_train, minimum=1)
    check.scalar_whole("n_validation", n_validation, minimum=1)
    X, y = load_digits(return_X_y=True)
    if n_train + n_validation >= len(y):
        raise ValueError(f"n_train + n_validation must be < {len(y)}, got {n_train + n_validation}")
    order = np.random.default_rng(seed).permutation(len(y))
    parts = np.split(order, [n_train, n_train + n_validation])
    return Digits(*(array[part] for part in parts for array in (X / 16, y)))
