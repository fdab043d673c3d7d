"""How many trainings it takes to choose the weights: count what each search really trains."""

import itertools
from typing import NamedTuple

import numpy as np

from distill_lib.kernel import mixing
from tests.theorems import spectral_problems
from tests.theorems.ledger import Mutant, Result, at_most, both, equal


class Instance(NamedTuple):
    problem: spectral_problems.Problem
    y_new: np.ndarray  # (4,), held-out targets
    grid: np.ndarray  # weights to try; g of them are not 1
    steps: int  # distillation steps after the first training


class Model(NamedTuple):
    fitted: np.ndarray  # at the training points
    held_out: np.ndarray  # at the held-out points
    loss: float


class Trainer:
    """Train a model to targets, and count; the first model is trained once and kept."""

    def __init__(self, x):
        self.x, self.trainings = x, 0
        p = x.problem
        self.inverse = np.linalg.inv(p.K + p.lam * np.eye(len(p.y)))
        self.first = self.train(p.y)

    def train(self, targets):
        self.trainings += 1
        c = self.inverse @ targets
        held_out = self.x.problem.K_new @ c
        return Model(self.x.problem.K @ c, held_out, ((held_out - self.x.y_new) ** 2).mean())

    def mixed(self, teacher, alpha):
        return self.train(alpha * self.x.problem.y + (1 - alpha) * teacher.fitted)

    def student(self, teacher, alpha):
        return self.first if alpha == 1 else self.mixed(teacher, alpha)


def draw(rng, i):
    p = spectral_problems.draw(rng, i)
    grid = np.sort(rng.uniform(0, 1, 1 + i % 4))
    if i % 2:
        grid = np.append(grid, 1.0)
    return Instance(p, rng.standard_normal(4), grid, 1 + i // 8 % 3)


def surrogate(x):
    """In every step a student of the teacher alone, the weight in closed form, the student."""
    run = Trainer(x)
    first = model = run.first
    for _ in range(x.steps):
        alone = run.mixed(model, 0.0)
        gap = np.abs(first.held_out - alone.held_out).max()
        same = gap <= 1e-9 * np.abs(alone.held_out).max()  # then every weight is as good
        alpha = 1.0 if same else mixing.optimal_alpha(x.y_new, first.held_out, alone.held_out)
        model = run.mixed(model, alpha)
    return model.loss, run.trainings


def greedy_grid(x):
    """In every step a student for each weight of the grid; the best one is the next teacher."""
    run = Trainer(x)
    model = run.first
    for _ in range(x.steps):
        model = min((run.student(model, a) for a in x.grid), key=lambda m: m.loss)
    return model.loss, run.trainings


def constant_grid(x):
    """One chain for each weight of the grid, the same in all steps."""
    run = Trainer(x)
    losses = []
    for alpha in x.grid:
        model = run.first
        for _ in range(x.steps):
            model = run.student(model, alpha)
        losses.append(model.loss)
    return min(losses), run.trainings


def joint_grid(x):
    """Least loss of every sequence of weights, each trained from the first model on."""
    run = Trainer(x)
    losses = []
    for alphas in itertools.product(x.grid, repeat=x.steps):
        model = run.first
        for alpha in alphas:
            model = run.student(model, alpha)
        losses.append(model.loss)
    return min(losses)


def joint_grid_shared(x):
    """Every sequence of weights; nothing is trained twice: what follows a 1 is a chain anew."""
    run = Trainer(x)
    known = {(): run.first}
    level = {()}
    for _ in range(x.steps):
        following = set()
        for chain, alpha in itertools.product(level, x.grid):
            longer = () if alpha == 1 else (*chain, alpha)
            if longer not in known:
                known[longer] = run.student(known[chain], alpha)
            following.add(longer)
        level = following
    return min(known[chain].loss for chain in level), run.trainings


SEARCHES = {f.__name__: f for f in (surrogate, greedy_grid, constant_grid)} | {
    "shared": joint_grid_shared
}
COUNTS = {
    "surrogate": lambda g, steps: 1 + 2 * steps,
    "greedy_grid": lambda g, steps: 1 + g * steps,
    "constant_grid": lambda g, steps: 1 + g * steps,
    "shared": lambda g, steps: 1 + sum(g**k for k in range(1, steps + 1)),
}


def claims(x, *, dearest=3, better=None, one=0, **wrong):
    """Counts of all searches; the grid costs more than the surrogate from `dearest` values on.

    In the grid the weight 1 counts as `one` training a step.
    """
    g, steps = (x.grid != 1).sum() + one * (x.grid == 1).sum(), x.steps
    found = {name: search(x) for name, search in SEARCHES.items()}
    loss = {name: value for name, (value, _) in found.items()}
    loss["joint_grid"] = joint_grid(x)
    count = {name: trainings for name, (_, trainings) in found.items()}
    stated = {name: formula(g, steps) for name, formula in (COUNTS | wrong).items()}
    parts = [equal(count[name], stated[name], tol=0) for name in SEARCHES]
    parts.append(equal(count["surrogate"] < count["greedy_grid"], g >= dearest))
    parts.append(equal(loss["shared"], loss["joint_grid"]))  # the same sequences
    bounds = [("joint_grid", "greedy_grid"), ("joint_grid", "constant_grid"), *(better or [])]
    if steps == 1:  # for one step the closed form beats every grid
        bounds.append(("surrogate", "greedy_grid"))
    parts += [at_most(loss[a], loss[b], tol=1e-9) for a, b in bounds]
    return both(*parts)


RESULT = Result(
    label="prp-trainings",
    assumptions=(
        "g >= 1 weights other than 1 in the grid, with or without 1; at least two fits",
        "the first model is trained once and kept: it is the model with alpha = 1 of every step",
        "jointly: sequences share their common beginnings, and nothing is trained twice",
        "the held-out data are the same in all steps",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "one training a step": Mutant(lambda x: claims(x, surrogate=lambda g, steps: 1 + steps)),
        "the first training counted in every step": Mutant(
            lambda x: claims(x, surrogate=lambda g, steps: 3 * steps)
        ),
        "shared prefixes: only the last level": Mutant(
            lambda x: claims(x, shared=lambda g, steps: 1 + g**steps)
        ),
        "no sharing: every sequence trained for itself": Mutant(
            lambda x: claims(x, shared=lambda g, steps: 1 + steps * g**steps)
        ),
        "the weight 1 costs a training too": Mutant(lambda x: claims(x, one=1)),
        "a grid of two is dearer already": Mutant(lambda x: claims(x, dearest=2)),
        "the greedy grid finds the best sequence": Mutant(
            lambda x: claims(x, better=[("greedy_grid", "joint_grid")])
        ),
        "the surrogate finds a better sequence than the joint grid": Mutant(
            lambda x: claims(x, better=[("surrogate", "joint_grid")])
        ),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
