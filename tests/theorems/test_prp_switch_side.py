"""On which side of the labels' own path a switch leaves the weaker direction.

Statement: let d_1 > d_2 > 0, q = d_1/d_2, and let T, t_1, t_2 > 0 be finite; T is when the teacher
stops. A flow on the labels for t_1, then on the teacher for t_2, is compared with the labels' own
flow at equal progress along direction 1: along direction 2 it is behind if t_1 < T, level if
t_1 = T, and ahead if t_1 > T. In the other order, teacher for t_1, then labels for t_2, the ratio
(1 - b_2)/(1 - b_1)^(1/q) is above 1 and does not depend on t_2, so the run stays behind.

Saturated instances, in which a time is longer than 60/d_1, are skipped.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import flow
from tests.theorems import stopped_flows
from tests.theorems.ledger import Mutant, Result, both, equal, less
from tests.theorems.test_thm_student_bends import eigenvalues, empty_direction, equal_eigenvalues

mp = stopped_flows.mp
SATURATED = 60.0


class Instance(NamedTuple):
    d: np.ndarray
    times: tuple  # T, t_1, t_2
    to_teacher: list  # measured progress along 1 and 2, 120 digits
    level: list  # the same with t_1 = T
    to_labels: list  # the other order, at the switch and after t_2
    matched: list  # the labels' own flow at equal progress along 1, run in every third instance


def draw(rng, i, *, d=eigenvalues, endless=False):
    d = d(rng, i)
    T, t1, t2 = (float(v) for v in 10.0 ** rng.uniform(-2, 1.5, 3) / stopped_flows.scale(d, i))
    if i % 3 == 0:  # near the border between the two sides
        t1 = T * float(1 + rng.choice([-1, 1]) * 10.0 ** rng.uniform(-6, -1))
    if d[0] * max(T, t1, t2) > SATURATED:
        return Instance(d, (T, t1, t2), None, None, None, None)
    model = stopped_flows.Model(rng, d)
    stop, first, second = (stopped_flows.clock(model.K, time) for time in (T, t1, t2))
    own = stop(model.labels)
    teacher = model.labels if endless else own
    after = [second(teacher, start) for start in (first(model.labels), own)]
    copied = first(teacher)
    switched = [copied, second(model.labels, copied)]
    to_teacher, level = map(model.measured, after)
    matched = None
    if i % 3 == 1:
        time = -mp.log(1 - to_teacher[0]) / mp.mpf(float(d[0]))
        matched = model.measured(stopped_flows.flow(model.K, model.labels, time))
    to_labels = list(map(model.measured, switched))
    return Instance(d, (T, t1, t2), to_teacher, level, to_labels, matched)


def lead(x, b, *, exponent=None):
    """What is missing along 2, over what the labels' own flow misses at equal progress along 1."""
    q = mp.mpf(float(x.d[1])) / mp.mpf(float(x.d[0])) if exponent is None else exponent
    return (1 - b[1]) / (1 - b[0]) ** q


def side(x, *, sign=1):
    """Behind before T, ahead after T, level at T."""
    T, t1, _ = x.times
    gap = float(lead(x, x.to_teacher) - 1)
    return both(
        less(stopped_flows.ROUNDING, sign * gap * (1 if t1 < T else -1), scale=1.0),
        equal(float(lead(x, x.level) - 1), 0.0, tol=1e-80, scale=1.0),
    )


def by_flow(x):
    """The ratio again, from the run of the labels' own flow at equal progress along 1."""
    if x.matched is None:
        return equal(0.0, 0.0)
    missing = (1 - x.to_teacher[1]) / (1 - x.matched[1])
    return both(
        equal(float(x.to_teacher[0] / x.matched[0] - 1), 0.0, tol=1e-60, scale=1.0),
        equal(float(missing / lead(x, x.to_teacher) - 1), 0.0, tol=1e-40, scale=1.0),
    )


def constant(x, *, exponent=None, sign=1):
    """The ratio of the other order, at the switch and later."""
    before, after = (lead(x, b, exponent=exponent) for b in x.to_labels)
    return both(
        equal(float(after / before - 1), 0.0, tol=1e-40, scale=1.0),
        less(stopped_flows.ROUNDING, float(sign * (after - 1)), scale=1.0),
    )


def library(x):
    T, t1, t2 = x.times
    got = [
        flow.schedule(x.d, [(first, t1), (second, t2)], teacher_time=T)[-1]
        for first, second in (("labels", "teacher"), ("teacher", "labels"))
    ]
    exact = [x.to_teacher, x.to_labels[1]]
    return equal(got, [stopped_flows.floats(b) for b in exact], tol=1e-14, scale=1.0)


def kept(part):
    return lambda x: None if x.to_teacher is None else part(x)


@kept
def statement(x):
    return both(side(x), by_flow(x), constant(x), library(x))


def few(**changes):
    """Draw 90 instances for a mutant; the others count as saturated."""
    skipped = Instance(np.ones(2), (), None, None, None, None)
    return lambda rng, i: draw(rng, i, **changes) if i < 90 else skipped


RESULT = Result(
    label="prp-switch-side",
    assumptions=(
        "d_1 > d_2 > 0",
        "flow of ||f(X) - target||^2 / 2 from f = 0, the model is kept when the target changes",
        "teacher, both phases: finite times > 0",
        "equal progress along direction 1",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "the sides exchanged": Mutant(kept(lambda x: side(x, sign=-1))),
        "the stronger direction bends": Mutant(
            kept(side), draw=few(d=lambda rng, i: eigenvalues(rng, i)[::-1])
        ),
        "equal eigenvalues": Mutant(kept(side), draw=few(d=equal_eigenvalues)),
        "d_2 = 0": Mutant(kept(side), draw=few(d=empty_direction)),
        "a teacher that never stops": Mutant(kept(side), draw=few(endless=True)),
        "the other order, with a teacher that never stops": Mutant(
            kept(constant), draw=few(endless=True)
        ),
        "ratio with the exponent q": Mutant(
            kept(lambda x: constant(x, exponent=mp.mpf(float(x.d[0])) / mp.mpf(float(x.d[1]))))
        ),
        "ratio without the exponent": Mutant(
            kept(lambda x: constant(x, exponent=mp.mpf(1)))
        ),
        "ratio below 1": Mutant(kept(lambda x: constant(x, sign=-1))),
    },
    instances=260,
)  # fmt: skip
test_holds, test_mutants_fail = RESULT.tests()
