"""A student trained to convergence on a stopped teacher's values is that teacher.

Statement: gradient flow, or gradient descent with step * d < 2, on the fitted values of a teacher
that stopped tends to exactly those values; the start is zero, and directions with d = 0 stay at 0
in both. Stopped at any finite time (for descent: with step * d < 1), the student is strictly behind
its teacher in every direction with a positive eigenvalue.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import flow
from tests.theorems import refits, stopped_flows
from tests.theorems.ledger import Mutant, Result, both, equal, less

mp = stopped_flows.mp


class Instance(NamedTuple):
    d: np.ndarray
    step: float
    steps: tuple  # of the teacher and of the stopped student
    times: tuple
    flows: list  # filters, 120 digits: teacher, stopped student, converged student
    descents: list  # the same for descent


def enough(x):
    """Steps after which e^-300 is left along each direction, (1 - x)^steps; x is step * d."""
    with np.errstate(divide="ignore"):
        rates = -np.log1p(-np.minimum(x, np.abs(2 - x)))
    return int(300 / np.abs(rates).min()) + 1


def draw(rng, i, *, step=None, given=lambda model, teacher: teacher):
    d = refits.eigenvalues(rng, i)
    model, K = (m := stopped_flows.Model(rng, d)), m.K
    # What a stopped student lacks must be above 1e-120: at most 150 time units of the fastest.
    T = stopped_flows.time_near(rng, d)
    t = float(10.0 ** rng.uniform(-6, 2) / d.max())
    step = (rng.uniform(0.01, 1.99 if i % 2 else 0.99) if step is None else step(rng)) / d.max()
    steps = int(rng.integers(1, 40)), int(rng.integers(0, 15)) * 2 + 1
    forever = 300 / d[d > 0].min()

    teacher = stopped_flows.flow(K, model.labels, T)
    target = given(model, teacher)
    flows = [teacher, *(stopped_flows.flow(K, target, time) for time in (t, forever))]
    teacher = stopped_flows.descent(K, model.labels, step, steps[0])
    target, many = given(model, teacher), enough(step * d[d > 0])
    descents = [teacher, *(stopped_flows.descent(K, target, step, m) for m in (steps[1], many))]
    flows, descents = ([model.measured(f) for f in run] for run in (flows, descents))
    return Instance(d, step, steps, (T, t), flows, descents)


def runs(x):
    """Filters of both procedures on the positive eigenvalues, where there is anything to fit."""
    seen = np.flatnonzero(x.d)
    for run in (x.flows, x.descents):
        yield [[b[j] for j in seen] for b in run]


def returned(x, *, to=None):
    """The converged student over its teacher is 1; on zero eigenvalues both are 0."""
    parts = []
    for teacher, _, converged in runs(x):
        wanted = teacher if to is None else [mp.mpf(to)] * len(teacher)
        ratio = [c / w for c, w in zip(converged, wanted, strict=True)]
        parts.append(equal(stopped_flows.floats(ratio), np.ones(len(ratio)), tol=1e-14, scale=1.0))
    null = np.flatnonzero(x.d == 0)
    still = [0.0] + [float(b[j]) for run in (x.flows, x.descents) for b in run for j in null]
    return both(*parts, equal(still, np.zeros(len(still)), tol=1e-60, scale=1.0))


def behind(x, *, sign=1, everywhere=False, always=False):
    """0 < student < teacher after finite training; in a descent if step * d < 1, or `always`."""
    if everywhere:  # the mutant counts directions with d = 0
        return less(*(stopped_flows.floats(x.flows[k]) for k in (1, 0)), scale=1.0)
    parts = []
    procedures = list(runs(x))
    for teacher, student, _ in procedures if always or x.step * x.d.max() < 1 else procedures[:1]:
        share = [s / t for s, t in zip(student, teacher, strict=True)]
        parts.append(less(0.0, stopped_flows.floats(share), scale=1.0))
        parts.append(less(0.0, sign * stopped_flows.floats(1 - v for v in share), scale=1.0))
    return both(*parts)


def library(x):
    T, t = x.times
    by_flow = flow.schedule(x.d, [("teacher", t), ("teacher", np.inf)], teacher_time=T)
    phases = [("teacher", x.steps[1]), ("teacher", np.inf)]
    by_descent = flow.descent_schedule(x.d, x.step, phases, teacher_steps=x.steps[0]).filters
    parts = []
    for got, run in ((by_flow, x.flows), (by_descent, x.descents)):
        exact = np.array([stopped_flows.floats(b) for b in run[1:]])
        with np.errstate(invalid="ignore"):
            ratio = np.where(x.d > 0, got / exact, 1.0)
        parts.append(equal(ratio, np.ones(ratio.shape), tol=1e-11))
    return both(*parts)


def statement(x):
    return both(returned(x), behind(x), library(x))


def fits(x):
    return both(returned(x), behind(x))


RESULT = Result(
    label="prp-stopped-teacher-returned",
    assumptions=(
        "K symmetric positive semidefinite",
        "flow and descent of ||f(X) - y||^2 / 2 from f = 0",
        "the teacher has run: T > 0, at least one step",
        "descent: step * d < 2 for convergence, step * d < 1 for strictly behind",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "the converged student fits the labels": Mutant(lambda x: returned(x, to=1)),
        "a stopped student is ahead": Mutant(lambda x: behind(x, sign=-1)),
        "behind also where d = 0": Mutant(lambda x: behind(x, everywhere=True)),
        "the student is given the labels": Mutant(
            fits, draw=lambda r, i: draw(r, i, given=lambda model, teacher: model.labels)
        ),
        "oscillating steps are behind too": Mutant(
            lambda x: behind(x, always=True),
            draw=lambda r, i: draw(r, i, step=lambda r: r.uniform(1.05, 1.9)),
        ),
        "unstable steps return as well": Mutant(
            returned, draw=lambda r, i: draw(r, i, step=lambda r: r.uniform(2.05, 2.5))
        ),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
