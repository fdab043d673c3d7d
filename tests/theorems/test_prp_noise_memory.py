"""How much of the given labels is memorised along one eigenvector, for any kernel matrix.

Statement: let H be positive semidefinite, v a unit eigenvector with eigenvalue nu,
0 <= eta nu <= 1, weights alpha_i in [0, 1] and h any function. From any T_0 on, with k = t - T_0,

    v'u_t = (1 - eta nu)^k v'u_{T0}
            + eta nu sum_{i = T0}^{t - 1} (1 - eta nu)^(t-1-i) (alpha_i v'y + (1-alpha_i) v'h(u_i)),

in which the term with y is at most eta nu (sum alpha_i) |v'y|. If h(u_i) = clean for all i >= T_0,
then

    |v'(u_t - clean)| <= (1 - eta nu)^k |v'(u_{T0} - clean)| + a |v'(y - clean)|,
    a = (1 - eta nu)^(k/2) + max of alpha_i over i >= T_0 + floor(k/2),

so that with nu > 0 and alpha_i -> 0 the predictions tend to the clean labels along v.

The loop is dense; the eigenvectors are those H is built from.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import self_labels
from tests.theorems import noisy_clusters as noisy
from tests.theorems import spectral_problems
from tests.theorems.ledger import Mutant, Result, at_most, both, equal

STEPS = 90
TARGETS = {
    "hard": (np.sign, {}),
    "soft": (lambda u: u, {"target": "soft"}),
    "sharpened": (lambda u: np.tanh(u / 0.3), {"target": "sharpened", "temperature": 0.3}),
    "custom": (np.cos, {"target": np.cos}),
}


class Instance(NamedTuple):
    Q: np.ndarray  # eigenvectors
    d: np.ndarray
    y: np.ndarray
    clean: np.ndarray
    step: float
    weights: np.ndarray  # (STEPS,)
    target: str
    start: int  # T_0
    u: np.ndarray  # (STEPS + 1, n)
    H: np.ndarray

    @property
    def right(self):
        """All hard labels are right from T_0 on."""
        return self.target == "hard" and bool(
            (np.sign(self.u[self.start : -1]) == self.clean).all()
        )


def aligned(direction):
    """Orthonormal vectors of which the first has this direction: a mirror."""
    n = len(direction)
    v = direction / np.linalg.norm(direction) - np.eye(n)[0]
    size = v @ v
    return np.eye(n) - (2 / size if size > 1e-12 else 0.0) * np.outer(v, v)


def fading(rng, i, steps):
    """Weights in [0, 1] that tend to 0, not monotonically."""
    k = np.arange(steps)
    shape = [0.9**k, 1 / (1 + k), rng.uniform(0.5, 0.98) ** k, k < 15][i % 4]
    return shape * rng.uniform(0.2, 1, steps)


def run(x, *, step=None):
    h = TARGETS[x.target][0]
    u = noisy.run(x.H, x.y, x.weights, x.step if step is None else step, target=h)
    return x._replace(u=u)


def draw(rng, i, *, fastest=1.0, last=None):
    """Draw every second instance such that the clean labels are learned first."""
    n = 1 if i % 23 == 0 else int(rng.integers(2, 14))
    clean = rng.choice([-1.0, 1.0], n)
    d = spectral_problems.eigenvalues(rng, i // 2, n) * 10.0 ** rng.uniform(-3, 3)
    flipped = rng.permutation(n) < rng.integers(0, (n - 1) // 3 + 1)
    Q, target = spectral_problems.orthonormal(rng, n, n), list(TARGETS)[i // 2 % 4]
    start = int(rng.integers(0, 40))
    if i % 2 == 0:
        near = clean + 0.3 * (i % 3 == 0) * rng.standard_normal(n)
        Q, target, start = aligned(near), "hard", 2
        d = np.sort(d)[::-1] * np.where(np.arange(n) == 0, 1, rng.uniform(0.001, 0.3))
    weights = np.concatenate([np.ones(start), fading(rng, i // 2, STEPS - start)])
    if last is not None:
        weights[start:] = last
    y = np.where(flipped, -clean, clean)
    step = fastest * (1 if i % 3 == 0 else rng.uniform(0.1, 1)) / d.max()
    return run(Instance(Q, d, y, clean, step, weights, target, start, None, (Q * d) @ Q.T))


def some_times(x):
    """T_0, T_0 + 1, T_0 + 2, T_0 + 4, ..., and the last."""
    return [x.start, *(x.start + 2 ** np.arange(np.log2(STEPS - x.start).astype(int) + 1)), STEPS]


def pieces(x, *, late=1, start_lost=False, swapped=False):
    """Return the start's, the label's and the h term at some t >= T_0, shape (m, n) each."""
    rate = x.step * x.d
    z, h = x.Q.T @ x.y, TARGETS[x.target][0](x.u[:-1]) @ x.Q
    terms = []
    for t in some_times(x):
        i = np.arange(x.start, t)
        damping = rate * (1 - rate) ** np.maximum(t - late - i, 0)[:, None]
        a = x.weights[i][:, None]
        a = 1 - a if swapped else a
        first = 1.0 if start_lost else (1 - rate) ** (t - x.start)
        own = ((1 - a) * damping * h[i]).sum(0)
        terms.append((first * (x.Q.T @ x.u[x.start]), (a * damping).sum(0) * z, own))
    return np.moveaxis(np.array(terms), 1, 0)


def scale(x):
    return np.sqrt(len(x.y)) * max(1.0, np.abs(x.u).max())


def formula(x, *, without_own=False, **wrong):
    start, label, own = pieces(x, **wrong)
    claimed = start + label + (0 if without_own else own)
    return equal(claimed, x.u[some_times(x)] @ x.Q, scale=scale(x))


def label_term(x, *, total=np.sum, exponent=1):
    """The label term, measured from a second run on other labels with the same targets."""
    z, rate = np.abs(x.Q.T @ x.y), x.step * x.d
    sums = np.array([total(x.weights[x.start : t], initial=0.0) for t in range(x.start, STEPS + 1)])
    label = measured_label_term(x)
    return at_most(np.abs(label), rate**exponent * sums[:, None] * z, scale=scale(x))


def measured_label_term(x):
    """What is gained by the labels: the run from T_0 with the h it had, minus that without y."""
    h = TARGETS[x.target][0](x.u)
    with_y = without = x.u[x.start]
    gained, eta_H = [0 * with_y], x.step * x.H
    for i in range(x.start, STEPS):
        a, own = x.weights[i], (1 - x.weights[i]) * h[i]
        with_y = with_y - eta_H @ (with_y - a * x.y - own)
        without = without - eta_H @ (without - own)
        gained.append(with_y - without)
    return np.array(gained) @ x.Q


def fades(x, *, always=False, weight_ignored=False, rate=None):
    """If all signs are right; `always` drops this."""
    if not (x.right or always):
        return equal(0.0, 0.0)
    rate = x.step * x.d if rate is None else rate(x)
    gap = np.abs((x.u[x.start :] - x.clean) @ x.Q)
    noise = np.abs(x.Q.T @ (x.y - x.clean))
    bounds = []
    for k in range(len(gap)):
        late = 0.0 if weight_ignored else x.weights[x.start + k // 2 :].max(initial=0.0)
        bounds.append((1 - rate) ** k * gap[0] + ((1 - rate) ** (k / 2) + late) * noise)
    return at_most(gap, bounds, scale=np.sqrt(len(x.y)))


def all_move(x):
    """Claims that directions outside the range are learned, as fast as the first."""
    return x.step * np.where(x.d > 0, x.d, x.d.max())


def library(x):
    options = TARGETS[x.target][1]
    path = self_labels.run(x.H, x.y, x.weights, step=x.step, **options)
    error = np.abs(path.predictions - x.u).max() / scale(x)
    settled = np.abs(x.u[1:]).min() > 1e-9  # otherwise rounding decides about signs
    return equal(error, 0.0, scale=1.0) if settled else equal(0.0, 0.0)


def statement(x):
    return both(formula(x), label_term(x), fades(x), library(x))


def kept(part):
    return lambda x: None if x is None else part(x)


def few(make):
    """Draw 60 instances for a mutant; the others count as saturated."""
    return lambda rng, i: make(rng, i) if i < 60 else None


RESULT = Result(
    label="prp-noise-memory",
    assumptions=(
        "H positive semidefinite, v an eigenvector, 0 <= eta nu <= 1",
        "alpha_i in [0, 1], h any function of the current prediction",
        "to the clean labels: h(u_i) = clean from T_0 on, alpha_i -> 0 and nu > 0",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "the exponent is t - i": Mutant(lambda x: formula(x, late=0)),
        "the start is kept": Mutant(lambda x: formula(x, start_lost=True)),
        "alpha and 1 - alpha exchanged": Mutant(lambda x: formula(x, swapped=True)),
        "without the term with h": Mutant(lambda x: formula(x, without_own=True)),
        "the largest alpha for the sum": Mutant(lambda x: label_term(x, total=np.max)),
        "eta nu squared": Mutant(lambda x: label_term(x, exponent=2)),
        "eta nu above 2": Mutant(
            kept(label_term), few(lambda rng, i: draw(rng, i, fastest=2.5))
        ),
        "any signs": Mutant(lambda x: fades(x, always=True)),
        "alpha stays at 0.3": Mutant(
            kept(lambda x: fades(x, weight_ignored=True)),
            few(lambda rng, i: draw(rng, i, last=0.3)),
        ),
        "nu = 0 as well": Mutant(lambda x: fades(x, rate=all_move)),
    },
    instances=240,
)  # fmt: skip
test_holds, test_mutants_fail = RESULT.tests()
