"""Gradient flow multiplies by 1 - exp(-t d), a student flow multiplies again: chapter 2."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import expm

from distill_lib.kernel import Spectrum, filters
from tests.theorems import spectral_problems as problems
from tests.theorems.ledger import Mutant, Result, both, equal


class Case(NamedTuple):
    problem: problems.Problem
    time: float
    student_time: float
    start: np.ndarray  # weights at time 0: zero, unless a mutant changes it


def draw(rng, i):
    problem = problems.draw(rng, i)
    T, t = 10 ** rng.uniform(-2, 2, 2)
    if i % 9 == 0:
        T = 0.0
    return Case(problem, float(T), float(t), np.zeros(problem.new.shape[1]))


def flow(p, targets, time, start):
    """Solve w' = -Phi^T (Phi w - targets) in the weights, by one matrix exponential."""
    Phi, size = p.features, len(start)
    generator = np.zeros((size + 1, size + 1))
    generator[:-1, :-1], generator[:-1, -1] = -Phi.T @ Phi, Phi.T @ targets
    return expm(time * generator)[:-1] @ np.append(start, 1.0)


def filtered(p, b):
    s = Spectrum.from_gram(p.K)
    return s.apply(b(s.eigenvalues), p.y)


def teacher(case, b=lambda d, T: -np.expm1(-T * d)):
    p = case.problem
    brute = p.features @ flow(p, p.y, case.time, case.start)
    return equal(filtered(p, lambda d: b(d, case.time)), brute, tol=1e-8, scale=np.abs(p.y).max())


def student(case, b=lambda d, T, t: np.expm1(-T * d) * np.expm1(-t * d)):
    p = case.problem
    given = p.features @ flow(p, p.y, case.time, case.start)
    brute = p.features @ flow(p, given, case.student_time, case.start)
    filter_values = filtered(p, lambda d: b(d, case.time, case.student_time))
    return equal(filter_values, brute, tol=1e-8, scale=np.abs(p.y).max())


def library(case):
    p, T = case.problem, case.time
    same_teacher = equal(
        filtered(p, lambda d: filters.gradient_flow(d, T)),
        filtered(p, lambda d: -np.expm1(-T * d)),
        scale=np.abs(p.y).max(),
    )
    return both(same_teacher, student(case, filters.distilled_flow))


def statement(case):
    return both(teacher(case), student(case), library(case))


def warm_start(rng, i):
    case = draw(rng, i)
    return case._replace(start=rng.standard_normal(len(case.start)))


RESULT = Result(
    label="prp-flow-filter",
    assumptions=(
        "K symmetric positive semidefinite",
        "flow of ||f(X) - y||^2 / 2, without 1/n, from f = 0",
        "times >= 0",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "exponent doubled (no 1/2 in the loss)": Mutant(
            statement=lambda case: teacher(case, lambda d, T: -np.expm1(-2 * T * d))
        ),
        "exp(-t d), the part that is left": Mutant(
            statement=lambda case: teacher(case, lambda d, T: np.exp(-T * d))
        ),
        "loss divided by n": Mutant(
            statement=lambda case: teacher(
                case, lambda d, T: -np.expm1(-T * d / len(case.problem.y))
            )
        ),
        "student: times add up": Mutant(
            statement=lambda case: student(case, lambda d, T, t: -np.expm1(-(T + t) * d))
        ),
        "start not at zero": Mutant(statement=teacher, draw=warm_start),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
