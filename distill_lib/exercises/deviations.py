"""Self-checks of chapter 10."""

from __future__ import annotations

import numpy as np

from distill_lib.exercises._registry import exercise, require


def _one_number(value, hint="Return one number."):
    """Return an answer that must be one number as a float; arrays get the hint."""
    require(np.size(value) == 1, hint)
    return float(np.squeeze(value))


def _progress(d, time):
    return -np.expm1(-d * time)


@exercise("ex-deviations-gap")
def gap_at_equal_strong_progress(answer):
    """Try ``answer(d1, d2, T, s)`` on three pairs of directions."""
    for d1, d2, T, s in ((1.0, 0.25, 2.0, 3.0), (4.0, 1.0, 0.3, 0.2), (3.0, 2.5, 1.0, 0.5)):
        got = _one_number(answer(d1, d2, T, s))
        strong = _progress(d1, T) * _progress(d1, s)
        weak = _progress(d2, T) * _progress(d2, s)
        right = -np.expm1(np.log1p(-strong) * d2 / d1) - weak
        require(
            not np.isclose(got, _progress(d2, s) - weak),
            "This compares at equal time. Compare when the strong progress is equal.",
        )
        require(
            not np.isclose(got, _progress(d2, T) - weak),
            "This compares with the teacher where it stopped; it is past the student there.",
        )
        require(not np.isclose(got, -right), "Teacher's path minus student: the gap is positive.")
        require(
            not np.isclose(got, -np.expm1(np.log1p(-strong) * d1 / d2) - weak),
            "The exponent is d2/d1, not d1/d2.",
        )
        require(
            np.isclose(got, right, rtol=1e-9),
            "Find t with 1 - exp(-t d1) = student's strong progress, then 1 - exp(-t d2) at it.",
        )


@exercise("ex-deviations-early")
def early_factor(answer):
    """Try ``answer(d1, d2)``: how far behind a student of very early stops is."""
    for d1, d2 in ((4.0, 1.0), (3.0, 0.5), (0.2, 0.15)):
        got = _one_number(answer(d1, d2))
        require(
            not np.isclose(got, d1**2 / d2**2),
            "The student's weak progress is d2^2/d1^2 of its strong one, the teacher's d2/d1.",
        )
        require(
            not np.isclose(got, d2 / d1),
            "This is student over teacher's path; the question has it the other way round.",
        )
        require(
            not np.isclose(got, 1.0),
            "To first order in both times the student has made no progress; go to second order.",
        )
        require(
            np.isclose(got, d1 / d2, rtol=1e-9),
            "For small times 1 - exp(-t d) is t d. Write both weak progresses in terms of the "
            "strong one.",
        )


@exercise("ex-deviations-threshold")
def threshold_time(answer):
    """Try ``answer(rho, d)``: when a teacher begins to predict the flipped labels."""
    for rho, d in ((0.05, 3.0), (0.2, 1.0), (0.4, 0.1)):
        got = _one_number(answer(rho, d))
        a = (1 - 2 * rho) / (2 * (1 - rho))
        require(got > 0, "Your time is not positive: check the signs of exponent and logarithm.")
        require(not np.isclose(got, a / d), "1 - exp(-t d) is about t d only while t d is small.")
        require(not np.isclose(got, a), "This is the weak progress a*. At which time is it made?")
        require(
            d == 1 or not np.isclose(got, np.log(2 * (1 - rho))),
            "Times are in units of 1/d: where is d?",
        )
        require(
            not np.isclose(got, -np.log(a) / d),
            "What is missing is exp(-t d), and a* is what is there.",
        )
        require(
            not np.isclose(got, -np.log(2 * rho) / d),
            "You set the weak progress to 1 - 2 rho. The margin of a flipped point is "
            "-(1 - 2 rho) + 2 (1 - rho) a.",
        )
        require(
            np.isclose(got, np.log(2 * (1 - rho)) / d, rtol=1e-9),
            "Set the margin of a flipped point to 0, then 1 - exp(-t d) to that progress.",
        )


@exercise("ex-deviations-window")
def denoising_window(answer):
    """Try ``answer(rho, T)``: until when a student predicts the clean label, weak d = 1."""
    for rho, T in ((0.2, 2.0), (0.1, 1.0), (0.3, 5.0)):
        got = _one_number(answer(rho, T))
        a, threshold = _progress(1, T), (1 - 2 * rho) / (2 * (1 - rho))
        require(
            not np.isclose(got, -np.log1p(-threshold)),
            "This is when the labels' own path passes the threshold. The student has a b, not b.",
        )
        require(
            not np.isclose(got, threshold / a), "This is the progress b; at which time is it made?"
        )
        require(
            not np.isclose(got, -np.log(threshold / a)),
            "What is missing is exp(-s), and a*/a is what is there.",
        )
        require(
            not np.isclose(got, -np.log1p(-threshold * a)),
            "The condition is a b = a*, so b = a*/a, not a* a.",
        )
        require(
            np.isclose(got, -np.log1p(-threshold / a), rtol=1e-9),
            "Set a b = a* with a = 1 - exp(-T), b = 1 - exp(-s), and solve for s.",
        )


@exercise("ex-deviations-oscillating")
def oscillating_interval(answer):
    """Try the pair (low, high) of step * d2 for which the student is ahead."""
    require(np.size(answer) == 2, "Give two numbers, (low, high).")
    low, high = (float(v) for v in np.ravel(answer))
    require(low < high, "Give the smaller end first.")
    require(
        not np.isclose(high, 2.0),
        "The second direction is the weaker one, so step * d2 is below 1.5; beyond, it changes.",
    )
    require(
        not np.isclose(low, 0.0),
        "Where the second direction does not oscillate, the student is behind: try 0.8.",
    )
    require(
        not np.allclose([low, high], [-0.5, 0.0], atol=1e-3),
        "That is the interval of r = 1 - step * d2. Translate it to step * d2.",
    )
    exact = np.allclose([low, high], [1.0, 1.5], atol=1e-3)
    require(
        exact or not np.allclose([low, high], [1.0, 1.5], atol=0.05),
        "These are points of a grid. Give the limits of the interval.",
    )
    require(
        exact,
        "Write what each run misses in terms of r = 1 - step * d2, and factor the difference.",
    )


@exercise("ex-deviations-many")
def enough_generations(answer):
    """Try ``answer(strong, q, share)``: the fewest equal generations."""
    for strong, q, share in ((0.9, 4.0, 0.1), (0.9, 4.0, 0.01), (0.5, 2.0, 0.05), (0.9, 4.0, 0.5)):
        got = _one_number(answer(strong, q, share), "Return one whole number.")

        def weak(m, strong=strong, q=q):
            return (1 - (1 - strong ** (1 / m)) ** (1 / q)) ** m

        require(got == int(got) and got >= 1, "A number of generations is whole, and at least 1.")
        right = next(m for m in range(1, 1000) if weak(m) < share)
        psi = 1 - (1 - strong) ** (1 / q)
        naive = next(m for m in range(1, 1000) if psi**m < share)
        require(
            right == naive or got != naive,
            "Each generation would have the whole strong progress; it is the last one that has it. "
            "Each of m has the m-th root.",
        )
        require(
            got == right,
            f"For strong progress {strong}, ratio {q} and share {share} you say {got:.0f}. With m "
            f"generations the weak progress is psi(strong^(1/m))^m: {weak(max(int(got), 1)):.4f} "
            f"after {got:.0f}, {weak(max(int(got) - 1, 1)):.4f} after one less.",
        )
