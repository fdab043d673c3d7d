"""Distillation against tuned ridge: every choice and score again, by chains that are run anew."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist, pdist

from distill_lib import datasets
from distill_lib.kernel import real_data
from distill_lib.kernel.real_data import METHODS, REGIMES, AgainstRidge, against_ridge

SETTINGS = {
    "data": "diabetes",
    "noises": [0.0, 0.7],
    "lams": [0.03, 0.3, 3.0],
    "bandwidths": [1.0, 4.0],
    "n_train": 30,
    "splits": 2,
    "rounds": 3,
    "wrong": 10.0,
    "seed": 5,
}
DIGITS = SETTINGS | {"data": "digits", "noises": [0.0, 0.4], "n_train": 60}


@pytest.fixture(scope="module")
def result():
    return against_ridge(**SETTINGS)


@pytest.fixture(scope="module")
def digits():
    return against_ridge(**DIGITS)


def problems(settings):
    """The splits of a run."""
    noises = np.array(settings["noises"])
    for rng in np.random.default_rng(settings["seed"]).spawn(settings["splits"]):
        yield real_data._problem(settings["data"], noises, settings["n_train"], None, rng)


# -------------------------------------------------- the same by chains that are run anew


def chain(K, y, K_new, lam, alphas):
    """Predictions of one mixed chain by dense solves; one weight a round, the first unused."""
    fitted = y
    for alpha in alphas:
        targets = y if fitted is y else alpha * y + (1 - alpha) * fitted
        dual = np.linalg.solve(K + lam * np.eye(len(K)), targets)
        fitted = K @ dual
    return K_new @ dual


def held_out_error(K, y, lam, alphas):
    """Leave-one-out error of the whole chain, by n chains."""
    total = 0.0
    for i in range(len(K)):
        rest = np.arange(len(K)) != i
        prediction = chain(K[np.ix_(rest, rest)], y[rest], K[i : i + 1, rest], lam, alphas)
        total += ((prediction[0] - y[i]) ** 2).sum()
    return total / len(K)


def best_two_fits(K, y, lam, low, high):
    """Best weight of two fits from the parabola through three weights, each run as a chain."""
    errors = [held_out_error(K, y, lam, [1.0, alpha]) for alpha in (0.0, 0.5, 1.0)]
    curve = np.polynomial.Polynomial.fit([0.0, 0.5, 1.0], errors, 2, domain=[0, 1], window=[0, 1])
    alpha = float(np.clip(-curve.coef[1] / (2 * curve.coef[2]), low, high))
    return curve(alpha), lam, [1.0, alpha]


def choices(K, y, lams, rounds):
    """Smallest (leave-one-out error, ridge, weights) of each method."""
    plain = [
        (held_out_error(K, y, lam, [1.0] + [0.0] * t), lam, [1.0] + [0.0] * t)
        for lam in lams
        for t in range(rounds)
    ]
    return (
        min(row for row in plain if len(row[2]) == 1),
        min(plain),
        min(best_two_fits(K, y, lam, 0, 1) for lam in lams),
        min(best_two_fits(K, y, lam, -np.inf, np.inf) for lam in lams),
    )


def by_brute_force(settings, problem, v):
    """Rows (loo, lam, alpha, rounds, bandwidth, error), shape (regimes, methods, 6)."""
    y, centre = problem.targets[v], problem.targets[v].mean(0)
    scale = np.median(pdist(problem.X) ** 2)
    lams, rounds = settings["lams"], settings["rounds"]

    def rows(bandwidth, lams, rounds):
        K = np.exp(-(cdist(problem.X, problem.X) ** 2) / (bandwidth * scale))
        K_test = np.exp(-(cdist(problem.X_test, problem.X) ** 2) / (bandwidth * scale))
        found = []
        for loo, lam, alphas in choices(K, y - centre, lams, rounds):
            f = chain(K, y - centre, K_test, lam, alphas) + centre
            error = ((f - problem.expected[v]) ** 2).sum(1).mean() + problem.floor[v]
            found.append((loo, lam, alphas[-1], len(alphas), bandwidth, error))
        return found

    at = [rows(c, lams, rounds) for c in settings["bandwidths"]]
    lam = at[0][0][1]
    return np.array(
        [
            at[0],
            [min(of_method) for of_method in zip(*at, strict=True)],
            rows(settings["bandwidths"][0], [lam / settings["wrong"]], 2 * rounds),
            rows(settings["bandwidths"][0], [lam * settings["wrong"]], 2 * rounds),
        ]
    )


def assert_same_choices(result, settings):
    for s, problem in enumerate(problems(settings)):
        for v in range(len(settings["noises"])):
            expected = by_brute_force(settings, problem, v)
            names = ("loo", "lam", "alpha", "rounds", "bandwidth", "error")
            for k, name in enumerate(names):
                got = getattr(result, name)[s, v]
                assert_allclose(got, expected[..., k], rtol=1e-6, err_msg=f"{name}, level {v}")


def test_every_choice_and_error_of_a_regression(result):
    assert_same_choices(result, SETTINGS)
    assert len(np.unique(result.rounds)) > 2  # the comparison sees different choices
    assert len(np.unique(result.bandwidth)) == 2
    assert (result.alpha < 0).any()
    assert (result.alpha > 1).any()


def test_every_choice_and_error_of_one_hot_targets():
    settings = DIGITS | {"n_train": 25, "lams": [0.1, 1.0], "splits": 1, "rounds": 2}
    assert_same_choices(against_ridge(**settings), settings)


def test_the_accuracy_counts_true_labels(digits):
    for s, problem in enumerate(problems(DIGITS)):
        scale = np.median(pdist(problem.X) ** 2)
        K = np.exp(-(cdist(problem.X, problem.X) ** 2) / scale)
        K_test = np.exp(-(cdist(problem.X_test, problem.X) ** 2) / scale)
        for v in range(2):
            centre = problem.targets[v].mean(0)
            lam = digits.lam[s, v, 0, 0]
            f = chain(K, problem.targets[v] - centre, K_test, lam, [1.0]) + centre
            assert_allclose(digits.accuracy[s, v, 0, 0], (f.argmax(1) == problem.classes).mean())
    assert (digits.accuracy[:, 0] > 0.8).all()
    assert (digits.accuracy[:, 1, 0] < digits.accuracy[:, 0, 0]).all()


# ----------------------------------------------------------------- what must be so


def test_shapes(result, digits):
    for run in (result, digits):
        for field in run[:-1]:
            assert field.shape == (2, 2, len(REGIMES), len(METHODS))
        assert run.floor.shape == (2,)
    assert np.isnan(result.accuracy).all()


@pytest.mark.parametrize("name", ["result", "digits"])
def test_more_freedom_never_has_a_larger_leave_one_out_error(name, request):
    run = request.getfixturevalue(name)
    ridge, refits, clipped, free = np.moveaxis(run.loo, -1, 0)
    slack = 1 + 1e-12
    assert (refits <= ridge * slack).all()
    assert (clipped <= ridge * slack).all()
    assert (free <= clipped * slack).all()
    assert (run.loo[:, :, 1] <= run.loo[:, :, 0]).all()


def test_the_settings_stay_in_their_bounds(result):
    assert (result.alpha[..., 0] == 1).all()
    assert (result.rounds[..., 0] == 1).all()
    assert set(np.unique(result.alpha[..., 1])) <= {0.0, 1.0}
    assert ((result.alpha[..., 2] >= 0) & (result.alpha[..., 2] <= 1)).all()
    assert (result.rounds[..., 2:] == 2).all()
    assert (result.rounds[:, :, :2, 1] <= 3).all()
    assert (result.rounds[:, :, 2:, 1] <= 6).all()
    assert (result.bandwidth[:, :, [0, 2, 3]] == 1.0).all()
    tuned = np.repeat(result.lam[:, :, 0, :1], 4, axis=-1)
    assert_allclose(result.lam[:, :, 2], tuned / 10)
    assert_allclose(result.lam[:, :, 3], tuned * 10)


def test_nothing_is_chosen_on_the_test_part(result, monkeypatch):
    original = datasets.diabetes

    def other_test_part(n_train, *, seed):
        split = original(n_train, seed=seed)
        return split._replace(X_test=split.X_test[::2] + 1, y_test=-split.y_test[::2])

    monkeypatch.setattr(datasets, "diabetes", other_test_part)
    other = against_ridge(**SETTINGS)
    for name in ("loo", "lam", "alpha", "rounds", "bandwidth"):
        assert_array_equal(getattr(other, name), getattr(result, name))
    assert (abs(other.error - result.error) > 1e-3).all()


@pytest.mark.parametrize("data", ["diabetes", "digits"])
def test_a_split_and_a_noise_level_do_not_depend_on_the_others(data, request):
    whole = request.getfixturevalue("result" if data == "diabetes" else "digits")
    settings = SETTINGS if data == "diabetes" else DIGITS
    part = against_ridge(**settings | {"splits": 1, "noises": settings["noises"][:1]})
    for field, all_of_them in zip(part[:-1], whole[:-1], strict=True):
        assert_allclose(field, all_of_them[:1, :1], rtol=1e-9)
    assert (whole.error[0] != whole.error[1]).all()


def test_noise_of_classes_and_what_is_expected_of_it():
    rates = np.array([0.0, 0.3])
    rng = np.random.default_rng(0)
    problem = real_data._problem("digits", rates, 100, None, rng)
    assert problem.X.shape == (100, 64)
    assert problem.targets.shape == (2, 100, 10)
    flips = (problem.targets[0] != problem.targets[1]).any(-1).sum()
    assert flips == 30
    assert_array_equal(problem.targets.sum(-1), np.ones((2, 100)))
    # The expected error on noisy labels, class by class: its own with 0.7, the others with 0.3/9.
    f = rng.standard_normal(problem.expected[1].shape)
    distances = ((f[:, None] - np.eye(10)) ** 2).sum(-1)
    chances = np.where(np.eye(10)[problem.classes] == 1, 0.7, 0.3 / 9)
    got = ((f - problem.expected[1]) ** 2).sum(-1) + problem.floor[1]
    assert_allclose(got, (chances * distances).sum(-1))
    assert_array_equal(problem.expected[0], np.eye(10)[problem.classes])
    assert problem.floor[0] == 0


def test_noise_of_numbers():
    problem = real_data._problem("diabetes", np.array([0.0, 2.0]), 300, None,
                                 np.random.default_rng(0))  # fmt: skip
    difference = problem.targets[1] - problem.targets[0]
    assert abs(difference.std() / 2 - 1) < 0.1
    assert problem.expected.shape == (2, 142, 1)
    assert_array_equal(problem.expected[0], problem.expected[1])
    assert_array_equal(problem.floor, [0, 4])


def test_mnist_is_pooled_and_has_a_test_part_of_its_own(monkeypatch):
    def small(n_train, n_validation, n_test, *, seed, size):
        assert (n_validation, size) == (0, 14)
        split = datasets.digits(n_train, seed=seed)
        return split._replace(X_test=split.X_test[:n_test], y_test=split.y_test[:n_test])

    monkeypatch.setattr(datasets, "mnist", small)
    run = against_ridge(**DIGITS | {"data": "mnist", "n_test": 50})
    assert (run.accuracy * 50 % 1 < 1e-9).all()


# ------------------------------------------------------------------ the summaries


def made_up(error, accuracy=None):
    """A result of one noise level with errors (s, regimes, methods)."""
    error = np.array(error, float)[:, None]
    accuracy = -error if accuracy is None else np.array(accuracy, float)[:, None]
    return AgainstRidge(error, accuracy, *[error] * 5, np.zeros(1))


def test_paired_differences():
    error = np.zeros((3, 4, 4))
    error[:, 0] = [[5, 4, 5, 7], [6, 4, 6, 4], [7, 4, 7 - 1e-14, 8]]
    paired = made_up(error).paired()
    assert_allclose(paired.mean[0, 0], [0, -2, 0, 1 / 3], atol=1e-12)
    assert_allclose(paired.standard_error[0, 0, 1], 1 / np.sqrt(3))
    assert_array_equal(paired.better[0, 0], [0, 3, 0, 1])
    assert_array_equal(paired.worse[0, 0], [0, 0, 0, 2])
    up = made_up(error).paired("accuracy")  # the negative errors: what is better stays better
    assert_allclose(up.mean, -paired.mean)
    assert_array_equal(up.better, paired.better)
    assert_array_equal(up.worse, paired.worse)


def test_every_regime_has_its_own_baseline():
    error = np.arange(2 * 4 * 4).reshape(2, 4, 4) ** 2
    paired = made_up(error).paired()
    assert_allclose(paired.mean[0], (error - error[..., :1]).mean(0))


def test_repaired_share():
    error = np.zeros((2, 4, 4))
    error[:, 0, 0] = [1, 3]  # tuned ridge: 2
    error[:, 2] = [[6, 4, 3, 1], [6, 4, 3, 1]]
    error[:, 3] = [[1, 1, 1, 1], [3, 1, 1, 1]]  # no damage at all
    share = made_up(error).repaired()
    assert_allclose(share[0, 0], [0, 0.5, 0.75, 1.25])
    assert np.isnan(share[0, 1]).all()


def test_summaries_refuse(result):
    with pytest.raises(ValueError, match="measure must be 'error' or 'accuracy', got 'loo'"):
        result.paired("loo")
    with pytest.raises(ValueError, match="at least 2 splits, got 1"):
        made_up(np.zeros((1, 4, 4))).paired()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "iris"}, "data must be one of diabetes, digits, mnist, got 'iris'"),
        ({"noises": [-0.1]}, "noises must be >= 0"),
        ({"noises": 0.1}, "noises must be 1-dimensional"),
        ({"data": "digits", "noises": [1.5]}, r"noises must lie in \[0, 1\]"),
        ({"lams": [0.0]}, "lams must be > 0"),
        ({"lams": []}, "lams is empty"),
        ({"bandwidths": [0.0]}, "bandwidths must be > 0"),
        ({"bandwidths": 1.0}, "bandwidths must be 1-dimensional"),
        ({"splits": 0}, "splits must be >= 1"),
        ({"rounds": 1}, "rounds must be >= 2"),
        ({"wrong": 1.0}, "wrong must be > 1, got 1.0"),
        ({"seed": None}, "seed must be a whole number"),
        ({"n_test": 10}, "n_test is for mnist only, got 10"),
        ({"data": "mnist"}, "n_test must be a whole number"),
        ({"n_train": 442}, "n_train"),
    ],
)
def test_refuses(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        against_ridge(**SETTINGS | change)
