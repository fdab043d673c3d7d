"""Exercises of chapter 10: right answers pass, usual mistakes get the hint that names them."""

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check


def progress(d, t):
    return 1 - np.exp(-t * d)


def weak(d2, T, s):
    return progress(d2, T) * progress(d2, s)


def gap(d1, d2, T, s, exponent=None):
    strong = progress(d1, T) * progress(d1, s)
    return 1 - (1 - strong) ** (d2 / d1 if exponent is None else exponent) - weak(d2, T, s)


def threshold(rho):
    return (1 - 2 * rho) / (2 * (1 - rho))


def generations(strong, q, share, root=True):
    m = 1
    while (1 - (1 - strong ** (1 / m if root else 1)) ** (1 / q)) ** m >= share:
        m += 1
    return m


RIGHT = {
    "ex-deviations-gap": gap,
    "ex-deviations-early": lambda d1, d2: d1 / d2,
    "ex-deviations-threshold": lambda rho, d: np.log(2 - 2 * rho) / d,
    "ex-deviations-window": lambda rho, T: -np.log(1 - threshold(rho) / (1 - np.exp(-T))),
    "ex-deviations-oscillating": (1, 1.5),
    "ex-deviations-many": generations,
}

WRONG = [
    ("ex-deviations-gap", lambda a, b, T, s: progress(b, s) - weak(b, T, s), "equal time"),
    ("ex-deviations-gap", lambda a, b, T, s: progress(b, T) - weak(b, T, s), "where it stopped"),
    ("ex-deviations-gap", lambda a, b, T, s: -gap(a, b, T, s), "positive"),
    ("ex-deviations-gap", lambda a, b, T, s: gap(a, b, T, s, a / b), "d2/d1, not"),
    ("ex-deviations-gap", lambda a, b, T, s: 0.1, "Find t"),
    ("ex-deviations-gap", lambda a, b, T, s: [0.1, 0.2], "one number"),
    ("ex-deviations-early", lambda a, b: (a / b) ** 2, "d2\\^2/d1\\^2"),
    ("ex-deviations-early", lambda a, b: b / a, "other way round"),
    ("ex-deviations-early", lambda a, b: 1.0, "second order"),
    ("ex-deviations-early", lambda a, b: a - b, "both weak"),
    ("ex-deviations-threshold", lambda rho, d: threshold(rho), "At which time"),
    ("ex-deviations-threshold", lambda rho, d: np.log(2 * (1 - rho)), "where is d"),
    ("ex-deviations-threshold", lambda rho, d: -np.log(threshold(rho)) / d, "is missing"),
    ("ex-deviations-threshold", lambda rho, d: -np.log(2 * rho) / d, "You set the weak"),
    ("ex-deviations-threshold", lambda rho, d: threshold(rho) / d, "while t d is small"),
    ("ex-deviations-threshold", lambda rho, d: -np.log(2 * (1 - rho)) / d, "not positive"),
    ("ex-deviations-threshold", lambda rho, d: np.log(2 * rho) / d, "not positive"),
    ("ex-deviations-threshold", lambda rho, d: 1.0, "Set the margin"),
    ("ex-deviations-window", lambda rho, T: -np.log(1 - threshold(rho)), "a b, not b"),
    ("ex-deviations-window", lambda rho, T: threshold(rho) / progress(1, T), "progress b"),
    ("ex-deviations-window", lambda rho, T: -np.log(1 - threshold(rho) * progress(1, T)), "not a"),
    ("ex-deviations-window", lambda rho, T: -np.log(threshold(rho) / progress(1, T)), "is missing"),
    ("ex-deviations-window", lambda rho, T: T, "solve for s"),
    ("ex-deviations-oscillating", (1.5, 1.0), "smaller end"),
    ("ex-deviations-oscillating", (1.0, 2.0), "below 1.5"),
    ("ex-deviations-oscillating", (0.0, 1.5), "does not oscillate"),
    ("ex-deviations-oscillating", (1.01, 1.49), "points of a grid"),
    ("ex-deviations-oscillating", (-0.5, 0.0), "Translate it"),
    ("ex-deviations-oscillating", (1.1, 1.3), "factor the difference"),
    ("ex-deviations-oscillating", 1.2, "two numbers"),
    ("ex-deviations-many", lambda *a: generations(*a, root=False), "m-th root"),
    ("ex-deviations-many", lambda *a: generations(*a) + 1, "one less"),
    ("ex-deviations-many", lambda *a: 2.5, "whole"),
    ("ex-deviations-many", lambda *a: [1, 2], "one whole number"),
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
        check(label, ... if label == "ex-deviations-oscillating" else lambda *arguments: ...)
