"""Self-checks of chapter 7."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy.optimize import minimize_scalar

from distill_lib import datasets
from distill_lib.exercises._registry import exercise, require
from distill_lib.kernel import Spectrum, filters, kernels, mixing


def _one_number(value, hint):
    """Return an answer that must be one number as a float; arrays get the hint."""
    require(np.size(value) == 1, hint)
    return float(np.squeeze(value))


def _chain(K, y, lam, alphas, first=None):
    """Fitted values of the last round, by a linear solve in each."""

    def fit(targets):
        return K @ np.linalg.solve(K + lam * np.eye(len(K)), targets)

    values = fit(y if first is None else first)
    for alpha in alphas[1:]:
        values = fit(alpha * y + (1 - alpha) * values)
    return values


@exercise("ex-mixed-chain")
def chain(answer):
    """Try ``answer(K, y, lam, alphas)``: fitted values after one round a weight."""
    rng = np.random.default_rng(7)
    half = rng.standard_normal((5, 5))
    K, y, lam = half @ half.T, rng.standard_normal(5), 0.7
    alphas = np.array([0.9, 0.2, 0.6, 0.35])
    got = np.asarray(answer(K.copy(), y.copy(), lam, alphas.copy()), float)
    require(got.shape == y.shape, f"One fitted value a point: shape (5,), yours {got.shape}.")
    last = alphas[-1] * y + (1 - alphas[-1]) * _chain(K, y, lam, alphas[:-1])
    mistakes = (
        (np.linalg.solve(K, _chain(K, y, lam, alphas)), "Return the fitted *values*, K c."),
        (_chain(K, y, lam, 1 - alphas), "The weights are exchanged: alpha goes with the labels."),
        (_chain(K, y, lam, 0 * alphas), "These are plain refits: where are the labels?"),
        (last, "These are the targets of the last round; they still have to be fitted."),
        (
            _chain(K, y, lam, np.r_[0.0, alphas]),
            "That is one fit too many: four weights, four fits.",
        ),
        (_chain(K, y, lam, alphas[:-1]), "That is one fit too few: four weights, four fits."),
        (
            _chain(K, y, lam, np.r_[0.0, alphas[:-1]]),
            "Round i takes alphas[i - 1], also in the end.",
        ),
        (
            _chain(K, y, lam, alphas, first=alphas[0] * y),
            "The first round fits the labels themselves, whatever its weight.",
        ),
        (
            _chain(K, y, lam, np.r_[0.0, alphas[:0:-1]]),
            "The weights come in reverse order: the last one belongs to the last round.",
        ),
    )
    for wrong, hint in mistakes:
        require(not np.allclose(got, wrong), hint)
    require(
        np.allclose(got, _chain(K, y, lam, alphas)),
        "Start with the fit to y; then fit alpha y + (1 - alpha) values, once for each later "
        "weight.",
    )


@exercise("ex-mixed-merge")
def merge(answer):
    """Try ``answer(y, p, v_y, v_p)``: two observations of one value as a single one."""
    for y, p, v_y, v_p in ((1.0, 3.0, 0.5, 1.5), (-2.0, 0.4, 2.0, 0.25), (0.3, 0.1, 1.0, 4.0)):
        got = answer(y, p, v_y, v_p)
        require(np.shape(got) == (2,), "Return a pair: the merged observation, and its variance.")
        value, variance = map(float, got)
        right = 1 / (1 / v_y + 1 / v_p)
        require(
            not math.isclose(value, right),
            "The order is (m, v): first the merged observation, then its variance.",
        )
        require(
            not math.isclose(variance, v_y + v_p),
            "Variances add for a sum of two observations. Here the precisions, 1/v, add.",
        )
        require(
            not math.isclose(variance, (v_y + v_p) / 2),
            "Two observations know more than one: the variance must be below both of yours.",
        )
        require(
            not math.isclose(variance, 1 / v_y + 1 / v_p),
            "That is the precision. The variance is its inverse.",
        )
        require(
            math.isclose(variance, right),
            "The variance is not right. Compare the terms with f^2 on both sides.",
        )
        require(
            not math.isclose(value, (v_y * y + v_p * p) / (v_y + v_p)),
            "The weights are exchanged: the observation with *less* noise counts more.",
        )
        require(
            not math.isclose(value, (y + p) / 2),
            "The plain mean ignores that one observation is better than the other.",
        )
        require(
            math.isclose(value, variance * (y / v_y + p / v_p)),
            "Compare the terms that are linear in f on both sides: y/v_y + p/v_p = m/v.",
        )


def _fits(answer, d_max, lam, alpha, share):
    """Return the answer's number of fits; at alpha = 1 any failure gets the hint about log 0."""
    hint = "At alpha = 1 the factor q is 0, and log 0 does not exist. There one fit is enough."
    try:
        with np.errstate(all="ignore"):
            got = answer(d_max, lam, alpha, share)
    except (ValueError, ZeroDivisionError):
        require(alpha != 1, hint)
        raise
    got = _one_number(got, "Return one number of fits.")
    require(alpha != 1 or (np.isfinite(got) and got > 0), hint)
    require(np.isfinite(got), f"At alpha = {alpha} the number of fits must be finite.")
    return got


@exercise("ex-mixed-rounds")
def rounds_needed(answer):
    """Try ``answer(d_max, lam, alpha, share)``: fits after which the limit is certainly near."""
    cases = (
        (2.0, 0.2, 0.35, 0.001),
        (5.0, 1.0, 0.1, 0.05),
        (1.0, 1.0, 0.5, 0.3),
        (3.0, 0.4, 1, 0.1),
    )
    for d_max, lam, alpha, share in cases:
        got = _fits(answer, d_max, lam, alpha, share)
        factor = float(mixing.contraction(d_max, lam, alpha))
        exact = math.log(share) / math.log(factor) if factor > 0 else 1.0
        want = math.ceil(exact)
        case = f"d_max = {d_max}, lam = {lam}, alpha = {alpha}, share = {share}"
        require(got > 0, f"At {case} you return {got}. Both logarithms are negative.")
        require(
            got == round(got),
            f"At {case} you return {got:.3f}. Fits come in whole numbers: round up.",
        )
        without = math.log(share) / math.log(d_max / (d_max + lam))
        require(
            got != math.ceil(without) or want == math.ceil(without),
            "You forgot that only the share 1 - alpha of the teacher is passed on.",
        )
        require(
            alpha == 1 or got != math.ceil(math.log(share) / math.log(1 - alpha)),
            "You forgot the fit itself: it shrinks the strongest direction by d_max/(d_max + lam).",
        )
        require(
            got != math.floor(exact) or want == math.floor(exact),
            f"At {case} the bound after {got:.0f} fits is still above the share: round up.",
        )
        require(got == want, f"At {case} it is not {got:.0f}. Solve q^tau <= share for tau.")


@exercise("ex-mixed-turn")
def turn(answer):
    """Try ``answer(a_strong, alpha)``: below which weak filter the ratio falls at fit 3."""
    for strong, alpha in ((0.9, 0.1), (0.6, 0.05), (0.95, 0.4), (0.8, 0.3)):
        got = _one_number(answer(strong, alpha), "Return one number, a filter of a single fit.")
        target = alpha + (1 - alpha) * strong
        want = alpha * (1 - strong) / target
        require(
            not math.isclose(got, alpha / target),
            "This is the threshold for the weak direction's *target*, alpha + (1 - alpha) a; solve "
            "it for a.",
        )
        require(
            not math.isclose(got, (1 - alpha) * (1 - strong) / (1 - alpha + alpha * strong)),
            "The weights are exchanged: alpha goes with the labels.",
        )
        require(
            not math.isclose(got, alpha),
            "The strong direction matters too: the stronger it is, the later the ratio turns.",
        )
        for weak, name in ((0.999 * got, "below"), (1.001 * got, "above")):
            require(0 < weak < strong, f"The threshold must lie between 0 and {strong}.")
            two, three = mixing.filter_ratio(
                strong / (1 - strong), weak / (1 - weak), 1.0, alpha, [2, 3]
            )
            require(
                (three < two) == (name == "below"),
                f"Just {name} your value, at a = {strong} and alpha = {alpha}, the ratio goes from "
                f"{two:.5g} to {three:.5g}. Put b = a (alpha + (1 - alpha) a) into the criterion.",
            )
        require(math.isclose(got, want, rel_tol=1e-3), "The threshold is not right.")


@exercise("ex-mixed-forbidden")
def forbidden(answer):
    """Try ``answer(previous)``: the weights that the condition for feasibility does not cover."""
    for previous in (0.1, 0.2, 0.01):
        got = answer(previous)
        require(np.shape(got) == (2,), "Return a pair: the lower and the upper end.")
        low, high = map(float, got)
        root = math.sqrt(1 - 4 * previous)
        require(
            not math.isclose(low, previous),
            "A weight may rise a little: alpha (1 - alpha) is what may reach the weight before.",
        )
        require(low < high, "The lower end comes first.")
        require(
            high < 1,
            "Close to alpha = 1 the round asks for the labels alone, and that is feasible: the "
            "upper end lies below 1.",
        )
        for value in (low, high):
            require(
                math.isclose(value * (1 - value), previous, rel_tol=1e-6),
                f"At the ends alpha (1 - alpha) = {previous} holds exactly; at {value:.4f} it is "
                f"{value * (1 - value):.4f}. Solve the quadratic equation.",
            )
        require(np.allclose((low, high), ((1 - root) / 2, (1 + root) / 2)), "Not the two roots.")


@functools.cache
def _best_ridge():
    """Return the single ridge with the least error on the published example."""
    x, y, grid, truth = datasets.sinusoid(grid_size=101)
    kernel = kernels.as_kernel("rbf", gamma=80)
    spectrum = Spectrum.from_gram(kernel(x[:, None]))
    K_new = kernel(grid[:, None], x[:, None])

    def loss(log_lam):
        b = filters.ridge(spectrum.eigenvalues, np.exp(log_lam))
        return ((spectrum.predict(K_new, b, y) - truth) ** 2).mean()

    return float(np.exp(minimize_scalar(loss, bounds=(-4, 3), method="bounded").x))


@exercise("ex-mixed-same-limit")
def same_limit(answer):
    """Try ``(best ridge, weight at 0.2, weight at 2)``."""
    require(
        np.shape(answer) == (3,),
        "The answer is a triple: the best ridge, the weight at ridge 0.2, the weight at ridge 2.",
    )
    ridge, small, large = map(float, answer)
    best = _best_ridge()
    require(
        abs(ridge / best - 1) < 0.02,
        f"A single fit with the ridge {ridge:.4g} is not the best one. Compare with the true sine "
        "on the grid, not with the labels.",
    )
    require(
        not (math.isclose(small, ridge / 0.2, rel_tol=0.02)),
        "The limit of a chain is one fit with lam / alpha. You took alpha / lam.",
    )
    require(
        large > 1,
        "At ridge 2 the chain must smooth *less* than its first fit. No weight within [0, 1] does.",
    )
    require(abs(small * best / 0.2 - 1) < 0.02, "The weight at ridge 0.2 is not right.")
    require(abs(large * best / 2 - 1) < 0.02, "The weight at ridge 2 is not right.")
