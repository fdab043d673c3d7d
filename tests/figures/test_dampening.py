"""Dampening: the JavaScript agrees with Python, and the page answers."""

import itertools

import ipywidgets
import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF

from distill_lib import datasets
from distill_lib.figures import _bundle
from distill_lib.figures.live import Dampening, dampening
from distill_lib.kernel import filters, mixing
from distill_lib.kernel.kernels import SplineGreen, as_kernel
from tests.figures.live_page import (
    check_accessible,
    check_escapes,
    check_keeps_the_old_value,
    check_nothing_moves,
    check_same_bytes,
    check_time_of_an_update,
    check_voice,
    drawn,
    move,
    press,
    rows,
    set_traits,
    settle,
    slider,
)

ROUNDS = 15
SINUSOID = datasets.sinusoid(grid_size=101)
PUBLISHED_KERNEL = as_kernel("rbf", gamma=80)
#: Errors of Borup and Andersen's example: fits 1 to 6 and the limit, for three weights.
PUBLISHED = {
    0.0: [0.16477, 0.15076, 0.14915, 0.15561, 0.16735, 0.18251, 0.49505],
    0.25: [0.16477, 0.15309, 0.14958, 0.14903, 0.14946, 0.15011, 0.15250],
    0.35: [0.16477, 0.15424, 0.15089, 0.14983, 0.14954, 0.14948, 0.14959],
}


def figure_of(sample=SINUSOID, kernel=PUBLISHED_KERNEL, **options):
    return Dampening(*sample, kernel=kernel, **options)


def zero_kernel(X, Z=None):
    return np.zeros((len(X), len(X if Z is None else Z)))


def delta_kernel(X, Z=None):
    return np.equal.outer(X[:, 0], (X if Z is None else Z)[:, 0]).astype(float)


# ----------------------------------------------------------- JavaScript against Python

COARSE = datasets.sinusoid(grid_size=41)
ONE_POINT = COARSE._replace(x=np.array([0.3]), y=np.array([1.5]))
CASES = {
    "n=1": (ONE_POINT, SplineGreen()),
    "n=11, the published points": (SINUSOID, PUBLISHED_KERNEL),
    "n=11, two zero eigenvalues": (COARSE, SplineGreen()),
    "n=11, rank 2": (COARSE, "linear"),
    "n=11, K = 0": (COARSE, zero_kernel),
    "n=11, K = I: one eigenvalue eleven times": (COARSE, delta_kernel),
    "n=11, y = 0": (COARSE._replace(y=np.zeros(11)), SplineGreen()),
    "n=11, y in the null space": (COARSE._replace(y=np.eye(11)[0]), SplineGreen()),
    "n=11, truth = 0": (COARSE._replace(truth=np.zeros(41)), PUBLISHED_KERNEL),
    "n=11, y = 0 and truth = 0": (
        COARSE._replace(y=np.zeros(11), truth=np.zeros(41)),
        PUBLISHED_KERNEL,
    ),
    "n=11, units of 1e6": (
        COARSE._replace(y=1e6 * COARSE.y, truth=1e6 * COARSE.truth),
        RBF(0.2),
    ),
    "n=11, units of 1e-6": (
        COARSE._replace(y=1e-6 * COARSE.y, truth=1e-6 * COARSE.truth),
        PUBLISHED_KERNEL,
    ),
    "n=100, flat": (datasets.sinusoid(100, seed=1, grid_size=41), PUBLISHED_KERNEL),
    "n=100, spline": (datasets.sinusoid(100, seed=1, grid_size=41), SplineGreen()),
    "n=100, sixteen decades": (datasets.sinusoid(100, seed=2, grid_size=41), RBF(0.3)),
}
LAMS = (1e-4, 0.02, 0.2, 3.0, 1e3)
ALPHAS = (0.0, 0.01, 0.35, 0.9, 1.0)

EVALUATE = """async ([source, data, settings]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const module = await import(url);
  const problem = module.prepare(data);
  const plain = ({ alpha, keep, curve, miss }) =>
    ({ alpha, filter: module.spread(keep, problem.count), curve: [...curve], miss });
  let known = null;
  return settings.map((setting) => {
    known = module.evaluate(problem, setting, known);
    const { fits, best, limit } = known;
    return { fits: fits.map(plain), best: best.map(plain), limit: plain(limit),
      story: module.story(known) };
  });
}"""


@pytest.fixture
def javascript(page):
    """Return a function that evaluates a figure's JavaScript at a list of settings."""

    def run(figure, settings):
        source = _bundle.module_source("dampening")
        return page.evaluate(EVALUATE, [source, figure.data, settings])

    return run


def settings_of(lams=LAMS, alphas=ALPHAS, rounds=(6,)):
    grid = itertools.product(lams, alphas, rounds)
    return [dict(zip(("lam", "alpha", "round"), values, strict=True)) for values in grid]


def assert_same_fits(figure, got, kept, scale, message):
    """Fits of the JavaScript have these filters, and the curves and errors that follow from them.

    All fits of a setting are compared at once: a comparison by numpy takes longer than a fit.
    """
    kept = np.array(kept)
    curves = kept @ figure._curves.T
    sizes = np.maximum(1.0, np.abs(kept).max(axis=1, keepdims=True))
    close = {"rtol": 0, "err_msg": message}
    filters_found = np.array([fit["filter"] for fit in got]) / sizes
    np.testing.assert_allclose(filters_found, kept / sizes, atol=1e-6, **close)
    np.testing.assert_allclose([fit["curve"] for fit in got], curves, atol=1e-6 * scale, **close)
    errors = [figure._truth_error(curve) for curve in curves]
    np.testing.assert_allclose([fit["miss"] for fit in got], errors, atol=1e-6 * scale**2, **close)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_javascript_agrees_with_python(javascript, case):
    sample, kernel = case
    figure = figure_of(sample, kernel)
    scale = max(np.abs(sample.y).max(), np.abs(sample.truth).max())
    settings = settings_of()
    for setting, got in zip(settings, javascript(figure, settings), strict=True):
        set_traits(figure, setting)
        best = figure.optimal_path
        assert len(got["fits"]) == len(got["best"]) == len(best.alphas) == ROUNDS
        kept = []
        for figure.round in range(1, ROUNDS + 1):
            kept.append(figure.filter_values())
        assert_same_fits(figure, got["fits"], kept, scale, f"{setting}")
        assert_same_fits(figure, got["best"], best.filters, scale, f"{setting}, best")
        alphas = [rival["alpha"] for rival in got["best"]]
        assert alphas == pytest.approx(list(best.alphas), rel=1e-6, abs=1e-6)
        limit = filters.distilled_limit(figure._d, figure.lam, figure.alpha)
        assert_same_fits(figure, [got["limit"]], [limit], scale, f"{setting}, limit")
        assert got["story"] == figure._story(), setting


def test_published_table(javascript):
    figure = figure_of()
    settings = settings_of(lams=(0.2,), alphas=PUBLISHED)
    for (alpha, table), got in zip(PUBLISHED.items(), javascript(figure, settings), strict=True):
        figure.alpha = alpha
        found = [*(fit["miss"] for fit in got["fits"][:6]), got["limit"]["miss"]]
        np.testing.assert_allclose(found, table, rtol=0, atol=5.1e-6)
        found = [*figure.errors()[:6], figure.limit_error()]
        np.testing.assert_allclose(found, table, rtol=0, atol=5.1e-6)


def test_what_is_known_is_not_computed_again(page):
    """A move of the round computes nothing, one of the weight leaves the best weights alone."""
    script = """async ([source, data]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const module = await import(url);
      const problem = module.prepare(data);
      const first = module.evaluate(problem, { lam: 0.2, alpha: 0.35, round: 6 });
      const change = (setting) =>
        module.evaluate(problem, { lam: 0.2, alpha: 0.35, round: 6, ...setting }, first);
      return [{ round: 3 }, { alpha: 0.5 }, { lam: 0.1 }].map((setting) => {
        const then = change(setting);
        return [then.fits === first.fits, then.limit === first.limit, then.best === first.best];
      });
    }"""
    found = page.evaluate(script, [_bundle.module_source("dampening"), figure_of().data])
    assert found == [[True, True, True], [False, False, True], [False, False, False]]


# -------------------------------------------------------------------------------- Python


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_optimal_path_is_the_greedy_one_of_the_library(case):
    """The library goes by rounding where predictions coincide, the figure by what it stores."""
    sample, kernel = case
    figure = figure_of(sample, kernel)
    evaluate = as_kernel(kernel)
    points = sample.x[:, None]
    path = mixing.optimal_path(
        evaluate(points), sample.y, 0.2, evaluate(sample.grid[:, None], points), sample.truth, 4
    )
    scale = max(np.abs(sample.y).max(), np.abs(sample.truth).max()) ** 2
    got = figure.optimal_path
    np.testing.assert_allclose(got.errors[:4], path.greedy_losses, rtol=0, atol=1e-7 * scale)


def test_optimal_path_beats_every_other_weight_in_its_round():
    figure = figure_of()
    best = figure.optimal_path
    assert best.alphas[0] == 1
    a = best.filters[0]
    for tau in range(2, 6):
        others = np.linspace(-3, 3, 121)[:, None]
        mixes = a * (others + (1 - others) * best.filters[tau - 2])
        errors = [figure._truth_error(figure._curves @ keep) for keep in mixes]
        assert best.errors[tau - 1] <= min(errors) <= best.errors[tau - 1] + 1e-3
        place = others[int(np.argmin(errors)), 0]
        assert place == pytest.approx(best.alphas[tau - 1], abs=0.05)


def test_greedy_is_not_monotone_and_may_leave_the_interval():
    best = figure_of().optimal_path
    assert best.alphas[1] < 0
    assert np.argmin(best.errors) == 1
    assert (best.errors <= best.errors[0] + 1e-12).all()


@pytest.mark.parametrize(
    "case", ["n=11, K = 0", "n=11, y = 0", "n=11, y in the null space", "n=11, y = 0 and truth = 0"]
)
def test_weight_is_one_where_every_weight_gives_the_same_fit(case):
    figure = figure_of(*CASES[case])
    np.testing.assert_array_equal(figure.optimal_path.alphas, np.ones(ROUNDS))
    assert figure._story().startswith("Every fit has the same error.")


def test_filters_fall_to_the_limit_and_their_ratio_is_not_monotone():
    figure = figure_of()
    kept = figure._filters()
    limit = filters.distilled_limit(figure._d, 0.2, 0.35)
    assert (np.diff(kept, axis=0) < 0).all()
    np.testing.assert_allclose(kept[-1], limit, rtol=0, atol=1e-4)
    rise = np.diff(kept[:, 0] / kept[:, -1])
    assert (rise[:4] > 0).all()
    assert (rise[4:] < 0).all()


def test_eigenvalues_that_are_shown_spread_over_the_filters():
    figure = figure_of()
    d = np.array(figure.data["d"])[figure.data["shown"]]
    np.testing.assert_allclose(d, [1.941, 0.932, 0.521, 0.265, 0.202], atol=5e-4)
    many = figure_of(*CASES["n=100, sixteen decades"])
    keep = filters.ridge(np.array(many.data["d"])[many.data["shown"]], 0.2)
    assert 2 <= len(keep) <= 5
    assert keep[-1] > keep[0] / 100  # and not one of the many that are nearly zero
    assert figure_of(*CASES["n=11, K = 0"]).data["shown"] == [0]
    assert figure_of(*CASES["n=1"]).data["shown"] == [0]


def test_labels_do_not_overlap_and_stay_inside():
    for shares in ([0.99, 0.98, 0.97], [0.03, 0.02, 0.01, 0.005, 0.0], [0.9, 0.5, 0.49], [0.0]):
        heights = np.array(dampening._label_heights(shares))
        assert (np.diff(heights) <= -dampening._APART + 1e-12).all()
        assert heights.min() >= 0
        assert np.abs(heights - shares).max() < 0.25
    assert dampening._label_heights([0.9, 0.5, 0.1]) == [0.9, 0.5, 0.1]


def test_verdict_in_every_case():
    verdict = dampening._verdict
    assert verdict([3.0, 1.0, 2.0], 2.5) == "Best at fit 2."
    assert verdict([3.0, 2.0, 1.0], 2.5) == "Best at fit 3, the last one shown."
    assert verdict([1.0, 2.0, 3.0], 4.0) == "The first fit is best."
    assert verdict([3.0, 2.0, 1.0], 0.5) == "No fit is as good as the limit."
    assert verdict([1.0, 1.0], 1.0 + 1e-9) == "Every fit has the same error."
    assert verdict([0.0, 0.0], 0.0) == "Every fit has the same error."


def test_settings_and_text_form():
    figure = figure_of(round=2)
    assert repr(figure) == "Dampening(n=11, lam=0.2, alpha=0.35, round=2)"
    assert figure.controls == ["alpha", "round"]
    wanted = filters.distilled(figure._d, 0.2, 2, 0.35)
    np.testing.assert_array_equal(figure.filter_values(), wanted)
    np.testing.assert_allclose(figure.curve(), figure._curves @ wanted)


def test_alt_says_the_state():
    alt = figure_of().alt
    assert "fit 6 with the weight 0.35" in alt
    assert "0.1648 for the first fit, 0.1495 for fit 6, 0.1496 in the limit." in alt
    assert "With the best weight in each round, here 0.336, it is 0.1495." in alt
    assert "best weight" not in figure_of(round=1).alt
    assert alt.endswith("Best at fit 6. The limit is a ridge fit with λ/α = 0.571.")
    assert figure_of(alpha=0).alt.endswith("Best at fit 3. The limit is the zero function.")
    assert figure_of(alpha=1).alt.endswith("With α = 1 every fit is the first one.")
    assert figure_of(alt="Mine.").alt == "Mine."


@pytest.mark.parametrize("options", [{}, {"round": 1}, {"alpha": 0}, {"alpha": 1}, {"lam": 5}])
def test_two_constructions_give_the_same_bytes(options):
    check_same_bytes(lambda: figure_of(**options))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("alpha", [0.0, 0.35, 1.0])
@pytest.mark.parametrize("case", CASES)
def test_picture_of_every_state(case, alpha):
    sample, kernel = CASES[case]
    assert figure_of(sample, kernel, alpha=alpha, round=3).png().startswith(b"\x89PNG")


def test_html_escapes_what_would_end_the_script():
    check_escapes(figure_of)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"lam": 0.0}, ValueError, "lam must be > 0"),
        ({"lam": -1}, ValueError, "lam must be > 0"),
        ({"lam": np.nan}, ValueError, "lam contains nan"),
        ({"lam": [0.1, 0.2]}, ValueError, "lam must be one number"),
        ({"lam": "0.1"}, TypeError, "lam must be"),
        ({"alpha": -0.01}, ValueError, r"alpha must lie in \[0, 1\], got -0.01"),
        ({"alpha": 1.5}, ValueError, r"alpha must lie in \[0, 1\], got 1.5"),
        ({"alpha": np.inf}, ValueError, "alpha contains inf"),
        ({"alpha": [0.1, 0.2]}, ValueError, "alpha must be one number"),
        ({"alpha": None}, TypeError, "alpha must be"),
        ({"round": 0}, ValueError, "round must be >= 1, got 0"),
        ({"round": 16}, ValueError, "round must be <= 15, got 16"),
        ({"round": 1.0}, TypeError, "round must be a whole number"),
        ({"round": True}, TypeError, "round must be a whole number"),
        (
            {"controls": ("rounds",)},
            ValueError,
            "controls must be among lam, alpha, round, got 'rounds'",
        ),
        ({"kernel": "magic"}, ValueError, "kernel must be one of"),
        ({"alt": 3}, TypeError, "alt must be a string"),
    ],
)
def test_refuses_bad_arguments(change, error, message):
    with pytest.raises(error, match=message):
        figure_of(**change)


def test_refuses_bad_arrays():
    with pytest.raises(ValueError, match=r"y must have as many values as x \(11\), got 10"):
        figure_of(SINUSOID._replace(y=np.ones(10)))
    with pytest.raises(ValueError, match="grid must be strictly increasing"):
        figure_of(SINUSOID._replace(grid=SINUSOID.grid[::-1]))


def test_refuses_a_bad_value_later_and_keeps_the_old_one():
    check_keeps_the_old_value(
        figure_of(), [("lam", 0.0), ("alpha", 1.1), ("round", 0), ("round", 16)]
    )


def test_links_with_other_widgets():
    figure, control = figure_of(), ipywidgets.IntSlider(min=1, max=15)
    ipywidgets.link((figure, "round"), (control, "value"))
    control.value = 3
    assert figure.round == 3


# ------------------------------------------------------------------------- in a browser

ALL = ("lam", "alpha", "round")


def status(page):
    return page.locator(".dl-status").inner_text()


def cells(page):
    return [[cell.strip() for cell in row] for row in rows(page.locator("figure"))]


def test_page_answers(site):
    page = site.open(figure_of(controls=ALL))
    assert page.locator("figure img").count() == 0
    shown = cells(page)
    assert shown[0] == ["first fit", "1.80", "0.16477"]
    assert shown[1][0] == "fit 5"
    assert shown[2] == ["fit 6, α = 0.35", "2.98", "0.14948"]
    assert shown[3] == ["limit, λ/α = 0.571", "2.95", "0.14959"]
    assert shown[4][0] == "fit 6, best α = 0.336"
    assert float(shown[1][1]) > float(shown[2][1])  # the ratio falls at this round
    for name, key in [("round", "ArrowRight"), ("weight", "ArrowRight"), ("ridge", "ArrowLeft")]:
        before = drawn(page)
        move(page.locator("figure"), name, key)
        assert drawn(page) != before, name
    page.get_by_role("button", name="reset").click()
    settle(page)
    assert cells(page) == shown
    assert site.quiet(), (site.messages, site.requests)


@pytest.mark.parametrize(
    "options", [{"round": 2}, {"alpha": 0, "round": 9}, {"lam": 0.03, "alpha": 0.1}]
)
def test_numbers_on_the_page_are_those_of_python(site, options):
    figure = figure_of(**options)
    page = site.open(figure)
    first, _, fit, limit, best = cells(page)
    at = figure.round - 1
    errors = [figure.errors()[0], figure.truth_error(), figure.limit_error()]
    for row, wanted in zip((first, fit, limit), errors, strict=True):
        assert float(row[2]) == pytest.approx(wanted, rel=1e-4)
    path = figure.optimal_path
    assert float(best[2]) == pytest.approx(path.errors[at], rel=1e-4)
    weight = float(best[0].rpartition("= ")[2].replace("−", "-"))
    assert weight == pytest.approx(path.alphas[at], rel=5e-3)
    keep = figure.filter_values()
    one, *_, other = np.cumsum([0, *figure.data["count"]])[figure.data["shown"]]
    assert float(fit[1]) == pytest.approx(keep[one] / keep[other], rel=5e-3)
    assert status(page) == figure._story()


def test_ends_of_the_sliders(site):
    page = site.open(figure_of(controls=ALL))
    figure = page.locator("figure")
    move(figure, "round", "End")
    assert slider(page, "round").get_attribute("aria-valuetext") == "fit 15 of 15"
    move(figure, "round", "Home")
    assert slider(page, "round").get_attribute("aria-valuetext") == "fit 1 of 15"
    names = [row[0] for row in cells(page)]
    assert "fit 1, any α" in names
    assert "fit 0" not in names
    move(figure, "weight", "Home")
    assert status(page) == "Best at fit 3. The limit is the zero function."
    assert ["limit, zero function", "–", "0.49505"] in cells(page)
    move(figure, "weight", "End")
    assert status(page) == "With α = 1 every fit is the first one."
    move(figure, "weight", "ArrowLeft")
    for key in ("Home", "End"):
        move(figure, "ridge", key)
        assert all("NaN" not in path for path in drawn(page))
        assert "NaN" not in page.locator("figure").inner_text()
    assert site.quiet(), site.messages


@pytest.mark.parametrize("case", CASES)
def test_page_of_every_problem(site, case):
    sample, kernel = CASES[case]
    page = site.open(figure_of(sample, kernel, controls=ALL))
    for name, key in [("round", "Home"), ("weight", "Home"), ("ridge", "Home"), ("ridge", "End")]:
        move(page.locator("figure"), name, key)
        assert all("NaN" not in path and "Infinity" not in path for path in drawn(page))
    assert "NaN" not in page.locator("figure").inner_text()
    assert site.quiet(), site.messages


def test_errors_in_small_units_have_readable_ticks(site):
    page = site.open(figure_of(*CASES["n=11, units of 1e-6"]))
    assert page.locator(".dl-heading", has_text="unit 1·10⁻¹³").count() == 1
    texts = page.locator(".dl-panel").nth(2).locator(".dl-axes text").all_text_contents()
    assert all(len(text) <= 7 for text in texts)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_accessible_and_narrow(site, theme, width):
    site.page.set_viewport_size({"width": width, "height": 900})
    page = site.open(figure_of(alpha=0.1), theme=theme)
    check_accessible(page)


def test_what_a_screen_reader_hears(site):
    page = site.open(figure_of(alt="What the figure shows."))
    assert page.get_by_role("group", name="What the figure shows.").count() == 1
    curves, shares, errors = (
        node.get_attribute("aria-label") for node in page.locator("svg[role=img]").all()
    )
    assert "Fit 6 with weight 0.35: error against the truth 0.1495" in curves
    assert "lambda over alpha = 0.571" in curves
    assert shares.startswith(
        "Share kept over 15 rounds. eigenvalue 1.9: 0.91 at first, 0.78 at fit 6"
    )
    assert errors.startswith("Error against the truth from the first fit on: 0.165, 0.154")
    said = check_voice(page, press("round", "ArrowRight"))
    assert said.startswith("Fit 7 with weight 0.35")
    assert "and 2.98 a fit before" in said


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_moves(site, width):
    site.page.set_viewport_size({"width": width, "height": 900})
    keys = [("round", "End"), ("round", "Home"), ("weight", "Home"), ("weight", "End")]
    check_nothing_moves(site, figure_of(), [press(*key) for key in keys])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("lam", np.geomspace(0.001, 10, 60)),
        ("alpha", np.linspace(0, 1, 60)),
        ("round", range(1, 16)),
    ],
)
def test_time_of_an_update(page, name, values, record_property):
    figure = figure_of(datasets.sinusoid(100, seed=1), controls=ALL)
    check_time_of_an_update(page, figure, name, values, record_property)
