"""Wrong answers to the exercises of chapter 4, with the hint that each should get."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from distill_lib.exercises import Unfilled, WrongAnswer, check


def root(equation):
    return 10 ** brentq(lambda power: equation(10**power), -20, 20, xtol=1e-13)


def ridge(d, z, tolerance):
    return root(lambda lam: ((lam / (lam + d)) ** 2 * z**2).mean() - tolerance)


def sum_instead_of_mean(d, z, tolerance):
    return ridge(d, z, tolerance / len(d))


def multiplier(d, z, tolerance):
    return ridge(d, z, tolerance) / len(d)


def fitted_values(d, z, tolerance):
    return root(lambda lam: tolerance - ((d / (lam + d)) ** 2 * z**2).mean())


def not_squared(d, z, tolerance):
    return root(lambda lam: (lam / (lam + d) * z**2).mean() - tolerance)


def upper_bound(d, z, tolerance):
    return d.max() / (math.sqrt((z**2).mean() / tolerance) - 1)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (sum_instead_of_mean, "it bounds their mean"),
        (multiplier, "the multiplier c of the paper"),
        (fitted_values, "It is the residual that has to"),
        (not_squared, "is to be squared"),
        (upper_bound, "With your ridge the mean squared training error is"),
        (lambda d, z, tolerance: -1.0, "A ridge is a positive number"),
        (lambda d, z, tolerance: math.inf, "A ridge is a positive number"),
    ],
)
def test_ridge_hints(wrong, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check("ex-tolerance-ridge", wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda r0: max(math.floor(r0), 0), "you count the round that collapses"),
        (lambda r0: max(math.floor(r0 - 1), 0), "one too few"),
        (lambda r0: max(math.ceil(r0), 0), "one too many"),
        (lambda r0: math.ceil(r0 - 1) if r0 > 1 else 1, "no fit at all"),
        (lambda r0: math.ceil(r0**2) - 1, "r falls by one a round"),
    ],
)
def test_one_direction_hints(wrong, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check("ex-tolerance-one-direction", wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ((0.0487, 0.1125), "are exchanged"),
        ((0.0419, 0.0419), "fits the given labels best"),
        ((0.25, 0.0487), "The first number is off"),
        ((0.1125, 0.09), "The second number is off"),
        (0.1125, "The answer is a pair"),
    ],
)
def test_two_minima_hints(wrong, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check("ex-tolerance-two-minima", wrong)


def test_right_answers_pass(capsys):
    check("ex-tolerance-ridge", ridge)
    check("ex-tolerance-one-direction", lambda r0: max(math.ceil(r0 - 1), 0))
    check("ex-tolerance-one-direction", lambda r0: np.maximum(np.ceil(r0 - 1), 0))
    check("ex-tolerance-two-minima", (0.1125, 0.0487))
    assert capsys.readouterr().out.count("correct") == 4


@pytest.mark.parametrize(
    "label", ["ex-tolerance-ridge", "ex-tolerance-one-direction", "ex-tolerance-two-minima"]
)
def test_placeholders_are_loud(label):
    with pytest.raises(Unfilled):
        check(label, ...)
