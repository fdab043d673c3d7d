"""Self-labels with a constant weight go down an energy with several wells.

Statement: let h be a (sub)gradient of a convex psi, alpha in [0, 1] constant, H positive
semidefinite with largest eigenvalue w_1, g = u_t - alpha y - (1 - alpha) h(u_t) and
u_{t+1} = u_t - eta H g. With Phi(u) = alpha/2 |u - y|^2 + (1 - alpha) (|u|^2/2 - psi(u)),

    Phi(u_{t+1}) <= Phi(u_t) - eta (1 - eta w_1/2) tr(g^T H g)

for every eta >= 0 and every start. So the energy never rises if eta w_1 <= 2. Identity, sign,
one-hot arg max, tanh(u/T) and softmax(u/T) are such h.

Runs are loops with dense matrices. Each psi is a formula of its own, and that h is a subgradient of
it, so that psi is convex, is tried at pairs of points of the run.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from distill_lib.kernel import self_labels
from tests.theorems import noisy_clusters, spectral_problems
from tests.theorems.ledger import Mutant, Result, at_most, both, equal

STEPS = 20
NAMES = ("hard", "soft", "sharpened", "any convex")


class Target(NamedTuple):
    """h and its potential psi; both see (n,) or (n, q)."""

    name: str
    temperature: float | None
    h: object
    psi: object


class Instance(NamedTuple):
    H: np.ndarray
    w: float  # largest eigenvalue
    y: np.ndarray  # (n,) or (n, q)
    alpha: np.ndarray  # (STEPS,)
    step: float
    target: Target
    u: np.ndarray  # (STEPS + 1, n[, q])


def hard_classes(u):
    top = u == u.max(1, keepdims=True)
    return top / top.sum(1, keepdims=True)


def target(rng, name, y):
    """Draw h and psi; temperatures span five decades."""
    T = 10.0 ** rng.uniform(-3, 2)
    if name == "soft":
        return Target(name, None, lambda u: u, lambda u: (u**2).sum() / 2)
    if name == "any convex":  # the soft maximum of random affine functions of all values
        A, b = rng.standard_normal((7, y.size)), rng.standard_normal(7)
        return Target(
            name,
            T,
            lambda u: (special.softmax((A @ u.ravel() + b) / T) @ A).reshape(y.shape),
            lambda u: T * special.logsumexp((A @ u.ravel() + b) / T),
        )
    if y.ndim == 1 and name == "hard":
        return Target(name, None, np.sign, lambda u: np.abs(u).sum())
    if name == "hard":
        return Target(name, None, hard_classes, lambda u: u.max(1).sum())
    if y.ndim == 1:
        both_signs = np.array([1.0, -1.0])
        return Target(
            name,
            T,
            lambda u: np.tanh(u / T),
            lambda u: T * special.logsumexp(np.outer(u, both_signs) / T, axis=1, b=0.5).sum(),
        )
    return Target(
        name,
        T,
        lambda u: special.softmax(u / T, axis=1),
        lambda u: T * special.logsumexp(u / T, axis=1).sum(),
    )


def kernel(rng, i):
    """Draw any spectrum, or exact clusters."""
    if i % 3 == 0:
        x = noisy_clusters.clusters(rng, i, kinds=("one cluster", "random", "close"), condition=1e4)
        return noisy_clusters.points(rng, x._replace(sizes=np.minimum(x.sizes, 4))).H
    n = int(rng.integers(1, 7))
    Q = spectral_problems.orthonormal(rng, n, n)
    H = (Q * spectral_problems.eigenvalues(rng, i, n)) @ Q.T * 10.0 ** rng.uniform(-2, 2)
    return (H + H.T) / 2


def labels(rng, n, kind):
    """Draw labels +-1, one-hot rows, or any rows that sum to 1."""
    if kind == 0:
        return rng.choice([-1.0, 1.0], n)
    q = int(rng.integers(2, 6))
    return np.eye(q)[rng.integers(q, size=n)] if kind == 1 else rng.dirichlet(np.ones(q), n)


def draw(rng, i, *, slow=0.0, fast=2.0, make=target, schedule=None, lag=0):
    H = kernel(rng, i)
    w = np.linalg.eigvalsh(H)[-1]
    y = labels(rng, len(H), i // 4 % 3)
    aim = make(rng, NAMES[i % 4], y)
    if i % 7 == 6 and fast == 2.0:  # the inequality also holds for unstable steps
        slow, fast = 2.0, 3.0
    step = [fast, slow + (fast - slow) * rng.uniform(), slow + (fast - slow) / 2][i % 3] / w
    alpha = np.full(STEPS, [rng.uniform(), 0.0, 10.0 ** rng.uniform(-6, -1), 1.0][i // 12 % 4])
    if schedule is not None:
        alpha = schedule(rng)
    u = np.zeros(y.shape)
    if i % 5:
        u = rng.standard_normal(y.shape) * 10.0 ** rng.uniform(-3, 2)
    kept = [u]
    for t, a in enumerate(alpha):
        given = a * y + (1 - a) * aim.h(kept[max(t - lag, 0)])
        kept.append(kept[-1] - step * (H @ (kept[-1] - given)))
    return Instance(H, w, y, alpha, step, aim, np.array(kept))


def energy(x, u, alpha, *, psi=1.0, own=True):
    """Phi, and the size of its terms: what rounding is measured with."""
    fit, square, convex = ((u - x.y) ** 2).sum() / 2, (u**2).sum() / 2, x.target.psi(u)
    size = square + (x.y**2).sum() / 2 + abs(convex) + (x.target.temperature or 0)
    value = alpha * fit + (1 - alpha) * (square - psi * convex)
    return value if own else alpha * fit, size


def energies(x, **wrong):
    found = [energy(x, u, a, **wrong) for u, a in zip(x.u, [*x.alpha, x.alpha[-1]], strict=True)]
    return np.array(found).T


def falls(x, *, half=0.5, through=None, **wrong):
    """By at least eta (1 - eta w_1/2) tr(g^T H g) in every step."""
    values, sizes = energies(x, **wrong)
    parts = []
    for t, (u, alpha) in enumerate(zip(x.u[:-1], x.alpha, strict=True)):
        g = u - alpha * x.y - (1 - alpha) * x.target.h(u)
        H = x.H if through is None else through(x)
        decrease = x.step * (1 - half * x.step * x.w) * (g * (H @ g)).sum()
        change = values[t + 1] - values[t] + decrease
        parts.append(at_most(change, 0.0, scale=max(sizes[t], sizes[t + 1], abs(decrease))))
    return both(*parts)


def never_rises(x, **wrong):
    values, sizes = energies(x, **wrong)
    return at_most(np.diff(values) / np.maximum(sizes[1:], sizes[:-1]), 0.0, scale=1.0)


def convex(x):
    """psi lies above its tangents: h is a subgradient."""
    parts = []
    for u, v in zip(x.u[::4], x.u[::-4], strict=True):
        for a, b in ((u, v), (v, u), (u, -u)):
            tangent = x.target.psi(a) + (x.target.h(a) * (b - a)).sum()
            size = abs(x.target.psi(a)) + np.abs(x.target.h(a) * (b - a)).sum()
            size += x.target.temperature or 0
            parts.append(at_most(tangent, x.target.psi(b), scale=size))
    return both(*parts)


def library(x):
    """Its energy, and, away from ties, its run."""
    if x.target.name == "any convex":
        return equal(0.0, 0.0)
    how = {"target": x.target.name, "temperature": x.target.temperature}
    values, sizes = energies(x)
    got = self_labels.energy(x.u, x.y, x.alpha[0], **how)
    parts = [equal(got / sizes.max(), values / sizes.max(), tol=1e-13, scale=1.0)]
    blunt = x.target.name == "soft" or (x.target.temperature or 0) > 0.3
    if blunt and x.step * x.w < 1.99 and not x.u[0].any():
        path = self_labels.run(x.H, x.y, x.alpha, step=x.step, **how)
        parts.append(equal(path.predictions, x.u, tol=1e-11, scale=np.abs(x.u).max()))
    return both(*parts)


def statement(x):
    stable = x.step * x.w <= 2 + 1e-12
    return both(falls(x), convex(x), library(x), *([never_rises(x)] if stable else []))


def stable_only(part):
    return lambda x: part(x) if x.step * x.w <= 2 + 1e-12 else None


def against(rng, name, y):
    """The wrong sign: away from the nearest label."""
    return Target("hard", None, lambda u: -np.sign(u), lambda u: -np.abs(u).sum())


def wavy(rng, name, y):
    """A gradient, but not of a convex function."""
    return Target("wavy", None, lambda u: np.sin(9 * u), lambda u: -np.cos(9 * u).sum() / 9)


def shrinking(rng):
    """A weight that falls from 1 to 0."""
    return np.linspace(1, 0, STEPS)


RESULT = Result(
    label="prp-self-label-energy",
    assumptions=(
        "H symmetric positive semidefinite",
        "alpha constant in [0, 1]",
        "h a (sub)gradient of a convex psi at the current prediction, not differentiated through",
        "any eta >= 0 and any start; the energy never rises: eta w_1 <= 2",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "eta w_1 > 2: it never rises": Mutant(
            never_rises, draw=lambda rng, i: draw(rng, i, slow=2.2, fast=3.0)
        ),
        "the full decrease eta g^T H g": Mutant(lambda x: falls(x, half=0.0)),
        "1 - eta w_1/4": Mutant(lambda x: falls(x, half=0.25)),
        "the decrease without H": Mutant(lambda x: falls(x, through=lambda x: np.eye(len(x.H)))),
        "+ psi": Mutant(stable_only(lambda x: never_rises(x, psi=-1.0))),
        "without psi": Mutant(stable_only(lambda x: never_rises(x, psi=0.0))),
        "the distance to the labels alone": Mutant(
            stable_only(lambda x: never_rises(x, own=False))
        ),
        "psi concave": Mutant(
            stable_only(never_rises), draw=lambda rng, i: draw(rng, i, make=against)
        ),
        "psi neither convex nor concave": Mutant(
            stable_only(never_rises), draw=lambda rng, i: draw(rng, i, make=wavy)
        ),
        "a weight that falls": Mutant(
            stable_only(never_rises), draw=lambda rng, i: draw(rng, i, schedule=shrinking)
        ),
        "the prediction before the last one": Mutant(
            stable_only(never_rises), draw=lambda rng, i: draw(rng, i, lag=1)
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
