"""The tangent kernel of a random ReLU network: its mean at every width, and how fast it settles.

Statement: let x, x' not be 0 and f(x) = sqrt(2/m) sum_j w_j relu(W_j . x) with independent standard
normal w_j and W_j, all trained. The tangent kernel <grad f(x), grad f(x')> has the mean
x . x' kappa_0(theta) + |x||x'| kappa_1(theta), theta the angle between x and x', at every width m,
and the variance c/m, where c, the variance at m = 1, is finite.

The means are planar integrals, done by quadrature over the angle; the tangent kernel is the product
of finite differences of f; mean and variance at width m are measured on sampled networks.
"""

from typing import NamedTuple

import numpy as np
from scipy import integrate

from distill_lib.kernel.kernels import ReluNTK
from tests.theorems.ledger import Mutant, Result, at_most, both, equal

UNITS = 2**15  # sampled hidden units an instance
RARE = 0.03  # sampling says little when both units are on less often than this


class Instance(NamedTuple):
    x: np.ndarray  # (p,)
    z: np.ndarray  # (p,)
    m: int  # width
    kernels: np.ndarray  # (UNITS / m,): the tangent kernel of so many networks of width m
    small: tuple  # output and hidden weights of one network of four units


def pair(rng, i):
    """Draw two inputs: any, close, nearly opposite, along one line, orthogonal; any lengths."""
    p = 1 if i % 6 == 3 else int(rng.integers(2, 6))
    x, other = rng.standard_normal((2, p))
    if i % 6 == 5:
        other -= other @ x / (x @ x) * x
    near = 10.0 ** rng.uniform(-6, -1)
    z = [other, x + near * other, near * other - x, rng.choice([-2.0, 3.0]) * x, other, other][
        i % 6
    ]
    return x * 10.0 ** rng.uniform(-3, 3), z * 10.0 ** rng.uniform(-3, 3)


def draw(rng, i):
    x, z = pair(rng, i)
    m = 2 ** int(rng.integers(0, 7))
    w, W = rng.standard_normal(UNITS), rng.standard_normal((UNITS, len(x)))
    at_x, at_z = W @ x, W @ z
    on = (at_x > 0) & (at_z > 0)
    unit = 2 * on * (at_x * at_z + w**2 * (x @ z))  # checked against f in `gradients`
    return Instance(x, z, m, unit.reshape(-1, m).mean(1), (w[:4], W[:4]))


def network(w, W, x, *, factor=2):
    return np.sqrt(factor / len(w)) * w @ np.maximum(W @ x, 0)


def gradient(w, W, x):
    """Central differences in every weight; f is linear in each until a unit switches."""
    theta = np.concatenate([w, W.ravel()])
    step = min(1e-3, np.abs(W @ x).min() / np.abs(x).max() / 2)

    def f(v):
        return network(v[: len(w)], v[len(w) :].reshape(W.shape), x)

    moves = step * np.eye(len(theta))
    return np.array([f(theta + move) - f(theta - move) for move in moves]) / (2 * step)


def gradients(x):
    """The sum over units that the samples use is the product of the two gradients."""
    w, W = x.small
    a, b = gradient(w, W, x.x), gradient(w, W, x.z)
    at_x, at_z = W @ x.x, W @ x.z
    on = (at_x > 0) & (at_z > 0)
    unit = 2 * on * (at_x * at_z + w**2 * (x.x @ x.z))
    return equal(a @ b, unit.mean(), tol=1e-7, scale=np.linalg.norm(a) * np.linalg.norm(b))


def angle(x):
    """Angle between the two, by the half-angle formula: exact also near 0 and pi."""
    a, b = x.x / np.linalg.norm(x.x), x.z / np.linalg.norm(x.z)
    return 2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))


def length(x):
    return np.linalg.norm(x.x) * np.linalg.norm(x.z)


def planar(x, powers):
    """E (g.a)^k (g.b)^k over both positive, for each k, a and b unit vectors at the angle of x.

    The direction of g is uniform; its length squared has the moments 1, 2 and 8.
    """
    theta = angle(x)

    def mean(k):
        low, high = theta - np.pi / 2, np.pi / 2  # where both are positive
        value, _ = integrate.quad(
            lambda phi: (np.cos(phi) * np.cos(phi - theta)) ** k, low, high, epsabs=1e-15
        )
        return value / (2 * np.pi) * {0: 1, 1: 2, 2: 8}[k]

    return [mean(k) for k in powers]


def moments(x, *, fourth=3):
    """Mean and variance of one unit's share, over |x||x'|, by quadrature."""
    on, product, square = planar(x, [0, 1, 2])
    cosine = x.x @ x.z / length(x)
    mean = 2 * (product + cosine * on)
    variance = 4 * (square + 2 * cosine * product + fourth * cosine**2 * on) - mean**2
    return mean, variance


def kappa_0(theta):
    return (np.pi - theta) / np.pi


def kappa_1(theta):
    return (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / np.pi


def formula(x, *, first=kappa_0, second=kappa_1, factor=1.0):
    theta = angle(x)
    cosine = x.x @ x.z / length(x)
    claimed = factor * (cosine * first(theta) + second(theta))
    return equal(claimed, moments(x)[0], tol=1e-13, scale=1.0)


def library(x, *, kernel=None):
    got = (kernel or ReluNTK(depth=1))(x.x[None], x.z[None])[0, 0]
    return equal(got / length(x), moments(x)[0], tol=1e-13, scale=1.0)


def sampled(x, *, decay=1, constant=moments):
    """Mean within six standard errors; variance, where it can be measured, within 40 %."""
    mean, variance = constant(x)
    if planar(x, [0])[0] < RARE:
        return equal(0.0, 0.0)
    got = x.kernels / length(x)
    error = np.sqrt(variance / x.m**decay / len(got))
    ratio = got.var() / (variance / x.m**decay)
    return both(
        at_most(abs(got.mean() - mean), 6 * error), at_most([0.6, ratio], [ratio, 1.4], scale=1.0)
    )


def statement(x):
    return both(gradients(x), formula(x), library(x), sampled(x))


def hidden_only(x):
    """The output weights are not trained: the mean is the first term alone."""
    return library(x, kernel=ReluNTK(depth=1, output_layer=False))


RESULT = Result(
    label="prp-tangent-kernel",
    assumptions=(
        "one hidden layer of m ReLU units without biases, factor sqrt(2/m)",
        "all weights independent standard normal, all trained",
        "x, x' != 0",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "factor 2 lost": Mutant(lambda x: formula(x, factor=0.5)),
        "kappa_0 and kappa_1 exchanged": Mutant(
            lambda x: formula(x, first=kappa_1, second=kappa_0)
        ),
        "kappa_0 with theta/pi": Mutant(lambda x: formula(x, first=lambda t: t / np.pi)),
        "kappa_1 without the sine": Mutant(
            lambda x: formula(x, second=lambda t: kappa_0(t) * np.cos(t))
        ),
        "the output layer forgotten": Mutant(hidden_only),
        "the hidden layer forgotten": Mutant(lambda x: formula(x, first=lambda t: 0.0)),
        "the error falls as 1/m": Mutant(lambda x: sampled(x, decay=2)),
        "the error does not fall": Mutant(lambda x: sampled(x, decay=0)),
        "c without the fourth moment of the output weights": Mutant(
            lambda x: sampled(x, constant=lambda x: moments(x, fourth=1))
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
