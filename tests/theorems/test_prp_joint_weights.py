"""All weights of all rounds at once: least squares in the coordinates of the plain refits."""

import itertools
from typing import NamedTuple

import numpy as np

from distill_lib.kernel import mixing
from tests.theorems import held_out
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, at_most, both, equal

mp = mixed.mp


LARGEST = 1e4  # coordinates above this cancel to predictions that floats cannot compare


class Chain(NamedTuple):
    """A chain that was run, to compare the optimum with."""

    alphas: np.ndarray  # (rounds,)
    w: np.ndarray  # (rounds,), its coordinates by the recursion
    prediction: np.ndarray  # (m,), of its last fit, by dense fits


class Instance(NamedTuple):
    problem: held_out.Problem
    refits: np.ndarray  # (rounds, m), predictions of the plain refits
    best: np.ndarray  # (rounds,), coordinates of least loss
    best_inside: np.ndarray  # and those that are not negative
    fewer: np.ndarray  # (rounds,), coordinates of least loss with one fit less
    greedy: np.ndarray  # (rounds,), coordinates of the greedy rule
    others: list[Chain]  # weights in [0, 1], anywhere, and close to the best
    point: np.ndarray  # (rounds,), any coordinates of sum 1, of any sign


def inside(refits, y):
    """Best coordinates >= 0: try every face of the simplex, keep what is allowed."""
    rounds = len(refits)
    allowed = []
    for size in range(1, rounds + 1):
        for face in map(list, itertools.combinations(range(rounds), size)):
            try:
                on_face = held_out.joint(refits[face], y)
            except ValueError:  # not one point: a smaller face has it too
                continue
            if all(on_face >= 0):
                w = mixed.exact(np.zeros(rounds))
                w[face] = on_face
                allowed.append((mixed.square(w @ refits - y), w))
    return min(allowed, key=lambda pair: pair[0])[1]


def draw(rng, i):
    """Draw so few rounds that one sequence is best."""
    x = held_out.problem(rng, i)
    rounds = min(2 + i % 3, x.distinct + 1)
    refits = x.plain(rounds)
    point = mixed.exact(rng.uniform(0, 1, rounds) if i % 2 else rng.standard_normal(rounds))
    point = point / point.sum()
    best = held_out.joint(refits, x.y)
    tried = [mixed.exact(rng.uniform(low, 1 - low, rounds)) for low in (0, 0, -1)]
    tried += [to_weights(best) + mixed.exact(1e-3 * rng.standard_normal(rounds)) for _ in range(2)]
    others = [Chain(a, to_coordinates(a), x.predicted @ x.targets(a)) for a in tried]
    fewer = np.append(held_out.joint(refits[:-1], x.y), mp.mpf(0))
    by_rule = to_coordinates(held_out.greedy(x, rounds)[0])
    return Instance(x, refits, best, inside(refits, x.y), fewer, by_rule, others, point)


def to_weights(w, *, left=None, reverse=True):
    """Weights of the rounds from coordinates: what is w_k of all that is left, last round first."""
    left = left or (lambda k: w[k:].sum())
    # If nothing is left, any weight will do; if what is left cancels, none does.
    shares = [w[k] / left(k) if left(k) else mp.mpf(1) for k in range(len(w))]
    return np.array(shares[::-1] if reverse else shares)


def to_coordinates(alphas):
    """Coordinates of a chain: every round moves them one refit on, and mixes in the labels."""
    w = [mp.mpf(1)]
    for alpha in alphas[1:]:
        w = [alpha, *((1 - alpha) * v for v in w)]
    return np.array(w)


def loss(x, prediction):
    """Squared error, relative to the targets."""
    return mixed.square(prediction - x.problem.y) / mixed.square(x.problem.y)


def claims(x, *, back=to_weights, best=None, fewer=None, sign=True):
    best = x.best if best is None else best(x)
    fewer = x.fewer if fewer is None else fewer(x)
    least, least_inside = loss(x, best @ x.refits), loss(x, x.best_inside @ x.refits)
    parts = []
    for w in (x.point, best):
        alphas = back(w)
        chain = x.problem.predicted @ x.problem.targets(alphas)
        parts.append(mixed.same(chain, w @ x.refits, scale=abs(w).sum() * abs(x.refits).max()))
        in_simplex = bool(all(w >= 0)) or not sign
        parts.append(equal(in_simplex, all(0 <= a <= 1 for a in alphas[1:])))
    for w in (x.greedy, fewer):  # at most the greedy error, and it does not rise
        value = loss(x, w @ x.refits)
        parts.append(at_most(0.0, float(value - least), tol=1e-80, scale=1.0))
    for other in x.others:
        if all(other.alphas[1:] != 1):  # then no remainder is 0, and the way back is unique
            size = np.prod(1 + abs(other.alphas)) / min(abs(1 - other.alphas[1:]))
            parts.append(mixed.same(back(other.w)[1:], other.alphas[1:], scale=size))
        value = loss(x, other.prediction)
        parts.append(at_most(0.0, float(value - least), tol=1e-80, scale=1.0))
        if all(0 <= a <= 1 for a in other.alphas):
            parts.append(at_most(0.0, float(value - least_inside), tol=1e-80, scale=1.0))
            parts.append(at_most(0.0, mixed.floats(other.w), tol=0.0, scale=1.0))
    return both(*parts)


def linear(x):
    """Verdicts that a prediction is the same combination of the plain refits."""
    for other in x.others:
        size = abs(other.w).sum() * abs(x.refits).max()
        yield mixed.same(other.w @ x.refits, other.prediction, scale=size)
        yield mixed.same(other.w.sum(), 1, scale=abs(other.w).sum())


def library(x):
    """Verdicts on the library: the way back, the losses it reaches, the chains that it names."""
    y, refits = mixed.floats(x.problem.y), mixed.floats(x.refits)
    back = to_coordinates(mixed.exact(mixing.weights_per_round(mixed.floats(x.point))))
    yield mixed.close(mixed.floats(back), x.point, scale=abs(x.point).max() * 1e3)
    for clip, best in ((False, x.best), (True, x.best_inside)):
        path = mixing.path_from_refits(refits, y, clip=clip)
        alphas = path.joint_alphas[-1]
        if clip:
            yield both(at_most(0.0, alphas, scale=1.0), at_most(alphas, 1.0, scale=1.0))
        if abs(best).sum() < LARGEST:
            chain = x.problem.predicted @ x.problem.targets(mixed.exact(alphas))
            reached = path.joint_losses[-1] * len(y) / (y**2).sum()
            least = float(loss(x, best @ x.refits))
            yield equal([float(loss(x, chain)), reached], [least, least], scale=1.0)


def free(x):
    """Wrong: the least squares without the condition that the coordinates add up to 1."""
    w = x.best
    return w * (x.problem.y @ (w @ x.refits)) / mixed.square(w @ x.refits)


def cancelling(x):
    """Coordinates whose first is 1: all others together are 0."""
    return np.concatenate([[mp.mpf(1)], x.point[1:] - x.point[1:].sum() / (len(x.point) - 1)])


RESULT = Result(
    label="prp-joint-weights",
    assumptions=(
        "squared error, ridge fits with a fixed kernel and lam",
        "for the way back: no remainder w_k + ... + w_tau with k < tau is 0, or all its terms are",
    ),
    draw=draw,
    statement=lambda x: both(claims(x), *linear(x), *library(x)),
    mutants={
        "weights in the order of the coordinates": Mutant(
            lambda x: claims(x, back=lambda w: to_weights(w, reverse=False))
        ),
        "share of what came before": Mutant(
            lambda x: claims(x, back=lambda w: to_weights(w, left=lambda k: w[: k + 1].sum()))
        ),
        "share of what comes after": Mutant(
            lambda x: claims(
                x, back=lambda w: to_weights(w, left=lambda k: w[k + 1 :].sum() or w[k])
            )
        ),
        "coordinates that need not add up to 1": Mutant(lambda x: claims(x, best=free)),
        "the greedy weights": Mutant(lambda x: claims(x, best=lambda x: x.greedy)),
        "the least error rises with another fit": Mutant(
            lambda x: claims(x, best=lambda x: x.fewer, fewer=lambda x: x.best)
        ),
        "weights in [0, 1] for any coordinates": Mutant(lambda x: claims(x, sign=False)),
        "remainders that cancel": Mutant(lambda x: claims(x._replace(point=cancelling(x)))),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
