"""Wrong answers to the exercises of chapter 6, with the hint that each should get."""

import math

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check


def product(d, ridges):
    return np.prod(1 + ridges[:, None] / d, axis=0)


def spectrum(d, ridges):
    return ridges[0] / (product(d, ridges) - 1)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda d, ridges: 1 / product(d, ridges), "the filter of the last round"),
        (lambda d, ridges: ridges[0] / product(d, ridges), "The 1 is missing"),
        (lambda d, ridges: ridges[-1] / (product(d, ridges) - 1), "the ridge of the first round"),
        (lambda d, ridges: d * ridges[0] / ridges.sum(), "The ridges do not add up"),
        (lambda d, ridges: d, "the first eigenvalue is not"),
        (lambda d, ridges: spectrum(d, ridges).sum(), "one eigenvalue a direction"),
    ],
)
def test_spectrum_hints(wrong, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check("ex-equivalent-spectrum", wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda d, lam, fits: (lam * (d / lam) ** fits, d / fits), "are exchanged"),
        (lambda d, lam, fits: (d, lam * (d / lam) ** fits), "kept nearly in full"),
        (lambda d, lam, fits: (d / (fits + 1), lam * (d / lam) ** fits), "The strong limit is off"),
        (lambda d, lam, fits: (d / fits, (d / lam) ** fits), "the filter of a weak direction"),
        (lambda d, lam, fits: (d / fits, d**fits), "Mind the units"),
        (lambda d, lam, fits: (d / fits, lam * (d / lam) ** (fits - 1)), "The weak limit is off"),
        (lambda d, lam, fits: d / fits, "Return a pair"),
    ],
)
def test_limits_hints(wrong, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check("ex-equivalent-limits", wrong)


def points(level):
    """The smallest n by the formula itself."""
    n, j = 1, math.ceil(math.log2(25))
    while True:
        capacity = 2 * 50 * math.sqrt(n / 90) / n
        deviation = 3 * math.sqrt((math.log(40) + math.log((j + 1) * (j + 2))) / (2 * n))
        if 0.17 + capacity + deviation < level:
            return n
        n += 1


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ((points(0.63), points(1.0)), "are exchanged"),
        ((points(1.17), points(0.8)), "left out the empirical loss"),
        ((points(1.0), 3000), "The second number is off"),
        ((50, points(0.63)), "The first number is off"),
        (points(1.0), "The answer is a pair"),
    ],
)
def test_points_hints(wrong, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check("ex-equivalent-points", wrong)


def test_right_answers_pass(capsys):
    check("ex-equivalent-spectrum", spectrum)
    check("ex-equivalent-limits", lambda d, lam, fits: (d / fits, lam * (d / lam) ** fits))
    check("ex-equivalent-points", (points(1.0), points(0.63)))
    assert capsys.readouterr().out.count("correct") == 3


@pytest.mark.parametrize(
    "label", ["ex-equivalent-spectrum", "ex-equivalent-limits", "ex-equivalent-points"]
)
def test_placeholders_are_loud(label):
    with pytest.raises(Unfilled):
        check(label, ...)
