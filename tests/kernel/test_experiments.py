import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.kernel_ridge import KernelRidge

from distill_lib import datasets
from distill_lib.kernel.experiments import DigitsRounds, rounds_on_digits, truth_errors


@pytest.fixture(scope="module")
def sample():
    return datasets.sinusoid(grid_size=101)


def refit_with_scikit_learn(x, y, x_new, lam, rounds, gamma):
    model = KernelRidge(alpha=lam, kernel="rbf", gamma=gamma)
    for _ in range(rounds):
        y = model.fit(x, y).predict(x)
        predicted = model.predict(x_new)
    return predicted


def test_truth_errors_equal_refits_by_scikit_learn(sample):
    lams, rounds = [0.03, 0.2, 5.0], [1, 2, 7]
    got = truth_errors(sample, lams, rounds, gamma=80)
    x, new = sample.x[:, None], sample.grid[:, None]
    for i, lam in enumerate(lams):
        for j, count in enumerate(rounds):
            f = refit_with_scikit_learn(x, sample.y, new, lam, count, 80)
            assert_allclose(got[i, j], ((f - sample.truth) ** 2).mean(), rtol=1e-9)


def test_truth_errors_of_several_draws_are_those_of_each(sample):
    Y = np.stack([sample.y, -sample.y, 0 * sample.y], axis=1)
    got = truth_errors(sample, [0.2, 1.0], [1, 3], y=Y, gamma=80)
    assert got.shape == (2, 2, 3)
    for column in range(3):
        one = truth_errors(sample, [0.2, 1.0], [1, 3], y=Y[:, column], gamma=80)
        assert_allclose(got[..., column], one)
    assert_allclose(got[..., 2], (sample.truth**2).mean())


@pytest.mark.parametrize(
    ("lams", "rounds", "error"),
    [
        ([0.0], [1], ValueError),
        ([[0.1]], [1], ValueError),
        ([0.1], [0], ValueError),
        ([0.1], [1.5], TypeError),
    ],
)
def test_truth_errors_refuses(sample, lams, rounds, error):
    with pytest.raises(error):
        truth_errors(sample, lams, rounds, gamma=80)


SMALL = {"n_train": 120, "n_validation": 100, "splits": 2, "seed": 3}


def test_digits_shapes_and_repeatability():
    first = rounds_on_digits(0.4, [0.1, 1.0, 10.0], 4, **SMALL)
    again = rounds_on_digits(0.4, [0.1, 1.0, 10.0], 4, **SMALL)
    for a, b in zip(first, again, strict=True):
        assert a.shape == (2, 3, 4)
        assert_allclose(a, b, rtol=0)
    assert not np.array_equal(first.test_accuracy[0], first.test_accuracy[1])


def test_digits_grid_does_not_change_a_cell():
    whole = rounds_on_digits(0.2, [0.1, 1.0], 3, **SMALL)
    part = rounds_on_digits(0.2, [1.0], 2, **SMALL)
    for a, b in zip(whole, part, strict=True):
        assert_allclose(a[:, 1:, :2], b, rtol=1e-12)


def test_digits_almost_interpolating_fit_returns_its_labels():
    result = rounds_on_digits(0.4, [1e-8], 1, **SMALL)
    assert (result.train_accuracy == 1).all()
    assert (result.test_accuracy < 0.8).all()


def test_digits_clean_labels_are_learnt():
    assert (rounds_on_digits(0.0, [0.01], 1, **SMALL).test_accuracy > 0.9).all()


def test_chosen_looks_at_validation_only():
    validation = np.array([[[3.0, 0.5], [2.0, 4.0]]])
    test = np.array([[[0.1, 0.2], [0.3, 0.4]]])
    result = DigitsRounds(test, validation, test)
    assert_allclose(result.chosen(), [0.2])  # the smallest of all four
    assert_allclose(result.chosen(rounds=1), [0.3])  # the smaller of the two first fits


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"rate": 1.5}, ValueError),
        ({"lams": [-1.0]}, ValueError),
        ({"rounds": 0}, ValueError),
        ({"splits": 0}, ValueError),
        ({"bandwidth": 0.0}, ValueError),
    ],
)
def test_digits_refuses(change, error):
    arguments = {"rate": 0.1, "lams": [1.0], "rounds": 1, **SMALL} | change
    with pytest.raises(error):
        rounds_on_digits(**arguments)
