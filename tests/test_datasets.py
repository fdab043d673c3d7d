"""The data sets: shapes, sources, seeds, refusals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.kernel_ridge import KernelRidge

from distill_lib import datasets


def test_the_published_sinusoid():
    x, y, grid, truth = datasets.sinusoid()
    assert_allclose(x, np.linspace(0, 1, 11), rtol=1e-15)
    assert y.shape == (11,)
    assert_allclose(grid, np.linspace(0, 1, 201))
    assert_allclose(truth, np.sin(2 * np.pi * grid))


@pytest.mark.parametrize(
    ("alpha", "published"),
    [
        (0.0, [0.16477, 0.15076, 0.14915, 0.15561, 0.16735, 0.18251]),
        (0.25, [0.16477, 0.15309, 0.14958, 0.14903, 0.14946, 0.15011]),
        (0.35, [0.16477, 0.15424, 0.15089, 0.14983, 0.14954, 0.14948]),
    ],
)
def test_the_published_sinusoid_gives_the_published_errors(alpha, published):
    """The table of Borup and Andersen's notebook, by scikit-learn: exp(-80 (x - x')^2), 0.2."""
    x, y, grid, truth = datasets.sinusoid(grid_size=101)
    targets, errors = y, []
    for _ in published:
        model = KernelRidge(kernel="rbf", gamma=80.0, alpha=0.2).fit(x[:, None], targets)
        targets = alpha * y + (1 - alpha) * model.predict(x[:, None])
        errors.append(np.square(model.predict(grid[:, None]) - truth).mean())
    assert_allclose(errors, published, atol=6e-6)


def test_the_caller_cannot_change_the_published_targets():
    before = datasets.sinusoid().y.copy()
    datasets.sinusoid().y[:] = 0
    assert_array_equal(datasets.sinusoid().y, before)


def test_fresh_points_have_the_asked_noise():
    x, y, grid, truth = datasets.sinusoid(20_000, noise=0.3, seed=0, grid_size=11)
    assert x.shape == y.shape == (20_000,)
    assert grid.shape == truth.shape == (11,)
    residual = y - np.sin(2 * np.pi * x)
    assert abs(residual.mean()) < 5 * 0.3 / np.sqrt(20_000)
    assert abs(residual.std() / 0.3 - 1) < 0.03
    exact = datasets.sinusoid(5, noise=0, seed=0)
    assert_allclose(exact.y, np.sin(2 * np.pi * exact.x))


def test_sinusoid_seeds():
    draws = [datasets.sinusoid(9, seed=s).y for s in (3, np.random.default_rng(3), 4)]
    assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 5}, "seed is None"),
        ({"seed": 3}, "seed = 3 needs n"),
        ({"n": 1, "seed": 0}, "n must be >= 2, got 1"),
        ({"n": 5.0, "seed": 0}, "n must be a whole number"),
        ({"n": 5, "seed": 0, "noise": -1}, "noise must be >= 0, got -1"),
        ({"n": 5, "seed": 0, "noise": np.nan}, "noise contains nan"),
        ({"grid_size": 1}, "grid_size must be >= 2, got 1"),
        ({"grid_size": 2.5}, "grid_size must be a whole number"),
    ],
)
def test_sinusoid_refuses(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        datasets.sinusoid(**arguments)


def test_digits_are_a_partition_of_scikit_learns():
    parts = datasets.digits(500, 300, seed=0)
    X = np.concatenate([parts.X_train, parts.X_validation, parts.X_test])
    y = np.concatenate([parts.y_train, parts.y_validation, parts.y_test])
    assert [len(parts.X_train), len(parts.X_validation), len(parts.X_test)] == [500, 300, 997]
    assert [len(parts.y_train), len(parts.y_validation), len(parts.y_test)] == [500, 300, 997]
    assert X.min() == 0
    assert X.max() == 1

    def rows(X, y):
        return sorted(map(tuple, np.column_stack([X, y])))

    raw_X, raw_y = load_digits(return_X_y=True)
    assert rows(X, y) == rows(raw_X / 16, raw_y)  # each image once, with its own label


def test_digits_seeds():
    a, b, c = (datasets.digits(50, 50, seed=s) for s in (0, np.random.default_rng(0), 1))
    assert_array_equal(a.X_test, b.X_test)
    assert (a.y_train != c.y_train).any()
    assert np.bincount(a.y_test, minlength=10).min() > 100  # all classes are mixed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 5), "n_train must be >= 1, got 0"),
        ((5, 0), "n_validation must be >= 1, got 0"),
        ((5.0, 5), "n_train must be a whole number"),
        ((1000, 797), r"n_train \+ n_validation must be < 1797, got 1797"),
    ],
)
def test_digits_refuses(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        datasets.digits(*arguments, seed=0)
