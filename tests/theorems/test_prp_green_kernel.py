"""The Green's function of the bending energy reproduces point values: chapter 2."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

from distill_lib.kernel.kernels import SplineGreen
from tests.theorems.ledger import Mutant, Result, at_most, both, equal

NODES, WEIGHTS = np.polynomial.legendre.leggauss(80)
TERMS = np.arange(1, 20_001)


class Case(NamedTuple):
    """A point x, a function f = s (1 - s) q(s) + sines, and points for a kernel matrix."""

    x: float
    polynomial: Polynomial
    sines: np.ndarray  # c_m of sqrt(2) sin(m pi s), m = 1, 2, ...
    points: np.ndarray

    def f(self, s):
        return self.polynomial(s) + sine(s, len(self.sines)) @ self.sines

    def curvature(self, s):
        m = np.arange(1, len(self.sines) + 1)
        return self.polynomial.deriv(2)(s) - sine(s, len(m)) @ ((m * np.pi) ** 2 * self.sines)


def sine(s, terms):
    return np.sqrt(2) * np.sin(np.pi * np.outer(s, np.arange(1, terms + 1)))


def draw(rng, i):
    x = [0.0, 1.0, 1e-12, 0.5, *rng.uniform(size=4)][i % 8]
    ends = Polynomial([0, 1, -1])  # s (1 - s): zero at both ends, curved there
    polynomial = ends * Polynomial(rng.standard_normal(1 + i % 5)) if i % 3 else Polynomial([0.0])
    sines = rng.standard_normal(1 if i % 4 == 0 else int(rng.integers(1, 30)))
    points = rng.uniform(size=1 if i % 5 == 0 else int(rng.integers(2, 12)))
    return Case(float(x), polynomial, sines, points)


def pieces(x):
    return [(a, b) for a, b in ((0.0, x), (x, 1.0)) if b - a > 1e-9]


def integral(function, x):
    """Integrate over [0, 1]; the function may have a kink at x."""
    total = 0.0
    for a, b in pieces(x):
        total += (b - a) / 2 * WEIGHTS @ function(a + (b - a) * (NODES + 1) / 2)
    return total


def kernel_curvature(x, power=1.0):
    """Second derivative of g(., x) from four values of the library's g on each side of x."""

    def second(s):
        s = np.asarray(s)
        values = np.zeros_like(s)
        for a, b in pieces(x):
            inside = (s >= a) & (s <= b)
            nodes = a + (b - a) * np.array([0.0, 0.3, 0.7, 1.0])
            values_there = power * SplineGreen()(nodes, [x])[:, 0]
            cubic = Polynomial.fit(nodes, values_there, 3, domain=[a, b])
            values[inside] = cubic.deriv(2)(s[inside])
        return values

    return second


def reproduces(case, factor=1.0):
    second = kernel_curvature(case.x, factor)
    product = integral(lambda s: second(s) * case.curvature(s), case.x)
    scale = np.abs(case.curvature(NODES / 2 + 0.5)).max()
    return equal(product, case.f([case.x])[0], scale=scale)


def series(case, power=4, factor=1.0):
    """Coefficients route: <g(., x), f> = sum (m pi)^4 g_m c_m with g_m = e_m(x) / (m pi)^4."""
    direct = SplineGreen()([case.x], case.points)[0]
    ends = sine([case.x], TERMS.size)[0] / (TERMS * np.pi) ** power
    return equal(factor * ends @ sine(case.points, TERMS.size).T, direct, scale=0.02)


def is_positive(case, shift=0.0):
    """Positive semidefinite: v^T K v is the energy of the function sum_i v_i g(., x_i)."""
    eigenvalues = np.linalg.eigvalsh(SplineGreen()(case.points) - shift)
    return at_most(-eigenvalues, 0.0, scale=0.02)


def statement(case):
    return both(reproduces(case), series(case), is_positive(case))


def open_end(rng, i):
    """Let f(1) be different from 0."""
    case = draw(rng, i)
    return case._replace(polynomial=case.polynomial + Polynomial([0, 1.0]))


RESULT = Result(
    label="prp-green-kernel",
    assumptions=(
        "f twice continuously differentiable on [0, 1]",
        "f(0) = f(1) = 0",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "sign of g flipped": Mutant(statement=lambda case: reproduces(case, -1.0)),
        "factor 2 of the series dropped": Mutant(statement=lambda case: series(case, factor=0.5)),
        "(m pi)^2 instead of (m pi)^4": Mutant(statement=lambda case: series(case, 2)),
        "g - 1/100 is still a kernel": Mutant(statement=lambda case: is_positive(case, 0.01)),
        "f(1) = 0 not assumed": Mutant(statement=reproduces, draw=open_end),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
