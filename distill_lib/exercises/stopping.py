"""Self-checks of chapter 9."""

from __future__ import annotations

import numpy as np

from distill_lib.exercises._registry import exercise, require
from distill_lib.kernel import filters, flow


def _one_number(value, hint):
    """Return an answer that must be one number as a float; arrays get the hint."""
    require(np.size(value) == 1, hint)
    return float(np.squeeze(value))


@exercise("ex-stopping-by-hand")
def student_by_hand(answer):
    """Try ``answer(K, y, step, teacher_steps, student_steps)`` on three points."""
    K = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.3], [0.1, 0.3, 0.6]])
    y, step, of_teacher, of_student = np.array([1.0, -2.0, 0.5]), 0.3, 7, 4
    got = np.asarray(answer(K.copy(), y.copy(), step, of_teacher, of_student), float)
    require(
        got.shape == y.shape, f"Return the fitted values, shape {y.shape}; yours is {got.shape}."
    )
    d, U = np.linalg.eigh(K)

    def fitted(b):
        return U @ (b * (U.T @ y))

    teacher = filters.gradient_descent(d, step, of_teacher)
    student = filters.gradient_descent(d, step, of_student)
    require(not np.allclose(got, fitted(teacher)), "These are the values of the teacher.")
    require(
        not np.allclose(got, fitted(student)),
        "The student learns from the labels here; its targets are the teacher's values.",
    )
    require(
        not np.allclose(got, fitted(filters.gradient_descent(d, step, of_teacher + of_student))),
        "This is the teacher, trained on. The student starts from zero, on the teacher's values.",
    )
    divided = [filters.gradient_descent(d, step / 3, m) for m in (of_teacher, of_student)]
    require(
        not np.allclose(got, fitted(divided[0] * divided[1])),
        "There is no 1/n in the gradient of this chapter.",
    )
    require(
        np.allclose(got, fitted(teacher * student), rtol=1e-9),
        "Not right yet. One step is f <- f - step * K @ (f - targets), from f = 0.",
    )


@exercise("ex-stopping-best-time")
def best_time(answer):
    """Try ``answer(d, theta, sigma)``: teacher and student stop at this same time."""
    for d, theta, sigma in ((2.0, 1.5, 0.5), (0.1, -3.0, 1.0), (7.0, 0.2, 0.9)):
        got = _one_number(answer(d, theta, sigma), "Return one number, a time.")
        share = theta**2 / (theta**2 + sigma**2)
        single, right = -np.log1p(-share), -np.log1p(-np.sqrt(share))
        require(
            not np.isclose(got, single / d),
            "This is the best moment of a single stop. Here two factors must give the best share.",
        )
        require(
            not np.isclose(got, single / (2 * d)),
            "Half the time for each: but the times do not add up, the filters multiply.",
        )
        require(not np.isclose(got, right), "Times are in units of 1/d: where is d?")
        require(
            not np.isclose(got, -np.log1p(-np.sqrt(1 - share)) / d),
            "Signal and noise are exchanged: with less noise you train longer.",
        )
        require(
            not np.isclose(got, -np.log1p(-(share**2)) / d),
            "A square where a root belongs: each of the two factors is the root of the product.",
        )
        require(
            np.isclose(got, right / d, rtol=1e-9),
            "Set (1 - exp(-t d))^2 equal to theta^2 / (theta^2 + sigma^2) and solve for t.",
        )


@exercise("ex-stopping-crossing")
def crossing_time(answer):
    """Try ``answer(d0, lam, rounds)``: flow and repeated fits keep the same there."""
    for d0, lam, rounds in ((0.7, 0.2, 1), (0.03, 1.0, 2), (50.0, 2.0, 5)):
        got = _one_number(answer(d0, lam, rounds), "Return one number, a time.")
        kept = filters.distilled(d0, lam, rounds)
        require(
            not np.isclose(got, 1 / lam),
            "At t = 1/lam the flow keeps more everywhere; the two never cross.",
        )
        require(
            rounds == 1 or not np.isclose(got, np.log1p(d0 / lam) / d0),
            "This is right for one fit. The filter of several fits is a power.",
        )
        require(
            rounds == 1 or not np.isclose(got, rounds * np.log1p(d0 / lam) / d0),
            "What is missing after several fits is not the power of what is missing after one.",
        )
        require(
            not np.isclose(got, -np.log(kept) / d0),
            "What the flow misses is set equal to what the fits keep. Set the missing parts equal.",
        )
        require(not np.isclose(got, -np.log1p(-kept)), "This is t times d0. Divide by d0.")
        require(
            np.isclose(got, -np.log1p(-kept) / d0, rtol=1e-9),
            f"At d0 = {d0}, lam = {lam} the fits ({rounds}) keep {kept:.4f}, the flow at your time "
            f"{filters.gradient_flow(d0, max(got, 0.0)):.4f}. Set the missing parts equal: "
            "exp(-t d0) = 1 - (d0 / (d0 + lam))^rounds.",
        )


@exercise("ex-stopping-patience")
def patience(answer):
    """Try ``answer(d, share)`` on a spectrum with zeros, in no order."""
    d, share = np.array([0.2, 3.0, 0.0, 0.05, 1.0]), 0.99
    got = _one_number(answer(d, share), "Return one number: it must do for every direction.")
    require(np.isfinite(got), "Directions with d = 0 hold nothing of the teacher; leave them out.")
    require(
        not np.isclose(got, -np.log1p(-share) / d.max()),
        "The strongest direction is the first to be ready; wait for the last one.",
    )
    require(
        not np.isclose(got, -np.log(share) / 0.05),
        "What may be missing is 1 - share: exp(-s d) <= 1 - share.",
    )
    require(
        not np.isclose(got, -np.log1p(-share)), "Times are in units of 1/d; which d is the slowest?"
    )
    require(got > 0, "A time is positive; log(1 - share) is not. Check the sign.")
    require(
        not np.isclose(got, -np.log1p(-share) * d.max() / 0.05),
        "This is a number of steps of size 1/d_1. Return the time.",
    )
    require(
        np.isclose(got, -np.log1p(-share) / 0.05, rtol=1e-9),
        "Solve 1 - exp(-s d) = share for s, at the smallest positive eigenvalue.",
    )


@exercise("ex-stopping-steps")
def worst_of_steps(answer):
    """Try ``answer(steps)`` for a few numbers of steps."""
    for steps in (1, 2, 3, 10, 200):
        x = np.linspace(1e-6, min(steps, 50), 400_001)
        kept = -np.expm1(steps * np.log1p(-np.minimum(x / steps, 1 - 1e-16)))
        right = float(((kept * (1 + x) / x) ** 2).max())
        got = _one_number(answer(steps), "Return one number, the largest ratio.")
        require(
            not np.isclose(got, np.sqrt(right), rtol=2e-3),
            "The variance is the square of the filter: square the ratio.",
        )
        require(
            steps > 100 or not np.isclose(got, flow.worst_risk_ratio(), rtol=1e-3),
            "This is the flow's value. With few steps it is larger.",
        )
        require(
            steps > 1 or not np.isclose(got, 9.0, rtol=1e-2),
            "Here steps up to step * d = 2 were tried. No step may oscillate: step * d <= 1.",
        )
        require(
            np.isclose(got, right, rtol=2e-3),
            f"For {steps} steps you say {got:.4g}. With x = steps * step * d the filters are "
            "1 - (1 - x/m)^m and x/(1 + x), and x runs from 0 to m.",
        )


@exercise("ex-stopping-prior")
def matched_prior(answer):
    """Try the pair (ratio, x): flow against the ridge that is best on average."""
    require(np.size(answer) == 2, "Give two numbers, (ratio, x).")
    ratio, x = (float(v) for v in answer)
    require(
        not np.isclose(ratio, flow.worst_risk_ratio(), rtol=1e-3),
        "This is the worst case over all truths, where there is no signal. Here theta^2 = c d on "
        "average, so the bias counts.",
    )
    require(not np.isclose(x, 1.2147, rtol=1e-3), "The two numbers are exchanged: first the ratio.")
    require(
        not (np.isclose(ratio, 1.21466, rtol=2e-3) and np.isclose(x, 1 / 3.2136, rtol=5e-3)),
        "The ratio is right; x is t d = d / lam, not its inverse.",
    )
    require(
        not np.isclose(ratio, np.sqrt(1.21466), rtol=1e-3),
        "Risks are squared already; take no root.",
    )
    right = np.isclose(ratio, 1.21466, rtol=2e-3) and np.isclose(x, 3.2136, rtol=5e-3)
    require(
        right or not (np.isclose(ratio, 1.21466, rtol=1e-2) and np.isclose(x, 3.2136, rtol=3e-2)),
        "Nearly: three digits are asked for.",
    )
    require(
        right,
        "Maximize [x exp(-2x) + (1 - exp(-x))^2] (1 + x) / x over x > 0.",
    )
