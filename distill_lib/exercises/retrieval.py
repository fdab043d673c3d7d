"""Self-checks of chapter 11."""

from __future__ import annotations

import numpy as np

from distill_lib.exercises._registry import exercise, require


def _one_number(value, hint="Return one number."):
    """Return an answer that must be one number as a float; arrays get the hint."""
    require(np.size(value) == 1, hint)
    return float(np.squeeze(value))


def _tangent(w, W, b, X, power=2):
    """Return the parts of the kernel: of output weights, hidden weights and biases."""
    pre = X @ W.T + b
    hidden, gates = np.maximum(pre, 0), pre > 0
    both = 2 / len(w) * (gates * w**power) @ gates.T
    return 2 / len(w) * hidden @ hidden.T, both * (X @ X.T), both


@exercise("ex-retrieval-kernel")
def finite_kernel(answer):
    """Try ``answer(w, W, b, X)`` on three networks, one of them with a single unit."""
    rng = np.random.default_rng(11)
    for m, n, p in ((5, 4, 3), (40, 6, 2), (1, 3, 3)):
        w, W, X = rng.standard_normal(m), rng.standard_normal((m, p)), rng.standard_normal((n, p))
        b = rng.standard_normal(m)
        got = np.asarray(answer(w, W, b, X), dtype=float)
        require(got.shape == (n, n), f"Return one row and one column a point, ({n}, {n}).")
        output, hidden, bias = _tangent(w, W, b, X)
        right = output + hidden + bias
        active = np.abs(right).max() > 0
        for wrong, hint in _slips(w, W, b, X):
            differs = active and not np.allclose(wrong, right)
            require(not (differs and np.allclose(got, wrong)), hint)
        require(
            np.allclose(got, right),
            "Take the gradient of one unit in w_j, W_j and b_j, multiply those of two points, add "
            "up over the units.",
        )


def _slips(w, W, b, X):
    """Return wrong kernels, each with the hint for it."""
    output, hidden, bias = _tangent(w, W, b, X)
    m, right = len(w), output + hidden + bias
    without, linear = _tangent(w, W, b, X, power=0), _tangent(w, W, b, X, power=1)
    power = "The gradient in W_j and b_j has the factor w_j, so the kernel has w_j^2."
    scale = "The factor sqrt(2/m) is in all gradients"
    return (
        (output, "This is the part of the output weights alone; all weights are trained."),
        (hidden + bias, "The output weights are trained too: where is their part?"),
        (output + hidden, "This is without the part of the biases, which are trained too."),
        (sum(_tangent(w, W, 0 * b, X)[:2]), "This is the kernel without biases."),
        (output + bias, "The gradient in W_j is along x: the product of two has x^T x'."),
        (right / 2, f"{scale}, so the kernel has 2/m."),
        (right * m, f"{scale}: where is 1/m?"),
        (right * np.sqrt(m / 2), f"{scale}: it is squared."),
        (sum(without), power),
        (sum(linear), power),
    )


@exercise("ex-retrieval-one-sided")
def one_sided_flips(answer):
    """Try ``answer(n_plus, n_minus, rho)``: limit and bound when only one class is flipped."""
    for plus, minus, rho in ((50, 50, 0.4), (10, 90, 0.3), (200, 40, 0.1)):
        got = np.asarray(answer(plus, minus, rho), dtype=float)
        require(got.shape == (2,), "Return two numbers: the limit and the bound.")
        limit = 2 * rho * np.sqrt(plus)
        bound = np.sqrt(plus + minus) - np.sqrt(minus + plus * (1 - 2 * rho) ** 2)
        require(not np.allclose(got, (bound, limit)), "The other way round: first the limit.")
        require(
            not np.isclose(got[0], 2 * rho * np.sqrt(plus + minus)),
            "Only the points of class +1 have the rate rho; the others have the rate 0.",
        )
        require(
            not np.isclose(got[0], 2 * rho * plus / np.sqrt(plus + minus)),
            "This is the formula for equal rates at the mean rate; the rates are not equal.",
        )
        require(
            not np.isclose(got[0], rho * np.sqrt(plus)),
            "A flipped label is off by 2, and the mean by 2 rho.",
        )
        require(
            np.isclose(got[0], limit),
            "The limit: 2 sqrt(sum n_l rho_l^2), with rho_l = 0 in the clusters of class -1.",
        )
        require(
            not np.isclose(got[1], np.sqrt(plus + minus) - np.sqrt(plus) * (1 - 2 * rho)),
            "In the second root of the bound the clusters without a flip count too, with 1.",
        )
        require(
            np.isclose(got[1], bound),
            "The bound: sqrt(n) - sqrt(sum n_l (1 - 2 rho_l)^2), over the points of both classes.",
        )


@exercise("ex-retrieval-ridge")
def ridge_distance(answer):
    """Try ``answer(n, rho, mu, lam)``: a ridge on clusters that all have one eigenvalue."""
    for n, rho, mu, lam in ((100, 0.4, 2.0, 1.0), (50, 0.1, 5.0, 0.3), (9, 0.25, 1.0, 4.0)):
        got = _one_number(answer(n, rho, mu, lam))
        a, root = mu / (mu + lam), np.sqrt(n)
        require(not np.isclose(got, root * (1 - a)), "This is without noise: where is rho?")
        require(
            not np.isclose(got, root * (1 - (1 - rho) * a)),
            "A flipped label is -1 and not 0, so the mean of a cluster is 1 - 2 rho.",
        )
        require(not np.isclose(got, 2 * rho * root), "This is the limit of descent, lam = 0.")
        require(
            not np.isclose(got, (1 - (1 - 2 * rho) * a)),
            "This is the distance of one point; there are n of them.",
        )
        require(
            not np.isclose(got, root * (1 - (1 - 2 * rho) * (1 - a))),
            "The filter of a ridge is mu / (mu + lam), not lam / (mu + lam).",
        )
        require(
            np.isclose(got, root * (1 - (1 - 2 * rho) * a), rtol=1e-9),
            "The fit is mu / (mu + lam) times the cluster means; compare with the clean labels.",
        )


@exercise("ex-retrieval-overshoot")
def exact_step(answer):
    """Try ``answer(rho)``: the step after which the values are the clean labels."""
    for rho in (0.0, 0.1, 0.2, 0.4):
        got = _one_number(answer(rho))
        require(
            rho == 0 or not np.isclose(got, 1 - 2 * rho),
            "This is the mean. Which factor makes it 1?",
        )
        require(
            rho == 0 or not np.isclose(got, 1 / (1 - rho)),
            "A flipped label is -1 and not 0, so the mean is 1 - 2 rho.",
        )
        require(
            rho == 0 or not np.isclose(got, 1.0),
            "This step ends at the mean, which is shorter than the clean label.",
        )
        require(
            np.isclose(got, 1 / (1 - 2 * rho), rtol=1e-9),
            "One step from 0 gives x times the mean of the cluster.",
        )


@exercise("ex-retrieval-slow")
def small_cluster(answer):
    """Compare the first step at which all signs are right."""
    got = _one_number(answer, "Give one number of steps.")
    require(got == round(got), "A number of steps is whole.")
    M = np.array([[1, 0.9], [0.9, 1]]) @ np.diag([10, 90])
    step, means = 1 / np.linalg.eigvals(M).max(), np.array([0.2, -0.2])
    values, first = np.zeros(2), 0
    while not (values * means > 0).all():
        values = values - step * M @ (values - means)
        first += 1
    require(got != first - 1, "At this step the small cluster is still on the wrong side.")
    require(got != first + 1, "One step before it is right already; u_1 is the first step from 0.")
    require(
        got != 1,
        "With M = H^C N the small cluster is wrong after one step. Did you leave out N?",
    )
    require(
        got == first,
        f"Step {got:.0f} is not the first with all signs right. Iterate the two values, one a "
        "cluster, with M = H^C N.",
    )
