"""Slopes, fidelity and calibration against other routes and against frequencies."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, log_loss

from distill_lib.deep import deviations
from distill_lib.kernel import deviations as of_the_kernel_wing


def probabilities(rng, n=50, classes=4, scale=2.0):
    return torch.softmax(torch.from_numpy(scale * rng.standard_normal((n, classes))), -1)


def test_the_plot_is_that_of_the_kernel_wing_and_takes_tensors():
    rng = np.random.default_rng(0)
    p, q = probabilities(rng), probabilities(rng)
    expected = of_the_kernel_wing.confidence_logits(p.numpy(), q.numpy())
    found = deviations.confidence_logits(p.requires_grad_(), student=q.requires_grad_())
    assert_array_equal(found, expected)
    line = deviations.fit_line(*(torch.from_numpy(v).requires_grad_() for v in found))
    assert line == of_the_kernel_wing.fit_line(*expected)


# --- slope_interval ------------------------------------------------------------------------------


def test_slope_is_that_of_the_line_and_the_interval_contains_it():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(80)
    y = 1.5 * x + 0.3 * rng.standard_normal(80)
    found = deviations.slope_interval(torch.from_numpy(x), y, rng=np.random.default_rng(1))
    assert_allclose(found.slope, stats.linregress(x, y).slope)
    assert found.low < found.slope < found.high
    again = deviations.slope_interval(x, y, rng=np.random.default_rng(1))
    assert found == again
    assert found != deviations.slope_interval(x, y, rng=np.random.default_rng(2))
    wider = deviations.slope_interval(x, y, level=0.99, rng=np.random.default_rng(1))
    assert wider.low < found.low < found.high < wider.high


def test_interval_agrees_with_scipys_bootstrap():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(60)
    y = 0.7 * x + rng.standard_normal(60) * (1 + np.abs(x))
    found = deviations.slope_interval(x, y, n_bootstrap=4000, level=0.9, rng=rng)
    theirs = stats.bootstrap(
        (x, y),
        lambda x, y: stats.linregress(x, y).slope,
        paired=True,
        vectorized=False,
        n_resamples=4000,
        confidence_level=0.9,
        method="percentile",
        rng=rng,
    ).confidence_interval
    width = theirs.high - theirs.low
    assert_allclose([found.low, found.high], theirs, atol=0.05 * width)


def test_interval_covers_the_true_slope_about_as_often_as_it_says():
    """300 samples of 40 points: 80 % intervals cover between 72 and 86 % of the time."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        x = rng.standard_normal(40)
        y = 1.2 * x + rng.standard_normal(40)
        found = deviations.slope_interval(x, y, n_bootstrap=100, level=0.8, rng=rng)
        covered += found.low <= 1.2 <= found.high
    assert 0.72 < covered / 300 < 0.86


def test_samples_without_a_slope_are_drawn_again():
    x = [0.0, 0.0, 0.0, 0.0, 1.0, 2.0]
    found = deviations.slope_interval(x, x, rng=np.random.default_rng(0))
    assert_allclose(found, (1, 1, 1))


def test_slope_interval_refuses():
    x, rng = np.arange(5.0), np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"level must be < 1, got 1\.0"):
        deviations.slope_interval(x, x, level=1.0, rng=rng)
    with pytest.raises(ValueError, match="level must be > 0"):
        deviations.slope_interval(x, x, level=0.0, rng=rng)
    with pytest.raises(ValueError, match="n_bootstrap must be >= 1"):
        deviations.slope_interval(x, x, n_bootstrap=0, rng=rng)
    with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator, got int"):
        deviations.slope_interval(x, x, rng=0)
    with pytest.raises(ValueError, match="x is constant"):
        deviations.slope_interval(0 * x, x, rng=rng)
    with pytest.raises(ValueError, match="three different values"):
        deviations.slope_interval([0.0, 1.0, 1.0], [0.0, 1.0, 2.0], rng=rng)
    with pytest.raises(ValueError, match="one shape"):
        deviations.slope_interval(x, x[:4], rng=rng)


# --- fidelity ------------------------------------------------------------------------------------


def test_agreement_counts_equal_predictions():
    rng = np.random.default_rng(0)
    p, q = probabilities(rng), probabilities(rng)
    expected = accuracy_score(p.argmax(1), q.argmax(1))
    assert 0 < expected < 1
    assert_allclose(deviations.agreement(p, q), expected)
    assert_allclose(deviations.agreement(p.log(), 3 * q.log()), expected)  # logits do as well
    assert deviations.agreement(p, p) == 1.0
    assert deviations.agreement(p.requires_grad_(), -p) == 0.0


def test_mean_kl_is_cross_entropy_minus_entropy():
    rng = np.random.default_rng(0)
    for classes in (2, 5):
        p, q = probabilities(rng, classes=classes), probabilities(rng, classes=classes)
        expected = stats.entropy(p.numpy(), q.numpy(), axis=1).mean()
        got = deviations.mean_kl(p, q)
        assert_allclose(got, expected)
        assert abs(got - deviations.mean_kl(q, p)) > 1e-3  # the teacher comes first
        assert_allclose(deviations.mean_kl(p, p), 0, atol=1e-15)
        by_torch = torch.nn.functional.kl_div(q.log(), p, reduction="batchmean")
        assert_allclose(got, by_torch)
    labels = rng.integers(5, size=50)
    one_hot = np.eye(5)[labels]
    assert_allclose(deviations.mean_kl(one_hot, q), log_loss(labels, q.numpy()))


def test_mean_kl_refuses_what_is_infinite_and_clips_on_request():
    p, q = np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match=r"class 0 at point 0, where p gives 0\.5: .* infinite"):
        deviations.mean_kl(p, q)
    assert_allclose(deviations.mean_kl(q, p), math.log(2) / 2)
    c = 0.01
    r = np.array([c, 1.0]) / (1 + c)
    expected = (stats.entropy([0.5, 0.5], r) + stats.entropy([0, 1], r)) / 2
    assert_allclose(deviations.mean_kl(p, q, clip=c), expected)
    for clip in (0.0, 0.5):
        with pytest.raises(ValueError, match="clip must be"):
            deviations.mean_kl(p, q, clip=clip)


@pytest.mark.parametrize("name", ["agreement", "mean_kl"])
def test_fidelity_refuses(name):
    p = np.full((3, 2), 0.5)
    measure = getattr(deviations, name)
    with pytest.raises(ValueError, match="p and q must have one shape"):
        measure(p, p[:2])
    with pytest.raises(ValueError, match="at least two classes"):
        measure(np.ones((3, 1)), p)
    with pytest.raises(ValueError, match="q contains nan"):
        measure(p, p * np.nan)


def test_probabilities_are_checked():
    p = np.full((3, 2), 0.5)
    with pytest.raises(ValueError, match=r"each row of q must sum to 1, row 0 sums to 1\.2"):
        deviations.mean_kl(p, p + 0.1)
    with pytest.raises(ValueError, match="p must hold probabilities >= 0"):
        deviations.calibration_error([[1.5, -0.5]], [0])
    single = torch.softmax(30 * torch.randn(2000, 100), -1)  # rounding of single precision passes
    assert deviations.mean_kl(single, single) == 0


# --- calibration ---------------------------------------------------------------------------------


def by_sklearn(p, labels, bins):
    confidence, right = p.max(1), p.argmax(1) == labels
    accuracy, mean = calibration_curve(right, confidence, n_bins=bins, strategy="uniform")
    edges = np.linspace(0, 1, bins + 1)
    count = np.histogram(confidence, edges)[0]
    return (count[count > 0] * np.abs(accuracy - mean)).sum() / len(p)


@pytest.mark.parametrize("bins", [1, 2, 10, 15, 37])
def test_calibration_error_by_sklearn(bins):
    rng = np.random.default_rng(bins)
    for scale in (0.3, 2.0, 8.0):
        p, labels = probabilities(rng, n=300, scale=scale).numpy(), rng.integers(4, size=300)
        expected = by_sklearn(p, labels, bins)
        assert_allclose(deviations.calibration_error(p, labels, bins=bins), expected, rtol=1e-10)
    same = deviations.calibration_error(torch.from_numpy(p), torch.from_numpy(labels), bins=bins)
    assert_allclose(same, expected, rtol=1e-10)


def test_calibration_error_of_known_cases():
    sure = np.tile([1.0, 0.0], (10, 1))
    assert deviations.calibration_error(sure, np.zeros(10, int)) == 0
    assert deviations.calibration_error(sure, np.ones(10, int)) == 1
    assert_allclose(deviations.calibration_error(sure, [0] * 7 + [1] * 3), 0.3)
    # two bins whose gaps have different signs do not cancel; in one bin they would
    p = [[0.6, 0.4], [0.9, 0.1]]
    assert_allclose(deviations.calibration_error(p, [0, 1]), (0.4 + 0.9) / 2)
    assert_allclose(deviations.calibration_error(p, [0, 1], bins=1), abs(0.5 - 0.75))
    # an edge belongs to the bin below
    p = [[0.5, 0.5], [0.52, 0.48]]
    assert_allclose(deviations.calibration_error(p, [0, 1], bins=2), (0.5 + 0.52) / 2)


def test_labels_drawn_from_the_probabilities_are_calibrated():
    rng = np.random.default_rng(0)
    p = probabilities(rng, n=40_000).numpy()
    labels = (rng.random(len(p))[:, None] > p.cumsum(1)).sum(1).clip(max=3)
    assert deviations.calibration_error(p, labels) < 0.02
    sharpened = p**3 / (p**3).sum(1, keepdims=True)
    assert deviations.calibration_error(sharpened, labels) > 0.1


def test_calibration_error_refuses():
    p = [[0.5, 0.5]]
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.1, got 2"):
        deviations.calibration_error(p, [2])
    with pytest.raises(ValueError, match=r"labels must have shape \(1,\)"):
        deviations.calibration_error(p, [0, 1])
    with pytest.raises(TypeError, match="labels must be a whole number"):
        deviations.calibration_error(p, [0.0])
    with pytest.raises(ValueError, match="bins must be >= 1"):
        deviations.calibration_error(p, [0], bins=0)
