"""Exercises of chapter 9: right answers pass, usual mistakes get the hint that names them."""

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check


def run(K, targets, step, steps, start=None):
    values = np.zeros(len(targets)) if start is None else start
    for _ in range(steps):
        values = values - step * K @ (values - targets)
    return values


def student(K, y, step, m, n):
    return run(K, run(K, y, step, m), step, n)


def worst(steps, power=2, largest=1.0):
    x = np.linspace(1e-6, min(largest * steps, 50), 400_001)
    return (((1 - (1 - x / steps) ** steps) * (1 + x) / x) ** power).max()


def both(theta, sigma, power=0.5):
    return -np.log(1 - (theta**2 / (theta**2 + sigma**2)) ** power)


def fits(d0, lam, rounds):
    return (d0 / (d0 + lam)) ** rounds


def patience(d, share):
    return -np.log1p(-share) / d[d > 0].min()


RIGHT = {
    "ex-stopping-by-hand": student,
    "ex-stopping-best-time": lambda d, t, s: -np.log(1 - abs(t) / np.hypot(t, s)) / d,
    "ex-stopping-crossing": lambda d0, lam, k: -np.log(1 - 1 / (1 + lam / d0) ** k) / d0,
    "ex-stopping-patience": patience,
    "ex-stopping-steps": worst,
    "ex-stopping-prior": (1.2147, 3.21),
}

WRONG = [
    ("ex-stopping-by-hand", lambda K, y, h, m, n: run(K, y, h, m), "of the teacher"),
    ("ex-stopping-by-hand", lambda K, y, h, m, n: run(K, y, h, n), "learns from the labels"),
    ("ex-stopping-by-hand", lambda K, y, h, m, n: run(K, y, h, m + n), "trained on"),
    ("ex-stopping-by-hand", lambda K, y, h, m, n: student(K / 3, y, h, m, n), "no 1/n"),
    ("ex-stopping-by-hand", lambda K, y, h, m, n: student(K, y, h, m, n + 1), "Not right yet"),
    ("ex-stopping-by-hand", lambda K, y, h, m, n: student(K, y, h, m, n)[:, None], "shape"),
    ("ex-stopping-best-time", lambda d, t, s: np.log1p(t**2 / s**2) / d, "of a single stop"),
    ("ex-stopping-best-time", lambda d, t, s: np.log1p(t**2 / s**2) / d / 2, "do not add up"),
    ("ex-stopping-best-time", lambda d, t, s: both(t, s), "where is d"),
    ("ex-stopping-best-time", lambda d, t, s: both(s, t) / d, "exchanged"),
    ("ex-stopping-best-time", lambda d, t, s: both(t, s, 2) / d, "a root belongs"),
    ("ex-stopping-best-time", lambda d, t, s: 1.0, "solve for t"),
    ("ex-stopping-best-time", lambda d, t, s: [1.0, 2.0], "one number"),
    ("ex-stopping-crossing", lambda d0, lam, k: 1 / lam, "never cross"),
    ("ex-stopping-crossing", lambda d0, lam, k: np.log1p(d0 / lam) / d0, "right for one fit"),
    ("ex-stopping-crossing", lambda d0, lam, k: k * np.log1p(d0 / lam) / d0, "not the power"),
    ("ex-stopping-crossing", lambda d0, lam, k: k * np.log1p(lam / d0) / d0, "missing parts equal"),
    ("ex-stopping-crossing", lambda d0, lam, k: -np.log1p(-fits(d0, lam, k)), "Divide by d0"),
    ("ex-stopping-crossing", lambda d0, lam, k: -1.0, r"exp\(-t d0\)"),
    ("ex-stopping-crossing", lambda d0, lam, k: [1.0, 2.0], "one number"),
    ("ex-stopping-patience", lambda d, share: -np.log1p(-share) / d.max(), "the last one"),
    ("ex-stopping-patience", lambda d, share: np.inf, "d = 0"),
    ("ex-stopping-patience", lambda d, share: -np.log(share) / d[d > 0].min(), "1 - share"),
    ("ex-stopping-patience", lambda d, share: -np.log1p(-share), "slowest"),
    ("ex-stopping-patience", lambda d, share: patience(d, share) + 1, "Solve"),
    ("ex-stopping-patience", lambda d, share: -patience(d, share), "sign"),
    ("ex-stopping-patience", lambda d, share: patience(d, share) * d.max(), "number of steps"),
    ("ex-stopping-patience", lambda d, share: -np.log1p(-share) * d, "every direction"),
    ("ex-stopping-steps", lambda m: worst(m, power=1), "square the ratio"),
    ("ex-stopping-steps", lambda m: 1.6859, "flow's value"),
    ("ex-stopping-steps", lambda m: worst(m, largest=2.0), "No step may oscillate"),
    ("ex-stopping-steps", lambda m: 4.0, "runs from 0 to m"),
    ("ex-stopping-steps", lambda m: [1.0, 2.0], "one number"),
    ("ex-stopping-prior", (1.6859, 1.7933), "no signal"),
    ("ex-stopping-prior", (3.2136, 1.2147), "exchanged"),
    ("ex-stopping-prior", (1.1021, 3.2136), "no root"),
    ("ex-stopping-prior", (1.2147, 2.0), "Maximize"),
    ("ex-stopping-prior", (1.2147, 0.3112), "not its inverse"),
    ("ex-stopping-prior", (1.21, 3.2), "three digits"),
    ("ex-stopping-prior", 1.2147, "two numbers"),
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
        check(label, ... if label == "ex-stopping-prior" else lambda *arguments: ...)
