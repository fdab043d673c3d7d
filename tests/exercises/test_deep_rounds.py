"""Exercises of chapter 13: right answers pass, usual mistakes get the hint that names them."""

import numpy as np
import pytest
from scipy.special import softmax

from distill_lib.exercises import Unfilled, WrongAnswer, check


def jacobian(z):
    p = softmax(z)
    return np.diag(p) - np.outer(p, p)


def gradient(z, q):
    return 2 * jacobian(z) @ (softmax(z) - q)


def gain(validation, test, *, score=None, decay=None):
    seeds = np.arange(test.shape[-1])
    score = validation if score is None else score
    best = score.reshape(-1, len(seeds)).argmax(0)
    decay = score[0].argmax(0) if decay is None else decay(best)
    return test.reshape(-1, len(seeds))[best, seeds] - test[0, decay, seeds]


def later_rounds(validation, test):
    best = validation[1:].reshape(-1, test.shape[-1]).argmax(0)
    seeds = np.arange(test.shape[-1])
    return test[1:].reshape(-1, len(seeds))[best, seeds] - test[0, validation[0].argmax(0), seeds]


def one_setting(validation, test):
    mean = validation.mean(-1)
    return test[np.unravel_index(mean.argmax(), mean.shape)] - test[0, mean[0].argmax()]


def overflows(z, q):
    with np.errstate(all="ignore"):
        p = np.exp(z) / np.exp(z).sum()
    return 2 * (np.diag(p) - np.outer(p, p)) @ (p - q)


def agrees(accuracy, rate, classes, chance=None):
    chance = 1 / (classes - 1) if chance is None else chance
    return (1 - rate) * accuracy + rate * (1 - accuracy) * chance


def row(classes, rate):
    values = np.full(classes, rate / (classes - 1))
    values[0] = 1 - rate
    return values


def redrawn(classes, rate):
    return (1 - rate) * np.eye(classes)[0] + rate / classes


def best_round_on_test(validation, test):
    seeds, decay = np.arange(test.shape[-1]), validation[0].argmax(0)
    return test[:, decay, seeds].max(0) - test[0, decay, seeds]


RIGHT = {
    "ex-deep-rounds-gradient": gradient,
    "ex-deep-rounds-gain": gain,
    "ex-deep-rounds-noisy-score": agrees,
    "ex-deep-rounds-flat": row,
    "ex-deep-rounds-fake": ([2, 5, 10], [3, 7, 10]),
}

WRONG = [
    ("ex-deep-rounds-gradient", lambda z, q: softmax(z) - q, "cross-entropy"),
    ("ex-deep-rounds-gradient", lambda z, q: 2 * (softmax(z) - q), "chain rule"),
    ("ex-deep-rounds-gradient", lambda z, q: gradient(z, q) / 2, "factor 2"),
    ("ex-deep-rounds-gradient", lambda z, q: -gradient(z, q), "sign"),
    ("ex-deep-rounds-gradient", lambda z, q: 2 * softmax(z) * (softmax(z) - q), "only a part"),
    ("ex-deep-rounds-gradient", lambda z, q: gradient(z, q) + 1, "Not right yet"),
    ("ex-deep-rounds-gradient", lambda z, q: gradient(z, q)[None], "one number an output"),
    ("ex-deep-rounds-gradient", overflows, "overflows"),
    ("ex-deep-rounds-gain", later_rounds, "left round 1 out"),
    ("ex-deep-rounds-gain", one_setting, "one setting for all"),
    ("ex-deep-rounds-gain", lambda v, t: 100 * gain(v, t), "You return points"),
    (
        "ex-deep-rounds-gain",
        lambda v, t: v.max((0, 1)) - v[0].max(0),
        "gain in validation accuracy",
    ),
    ("ex-deep-rounds-gain", lambda v, t: gain(v, t, score=t), "chose on the test set"),
    ("ex-deep-rounds-gain", best_round_on_test, "round was chosen on the test set"),
    ("ex-deep-rounds-gain", lambda v, t: gain(v, t, decay=lambda b: b % 5), "own weight decay"),
    ("ex-deep-rounds-gain", lambda v, t: -gain(v, t), "sign"),
    ("ex-deep-rounds-gain", lambda v, t: gain(v, t) + 0.1, "Not right yet"),
    ("ex-deep-rounds-gain", lambda v, t: gain(v, t).mean(), "one gain a seed"),
    ("ex-deep-rounds-noisy-score", lambda a, r, c: (1 - r) * a, "has a chance too"),
    ("ex-deep-rounds-noisy-score", lambda a, r, c: agrees(a, r, c, 1 / c), "other classes"),
    ("ex-deep-rounds-noisy-score", lambda a, r, c: agrees(a, r, c, 1), "the same class"),
    ("ex-deep-rounds-noisy-score", lambda a, r, c: a, "two cases"),
    ("ex-deep-rounds-flat", lambda c, r: np.eye(c)[0], "clean labels"),
    ("ex-deep-rounds-flat", lambda c, r: row(c, r) / 2, "add up to 1"),
    ("ex-deep-rounds-flat", redrawn, "never the true class"),
    ("ex-deep-rounds-flat", lambda c, r: row(c, r)[::-1], "mean of the target rows"),
    ("ex-deep-rounds-flat", lambda c, r: r, "one probability a class"),
    ("ex-deep-rounds-fake", ([1, 2, 3], [3, 7, 10]), "not coarse"),
    ("ex-deep-rounds-fake", ([2, 5, 10], [0, 5, 12]), "run from 0 to 11"),
    ("ex-deep-rounds-fake", ([0.5, 4, 8], [3, 7, 10]), "whole numbers"),
    ("ex-deep-rounds-fake", [2, 5, 10], "pair of triples"),
    ("ex-deep-rounds-fake", ([2, 5, 10], [3, 7]), "pair of triples"),
    ("ex-deep-rounds-fake", ([1, 5, 9], [3, 7, 10]), "those of the text"),
    ("ex-deep-rounds-fake", ([2, 7, 11], [3, 7, 10]), "On the first grid.*none of them is good"),
    ("ex-deep-rounds-fake", ([2, 5, 10], [0, 3, 10]), "On the second grid.*must it hold"),
]


@pytest.mark.parametrize("label", RIGHT)
def test_right_answers_pass(label, capsys):
    check(label, RIGHT[label])
    assert capsys.readouterr().out == f"{label}: correct\n"


@pytest.mark.parametrize(("label", "answer", "hint"), WRONG)
def test_wrong_answers_get_their_hint(label, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check(label, answer)


@pytest.mark.parametrize("label", RIGHT)
def test_placeholders_fail(label):
    with pytest.raises(Unfilled):
        check(label, ... if label == "ex-deep-rounds-fake" else lambda *arguments: ...)
