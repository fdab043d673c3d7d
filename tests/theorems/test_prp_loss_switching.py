"""Switching the targets in the middle of a run.

Statement: with a_k = 1 - exp(-T d_k) the teacher's filter, a flow on the labels for t_1, then on
the teacher for t_2, has the filter a_k + (1 - e^(-d_k t_1) - a_k) e^(-d_k t_2). It tends to a_k as
t_2 grows: the start is forgotten. The other order has the filter
1 - e^(-d_k t_2) (1 - a_k (1 - e^(-d_k t_1))). It tends to 1 where d_k > 0: the regularization is
undone, and if t_2 > 0, what is left of it, 1 minus the filter, is strictly smaller the larger the
eigenvalue.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from distill_lib.kernel import flow
from tests.theorems import refits, stopped_flows
from tests.theorems.ledger import Mutant, Result, both, equal, less

mp = stopped_flows.mp


class Instance(NamedTuple):
    d: np.ndarray
    T: float
    times: tuple
    teacher: list  # measured filters, 120 digits
    to_teacher: list  # labels for t_1, then the teacher for t_2
    to_labels: list
    to_teacher_end: list  # t_2 large
    to_labels_end: list


def draw(rng, i, *, forget=False, still=False):
    d = refits.eigenvalues(rng, i)
    model = stopped_flows.Model(rng, d)
    T, t1, t2 = (stopped_flows.time_near(rng, d) for _ in range(3))
    t2 = min(t2, 200 / d.max())  # later, less than 1e-100 of the start is left
    if still:
        t1 = t2 = 0.0
    teacher = stopped_flows.flow(model.K, model.labels, T)

    forever, runs = 300 / d[d > 0].min(), []
    orders = (model.labels, teacher), (teacher, model.labels)
    starts = [None if forget else stopped_flows.flow(model.K, order[0], t1) for order in orders]
    for end in (t2, forever):
        for (_, target), start in zip(orders, starts, strict=True):
            runs.append(model.measured(stopped_flows.flow(model.K, target, end, start)))
    return Instance(d, T, (t1, t2), model.measured(teacher), *runs)


def exponentials(x):
    d = [mp.mpf(float(v)) for v in x.d]
    return [[mp.exp(-mp.mpf(t) * v) for v in d] for t in (x.T, *x.times)]


def same(got, wanted):
    return equal(stopped_flows.floats(got), stopped_flows.floats(wanted), tol=1e-15, scale=1.0)


def to_teacher(x, *, sign=1, order=(1, 2), end=None):
    e = exponentials(x)
    a, first, second = [1 - v for v in e[0]], e[order[0]], e[order[1]]
    formula = [a + sign * (1 - f - a) * s for a, f, s in zip(a, first, second, strict=True)]
    return both(same(x.to_teacher, formula), same(x.to_teacher_end, a if end is None else end))


def to_labels(x, *, product=True, end=None):
    T, first, second = exponentials(x)
    reached = [(1 - v) * (1 - f) if product else 1 - v for v, f in zip(T, first, strict=True)]
    formula = [1 - s * (1 - p) for s, p in zip(second, reached, strict=True)]
    limit = [float(v > 0) for v in x.d]
    return both(same(x.to_labels, formula), same(x.to_labels_end, limit if end is None else end))


def undone(x, *, sign=1):
    """What is left of the regularization falls as the eigenvalue grows, by how much relatively."""
    left = [1 - b for b in x.to_labels]
    gaps = [
        float(sign * (1 - left[k] / left[k + 1]))
        for k, (high, low) in enumerate(pairwise(x.d))
        if high > low
    ]
    return less(stopped_flows.ROUNDING, gaps or [1.0], scale=1.0)


def library(x):
    plans = [("labels", "teacher"), ("teacher", "labels")]
    got = [
        flow.schedule(x.d, list(zip(plan, times, strict=True)), teacher_time=x.T)[-1]
        for times in (x.times, (x.times[0], np.inf))
        for plan in plans
    ]
    exact = [x.to_teacher, x.to_labels, x.to_teacher_end, x.to_labels_end]
    return equal(got, [stopped_flows.floats(b) for b in exact], tol=1e-14, scale=1.0)


def statement(x):
    return both(to_teacher(x), to_labels(x), undone(x), library(x))


RESULT = Result(
    label="prp-loss-switching",
    assumptions=(
        "K symmetric positive semidefinite",
        "flow of ||f(X) - target||^2 / 2, the model is kept when the target changes",
        "the first phase starts from f = 0",
        "limits: along eigenvectors with d > 0",
        "teacher and phases: finite times; what is left falls strictly if t_2 > 0",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "sign of what is forgotten": Mutant(lambda x: to_teacher(x, sign=-1)),
        "t_1 and t_2 exchanged": Mutant(lambda x: to_teacher(x, order=(2, 1))),
        "switching to the teacher ends at the labels": Mutant(
            lambda x: to_teacher(x, end=[1.0] * len(x.d))
        ),
        "switching to labels ends at the teacher": Mutant(lambda x: to_labels(x, end=x.teacher)),
        "the first phase is the teacher's own run": Mutant(lambda x: to_labels(x, product=False)),
        "undone in weak directions first": Mutant(lambda x: undone(x, sign=-1)),
        "undone in no time, t_1 = t_2 = 0": Mutant(
            undone, draw=lambda r, i: draw(r, i, still=True)
        ),
        "the model starts afresh": Mutant(
            lambda x: both(to_teacher(x), to_labels(x)),
            draw=lambda r, i: draw(r, i, forget=True),
        ),
    },
    instances=200,
)
test_holds, test_mutants_fail = RESULT.tests()
