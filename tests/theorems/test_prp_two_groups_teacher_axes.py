"""The same model on the axes of the deviation plot: margins on the class that the teacher predicts.

Statement: let a* = (1 - 2 rho)/(2 (1 - rho)) and 0 < a, b < 1. On clean points the teacher predicts
the given label; on flipped points it does so exactly if a > a*. Measured on the teacher's class,
the slope between the two groups is (1 - a b)/(1 - a) > 1 if a > a*, and b < 1 if a < a*. For
a > a* > a b the student is back at the clean label on flipped points; for a < a* it is more
confident there than its teacher, and less on clean points.

Saturated instances, with a within 1e-6 of a*, are skipped.
"""

import numpy as np

from distill_lib.kernel import deviations
from tests.theorems import two_group_runs
from tests.theorems.ledger import Mutant, Result, both, equal, less


def near_threshold(rng, i, rho):
    """Every third teacher is within a factor of two of the threshold, on either side."""
    a, b = two_group_runs.draw_progress(rng, i)
    if i % 3 == 0:
        a = min((1 - 2 * rho) / (2 * (1 - rho)) * 2.0 ** rng.uniform(-1, 1), 0.99)
    return a, b


def draw(rng, i, **changes):
    return two_group_runs.draw(rng, i, progress=near_threshold, **changes)


def more_flipped(rng, i):
    """More than half of the labels are flipped, and the teacher has done little."""
    return two_group_runs.draw(
        rng,
        i,
        progress=lambda rng, i, rho: tuple(rng.uniform(0.02, 0.3, 2)),
        share=lambda n: n // 2 + 1,
    )


def threshold(rho):
    return (1 - 2 * rho) / (2 * (1 - rho))


def agreement(x, *, where=threshold):
    """Whether the teacher predicts the given label, on every point."""
    expected = ~x.flipped | (x.a > where(x.rho))
    return equal(np.sign(x.teacher) == x.labels, expected)


def slope(x, *, axis="teacher", above=None, below=None):
    values = x.margins(axis)
    teacher, student = (v[~x.flipped].mean() - v[x.flipped].mean() for v in values)
    measured = student / teacher
    if x.a > threshold(x.rho):
        wanted = (1 - x.a * x.b) / (1 - x.a) if above is None else above(x.a, x.b)
        side = measured - 1
    else:
        wanted = x.b if below is None else below(x.a, x.b)
        side = 1 - measured
    return both(equal(measured / wanted, 1.0, tol=1e-8), less(0.0, side, scale=1.0))


def sides(x, *, always=False, sign=1):
    """What happens to flipped and clean points, on the axes of the teacher."""
    teacher, student = x.margins("teacher")
    fall = teacher - student
    parts = [less(0.0, fall[~x.flipped], scale=1.0)]
    if x.a < threshold(x.rho):
        parts.append(less(0.0, -sign * fall[x.flipped], scale=1.0))
    elif always or x.a * x.b < threshold(x.rho) - 1e-6:
        parts.append(less(student[x.flipped], 0.0, scale=1.0))
    return both(*parts)


def library(x):
    by_groups = deviations.two_group_margins(x.rho, x.a, x.b, axes="teacher")
    expected = [np.where(x.flipped, group.flipped, group.clean) for group in by_groups]
    line = deviations.fit_line(*x.margins("teacher"))
    return both(
        equal(deviations.two_group_threshold(x.rho), threshold(x.rho), tol=1e-15),
        equal(x.margins("teacher"), expected, tol=1e-10, scale=1.0),
        equal(line.slope / deviations.two_group_slope(x.rho, x.a, x.b), 1.0, tol=1e-8),
    )


def unsaturated(part):
    return lambda x: None if abs(x.a - threshold(x.rho)) < 1e-6 else part(x)


@unsaturated
def statement(x):
    return both(agreement(x), slope(x), sides(x), library(x))


RESULT = Result(
    label="prp-two-groups-teacher-axes",
    assumptions=(
        "the two-group model: 0 < rho < 1/2, strong direction complete, one weak eigenvalue",
        "0 < a < 1 and 0 < b < 1",
        "a different from a*",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "threshold (1 - 2 rho)/2": Mutant(
            unsaturated(lambda x: agreement(x, where=lambda rho: (1 - 2 * rho) / 2))
        ),
        "threshold (1 - 2 rho)/(1 - rho)": Mutant(
            unsaturated(lambda x: agreement(x, where=lambda rho: 2 * threshold(rho)))
        ),
        "slope (1 - a b)/(1 - a) below the threshold too": Mutant(
            unsaturated(lambda x: slope(x, below=lambda a, b: (1 - a * b) / (1 - a)))
        ),
        "slope b above the threshold too": Mutant(
            unsaturated(lambda x: slope(x, above=lambda a, b: b))
        ),
        "rho > 1/2": Mutant(unsaturated(agreement), draw=more_flipped),
        "on the given label": Mutant(unsaturated(lambda x: slope(x, axis="given"))),
        "back at the clean label for every a > a*": Mutant(
            unsaturated(lambda x: sides(x, always=True))
        ),
        "less confident on flipped points for a < a*": Mutant(
            unsaturated(lambda x: sides(x, sign=-1))
        ),
        "strong direction not finished": Mutant(
            unsaturated(slope), draw=lambda r, i: draw(r, i, strong=2.0)
        ),
        "weak directions of different sizes": Mutant(
            unsaturated(slope), draw=lambda r, i: draw(r, i, spread=0.5)
        ),
    },
    instances=300,
)
test_holds, test_mutants_fail = RESULT.tests()
