"""Wrong answers to the exercises of chapter 1, with the hint that each should get."""

import math

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check

X = np.arange(11) / 10
GRID = np.arange(101) / 100


def kernel(a, b):
    return np.exp(-80 * (a[:, None] - b) ** 2)


def refit(K, K_new, y, lam, rounds):
    predictions = []
    for _ in range(rounds):
        weights = np.linalg.solve(K + lam * np.eye(len(K)), y)
        predictions.append(K_new @ weights)
        y = K @ weights
    return np.array(predictions)


def at_the_training_points(K, K_new, y, lam, rounds):
    return refit(K, K, y, lam, rounds)


def with_another_row(K, K_new, y, lam, rounds):
    return refit(K, K_new, y, lam, rounds + 1)


def next_targets_at_new_points(K, K_new, y, lam, rounds):
    predictions = []
    for _ in range(rounds):
        y = K_new @ np.linalg.solve(K + lam * np.eye(len(K)), y)
        predictions.append(y)
    return np.array(predictions)


def same_targets(K, K_new, y, lam, rounds):
    return np.array([refit(K, K_new, y, lam, 1)[0]] * rounds)


def in_place(K, K_new, y, lam, rounds):
    predictions = refit(K, K_new, y, lam, rounds)
    y[:] = 0
    return predictions


def last_only(K, K_new, y, lam, rounds):
    return refit(K, K_new, y, lam, rounds)[-1]


def squared(K, K_new, y, lam, rounds):
    return refit(K, K_new, y, lam**2, rounds)


def times_n(K, K_new, y, lam, rounds):
    return refit(K, K_new, y, 11 * lam, rounds)


def half_life(d, lam):
    return math.ceil(math.log(2) / math.log1p(lam / d))


def share_helped(lam, draws, rng, *, noise=0.5, sign=1):
    Y = np.sin(2 * np.pi * X)[:, None] + noise * rng.standard_normal((11, draws))
    K, K_new = kernel(X, X), kernel(GRID, X)
    inverse = np.linalg.inv(K + lam * np.eye(11))
    first, second = K_new @ inverse @ Y, K_new @ inverse @ (K @ inverse @ Y)
    truth = np.sin(2 * np.pi * GRID)[:, None]
    gain = ((first - truth) ** 2).mean(0) - ((second - truth) ** 2).mean(0)
    return (sign * gain > 0).mean()


RIGHT = [
    ("ex-puzzle-refit", refit),
    ("ex-puzzle-limit", half_life),
    ("ex-puzzle-share", share_helped),
    ("ex-puzzle-threshold", 0.38),
    ("ex-puzzle-threshold", 0.3808),
]

WRONG = [
    ("ex-puzzle-refit", at_the_training_points, "K_new @ c"),
    ("ex-puzzle-refit", next_targets_at_new_points, "at the new points"),
    ("ex-puzzle-refit", with_another_row, "one row too many"),
    ("ex-puzzle-refit", same_targets, "Every row is the first fit"),
    ("ex-puzzle-refit", in_place, "in place"),
    ("ex-puzzle-refit", last_only, "shape"),
    ("ex-puzzle-refit", squared, "squared"),
    ("ex-puzzle-refit", times_n, "by n"),
    ("ex-puzzle-refit", lambda *a: -refit(*a), "should begin"),
    ("ex-puzzle-limit", lambda d, lam: math.log(2) / math.log1p(lam / d), "whole"),
    ("ex-puzzle-limit", lambda d, lam: half_life(d, lam) - 1, "round up"),
    ("ex-puzzle-limit", lambda d, lam: half_life(lam, d), "lam / \\(d \\+ lam\\)"),
    ("ex-puzzle-limit", lambda d, lam: half_life(d, lam) + 1, "logarithm"),
    ("ex-puzzle-share", lambda *a: share_helped(*a, sign=-1), "hurts"),
    ("ex-puzzle-share", lambda *a: share_helped(*a, noise=1.0), "standard deviation"),
    ("ex-puzzle-share", lambda *a: 0.0, "fresh noise"),
    ("ex-puzzle-share", lambda *a: 100 * share_helped(*a), "between 0 and 1"),
    ("ex-puzzle-share", lambda *a: 0.7, "should be about"),
    ("ex-puzzle-threshold", 0.575, "best single fit"),
    ("ex-puzzle-threshold", 0.2, "still helps"),
    ("ex-puzzle-threshold", 0.5, "hurts"),
    ("ex-puzzle-threshold", 0.3, "helps"),
]


@pytest.mark.parametrize(("label", "answer"), RIGHT)
def test_right_answers_pass(label, answer, capsys):
    check(label, answer)
    assert capsys.readouterr().out == f"{label}: correct\n"


@pytest.mark.parametrize(("label", "answer", "hint"), WRONG)
def test_wrong_answers_get_a_hint(label, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check(label, answer)


@pytest.mark.parametrize("label", sorted({label for label, _ in RIGHT}))
def test_placeholders_fail_loudly(label):
    answer = ... if label == "ex-puzzle-threshold" else lambda *args: ...
    with pytest.raises(Unfilled):
        check(label, answer)
