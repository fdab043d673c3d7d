"""Deviation plots and the two-group model: against direct solves, sampled groups, known cases."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import expit, logit, softmax

from distill_lib.kernel import deviations


def progress(time):
    return 1 - np.exp(-time)


# ------------------------------------------------------------------------- the deviation plot


def test_identity_student_lies_on_the_diagonal():
    p = softmax(np.random.default_rng(0).standard_normal((50, 7)), axis=1)
    points = deviations.confidence_logits(p, p)
    np.testing.assert_array_equal(points.teacher, points.student)
    np.testing.assert_allclose(points.teacher, logit(p.max(1)), rtol=1e-12)
    line = deviations.fit_line(*points)
    np.testing.assert_allclose(line, (1, 0), rtol=0, atol=1e-13)


@pytest.mark.parametrize("sharpening", [0.25, 1.0, 3.0])
def test_sharpened_binary_student_has_its_factor_as_slope(sharpening):
    z = np.random.default_rng(1).uniform(-3, 3, 40)
    teacher = np.column_stack([expit(z), expit(-z)])
    student = np.column_stack([expit(sharpening * z), expit(-sharpening * z)])
    line = deviations.fit_line(*deviations.confidence_logits(teacher, student))
    np.testing.assert_allclose(line, (sharpening, 0), rtol=0, atol=1e-12)


def test_the_class_is_the_teachers():
    teacher, student = [[0.2, 0.5, 0.3]], [[0.7, 0.1, 0.2]]
    points = deviations.confidence_logits(teacher, student)
    np.testing.assert_allclose(points, [[0.0], [np.log(1 / 9)]], atol=1e-15)
    tie = deviations.confidence_logits([[0.5, 0.5]], [[0.8, 0.2]])
    assert tie.student[0] == pytest.approx(np.log(4))  # the first of equals


def test_single_precision_and_clipping():
    logits = np.random.default_rng(2).standard_normal((30, 1000)).astype(np.float32)
    p = softmax(logits, axis=1)
    assert p.dtype == np.float32
    assert deviations.confidence_logits(p, p).teacher.dtype == np.float64
    certain = np.array([[1.0, 0.0]], dtype=np.float32)
    top = deviations.confidence_logits(certain, certain[:, ::-1])
    np.testing.assert_allclose(top, [[logit(1 - 1e-6)], [logit(1e-6)]], rtol=1e-12)
    loose = deviations.confidence_logits(certain, certain, clip=0.01)
    assert loose.teacher[0] == pytest.approx(np.log(99))


def test_line_is_least_squares():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 25))
    np.testing.assert_allclose(deviations.fit_line(x, y), np.polyfit(x, y, 1), rtol=1e-10)
    assert deviations.fit_line(1e8 + x, y).slope == pytest.approx(np.polyfit(x, y, 1)[0], rel=1e-6)


# -------------------------------------------------------------------------- the two-group model


def dense_margins(rho, a, b, n=20):
    """Build the model as a matrix: the strong direction in full, all others with progress c."""
    s = np.where(np.arange(n) % 2, 1.0, -1.0)
    flipped = np.arange(n) < round(rho * n)
    y = np.where(flipped, -s, s)
    P = np.outer(s, s) / n
    teacher = (P + a * (np.eye(n) - P)) @ y
    student = (P + b * (np.eye(n) - P)) @ teacher
    return y, flipped, teacher, student


@pytest.mark.parametrize("rho", [0.05, 0.2, 0.45])
@pytest.mark.parametrize(("a", "b"), [(0.2, 0.7), (0.8, 0.3), (1.0, 0.5), (0.6, 1.0), (0.0, 0.0)])
def test_margins_are_those_of_the_matrix_model(rho, a, b):
    y, flipped, teacher, student = dense_margins(rho, a, b)
    for axes, axis in (("given", y), ("teacher", np.sign(teacher))):
        got = deviations.two_group_margins(rho, a, b, axes=axes)
        for groups, fit in zip(got, (teacher, student), strict=True):
            np.testing.assert_allclose((axis * fit)[~flipped], groups.clean, atol=1e-14)
            np.testing.assert_allclose((axis * fit)[flipped], groups.flipped, atol=1e-14)


@pytest.mark.parametrize("rho", [0.05, 0.2, 0.45])
@pytest.mark.parametrize(("a", "b"), [(0.03, 0.5), (0.2, 0.7), (0.8, 0.3), (0.999, 0.5)])
def test_slope_is_that_of_the_line_through_the_groups(rho, a, b):
    teacher, student = deviations.two_group_margins(rho, a, b, axes="teacher")
    line = deviations.fit_line(list(teacher), list(student))
    assert deviations.two_group_slope(rho, a, b) == pytest.approx(line.slope, rel=1e-9)


def test_slopes_of_five_students():
    x = np.array([[0.2, 0.2], [0.2, 1], [0.4, 0.4], [1, 1], [2, 1]])
    a, b = progress(x.T)
    got = deviations.two_group_slope(0.2, a, b)
    assert (np.sign(got - 1) == [-1, -1, -1, 1, 1]).all()
    np.testing.assert_allclose(got[:3], b[:3], rtol=1e-15)
    np.testing.assert_allclose(got[3:], [1.632, 3.350], atol=5e-4)


def test_threshold_is_where_the_flipped_margin_vanishes():
    rho = np.linspace(0.01, 0.49, 9)
    a = deviations.two_group_threshold(rho)
    np.testing.assert_allclose(
        deviations.two_group_margins(rho, a, 1.0).teacher.flipped, 0, atol=1e-15
    )
    assert deviations.two_group_threshold(0.2) == pytest.approx(0.375, rel=1e-15)


def test_data_is_a_sample_of_the_model():
    data = deviations.two_group_data(400, 4000, 0.2, strong=2.0, rng=np.random.default_rng(0))
    assert data.X.shape == (400, 4001)
    assert data.flipped.sum() == 80
    np.testing.assert_array_equal(data.labels == data.clean, ~data.flipped)
    assert set(data.clean) == {-1.0, 1.0}
    np.testing.assert_array_equal(data.X[:, 0], 2 * data.clean)
    weak = np.linalg.eigvalsh(data.X[:, 1:] @ data.X[:, 1:].T)
    assert abs(weak.mean() - 1) < 0.01
    assert weak.min() > 0.4
    assert weak.max() < 1.8
    again = deviations.two_group_data(400, 4000, 0.2, strong=2.0, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(data.X, again.X)


def test_fits_are_flows_in_weight_space():
    data = deviations.two_group_data(10, 15, 0.2, rng=np.random.default_rng(1))

    def fit(targets, time):
        run = solve_ivp(
            lambda _, w: -data.X.T @ (data.X @ w - targets),
            (0, time),
            np.zeros(16),
            method="DOP853",
            rtol=1e-11,
            atol=1e-12,
        )
        return data.X @ run.y[:, -1]

    teacher = fit(data.labels, 0.7)
    student = fit(teacher, 0.4)
    given = deviations.two_group_fits(data, 0.7, 0.4)
    np.testing.assert_allclose(given, data.labels * [teacher, student], rtol=0, atol=1e-8)
    theirs = deviations.two_group_fits(data, 0.7, 0.4, axes="teacher")
    np.testing.assert_allclose(theirs, np.sign(teacher) * [teacher, student], rtol=0, atol=1e-8)
    endless = deviations.two_group_fits(data, 0.7, np.inf)
    np.testing.assert_allclose(endless.student, endless.teacher, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("T", "t"), [(2.0, 1.0), (1.0, 1.0), (0.2, 0.2), (0.2, 1.0)])
def test_group_means_of_a_sample_are_near_the_prediction(T, t):
    """Group means within 0.08; of the slope only its side of 1: the groups have a spread."""
    data = deviations.two_group_data(400, 4000, 0.2, rng=np.random.default_rng(7))
    a, b = progress(np.array([T, t]))
    for axes in ("given", "teacher"):
        fits = deviations.two_group_fits(data, T, t, axes=axes)
        got = deviations.group_means(fits, data.flipped)
        wanted = deviations.two_group_margins(0.2, a, b, axes=axes)
        np.testing.assert_allclose(got, wanted, rtol=0, atol=0.08)
    slope = deviations.fit_line(*map(list, got)).slope
    assert (slope > 1) == (a > deviations.two_group_threshold(0.2))
    assert deviations.fit_line(*fits).slope > 1 if a > 0.375 else slope < 1


def test_drops_on_the_given_label_have_an_exact_ratio():
    data = deviations.two_group_data(400, 4000, 0.2, rng=np.random.default_rng(7))
    got = deviations.group_means(deviations.two_group_fits(data, 2.0, 2.0), data.flipped)
    wanted = deviations.two_group_margins(0.2, progress(2.0), progress(2.0))
    for teacher, student in (got, wanted):
        ratio = (teacher.flipped - student.flipped) / (teacher.clean - student.clean)
        assert ratio == pytest.approx(4.0, rel=0.1)


def test_group_means():
    got = deviations.group_means(
        deviations.Margins([1.0, 2.0, 6.0], [0.0, 4.0, 8.0]), np.array([False, True, False])
    )
    assert got == ((3.5, 2.0), (4.0, 4.0))


# ------------------------------------------------------------------------- noise of gradients


def test_gradient_noise_is_the_expectation_over_labels():
    rng = np.random.default_rng(5)
    p_star, teacher, p = rng.dirichlet(np.ones(4), (3, 20))
    gap = (p[:, None] - np.eye(4)) - (p - p_star)[:, None]  # (20, label, class)
    expected = (p_star * (gap**2).sum(2)).sum(1)
    got = deviations.gradient_noise(p_star, teacher)
    np.testing.assert_allclose(got.labels, expected, rtol=1e-12)
    np.testing.assert_allclose(
        got.teacher, np.linalg.norm((p - teacher) - (p - p_star), axis=1) ** 2, rtol=1e-12
    )


def test_gradient_noise_at_the_extremes():
    flat, sure = np.full((1, 5), 0.2), np.eye(5)[:1]
    assert deviations.gradient_noise(flat, flat) == (pytest.approx([0.8]), [0.0])
    assert deviations.gradient_noise(sure, flat) == ([0.0], pytest.approx([0.8]))


# -------------------------------------------------------------------------------- refusals

HALF = [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: deviations.confidence_logits([[0.5, 0.6]], HALF), "row of teacher must sum to 1"),
        (lambda: deviations.confidence_logits(HALF, [[0.5, 0.4]]), "row 0 sums to 0.9"),
        (lambda: deviations.confidence_logits([[1.5, -0.5]], HALF), "teacher must hold prob"),
        (lambda: deviations.confidence_logits([[1.0]], [[1.0]]), "at least two classes"),
        (lambda: deviations.confidence_logits([0.5, 0.5], HALF), "teacher must be 2-dimensional"),
        (lambda: deviations.confidence_logits(HALF, HALF * 2), "must have one shape"),
        (lambda: deviations.confidence_logits(HALF, HALF, clip=0.0), "clip must be > 0"),
        (lambda: deviations.confidence_logits(HALF, HALF, clip=0.5), "clip must be < 0.5"),
        (lambda: deviations.confidence_logits([[np.nan, 1]], HALF), "teacher contains nan"),
        (lambda: deviations.fit_line([1.0], [1.0]), "at least two points"),
        (lambda: deviations.fit_line([1.0, 1.0], [1.0, 2.0]), "x is constant"),
        (lambda: deviations.fit_line([0.1 + 0.2, 0.3], [1.0, 2.0]), "x is constant"),
        (lambda: deviations.fit_line([1.0, 2.0], [1.0]), "must have one shape"),
        (lambda: deviations.two_group_threshold(0.0), "rho must be > 0"),
        (lambda: deviations.two_group_threshold(0.5), "rho must be < 0.5"),
        (lambda: deviations.two_group_margins(0.2, 1.1, 0.5), "a must lie in"),
        (lambda: deviations.two_group_margins(0.2, 0.5, -0.1), "b must lie in"),
        (lambda: deviations.two_group_margins(0.2, 0.5, 0.5, axes="x"), "axes must be 'given'"),
        (
            lambda: deviations.two_group_margins(
                0.2, deviations.two_group_threshold(0.2), 0.5, axes="teacher"
            ),
            "a is exactly the threshold",
        ),
        (
            lambda: deviations.two_group_slope(0.2, deviations.two_group_threshold(0.2), 0.5),
            "exactly the threshold",
        ),
        (lambda: deviations.two_group_slope(0.2, [0.5, 1.0], 0.5), "strictly between 0 and 1"),
        (lambda: deviations.two_group_slope(0.2, 0.0, 0.5), "strictly between 0 and 1"),
        (
            lambda: deviations.two_group_data(11, 5, 0.2, rng=np.random.default_rng(0)),
            "rho \\* n must be a whole number of flipped labels, got 2.2",
        ),
        (
            lambda: deviations.two_group_data(10, 0, 0.2, rng=np.random.default_rng(0)),
            "p must be >= 1",
        ),
        (
            lambda: deviations.two_group_data(10, 5, 0.2, strong=0.0, rng=np.random.default_rng(0)),
            "strong must be > 0",
        ),
        (
            lambda: deviations.group_means(deviations.Margins([1.0], [1.0]), [True]),
            "a group is empty",
        ),
        (lambda: deviations.group_means(deviations.Margins([1.0], [1.0]), [0, 1]), "mask of bool"),
        (
            lambda: deviations.group_means(deviations.Margins([1.0], [1.0]), [False, True]),
            r"margins.teacher must have shape \(2,\)",
        ),
        (lambda: deviations.gradient_noise(HALF, [[0.5, 0.4]]), "row of teacher must sum"),
        (lambda: deviations.gradient_noise([[2.0, -1.0]], HALF), "p_star must hold prob"),
    ],
)
def test_refuses_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_refuses_other_types():
    with pytest.raises(TypeError, match="n must be a whole number"):
        deviations.two_group_data(10.0, 5, 0.2, rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator, got int"):
        deviations.two_group_data(10, 5, 0.2, rng=0)
    data = deviations.two_group_data(10, 5, 0.2, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="axes must be"):
        deviations.two_group_fits(data, 1.0, 1.0, axes="clean")
