"""Exercises of chapter 12: right answers pass, usual mistakes get the hint that names them."""

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check
from distill_lib.exercises.self_labels import SMALLEST_DECAY
from distill_lib.kernel import retrieval, self_labels


def missing(d, weights, step):
    return np.prod([1 - a * step * d for a in weights], axis=0)


def root(x, alpha, sign=1, old=None):
    old = 1 - alpha if old is None else old
    return (1 - x + sign * np.sqrt((1 - x) ** 2 + 4 * x * old)) / 2


def noise(sizes, rates):
    return np.sqrt((sizes * rates**2).sum())


def mean(sizes, rates):
    return (sizes * rates).sum() / sizes.sum()


RIGHT = {
    "ex-self-filter": lambda d, w, step: 1 - missing(d, w, step),
    "ex-self-lag": root,
    "ex-self-well": lambda rho: 0.5 / (1 - rho),
    "ex-self-limit": lambda n, r: 2 * mean(n, r) * noise(n, r),
    "ex-self-explore": SMALLEST_DECAY,
}

WRONG = [
    ("ex-self-filter", missing, "that is missing"),
    ("ex-self-filter", lambda d, w, step: 1 - (1 - step * d) ** len(w), "weights are not in"),
    ("ex-self-filter", lambda d, w, step: 1 - missing(d, 1 - w, step), "not \\(1 - alpha\\)"),
    ("ex-self-filter", lambda d, w, s: 1 - (1 - w.mean() * s * d) ** len(w), "mean length"),
    ("ex-self-filter", lambda d, w, step: 1 - np.exp(-w.sum() * step * d), "of a flow"),
    ("ex-self-filter", lambda d, w, step: d, "Multiply"),
    ("ex-self-filter", lambda d, w, step: 0.5, "for each eigenvalue"),
    ("ex-self-lag", lambda x, a: 1 - x * a, "without a lag"),
    ("ex-self-lag", lambda x, a: root(x, a, sign=-1), "small root"),
    ("ex-self-lag", lambda x, a: root(x, a, old=a), "weight 1 - alpha"),
    ("ex-self-lag", lambda x, a: 0.5, "Solve for r"),
    ("ex-self-lag", lambda x, a: [0.5, 0.6], "one number"),
    ("ex-self-well", lambda rho: 1 - 0.5 / (1 - rho), "on the own label"),
    ("ex-self-well", lambda rho: 1 - 2 * rho, "mean of the labels"),
    ("ex-self-well", lambda rho: 0.5, "rho = 0"),
    ("ex-self-well", lambda rho: 1.0, "must be negative"),
    ("ex-self-limit", lambda n, r: 2 * noise(n, r), "plain descent"),
    ("ex-self-limit", lambda n, r: 2 * (1 - mean(n, r)) * noise(n, r), "has the rest"),
    ("ex-self-limit", lambda n, r: 2 * mean(n, r) ** 2 * np.sqrt(n.sum()), "equal rates"),
    ("ex-self-limit", lambda n, r: 2 * r.mean() * noise(n, r), "over points"),
    ("ex-self-limit", lambda n, r: mean(n, r) * noise(n, r), "2 away"),
    ("ex-self-limit", lambda n, r: 0.0, "settles"),
    ("ex-self-explore", 0.9993, "theorem asks"),
    ("ex-self-explore", 0.965, "multiple"),
    ("ex-self-explore", 0.95, "changes sign"),
    ("ex-self-explore", 0.99, "smaller one"),
    ("ex-self-explore", 97, "between 0 and 1"),
]


@pytest.mark.parametrize("label", RIGHT)
def test_right_answers(label, capsys):
    check(label, RIGHT[label])
    assert capsys.readouterr().out == f"{label}: correct\n"


@pytest.mark.parametrize(("label", "answer", "hint"), WRONG)
def test_wrong_answers(label, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check(label, answer)


@pytest.mark.parametrize("label", RIGHT)
def test_placeholders(label):
    with pytest.raises(Unfilled):
        check(label, ...)


def test_the_wrong_well_is_there_below_the_threshold():
    y = np.array([-1.0, 1.0, 1.0, 1.0, 1.0])  # rho = 0.2
    threshold = RIGHT["ex-self-well"](0.2)
    for alpha, sign in ((threshold - 0.02, -1), (threshold + 0.02, 1)):
        weights = self_labels.constant_weights(2000, alpha)
        end = self_labels.run(np.ones((5, 5)), y, weights, step=0.1, start=-np.ones(5))
        assert np.sign(end.predictions[-1, 0]) == sign


def test_the_lag_shrinks_at_the_larger_root():
    weights = self_labels.constant_weights(80, 0.3)
    path = self_labels.run(np.eye(1), [1.0], weights, step=0.4, target="soft", lag=1)
    e = path.predictions[:, 0] - 1
    assert e[-1] / e[-2] == pytest.approx(root(0.4, 0.3), rel=1e-9)


def test_the_smallest_decay_is_found_by_search():
    centre, sizes = np.array([[1.0, 0.9], [0.9, 1.0]]), [10, 90]
    H, y = retrieval.block_kernel(centre, sizes), retrieval.flipped_labels([1, -1], sizes, 0.4)
    mu_max, mu = retrieval.cluster_eigenvalues(centre, sizes)
    T0 = self_labels.burn_in_length(sizes, 0.4, mu, step=1 / mu_max)

    def recovers(q):
        weights = self_labels.geometric_weights(3000, q, burn_in=T0)
        end = self_labels.run(H, y, weights, step=1 / mu_max, record=[3000]).predictions[0]
        return end[0] > 0 > end[-1]

    found = [bool(recovers(q)) for q in np.arange(90, 100) / 100]
    assert found == sorted(found)
    assert (90 + found.index(True)) / 100 == SMALLEST_DECAY
