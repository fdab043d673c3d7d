"""The checkers of chapter 2: right answers pass, typical mistakes get the hint that names them."""

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check
from distill_lib.kernel import filters

solve, eye = np.linalg.solve, np.eye


def spline(N, power=4, factor=48):
    s = np.sin(np.arange(1, N) * np.pi / (2 * N))
    return (3 - 2 * s**2) / (factor * N**3 * s**power)


def residuals(d, lam, fits):
    return 1 - (lam / (d + lam)) ** fits


def average(d, lam, rounds, start=1, divide=True):
    terms = [(d / (d + lam)) ** i for i in range(start, start + rounds)]
    return np.mean(terms, axis=0) if divide else np.sum(terms, axis=0)


RIGHT = {
    "ex-filters-ridge-by-hand": lambda K, y, lam: K @ solve(K + lam * eye(len(y)), y),
    "ex-filters-spline-eigenvalues": spline,
    "ex-filters-changing-ridge": lambda d, lams: np.prod([d / (d + v) for v in lams], axis=0),
    "ex-filters-average": average,
    "ex-filters-twicing": residuals,
}

WRONG = [
    ("ex-filters-ridge-by-hand", lambda K, y, lam: solve(K + lam * eye(len(y)), y), "coefficients"),
    ("ex-filters-ridge-by-hand", lambda K, y, lam: K @ solve(K + lam**2 * eye(4), y), "squared"),
    ("ex-filters-ridge-by-hand", lambda K, y, lam: K @ solve(K / 4 + lam * eye(4), y) / 4, "by n"),
    ("ex-filters-ridge-by-hand", lambda K, y, lam: K @ solve(K + lam, y), "diagonal"),
    (
        "ex-filters-ridge-by-hand",
        lambda K, y, lam: y - K @ solve(K + lam * eye(4), y),
        "residuals",
    ),
    ("ex-filters-ridge-by-hand", lambda K, y, lam: K, "shape"),
    ("ex-filters-ridge-by-hand", lambda K, y, lam: 2 * y, "Not K"),
    ("ex-filters-spline-eigenvalues", lambda N: spline(N)[::-1], "ascending"),
    ("ex-filters-spline-eigenvalues", lambda N: spline(N) / N, "factor N"),
    ("ex-filters-spline-eigenvalues", lambda N: N / (np.arange(1, N) * np.pi) ** 4, "alone"),
    ("ex-filters-spline-eigenvalues", lambda N: spline(N, factor=24), "constant"),
    ("ex-filters-spline-eigenvalues", lambda N: spline(N, power=2), "the first is"),
    ("ex-filters-spline-eigenvalues", lambda N: spline(N + 2), "positive eigenvalues"),
    ("ex-filters-changing-ridge", lambda d, lams: d / (d + sum(lams)), "multiply their filters"),
    (
        "ex-filters-changing-ridge",
        lambda d, lams: (d / (d + np.mean(lams))) ** len(lams),
        "the mean",
    ),
    (
        "ex-filters-changing-ridge",
        lambda d, lams: 1 - np.prod([v / (d + v) for v in lams], axis=0),
        "residuals",
    ),
    ("ex-filters-changing-ridge", lambda d, lams: d / (d + lams[-1]), "Only the last"),
    ("ex-filters-changing-ridge", lambda d, lams: [d / (d + v) for v in lams], "each eigenvalue"),
    ("ex-filters-changing-ridge", lambda d, lams: 0 * d, "Round i"),
    (
        "ex-filters-average",
        lambda d, lam, rounds: average(d, lam, rounds, divide=False),
        "divide by their number",
    ),
    ("ex-filters-average", lambda d, lam, rounds: (d / (d + lam)) ** rounds, "the last fit"),
    (
        "ex-filters-average",
        lambda d, lam, rounds: average(d, lam, rounds, start=0),
        "starts at a",
    ),
    (
        "ex-filters-average",
        lambda d, lam, rounds: d / (rounds * lam) * (1 - (d / (d + lam)) ** (rounds - 1)),
        "One fit is missing",
    ),
    (
        "ex-filters-average",
        lambda d, lam, rounds: np.where(d > 0, average(d, lam, rounds), np.nan),
        "not finite",
    ),
    ("ex-filters-average", lambda d, lam, rounds: d, "not the mean"),
    ("ex-filters-twicing", lambda d, lam, fits: (d / (d + lam)) ** fits, "distillation"),
    ("ex-filters-twicing", lambda d, lam, fits: d / (d + lam / fits), "weak end only"),
    (
        "ex-filters-twicing",
        lambda d, lam, fits: residuals(d, lam, fits + (fits > 1)),
        "One fit too many",
    ),
    ("ex-filters-twicing", lambda d, lam, fits: (lam / (d + lam)) ** fits, "One fit is ordinary"),
    (
        "ex-filters-twicing",
        lambda d, lam, fits: filters.ridge(d, lam) * (1 + (fits > 1)),
        "by hand",
    ),
]


@pytest.mark.parametrize("label", RIGHT)
def test_right_answers_pass(label, capsys):
    check(label, RIGHT[label])
    assert "correct" in capsys.readouterr().out


@pytest.mark.parametrize("label", RIGHT)
def test_placeholders_fail_loudly(label):
    with pytest.raises(Unfilled):
        check(label, lambda *args: ...)


@pytest.mark.parametrize(("label", "answer", "hint"), WRONG)
def test_mistakes_get_their_hint(label, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check(label, answer)
