"""Stopped flows and descents: against an ODE solver, explicit steps, and 60-digit arithmetic."""

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.optimize import minimize_scalar

from distill_lib.kernel import Spectrum, filters, flow
from distill_lib.kernel.flow import Phase

mp = mpmath.MPContext()
mp.dps = 60

WIDE = np.array([1e6, 30.0, 1.0, 1.0, 1e-3, 1e-6, 0.0])


@pytest.fixture
def problem():
    rng = np.random.default_rng(5)
    A = rng.standard_normal((5, 4))
    K = A @ A.T / 3  # one zero eigenvalue
    return K, Spectrum.from_gram(K), rng.standard_normal(5)


def solve(K, targets, time, start=None):
    """Fitted values of the flow f' = -K (f - targets), from an ODE solver."""
    start = np.zeros(len(K)) if start is None else start
    if time == 0:
        return start
    run = solve_ivp(
        lambda _, f: -K @ (f - targets), (0, time), start, method="DOP853", rtol=1e-11, atol=1e-12
    )
    return run.y[:, -1]


def descend(K, targets, step, steps, start=None):
    """Fitted values after explicit gradient steps."""
    f = np.zeros(len(K)) if start is None else start
    for _ in range(steps):
        f = f - step * K @ (f - targets)
    return f


PHASES = [
    Phase("labels", 0.4),
    Phase("teacher", 1.3),
    Phase(0.3, 0.7),
    Phase("labels", 0.0),
    Phase("labels", 0.2),
]


def mixed(target, y, teacher):
    return {"labels": y, "teacher": teacher}.get(target, 0.3 * y + 0.7 * teacher)


# ------------------------------------------------------------------------------- schedules


def test_schedule_is_the_ode(problem):
    K, spectrum, y = problem
    teacher = solve(K, y, 0.9)
    values, expected = np.zeros(5), []
    for target, time in PHASES:
        values = solve(K, mixed(target, y, teacher), time, values)
        expected.append(values)
    b = flow.schedule(spectrum.eigenvalues, PHASES, teacher_time=0.9)
    np.testing.assert_allclose(spectrum.apply(b, y), expected, rtol=0, atol=1e-8)


def test_a_teacher_as_a_filter_and_a_start(problem):
    K, spectrum, y = problem
    d = spectrum.eigenvalues
    teacher, start = filters.ridge(d, 0.5), filters.distilled(d, 0.1, 3)
    b = flow.schedule(d, [("teacher", 0.8)], teacher=teacher, start=start)[0]
    got = solve(K, spectrum.apply(teacher, y), 0.8, spectrum.apply(start, y))
    np.testing.assert_allclose(spectrum.apply(b, y), got, rtol=0, atol=1e-8)


def test_path_is_the_schedule_of_what_has_passed():
    d, times = WIDE, np.array([0.0, 0.1, 0.4, 1.0, 1.7, 2.4, 2.5, 2.6, 50.0])
    path = flow.schedule_path(d, PHASES, times, teacher_time=0.9)
    ends = flow.schedule(d, PHASES, teacher_time=0.9)
    np.testing.assert_array_equal(path[0], 0)
    np.testing.assert_allclose(path[1], filters.gradient_flow(d, 0.1), rtol=1e-14)
    np.testing.assert_allclose(path[[2, 4, 5]], ends[[0, 1, 2]], rtol=1e-13)
    cut = [PHASES[0], Phase("teacher", 0.6)]
    np.testing.assert_allclose(path[3], flow.schedule(d, cut, teacher_time=0.9)[-1], rtol=1e-13)
    np.testing.assert_allclose(path[-2:], [ends[-1]] * 2, rtol=1e-13)  # it rests at the end


def test_path_through_a_phase_without_end():
    phases = [Phase("teacher", np.inf), Phase("labels", 1.0)]
    path = flow.schedule_path(WIDE, phases, [0.5, 1e9], teacher_time=2.0)
    np.testing.assert_allclose(path[0], filters.distilled_flow(WIDE, 2.0, 0.5), rtol=1e-14)
    np.testing.assert_allclose(path[1], filters.distilled_flow(WIDE, 2.0, 1e9), rtol=1e-14)


def test_switching_to_distillation_returns_to_the_teacher():
    d, T, t1, t2 = WIDE, 0.7, 0.3, 0.5
    a = filters.gradient_flow(d, T)
    b = flow.schedule(d, [("labels", t1), ("teacher", t2)], teacher_time=T)[-1]
    formula = a + (1 - np.exp(-d * t1) - a) * np.exp(-d * t2)
    np.testing.assert_allclose(b, formula, rtol=0, atol=2e-16)
    end = flow.schedule(d, [("labels", t1), ("teacher", np.inf)], teacher_time=T)[-1]
    np.testing.assert_array_equal(end, a)


def test_switching_to_labels_undoes_the_regularization():
    d, T, t1, t2 = WIDE, 0.7, 0.3, 0.5
    b = flow.schedule(d, [("teacher", t1), ("labels", t2)], teacher_time=T)[-1]
    formula = 1 - np.exp(-d * t2) * (1 - filters.distilled_flow(d, T, t1))
    np.testing.assert_allclose(b, formula, rtol=0, atol=2e-16)
    end = flow.schedule(d, [("teacher", t1), ("labels", np.inf)], teacher_time=T)[-1]
    np.testing.assert_array_equal(end, d > 0)


def test_student_trained_to_convergence_is_its_teacher():
    teacher = filters.gradient_flow(WIDE, 3.0)
    student = flow.schedule(WIDE, [("teacher", np.inf)], teacher_time=3.0)[-1]
    np.testing.assert_array_equal(student, teacher)
    late = flow.schedule(WIDE[WIDE > 0], [("teacher", 1e8)], teacher_time=3.0)[-1]
    np.testing.assert_allclose(late, teacher[WIDE > 0], rtol=1e-15)


def test_a_teacher_without_end_is_the_labels():
    phases = [("teacher", 0.5)]
    b = flow.schedule(WIDE, phases, teacher_time=np.inf)
    np.testing.assert_array_equal(b, flow.schedule(WIDE, [("labels", 0.5)]))
    np.testing.assert_array_equal(flow.schedule(WIDE, phases, teacher_time=0), 0 * b)


def test_schedule_keeps_its_digits_over_twelve_decades():
    d, tiny = np.array([1e6, 1.0, 1e-6]), 1e-9
    phases = [("labels", tiny), ("teacher", tiny), (0.25, tiny)]
    got = flow.schedule(d, phases, teacher_time=1e-3)[-1]
    for j, dj in enumerate(map(mp.mpf, d)):
        b, teacher = mp.mpf(0), -mp.expm1(-mp.mpf(1e-3) * dj)
        for weight in (mp.mpf(1), mp.mpf(0), mp.mpf(0.25)):
            target = weight + (1 - weight) * teacher
            b = target + (b - target) * mp.exp(-mp.mpf(tiny) * dj)
        assert got[j] == pytest.approx(float(b), rel=1e-13)


def test_one_eigenvalue_and_none_positive():
    assert flow.schedule([2.0], [("labels", 1.0)]).shape == (1, 1)
    start = np.array([0.5])
    kept = flow.schedule([0.0], [("labels", np.inf), ("labels", 3.0)], start=start)
    np.testing.assert_array_equal(kept, [[0.5], [0.5]])


@pytest.mark.parametrize("share", [0.6, 1.0, 1.7])  # of 1 / d_max: smooth, one step, oscillating
def test_descent_schedule_is_step_by_step_descent(problem, share):
    K, spectrum, y = problem
    d = spectrum.eigenvalues
    step = share / d[0]
    phases = [Phase("labels", 3), Phase("teacher", 4), Phase(0.3, 1), Phase("labels", 0)]
    teacher = descend(K, y, step, 5)
    values, expected = np.zeros(5), []
    for target, steps in phases:
        values = descend(K, mixed(target, y, teacher), step, steps, values)
        expected.append(values)
    run = flow.descent_schedule(d, step, phases, teacher_steps=5)
    np.testing.assert_allclose(spectrum.apply(run.filters, y), expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(run.oscillating, step * d > 1)
    assert run.oscillating.any() == (share > 1)


def test_descent_to_convergence():
    run = flow.descent_schedule(
        [1.5, 0.5, 0.0], 1.0, [("labels", 2), ("teacher", np.inf)], teacher_steps=3
    )
    teacher = filters.gradient_descent([1.5, 0.5, 0.0], 1.0, 3)
    np.testing.assert_array_equal(run.filters[-1], teacher)
    endless = flow.descent_schedule([1.5, 0.0], 1.0, [("teacher", 1)], teacher_steps=np.inf)
    np.testing.assert_array_equal(endless.filters, [[1.5, 0.0]])


def test_many_small_steps_are_the_flow():
    d, step = np.array([3.0, 1e-4]), 1e-7
    run = flow.descent_schedule(d, step, [("labels", 10**7), (0.5, 10**6)], teacher_steps=10**6)
    limit = flow.schedule(d, [("labels", 1.0), (0.5, 0.1)], teacher_time=0.1)
    np.testing.assert_allclose(run.filters, limit, rtol=1e-6)
    x, b = mp.mpf(1e-7) * mp.mpf(1e-4), mp.mpf(0)
    teacher = 1 - (1 - x) ** 10**6
    for weight, steps in ((mp.mpf(1), 10**7), (mp.mpf("0.5"), 10**6)):
        target = weight + (1 - weight) * teacher
        b = target + (b - target) * (1 - x) ** steps
    assert run.filters[-1, 1] == pytest.approx(float(b), rel=1e-12)


# ----------------------------------------------------------------------------- generations


def test_generations_are_flows_on_fitted_values(problem):
    K, spectrum, y = problem
    times, values, expected = [0.8, 0.3, 2.0], y, []
    for time in times:
        values = solve(K, values, time)
        expected.append(values)
    b = flow.generations(spectrum.eigenvalues, times)
    np.testing.assert_allclose(spectrum.apply(b, y), expected, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(b[1], filters.distilled_flow(spectrum.eigenvalues, 0.8, 0.3))


def test_generations_without_end_change_nothing():
    b = flow.generations(WIDE, [np.inf, 0.5, np.inf])
    np.testing.assert_array_equal(b, [WIDE > 0, b[1], b[1]])
    np.testing.assert_array_equal(b[1], filters.gradient_flow(WIDE, 0.5))
    np.testing.assert_array_equal(flow.generations(WIDE, [1.0, 0.0])[1], 0)


def test_descent_generations_are_descents_on_fitted_values(problem):
    K, spectrum, y = problem
    step = 1.6 / spectrum.eigenvalues[0]
    values, expected = y, []
    for steps in (4, 1, 7):
        values = descend(K, values, step, steps)
        expected.append(values)
    run = flow.descent_generations(spectrum.eigenvalues, step, [4, 1, 7])
    np.testing.assert_allclose(spectrum.apply(run.filters, y), expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(run.oscillating, step * spectrum.eigenvalues > 1)


def test_oscillating_steps_break_the_theorem():
    teacher = flow.descent_generations([1.5, 1.2], 1.0, [3])
    student = flow.descent_generations([1.5, 1.2], 1.0, [1, 2])
    assert teacher.oscillating.all()
    np.testing.assert_allclose(teacher.filters[-1], [1.125, 1.008], rtol=1e-14)
    np.testing.assert_allclose(student.filters[-1], [1.125, 1.152], rtol=1e-14)


# ------------------------------------------------------------------------ matched progress


def exact_matching(d, teacher_time, time):
    d, time = mp.mpf(d), mp.mpf(time)
    whole = mp.mpf(1) if np.isinf(teacher_time) else -mp.expm1(-d * mp.mpf(teacher_time))
    return -mp.log1p(mp.expm1(-d * time) / whole) / d


@pytest.mark.parametrize("d", [1e-300, 1e-12, 0.3, 1.0, 7.0, 1e12])
@pytest.mark.parametrize("scale", [1e-25, 1e-12, 1e-6, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize("share", [1e-200, 1e-9, 0.3, 0.5, 0.7, 1 - 1e-9, 1 - 2**-53])
def test_student_time_to_twelve_digits(d, scale, share):
    teacher_time = scale / d
    time = teacher_time * share
    if time == 0:
        pytest.skip("below the smallest number")
    exact = exact_matching(d, teacher_time, time)
    assert flow.student_time_matching(d, teacher_time, time) == pytest.approx(
        float(exact), rel=1e-12, abs=0
    )


def test_student_time_of_an_endless_teacher_is_the_time():
    times = np.array([1e-30, 1e-5, 1.0, 40.0, 1e5, 1e300])
    got = flow.student_time_matching(2.0, np.inf, times)
    np.testing.assert_allclose(got, times, rtol=1e-14)
    far = flow.student_time_matching(1e200, [np.inf, 3e200], 1e200)  # products overflow
    np.testing.assert_allclose(far, 1e200, rtol=1e-14)


def test_student_time_matches_progress_on_a_grid():
    d, T, t = np.array([[0.5], [2.0]]), 1.5, np.array([0.1, 1.0, 1.4])
    found = flow.student_time_matching(d, T, t)
    assert found.shape == (2, 3)
    np.testing.assert_allclose(
        filters.distilled_flow(d, T, found), filters.gradient_flow(d, t), rtol=1e-13
    )
    assert (found > t).all()  # the student is later


def test_at_matched_progress_the_student_is_behind_in_the_weaker_direction():
    found = flow.student_time_matching(2.0, 1.5, 1.0)
    assert filters.distilled_flow(0.5, 1.5, found) < filters.gradient_flow(0.5, 1.0) - 0.02


def test_student_steps_to_twelve_digits():
    rng = np.random.default_rng(2)
    for _ in range(100):
        step, d = 10.0 ** rng.uniform(-8, 0), 10.0 ** rng.uniform(-3, 0) * 0.999
        teacher = 10.0 ** rng.uniform(-2, 2) / (step * d)
        steps = teacher * rng.uniform(1e-6, 1 - 1e-9)
        left = 1 - mp.mpf(step * d)
        progress = (1 - left ** mp.mpf(steps)) / (1 - left ** mp.mpf(teacher))
        exact = mp.log1p(-progress) / mp.log(left)
        got = flow.student_steps_matching(d, step, teacher, steps)
        assert got == pytest.approx(float(exact), rel=1e-12)


def test_student_steps_with_a_whole_number():
    # 1 - (1/2)^3 = 7/8 and 1 - (1/2)^1 = 1/2: progress 7/16 and one student step.
    wanted = np.log2(16 / 9)
    got = flow.student_steps_matching(0.5, 1.0, teacher_steps=3, steps=wanted)
    assert got == pytest.approx(1.0, rel=1e-13)
    assert flow.student_steps_matching(0.5, 1.0, np.inf, 4) == pytest.approx(4, rel=1e-14)


def test_second_progress_is_the_path_of_every_teacher():
    t = np.array([1e-12, 1e-3, 0.5, 3.0])
    got = flow.second_progress(filters.gradient_flow(5.0, t), ratio=2.5)
    np.testing.assert_allclose(got, filters.gradient_flow(2.0, t), rtol=1e-9)
    assert flow.second_progress(1e-200, 4.0) == pytest.approx(2.5e-201, rel=1e-12)
    np.testing.assert_array_equal(flow.second_progress([0.0, 1.0], 3.0), [0, 1])
    assert flow.second_progress(0.3, 1.0) == pytest.approx(0.3, rel=1e-15)


# ---------------------------------------------------------------------------- flow and ridge


def test_worst_risk_ratio_is_the_supremum():
    def ratio(x):
        return (-np.expm1(-x) * (1 + x) / x) ** 2

    worst, x = flow.worst_risk_ratio(return_time=True)
    found = minimize_scalar(lambda x: -ratio(x), bounds=(0.1, 10), method="bounded")
    assert worst == pytest.approx(-found.fun, rel=1e-12)
    assert worst == pytest.approx(ratio(x), rel=1e-14)
    assert (ratio(np.geomspace(1e-9, 1e9, 200_001)) <= worst * (1 + 1e-15)).all()
    assert round(worst, 4) == 1.6859
    assert round(x, 4) == 1.7933
    assert flow.worst_risk_ratio() == worst


def test_flow_and_ridge_risks_are_the_trace_formulas(problem):
    K, spectrum, truth = problem
    times = np.array([0.2, 3.0])
    got = flow.flow_ridge_risks(spectrum.eigenvalues, spectrum.expand(truth), 0.4, times)
    for k, time in enumerate(times):
        flowed = np.eye(5) - expm(-time * K)
        ridged = np.linalg.solve(K + np.eye(5) / time, K)
        for part, S in ((got.flow, flowed), (got.ridge, ridged)):
            assert part.bias[k] == pytest.approx(((truth - S @ truth) ** 2).sum(), rel=1e-10)
            assert part.variance[k] == pytest.approx(0.16 * np.trace(S @ S.T), rel=1e-10)


def test_flow_has_less_bias_and_at_most_the_worst_ratio_of_risk():
    rng = np.random.default_rng(4)
    for _ in range(50):
        d, theta = 10.0 ** rng.uniform(-3, 3, 8), rng.standard_normal(8)
        both = flow.flow_ridge_risks(d, theta, 10 ** rng.uniform(-2, 1), np.geomspace(1e-4, 1e4, 9))
        assert (both.flow.bias <= both.ridge.bias).all()
        assert (both.flow.variance >= both.ridge.variance).all()
        assert (both.flow.risk <= flow.worst_risk_ratio() * both.ridge.risk).all()


@pytest.mark.parametrize("rounds", [1, 2, 9])
@pytest.mark.parametrize("share", [1e-9, 0.1, 0.5, 0.9, 1 - 1e-9])
def test_matched_strengths_have_the_error(rounds, share):
    d, z = 1.0 / np.arange(1, 9) ** 3, np.random.default_rng(1).standard_normal(8)
    d[-1] = 0.0
    floor, top = z[-1] ** 2 / 8, (z**2).mean()
    error = floor + share * (top - floor)
    found = flow.matched_strengths(d, z, error, rounds=rounds)
    for b in (found.ridge, found.flow, found.refits):
        assert ((1 - b) ** 2 * z**2).mean() == pytest.approx(error, rel=1e-10)
        reached = ((1 - b) ** 2 * z**2)[:-1].mean() * 7 / 8  # what a filter can change
        assert reached == pytest.approx(error - floor, rel=1e-5)
        explained = (b * (2 - b) * z**2).mean()
        assert explained == pytest.approx(top - error, rel=1e-5)
    np.testing.assert_array_equal(found.ridge, filters.ridge(d, found.lam))
    np.testing.assert_array_equal(found.flow, filters.gradient_flow(d, found.time))
    np.testing.assert_array_equal(found.refits, filters.distilled(d, found.refit_lam, rounds))
    if rounds == 1:
        assert found.refit_lam == pytest.approx(found.lam, rel=1e-10)
    else:
        assert found.refit_lam < found.lam


def test_matched_strengths_of_one_direction():
    found = flow.matched_strengths([4.0], [3.0], 9 * 0.25**2, rounds=2)  # filter 3/4
    assert found.lam == pytest.approx(4 / 3, rel=1e-12)
    assert found.time == pytest.approx(np.log(4) / 4, rel=1e-12)
    assert found.refit_lam == pytest.approx(4 * (np.sqrt(4 / 3) - 1), rel=1e-12)


# -------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: flow.schedule([-1.0], PHASES), "d must be >= 0"),
        (lambda: flow.schedule(1.0, PHASES), r"d must be 1-dimensional, got shape \(\)"),
        (lambda: flow.schedule([1.0], []), "phases is empty"),
        (lambda: flow.schedule([1.0], [("teacher", 1.0)]), r"phases\[0\] fits a teacher"),
        (lambda: flow.schedule([1.0], [("labels", 1), (0.5, 1)]), r"phases\[1\] fits a teacher"),
        (lambda: flow.schedule([1.0], [("labels", -1.0)]), r"phases\[0\].duration must be >= 0"),
        (lambda: flow.schedule([1.0], [("labels", np.nan)]), "duration contains nan"),
        (lambda: flow.schedule([1.0], [("labels", [1.0, 2])]), "duration must be one number"),
        (lambda: flow.schedule([1.0], [(1.5, 1)]), r"phases\[0\].target must lie in \[0, 1\]"),
        (lambda: flow.schedule([1.0], [(np.nan, 1)]), "target contains nan"),
        (
            lambda: flow.schedule([1.0], PHASES, teacher=[0.5], teacher_time=1.0),
            "pass either teacher or teacher_time",
        ),
        (lambda: flow.schedule([1.0], PHASES, teacher=[0.5, 1]), r"teacher must have shape \(1,\)"),
        (lambda: flow.schedule([1.0], PHASES, teacher_time=-1.0), "teacher_time must be >= 0"),
        (lambda: flow.schedule([1.0], [("labels", 1)], start=0.5), r"start must have shape \(1,\)"),
        (lambda: flow.schedule_path([1.0], [("labels", 1)], [-1.0]), "times must be >= 0"),
        (lambda: flow.schedule_path([1.0], [("labels", 1)], [np.inf]), "times contains inf"),
        (lambda: flow.schedule_path([1.0], [("labels", 1)], 1.0), "times must be 1-dimensional"),
        (lambda: flow.descent_schedule([2.0], 1.0, [("labels", 1)]), "step \\* d must be < 2"),
        (lambda: flow.descent_schedule([2.0], 1.0, [("labels", np.inf)]), "must be < 2"),
        (
            lambda: flow.descent_schedule([1.0], [0.5, 1], [("labels", 1)]),
            "step must be one number",
        ),
        (lambda: flow.descent_schedule([1.0], 1.0, [("labels", -1)]), "duration must be >= 0"),
        (lambda: flow.descent_schedule([1.0], 1.0, [("teacher", 1)]), "fits a teacher"),
        (lambda: flow.generations([1.0], 1.0), "times must be 1-dimensional"),
        (lambda: flow.generations([1.0], [-1.0]), "times must be >= 0"),
        (lambda: flow.generations([1.0], [np.nan]), "times contains nan"),
        (lambda: flow.generations([1.0], [-np.inf]), "times contains -inf"),
        (lambda: flow.generations([1.0], []), "times is empty"),
        (lambda: flow.descent_generations([1.0], 1.0, [-1]), "steps must be >= 0"),
        (lambda: flow.descent_generations([1.0], 1.0, 3), "steps must be 1-dimensional"),
        (lambda: flow.descent_generations([1.0], 2.0, [3]), "must be < 2"),
        (lambda: flow.student_time_matching(0.0, 1.0, 0.5), "d_top must be > 0"),
        (lambda: flow.student_time_matching(1.0, 1.0, 0.0), "time must be > 0"),
        (
            lambda: flow.student_time_matching(1.0, [2.0, 1.0], 1.5),
            "time must be < teacher_time, since the student never gets past its teacher; "
            r"got 1.5 and 1.0",
        ),
        (lambda: flow.student_time_matching(1.0, 1.0, 1.0), "never gets past its teacher"),
        (lambda: flow.student_steps_matching(2.0, 0.5, 3, 1), "step \\* d_top must be < 1"),
        (lambda: flow.student_steps_matching(1.0, 0.5, 3, 3), "steps must be < teacher_steps"),
        (lambda: flow.second_progress(1.5, 2.0), r"p must lie in \[0, 1\]"),
        (lambda: flow.second_progress(0.5, 0.5), "ratio must be >= 1, got 0.5"),
        (lambda: flow.flow_ridge_risks([1.0], [1.0], 1.0, 0.0), "times must be > 0"),
        (lambda: flow.flow_ridge_risks([1.0], [1.0], 1.0, 1e-320), "times must have a finite"),
        (lambda: flow.flow_ridge_risks([1.0, 2], [1.0], 1.0, 1.0), "b must have shape"),
        (
            lambda: flow.matched_strengths([1.0], [1.0], 1.0, rounds=2),
            "must lie between 0 ",
        ),
        (lambda: flow.matched_strengths([1.0, 0], [1.0, 1], 0.5, rounds=2), "between 0.5 .* and 1"),
        (lambda: flow.matched_strengths([0.0], [1.0], 0.5, rounds=2), "between 1 .* and 1"),
        (lambda: flow.matched_strengths([1.0], [1.0, 2], 0.5, rounds=2), r"z must have shape \(1,"),
        (lambda: flow.matched_strengths([1.0], [1.0], 0.0, rounds=2), "training_error must be > 0"),
        (lambda: flow.matched_strengths([1.0], [1.0], 0.5, rounds=0), "rounds must be >= 1"),
    ],
)
def test_refuses_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: flow.schedule([1.0], ["labels"]), r"phases\[0\] must be \(target, duration\)"),
        (lambda: flow.schedule([1.0], [("label", 1)]), r"phases\[0\].target must be 'labels'"),
        (lambda: flow.schedule([1.0], [(None, 1)]), "target must be 'labels'"),
        (lambda: flow.schedule([1.0], [(True, 1)]), "target must be"),
        (lambda: flow.schedule([1.0], [("labels", "1")]), "duration must be"),
        (lambda: flow.descent_schedule([1.0], 1.0, [("labels", 1.5)]), "whole number"),
        (lambda: flow.descent_schedule([1.0], 1.0, [("labels", 1.0)]), "whole number"),
        (
            lambda: flow.descent_schedule([1.0], 1.0, [("teacher", 1)], teacher_steps=1.5),
            "teacher_steps must be a whole number",
        ),
        (lambda: flow.descent_generations([1.0], 1.0, [1.5]), "steps must be a whole number"),
        (lambda: flow.matched_strengths([1.0], [1.0], 0.5, rounds=1.5), "rounds must be a whole"),
    ],
)
def test_refuses_other_types(call, message):
    with pytest.raises(TypeError, match=message):
        call()
