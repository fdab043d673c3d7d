"""Exercises of chapter 11: right answers pass, usual mistakes get the hint that names them."""

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check


def kernel(w, W, b, X, output=1.0, hidden=1.0, bias=1.0, factor=2.0, power=2):
    pre = X @ W.T + b
    relu, gate = np.maximum(pre, 0), pre > 0
    second = (gate * w**power) @ gate.T * (hidden * X @ X.T + bias)
    return factor / len(w) * (output * relu @ relu.T + second)


def one_sided(plus, minus, rho):
    bound = np.sqrt(plus + minus) - np.sqrt(minus + plus * (1 - 2 * rho) ** 2)
    return 2 * rho * np.sqrt(plus), bound


def ridge(n, rho, mu, lam, loss=2.0):
    return np.sqrt(n) * (1 - (1 - loss * rho) * mu / (mu + lam))


RIGHT = {
    "ex-retrieval-kernel": kernel,
    "ex-retrieval-one-sided": one_sided,
    "ex-retrieval-ridge": ridge,
    "ex-retrieval-overshoot": lambda rho: 1 / (1 - 2 * rho),
    "ex-retrieval-slow": 32,
}

WRONG = [
    ("ex-retrieval-kernel", lambda *a: kernel(*a, hidden=0, bias=0), "output weights alone"),
    ("ex-retrieval-kernel", lambda *a: kernel(*a, output=0), "output weights are trained too"),
    ("ex-retrieval-kernel", lambda *a: kernel(*a, bias=0), "the part of the biases"),
    ("ex-retrieval-kernel", lambda w, W, b, X: kernel(w, W, 0, X, bias=0), "without biases"),
    ("ex-retrieval-kernel", lambda *a: kernel(*a, hidden=0), "along x"),
    ("ex-retrieval-kernel", lambda *a: kernel(*a, factor=1), "so the kernel has 2/m"),
    ("ex-retrieval-kernel", lambda w, *a: kernel(w, *a) * len(w), "where is 1/m"),
    (
        "ex-retrieval-kernel",
        lambda w, *a: kernel(w, *a) * np.sqrt(len(w) / 2),
        "it is squared",
    ),
    ("ex-retrieval-kernel", lambda *a: kernel(*a, power=0), "w_j\\^2"),
    ("ex-retrieval-kernel", lambda *a: kernel(*a, power=1), "w_j\\^2"),
    ("ex-retrieval-kernel", lambda *a: kernel(*a) + 1, "gradient of one unit"),
    ("ex-retrieval-kernel", lambda *a: 1.0, "one row and one column"),
    ("ex-retrieval-one-sided", lambda *a: one_sided(*a)[::-1], "other way round"),
    ("ex-retrieval-one-sided", lambda a, b, r: (2 * r * np.sqrt(a + b), 0.1), "class \\+1"),
    ("ex-retrieval-one-sided", lambda a, b, r: (2 * r * a / np.sqrt(a + b), 0.1), "mean rate"),
    ("ex-retrieval-one-sided", lambda a, b, r: (r * np.sqrt(a), 0.1), "off by 2"),
    ("ex-retrieval-one-sided", lambda a, b, r: (0.5, 0.1), "The limit"),
    (
        "ex-retrieval-one-sided",
        lambda a, b, r: (one_sided(a, b, r)[0], np.sqrt(a + b) - np.sqrt(a) * (1 - 2 * r)),
        "without a flip",
    ),
    ("ex-retrieval-one-sided", lambda *a: (one_sided(*a)[0], 0.1), "The bound"),
    ("ex-retrieval-one-sided", lambda *a: 1.0, "two numbers"),
    ("ex-retrieval-ridge", lambda n, r, mu, lam: ridge(n, 0, mu, lam), "where is rho"),
    ("ex-retrieval-ridge", lambda *a: ridge(*a, loss=1.0), "1 - 2 rho"),
    ("ex-retrieval-ridge", lambda n, r, mu, lam: ridge(n, r, mu, 0), "lam = 0"),
    ("ex-retrieval-ridge", lambda n, *a: ridge(1, *a), "one point"),
    ("ex-retrieval-ridge", lambda n, r, mu, lam: ridge(n, r, lam, mu), "not lam"),
    ("ex-retrieval-ridge", lambda *a: 0.1, "compare with"),
    ("ex-retrieval-ridge", lambda *a: [1, 2], "one number"),
    ("ex-retrieval-overshoot", lambda rho: 1 - 2 * rho, "Which factor"),
    ("ex-retrieval-overshoot", lambda rho: 1 / (1 - rho), "1 - 2 rho"),
    ("ex-retrieval-overshoot", lambda rho: 1.0, "shorter"),
    ("ex-retrieval-overshoot", lambda rho: 2.0, "One step from 0"),
    ("ex-retrieval-slow", 31, "still on the wrong side"),
    ("ex-retrieval-slow", 33, "right already"),
    ("ex-retrieval-slow", 1, "leave out N"),
    ("ex-retrieval-slow", 104, "Iterate"),
    ("ex-retrieval-slow", 31.5, "whole"),
    ("ex-retrieval-slow", (1, 2), "one number"),
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
        check(label, ... if label == "ex-retrieval-slow" else lambda *arguments: ...)
