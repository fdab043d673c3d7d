"""Whether the ratio of two filter values rises in a round, and that it turns exactly once.

Two numbers decide: alpha against a threshold that itself depends on alpha, and the ratio of the
eigenvalues against one of powers.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from distill_lib.kernel import mixing
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less

mp = mixed.mp

ROUNDS = 5
DOUBLINGS = 60  # the far end of a chain is 2^0, 2^1, ... fits away


class Instance(NamedTuple):
    pair: mixed.Pair
    alpha: float
    b: np.ndarray  # (ROUNDS + 1, 2): filters after 0, 1, ... fits along k and j, 250 digits
    far: list[
        float
    ]  # signs of the changes of the ratio after 2, 4, 8, ... fits, to the first fall;
    # the last one is 0 if the change has become too small to be told from rounding

    @property
    def cap(self):
        """Ratio of the two eigenvalues."""
        return mp.mpf(self.pair.d[0]) / mp.mpf(self.pair.d[1])

    @property
    def changes(self):
        """Signs of rho_t - rho_(t-1) for t = 1, 2, ..., ROUNDS."""
        return mixed.sign(self.b[1:, 0] * self.b[:-1, 1], self.b[:-1, 0] * self.b[1:, 1])

    @property
    def a(self):
        """Filter of one fit along k and j."""
        return self.b[1]


def far_changes(pair, alpha):
    """Signs of the changes of the ratio after 2, 4, 8, ... fits, up to the first fall."""
    K, alpha = mixed.gram(pair.Q, pair.spectrum), mp.mpf(alpha)
    labels = pair.Q @ mixed.exact(np.ones((len(K), 1)))
    S = K @ mixed.dual(K, pair.lam, mixed.exact(np.eye(len(K))))
    once = S * (1 - alpha), S @ labels * alpha
    many, signs = once, []
    for _ in range(DOUBLINGS):
        many = mixed.compose(*many, 1)
        values = many[0] @ labels + many[1]
        b, after = ((pair.Q @ v)[[pair.k, pair.j], 0] for v in (values, once[0] @ values + once[1]))
        signs.append(float(mixed.sign(after[0] * b[1], b[0] * after[1])))
        if signs[-1] <= 0:
            break
    return signs


def draw(rng, i, *, varying=False):
    """Every other weight is drawn near the place where the ratio of some round turns."""
    pair, alpha = mixed.pair(rng, i, distinct=True), mixed.weight(rng, i)
    if i % 2:
        alpha = float(10.0 ** rng.uniform(-2, 0))
        for _ in range(10):  # the threshold depends on alpha through b
            turn = float(mixing.ratio_threshold(*pair.d, pair.lam, alpha, ROUNDS - i % 3))
            alpha = np.clip((alpha + min(turn, 1.0)) / 2, 0, 1)
        off = rng.choice([-1, 1]) * 10.0 ** rng.uniform(-5, -1)
        alpha = float(np.clip(alpha * (1 + off), 0, 1))
    alphas = rng.uniform(0, 1, ROUNDS) ** 3 if varying else np.full(ROUNDS, alpha)
    b = np.concatenate([mixed.exact(np.ones((1, 2))), pair.both(alphas)])
    far = [] if varying or not 0 < alpha < 1 else far_changes(pair, alpha)
    return Instance(pair, alpha, b, far)


def threshold(a, b, *, lost=lambda a, b: a * (1 / b - 1), swap=1, otherwise=2):
    """Weight below which the ratio rises, from the filters b of the round before."""
    k, j = lost(a, b)
    below = (j - k) * swap
    return (a[0] - a[1]) / below if below > mixed.SAME else mp.mpf(otherwise)


def claims(x, *, late=0, order=1, alpha=lambda v: v, turn=threshold, **wrong):
    """Part 2: the threshold."""
    turns = [turn(x.a, x.b[t + late], **wrong) for t in range(ROUNDS)]
    return equal(order * mixed.sign(turns, alpha(mp.mpf(x.alpha))), x.changes, scale=1.0)


def small_threshold(x):
    """Verdict that the threshold is 1 in round 2, and from there on at most 1."""
    turns = [threshold(x.a, b) for b in x.b[1:-1]]
    return both(mixed.same(turns[0], 1), at_most(0.0, mixed.sign(1, np.array(turns)), scale=1.0))


def turns_once(x, *, power=0, swap=1, ends=True, rises=2, always=False):
    """Part 1: the ratio of powers grows past that of the eigenvalues, so the ratio turns once."""
    inside = 0 < x.alpha < 1
    if not inside and not always:
        return None
    rho = x.b[:, 0] / x.b[:, 1]
    tau = range(1, ROUNDS + 1)
    powers = np.array([rho[1] ** (t + power) / rho[t - 1] for t in tau])
    return both(
        equal(swap * mixed.sign(x.cap, powers), x.changes, scale=1.0),
        less(0.0, mixed.sign(powers[2:], powers[1:-1]), scale=1.0),
        equal(x.changes[:rises], np.ones(rises)),
        equal(all(after <= before for before, after in pairwise(x.changes)), True),
        equal(all(after <= before for before, after in pairwise(x.far)), True),
        *([] if x.far[-1:] == [0.0] else [equal(x.far[-1:] == [-1.0], ends)]),
    )


def library(x):
    """Verdicts on the threshold of the library, as far as floats can tell the two directions."""
    got = mixing.ratio_threshold(*x.pair.d, x.pair.lam, x.alpha, np.arange(1, ROUNDS + 1))
    yield equal(np.isinf(got[0]), True)
    for value, b in zip(got[1:], x.b[1:-1], strict=True):
        k, j = x.a * (1 / b - 1)
        lost = max((x.a / b)[1] / (j - k), 1 / (x.a[0] - x.a[1]))  # digits, in two differences
        if lost < 1e4:
            yield equal(value, float(threshold(x.a, b)))


def statement(x):
    once = turns_once(x)
    return both(claims(x), small_threshold(x), *library(x), *([once] if once else []))


RESULT = Result(
    label="prp-ratio-sign",
    assumptions=(
        "d_k > d_j > 0",
        "lam > 0, the same in every fit",
        "alpha in [0, 1], the same in every round",
        "tau >= 1; the filter of round 0 counts as 1",
        "0 < alpha < 1 for the one turn",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "the ratio rises in every round": Mutant(lambda x: claims(x, turn=lambda a, b: mp.mpf(2))),
        "rises above the threshold": Mutant(lambda x: claims(x, order=-1)),
        "b of this round": Mutant(lambda x: claims(x, late=1)),
        "1/b in place of 1/b - 1": Mutant(lambda x: claims(x, lost=lambda a, b: a / b)),
        "k and j swapped below": Mutant(lambda x: claims(x, swap=-1)),
        "falls where the denominator is not positive": Mutant(lambda x: claims(x, otherwise=-1)),
        "alpha and 1 - alpha swapped": Mutant(lambda x: claims(x, alpha=lambda v: 1 - v)),
        "exponent tau - 1": Mutant(lambda x: turns_once(x, power=-1)),
        "rises above the ratio of the eigenvalues": Mutant(lambda x: turns_once(x, swap=-1)),
        "never falls": Mutant(lambda x: turns_once(x, ends=False)),
        "rises in round 3 too": Mutant(lambda x: turns_once(x, rises=3)),
        "turns for alpha 0 and 1 too": Mutant(lambda x: turns_once(x, always=True)),
        "weights that vary": Mutant(
            lambda x: equal(all(v <= u for u, v in pairwise(x.changes)), True),
            draw=lambda rng, i: draw(rng, i, varying=True),
        ),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
