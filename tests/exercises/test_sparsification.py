"""Wrong answers to the exercises of chapter 5, with the hint that each should get."""

import math

import numpy as np
import pytest

from distill_lib.exercises import Unfilled, WrongAnswer, check


def rounds(r0, kappa):
    square = math.ceil(r0**2) - 1
    linear = math.inf if kappa == math.inf else math.ceil(kappa * (r0 - 1) + 1) - 1
    return math.ceil(r0 - 1), min(square, linear)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda r0, kappa: (math.ceil((r0 - 1) / kappa), rounds(r0, kappa)[1]), "the paper's"),
        (lambda r0, kappa: (math.ceil(r0), rounds(r0, kappa)[1]), "a round that may collapse"),
        (lambda r0, kappa: (-1, rounds(r0, kappa)[1]), "is not what r_t >= r0 - t gives"),
        (lambda r0, kappa: (rounds(r0, kappa)[0], math.ceil(r0**2) - 1), "is the smaller one"),
        (lambda r0, kappa: (rounds(r0, kappa)[0], rounds(r0, kappa)[1] + 1), "one too large"),
        (lambda r0, kappa: (rounds(r0, kappa)[0], 1000), "not the smaller of the two bounds"),
        (lambda r0, kappa: 3, "Return a pair"),
    ],
)
def test_rounds_hints(wrong, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check("ex-sparsification-rounds", wrong)


def exact(d_k, d_j, d_min, r0, rho, shift=1.0):
    p_j, p_k = d_min / d_j, d_min / d_k
    return math.log(rho) / math.log((r0 - shift + p_j) / (r0 - shift + p_k))


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda *a: math.floor(exact(*a)), "rounded down"),
        (exact, "has to be whole"),
        (lambda *a: math.ceil(exact(*a, shift=0.0)), "in the place of r0 - 1"),
        (lambda a, b, c, r0, rho: math.ceil(exact(a, b, 1.0, r0, rho)), "d_min were left out"),
        (lambda *a: 1, "are not the smallest number that is certain"),
    ],
)
def test_enough_hints(wrong, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check("ex-sparsification-enough", wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (np.ones(3), "The answer is a pair"),
        (([2.0, 1.0], [5.0]), "One coefficient for each eigenvalue"),
        (([1.0, 2.0], [3.0, 4.0]), "descending order"),
        (([2.0, 1.0], [3.0, 3.0]), "r0 = 5 asks for 25"),
        (([2.0, 1.0], [5.0, 0.0]), "which every path with r0 = 5 has"),
        ((10.0 ** -np.arange(6.0), np.full(6, math.sqrt(25 / 6))), "It should have at least 12"),
    ],
)
def test_longest_hints(wrong, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check("ex-sparsification-longest", wrong)


def test_right_answers_pass(capsys):
    check("ex-sparsification-rounds", rounds)
    check("ex-sparsification-enough", lambda *a: math.ceil(exact(*a)))
    check("ex-sparsification-longest", (10.0 ** (-2.0 * np.arange(25)), np.ones(25)))
    check("ex-sparsification-longest", (10.0 ** -np.arange(25.0), -np.ones(25)))
    assert capsys.readouterr().out.count("correct") == 4


@pytest.mark.parametrize(
    "label",
    ["ex-sparsification-rounds", "ex-sparsification-enough", "ex-sparsification-longest"],
)
def test_placeholders_are_loud(label):
    with pytest.raises(Unfilled):
        check(label, ...)
