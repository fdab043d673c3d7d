"""Self-checks of chapter 8."""

from __future__ import annotations

import numpy as np

from distill_lib.exercises._registry import exercise, require
from distill_lib.kernel import mixing, selection


def _one_number(value, hint):
    """Return an answer that must be one number as a float; arrays get the hint."""
    require(np.size(value) == 1, hint)
    return float(np.squeeze(value))


@exercise("ex-weight-formula")
def best_weight(answer):
    """Try ``answer(y, f, g)`` with one and with several outputs, and clipped ones."""
    rng = np.random.default_rng(80)
    for shape, outside in (((9,), 1.7), ((6, 3), -0.6)):
        noise, f, g = rng.standard_normal((3, *shape))
        y = g + outside * (f - g) + 0.1 * noise
        right, case = mixing.optimal_alpha(y, f, g), f"For arrays of shape {shape}"
        try:
            value = answer(y, f, g)
        except ValueError:  # f @ g of arrays with several outputs
            require(False, f"{case} sum over all entries: (a * b).sum() in place of a @ b.")
        got = _one_number(value, f"{case} return one number: all outputs share it.")
        require(
            not np.isclose(got, 1 - right),
            f"{case} you return the weight on the teacher; alpha is the weight on the labels.",
        )
        require(
            not np.isclose(got, -right),
            f"{case} a sign is flipped: at y = f the best weight must be 1.",
        )
        gap = f - g
        require(
            not np.isclose(got, ((y - g) * gap).sum() / np.sqrt((gap**2).sum())),
            f"{case} divide by the squared length of f - g, not by the length.",
        )
        require(
            not np.isclose(got, np.clip(right, 0, 1)) or 0 <= right <= 1,
            f"{case} you clip to [0, 1]; the minimum over all real weights is asked for.",
        )
        require(np.isclose(got, right), f"{case} the error is not smallest at {got:.4g}.")


@exercise("ex-weight-three-errors")
def weight_from_errors(answer):
    """Try ``answer(at_0, at_half, at_1)``, three errors of one parabola."""
    rng = np.random.default_rng(81)
    for _ in range(20):
        y, f, g = rng.standard_normal((3, 7))
        at = [((a * f + (1 - a) * g - y) ** 2).mean() for a in (0.0, 0.5, 1.0)]
        right = mixing.optimal_alpha(y, f, g)
        got = _one_number(answer(*at), "Return one number.")
        case = f"For the errors {at[0]:.4f}, {at[1]:.4f}, {at[2]:.4f}"
        require(
            not np.isclose(got, 1 - right),
            f"{case} you return 1 - alpha. Which of the three errors belongs to alpha = 1?",
        )
        require(
            not np.isclose(got, [0.0, 0.5, 1.0][int(np.argmin(at))]),
            f"{case} you return one of the three weights, or you clip; the vertex lies elsewhere.",
        )
        require(
            not np.isclose(got, 2 * right) and not np.isclose(got, right / 2),
            f"{case} you are off by a factor of 2: the vertex of A a^2 + B a + C is at -B/(2A).",
        )
        require(not np.isclose(got, -right), f"{case} a sign is flipped: check that of B.")
        require(np.isclose(got, right, rtol=1e-6), f"{case} the vertex is at {right:.4f}.")


@exercise("ex-weight-back")
def weights_back(answer):
    """Try ``answer(w)``: the weight of every round from the weights of the plain refits."""
    rng = np.random.default_rng(82)
    for size in (2, 3, 5):
        alpha = np.r_[1.0, rng.uniform(-1, 2, size - 1)]
        w = mixing.power_weights(alpha, size, unrestricted=True)[-1]
        got = np.asarray(answer(w), float)
        case = f"For w = {np.array2string(w, precision=3)}"
        require(got.shape == w.shape, f"{case} return one weight a round: shape {w.shape}.")
        require(
            not np.allclose(got, alpha[::-1]),
            f"{case} your weights are in the order of k. That is reversed: round 1 belongs to "
            "k = tau, and w_1 holds the *last* round's weight.",
        )
        require(
            not np.allclose(got, w[::-1]),
            f"{case} w_k is not yet the weight: divide by what is left, w_k + ... + w_tau.",
        )
        require(
            np.isclose(got[0], 1),
            f"{case} the first round gets {got[0]:.4g}; its remainder is w_tau itself.",
        )
        require(
            np.allclose(got, alpha),
            f"{case} the weights you return give other coordinates; undo the product from the "
            "last round backwards.",
        )


@exercise("ex-weight-two-fits")
def two_fits_left_out(answer):
    """Try ``answer(K, y, lam)``: leave-one-out predictions of two plain fits."""
    rng = np.random.default_rng(83)
    A = rng.standard_normal((7, 7))
    K, y, lam = A @ A.T / 7, rng.standard_normal(7), 0.3
    right = selection.loo_predictions(K, y, lam, 0.0, 2)
    got = np.asarray(answer(K, y, lam), float)
    require(got.shape == (7,), f"Return one prediction a point: shape (7,), yours {got.shape}.")
    S = np.linalg.solve(K + lam * np.eye(7), K)
    B, s_0 = S @ S, 1 - np.diag(S)
    r_0, r_1, s_1 = y - S @ y, S @ (y - S @ y), np.diag(S - S @ S)
    short = y - (y - B @ y) / (1 - np.diag(B))
    require(
        not np.allclose(got, short),
        "This is the short cut with S S: its teacher has seen the point that is left out.",
    )
    require(not np.allclose(got, right[0]), "This is one fit. Subtract c_2 as well.")
    require(not np.allclose(got, B @ y), "These are the fitted values: nothing is left out.")
    require(
        not np.allclose(got, y - right[1]),
        "You return the errors, target minus prediction; the predictions are asked for.",
    )
    require(
        not np.allclose(got, y - r_0 / s_0 - r_1 / s_0),
        "In c_2 the earlier correction is missing: (r_1 - c_1 s_1) / s_0.",
    )
    require(
        not np.allclose(got, y - r_0 / s_0 - (r_1 + r_0 / s_0 * s_1) / s_0),
        "In c_2 the earlier correction has the wrong sign.",
    )
    require(
        np.allclose(got, right[1], atol=1e-10),
        "These are not the predictions that refitting twice without each point gives.",
    )


@exercise("ex-weight-gcv")
def chain_score(answer):
    """Try ``answer(a, z)``: the generalized cross-validation score of two plain fits."""
    rng = np.random.default_rng(84)
    for n in (4, 9):
        d, z, lam = np.sort(rng.uniform(0, 3, n))[::-1], rng.standard_normal(n), 0.7
        a = d / (d + lam)
        one, two = selection.gcv_errors(np.diag(d), z, [lam], [0.0], 2)[0, 0]
        got = _one_number(answer(a, z), "Return one number, a mean square.")
        require(not np.isclose(got, one), "This is the score of one fit.")
        require(
            not np.isclose(got, n * two),
            "This is the sum over the directions: divide by their number n.",
        )
        plain = ((1 - a**2) ** 2 * z**2).mean()
        require(
            not np.isclose(got, plain / (1 - (a**2).mean()) ** 2),
            "This is the short cut with the smoother S S of both fits.",
        )
        require(not np.isclose(got, plain), "This is the training error: nothing is left out.")
        require(
            np.isclose(got, two),
            "Put the means of 1 - a and a (1 - a) for s_0 and s_1, and one direction for r.",
        )


@exercise("ex-weight-rise")
def rising_chain(answer):
    """Try predictions of three plain refits for which the third greedy fit is much worse."""
    require(
        isinstance(answer, tuple) and len(answer) == 4,
        "Return four things: eigenvalues d, labels y, ridge lam, held-out targets.",
    )
    d, y, lam, target = (np.asarray(part, float) for part in answer)
    require(
        d.ndim == 1 and d.shape == y.shape == target.shape and lam.ndim == 0,
        "d, y and the held-out targets are vectors of one length, lam is a number.",
    )
    require(bool((d >= 0).all()) and lam > 0, "Eigenvalues are >= 0 and the ridge is > 0.")
    best = mixing.optimal_path(np.diag(d), y, float(lam), np.diag(d), target, 3)
    first, second, third = best.greedy_losses
    case = f"Your errors are {first:.3g}, {second:.3g}, {third:.3g}"
    require(
        third > 1e-6 * first,
        f"{case}: the third fit hits its targets up to rounding, and rounding does not count.",
    )
    require(
        third > 1.0001 * second,
        f"{case}: the third fit is not worse than the second. Make the first fit far too smooth.",
    )
    require(
        third > 2 * second,
        f"{case}: a rise, but not to twice the error. Choose targets that the second fit nearly "
        "hits, but only with a weight outside [0, 1], so that the first fit is far from them.",
    )


@exercise("ex-weight-trainings")
def trainings(answer):
    """Try ``answer(rounds, grid)``: trainings by the rule, by a greedy grid, by a joint grid.

    The grid holds so many weights other than 1, and possibly 1 as well.
    """
    for rounds, grid in ((1, 5), (2, 3), (4, 11), (3, 2)):
        got = answer(rounds, grid)
        steps = rounds - 1
        case = f"For {rounds} fits and {grid} weights"
        require(np.shape(got) == (3,), f"{case} return three numbers: rule, greedy, joint.")
        rule, greedy, joint = got
        require(
            rule == 1 + 2 * steps or rule != 2 * rounds,
            f"{case} the rule: the first fit has no teacher, so it is one training, not two.",
        )
        require(rule == 1 + 2 * steps, f"{case} the rule needs {1 + 2 * steps}, not {rule}.")
        require(
            greedy == 1 + grid * steps or greedy != grid * rounds,
            f"{case} the greedy grid: the first fit is the same for every weight.",
        )
        require(
            greedy == 1 + grid * steps
            or greedy not in [1 + g * steps for g in (grid - 1, grid + 1)],
            f"{case} the greedy grid: all of them are trained in every step. The student with "
            "weight 1 is not: it is the first fit, and the grid does not count it.",
        )
        require(
            greedy == 1 + grid * steps,
            f"{case} the greedy grid needs {1 + grid * steps}, not {greedy}.",
        )
        shared = sum(grid**k for k in range(rounds))
        require(
            joint == shared or joint not in (grid**steps, grid**rounds),
            f"{case} the joint grid: you count its leaves only. The fits before them count too.",
        )
        require(
            joint == shared or joint != 1 + steps * grid**steps,
            f"{case} the joint grid: chains with the same first weights share those fits.",
        )
        require(
            joint == shared, f"{case} the joint grid with shared teachers needs {shared} trainings."
        )
