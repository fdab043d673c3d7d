"""What held-out labels that are wrong say about a network.

Statement: on m held-out points, of which each has a true class and gets a noisy label drawn from
the row of T that belongs to the true class, whatever the point looks like, let P_cj be the share
of points of the true class c that a network takes for j, and a = tr P. Then (1) its expected noisy
accuracy is sum_cj P_cj T_cj; (2) for symmetric noise of rate rho among C classes it is
rho/(C - 1) + (1 - rho C/(C - 1)) a; (3) for pairs noise of rate rho < 1 it is (1 - rho) a plus
rho times the share of points taken for the next class, so it lies between (1 - rho) a and
(1 - rho) a + rho (1 - a), and a network with the same or a higher expected noisy accuracy than
another one, of clean accuracies a and b, has b - a <= rho/(1 - rho) (1 - a). This says something
for rho < 1/2 only, since b <= 1 anyhow.

The independent route: enumerate all C^m draws of the noisy labels of few points, and sum their
probabilities times the accuracy.
"""

from itertools import product
from typing import NamedTuple

import numpy as np

from distill_lib.noise import pair_transition
from tests.theorems.ledger import Mutant, Result, at_most, both, equal


class Instance(NamedTuple):
    C: int
    rate: float
    truth: np.ndarray  # (m,)
    says: np.ndarray  # (2, m): two networks
    T: np.ndarray  # (C, C)
    rows: np.ndarray  # (m, C): for labels that depend on the image, not on the class alone


def draw(rng, i, *, most=1.0):
    C = int(rng.integers(2, 5))
    m = int(rng.integers(1, 6 if C < 4 else 5))
    truth = rng.integers(C, size=m)
    shift = rng.integers(C, size=(2, m)) * (rng.random((2, m)) < rng.uniform(0.1, 0.9, (2, 1)))
    if i % 3 == 0:  # one network makes the mistakes of the pairs, the other others
        shift[0] = rng.random(m) < 0.5
        shift[1] = (C - 1) * (rng.random(m) < 0.5)
    rate = float(rng.uniform(0, most)) if i % 5 else 0.0
    T = rng.dirichlet(np.full(C, 10 ** rng.uniform(-1, 1)), C)
    return Instance(C, rate, truth, (truth + shift) % C, T, rng.dirichlet(np.ones(C), m))


def draws(x, rows):
    """Return all noisy labels of the points, and their probabilities; one row a point."""
    for noisy in product(range(x.C), repeat=len(x.truth)):
        yield np.array(noisy), np.prod(rows[np.arange(len(noisy)), list(noisy)])


def expected(x, says, T):
    """Sum over all noisy labels of the points: probability times accuracy."""
    return sum(p * np.mean(says == noisy) for noisy, p in draws(x, T[x.truth]))


def shares(x, says):
    P = np.zeros((x.C, x.C))
    np.add.at(P, (x.truth, says), 1 / len(x.truth))
    return P


def uniform(C, rate):
    return np.full((C, C), rate / (C - 1)) + (1 - rate - rate / (C - 1)) * np.eye(C)


def general(x, *, says=None):
    says = x.says[0] if says is None else says
    return equal(expected(x, x.says[0], x.T), (shares(x, says) * x.T).sum())


def symmetric(x, *, factor=lambda C, rate: 1 - rate * C / (C - 1)):
    a = np.mean(x.says[0] == x.truth)
    predicted = x.rate / (x.C - 1) + factor(x.C, x.rate) * a
    return equal(expected(x, x.says[0], uniform(x.C, x.rate)), predicted)


def pairs(
    x, *, regret=lambda rate, a: rate / (1 - rate) * (1 - a), upper=1.0, ordered=True, step=1
):
    T = pair_transition(x.C, x.rate)
    noisy = [expected(x, says, T) for says in x.says]
    clean = [float(np.mean(says == x.truth)) for says in x.says]
    neighbour = [float(np.mean(says == (x.truth + step) % x.C)) for says in x.says]
    exact = equal(noisy, (1 - x.rate) * np.array(clean) + x.rate * np.array(neighbour), scale=1.0)
    if ordered and noisy[0] < noisy[1]:
        noisy, clean = noisy[::-1], clean[::-1]
    rho, (a, b) = x.rate, clean
    return both(
        exact,
        at_most((1 - rho) * a, noisy[0], scale=1.0),
        at_most(noisy[0], (1 - rho) * a + upper * rho * (1 - a), scale=1.0),
        at_most(b - a, regret(rho, a), scale=1.0),
    )


def statement(x):
    return both(general(x), symmetric(x), pairs(x))


def swapped(x):
    return equal(expected(x, x.says[0], x.T), (shares(x, x.says[0]).T * x.T).sum())


def dependent(x):
    """Every point has its own row; T is that of a class on average, as anyone would estimate it."""
    T = np.array([x.rows[x.truth == c].mean(0) if c in x.truth else x.T[c] for c in range(x.C)])
    truly = sum(p * np.mean(x.says[0] == noisy) for noisy, p in draws(x, x.rows))
    return equal(truly, (shares(x, x.says[0]) * T).sum())


def seen(x):
    """A network that has memorised the noisy labels of these points."""
    found = [(p, np.mean(noisy == noisy), shares(x, noisy)) for noisy, p in draws(x, x.T[x.truth])]
    P = sum(p * share for p, _, share in found)
    return equal(sum(p * right for p, right, _ in found), (P * x.T).sum())


RESULT = Result(
    label="prp-noisy-choice",
    assumptions=(
        "the noisy label depends on the true class only",
        "the network has not seen the held-out labels",
        "rate < 1",
        "expectation over the noise",
    ),
    draw=lambda rng, i: draw(rng, i, most=0.95),
    statement=statement,
    mutants={
        "another network's predictions": Mutant(lambda x: general(x, says=x.says[1])),
        "rows and columns exchanged": Mutant(swapped),
        "noise that depends on the image": Mutant(dependent),
        "a network that has seen the labels": Mutant(seen),
        "factor 1 - rate": Mutant(lambda x: symmetric(x, factor=lambda C, rate: 1 - rate)),
        "factor 1 - 2 rate": Mutant(lambda x: symmetric(x, factor=lambda C, rate: 1 - 2 * rate)),
        "factor of redrawn labels": Mutant(
            lambda x: symmetric(x, factor=lambda C, rate: 1 - rate * (C - 1) / C)
        ),
        "regret not divided": Mutant(
            lambda x: pairs(x, regret=lambda rate, a: rate * (1 - a) if rate else 0.0)
        ),
        "no regret": Mutant(lambda x: pairs(x, regret=lambda rate, a: 0.0)),
        "wrong predictions never agree": Mutant(lambda x: pairs(x, upper=0.0)),
        "pairs to the previous class": Mutant(lambda x: pairs(x, step=-1)),
        "worse noisy accuracy chosen": Mutant(lambda x: pairs(x, ordered=False)),
    },
    instances=300,
)
test_holds, test_mutants_fail = RESULT.tests()
