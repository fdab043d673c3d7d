"""The rounds of the tolerance form: the JavaScript agrees with Python, and the page answers."""

import math

import ipywidgets
import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF

from distill_lib import datasets
from distill_lib.figures import _bundle
from distill_lib.figures.live import ToleranceRounds
from distill_lib.kernel import constrained
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
    settle,
    slider,
)

SINUSOID = datasets.sinusoid(grid_size=41)
PUBLISHED = np.array([2.705e-6, 8.763e-5, 2.738e-4, 7.900e-4])


def figure_of(sample=SINUSOID, kernel=None, **options):
    return ToleranceRounds(*sample, kernel=kernel or SplineGreen(), **options)


def zero_kernel(X, Z=None):
    return np.zeros((len(X), len(X if Z is None else Z)))


def delta_kernel(X, Z=None):
    return np.equal.outer(X[:, 0], (X if Z is None else Z)[:, 0]).astype(float)


# ----------------------------------------------------------- JavaScript against Python

ONE_POINT = SINUSOID._replace(x=np.array([0.3]), y=np.array([1.5]))
HUNDRED = datasets.sinusoid(100, seed=1, grid_size=41)
CASES = {
    "n=1": (ONE_POINT, SplineGreen()),
    "n=11, two zero eigenvalues": (SINUSOID, SplineGreen()),
    "n=11, rank 2": (SINUSOID, "linear"),
    "n=11, K = 0": (SINUSOID, zero_kernel),
    "n=11, K = I: one eigenvalue eleven times": (SINUSOID, delta_kernel),
    "n=11, y = 0": (SINUSOID._replace(y=np.zeros(11)), SplineGreen()),
    "n=11, units of 1e6": (SINUSOID._replace(y=1e6 * SINUSOID.y), RBF(0.2)),
    "n=11, units of 1e-6": (
        SINUSOID._replace(y=1e-6 * SINUSOID.y, truth=1e-6 * SINUSOID.truth),
        SplineGreen(),
    ),
    "n=100, flat": (HUNDRED, as_kernel("rbf", gamma=80)),
    "n=100, spline": (HUNDRED, SplineGreen()),
    "n=100, sixteen decades": (datasets.sinusoid(100, seed=2, grid_size=41), RBF(0.3)),
}

EVALUATE = """async ([source, data, settings]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const module = await import(url);
  const problem = module.prepare(data);
  return settings.map((setting) => {
    const result = module.evaluate(problem, setting);
    const { path, student } = result;
    return {
      filter: module.spread(student.keep, problem.count), curve: [...student.curve],
      miss: student.miss, multipliers: path.multipliers, norms: path.norms,
      round: result.round, last: result.last, collapsed: path.collapsed,
      feasible: result.isFeasible, certain: result.certain,
    };
  });
}"""


@pytest.fixture
def javascript(page):
    """Return a function that evaluates a figure's JavaScript at a list of settings."""

    def run(figure, settings):
        return page.evaluate(
            EVALUATE, [_bundle.module_source(figure._module), figure.data, settings]
        )

    return run


def tolerances(figure):
    """Return tolerances below, at and between the ends of what is feasible."""
    power = float(np.mean(figure._y**2)) or 1.0
    low = figure.data["smallest"]
    shares = (1e-6, 1e-3, 0.02, 0.08, 0.3, 0.7, 0.999, 1 - 1e-6, 1 + 1e-6, 1.5)
    near = [low * factor for factor in (0.99, 1 + 1e-5, 1.001, 1.1)] if low else []
    return [1e-6, *near, *(share * power for share in shares)]


def python_path(figure):
    """Return from the library what the JavaScript has to find."""
    path = figure.path
    if path is None:
        return {"feasible": False, "last": 0, "norms": None, "multipliers": []}
    return {
        "feasible": True,
        "last": path.rounds if path.collapsed else path.rounds - 1,
        "norms": path.relative_norms,
        "multipliers": path.multipliers,
    }


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_javascript_agrees_with_python(javascript, case):
    sample, kernel = case
    figure = figure_of(sample, kernel)
    settings = []
    for tolerance in tolerances(figure):
        figure.tolerance = tolerance
        last = python_path(figure)["last"]
        settings += [{"tolerance": tolerance, "round": t} for t in range(last + 2)]
    scale = max(np.abs(sample.y).max(), np.abs(sample.truth).max())
    assert len(settings) > 10
    for setting, got in zip(settings, javascript(figure, settings), strict=True):
        if figure.tolerance != setting["tolerance"]:
            figure.tolerance = setting["tolerance"]
            wanted, path = python_path(figure), figure.path
        figure.round = setting["round"]
        close = {"rtol": 0, "err_msg": str(setting)}
        assert got["feasible"] == wanted["feasible"], setting
        assert got["last"] == wanted["last"], setting
        assert got["round"] == min(setting["round"], wanted["last"])
        keep = figure._filter(path, setting["round"])
        np.testing.assert_allclose(got["filter"], keep, atol=1e-6, **close)
        curve = figure._curves @ keep
        np.testing.assert_allclose(got["curve"], curve, atol=1e-6 * scale, **close)
        assert abs(got["miss"] - figure._truth_error(curve)) <= 1e-6 * scale**2
        if wanted["feasible"]:
            r = wanted["norms"]
            np.testing.assert_allclose(got["norms"], r, atol=1e-6 * r[0], **close)
            assert len(got["multipliers"]) == len(wanted["multipliers"])


def test_published_example(javascript):
    figure = ToleranceRounds(*datasets.sinusoid(), kernel=SplineGreen(), tolerance=0.045)
    assert (figure.path.rounds, figure.path.collapsed) == (4, True)
    settings = [{"tolerance": 0.045, "round": t} for t in range(5)]
    found = javascript(figure, settings)
    np.testing.assert_allclose(found[0]["multipliers"], PUBLISHED, rtol=2e-4)
    np.testing.assert_allclose(found[0]["multipliers"], figure.path.multipliers, rtol=1e-7)
    errors = [0.1535, 0.0686, 0.1209, 0.3059]
    np.testing.assert_allclose([f["miss"] for f in found[:4]], errors, rtol=0, atol=5e-5)
    for t, wanted in enumerate(errors):
        figure.round = t
        assert figure.truth_error() == pytest.approx(wanted, abs=5e-5)
    assert not any(found[4]["filter"])
    assert found[4]["collapsed"]
    assert found[4]["miss"] == pytest.approx(np.mean(figure._truth**2), rel=1e-9)
    assert (
        found[0]["certain"]
        == constrained.guaranteed_rounds(SplineGreen()(SINUSOID.x), SINUSOID.y, 0.045).lower
    )


@pytest.mark.parametrize("r0", [1.0, 1.5, 2.0, 4.0, 7.3, 50.0])
def test_one_direction_loses_one_each_round(javascript, r0):
    """Then r_t = r_0 - t, whatever the kernel; whole numbers are where rounding would decide."""
    figure = figure_of(ONE_POINT)
    setting = {"tolerance": 1.5**2 / r0**2, "round": 0}
    (found,) = javascript(figure, [setting])
    assert found["last"] == found["certain"] == math.ceil(r0 - 1)
    np.testing.assert_allclose(found["norms"], r0 - np.arange(math.ceil(r0)), rtol=0, atol=1e-6)


def test_norms_lie_between_the_bounds_that_are_drawn(javascript):
    figure = figure_of(*CASES["n=100, spline"])
    for found in javascript(figure, [{"tolerance": v, "round": 0} for v in (0.01, 0.1, 0.3)]):
        r, t = np.array(found["norms"]), np.arange(len(found["norms"]))
        assert (r >= r[0] - t - 1e-9).all()
        assert (r**2 <= r[0] ** 2 - t + 1e-9).all()


def test_long_paths_are_cut_off_on_both_sides(javascript):
    figure = figure_of(kernel=RBF(0.3), tolerance=1e-6, round=100)
    (found,) = javascript(figure, [{"tolerance": 1e-6, "round": 100}])
    assert (found["last"], found["collapsed"], len(found["multipliers"])) == (59, False, 60)
    assert figure.path.rounds == 60
    assert "More than 60 rounds, then collapse." in figure.alt
    assert figure.filter_values().any()


# -------------------------------------------------------------------------------- Python


def test_settings_and_text_form():
    figure = figure_of(round=2)
    assert repr(figure) == "ToleranceRounds(n=11, tolerance=0.045, round=2)"
    assert figure.controls == ["tolerance", "round"]
    np.testing.assert_array_equal(figure.filter_values(), figure.path.filters[2])


def test_alt_says_the_state():
    assert "round 1 at the tolerance 0.045" in figure_of(round=1).alt
    assert "4 rounds, then collapse. 3 are certain." in figure_of().alt
    assert "the zero curve of round 4" in figure_of(round=4).alt
    assert "1 round, then collapse. 1 is certain." in figure_of(tolerance=0.3).alt
    assert "it must be above 0.04186." in figure_of(tolerance=0.04).alt
    assert "no round is a fit" in figure_of(tolerance=1.0).alt
    assert figure_of(alt="Mine.").alt == "Mine."


def test_infeasible_tolerance_is_shown_and_not_refused():
    figure = figure_of(tolerance=0.0418)
    assert figure.path is None
    assert not figure.filter_values().any()
    figure.tolerance = 0.0419
    assert figure.path.rounds > 4


def test_a_round_beyond_the_collapse_comes_back():
    figure = figure_of(round=3)
    figure.tolerance = 0.3
    assert not figure.filter_values().any()
    figure.tolerance = 0.045
    np.testing.assert_array_equal(figure.filter_values(), figure.path.filters[3])


@pytest.mark.parametrize("options", [{}, {"round": 4}, {"tolerance": 0.04}, {"tolerance": 1.0}])
def test_two_constructions_give_the_same_bytes(options):
    check_same_bytes(lambda: figure_of(**options))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("tolerance", [1e-6, 0.02, 0.045, 5.0])
@pytest.mark.parametrize("case", ["n=1", "n=11, rank 2", "n=11, y = 0", "n=100, spline"])
def test_picture_of_every_state(case, tolerance):
    sample, kernel = CASES[case]
    assert figure_of(sample, kernel, tolerance=tolerance, round=1).png().startswith(b"\x89PNG")


def test_html_escapes_what_would_end_the_script():
    check_escapes(figure_of)


def test_rounding_noise_of_the_null_space_is_no_smallest_tolerance():
    sample = SINUSOID._replace(y=SINUSOID.truth[::4])  # zero at both ends, up to 2e-16
    assert figure_of(sample).data["smallest"] == 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tolerance": 0.0}, ValueError, "tolerance must be > 0"),
        ({"tolerance": -1}, ValueError, "tolerance must be > 0"),
        ({"tolerance": np.nan}, ValueError, "tolerance contains nan"),
        ({"tolerance": [0.1, 0.2]}, ValueError, "tolerance must be one number"),
        ({"tolerance": "0.1"}, TypeError, "tolerance must be"),
        ({"round": -1}, ValueError, "round must be >= 0"),
        ({"round": 1.0}, TypeError, "round must be a whole number"),
        ({"round": True}, TypeError, "round must be a whole number"),
        ({"controls": ("lam",)}, ValueError, "controls must be among tolerance, round, got 'lam'"),
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
    check_keeps_the_old_value(figure_of(), [("tolerance", 0.0), ("round", -1)])


def test_links_with_other_widgets():
    figure, control = figure_of(), ipywidgets.IntSlider(max=20)
    ipywidgets.link((figure, "round"), (control, "value"))
    control.value = 3
    assert figure.round == 3


# ------------------------------------------------------------------------- in a browser


def status(page):
    return page.locator(".dl-status").inner_text()


def test_page_answers(site):
    page = site.open(figure_of())
    assert page.locator("figure img").count() == 0
    shown = rows(page.locator("figure"))
    assert [cell.strip() for cell in shown[0]] == ["round 0, the first fit", "2.71·10⁻⁶", "0.151"]
    for name, key in [("round", "ArrowRight"), ("tolerance", "ArrowRight")]:
        before = drawn(page)
        move(page.locator("figure"), name, key)
        assert drawn(page) != before, name
    page.get_by_role("button", name="reset").click()
    settle(page)
    assert rows(page.locator("figure")) == shown
    assert site.quiet(), (site.messages, site.requests)


def test_numbers_on_the_page_are_those_of_python(site):
    figure = figure_of(tolerance=0.06, round=2)
    page = site.open(figure)
    name, multiplier, error = (cell.strip() for cell in rows(page.locator("figure"))[1])
    assert name == "round 2"
    assert multiplier.startswith(f"{figure.path.multipliers[2]:.2e}".split("e")[0])
    assert float(error) == pytest.approx(figure.truth_error(), rel=5e-3)
    assert status(page) == figure._story(figure.path)


def test_ends_of_the_sliders(site):
    page = site.open(figure_of())
    move(page.locator("figure"), "round", "End")
    assert slider(page, "round").get_attribute("aria-valuetext") == "round 4 of 4, collapsed"
    assert page.locator(".dl-note", has_text="collapsed").count() == 1
    assert rows(page.locator("figure"))[1][1].strip() == "–"
    move(page.locator("figure"), "tolerance", "Home")
    figure = figure_of(tolerance=SINUSOID.y[[0, -1]] @ SINUSOID.y[[0, -1]] / 11 * 1.001)
    assert status(page) == figure._story(figure.path)
    move(page.locator("figure"), "tolerance", "End")
    assert status(page).startswith("The zero function is within the tolerance")
    assert slider(page, "round").get_attribute("aria-valuetext") == "round 0 of 0, collapsed"
    move(page.locator("figure"), "tolerance", "Home")
    assert slider(page, "round").get_attribute("aria-valuetext").startswith("round 4 of")
    assert all("NaN" not in path for path in drawn(page))
    assert site.quiet(), site.messages


def test_infeasible_tolerance_on_the_page(site):
    page = site.open(figure_of(tolerance=0.03))
    assert status(page) == "No function is within this tolerance: it must be above 0.04186."
    assert [row[1].strip() for row in rows(page.locator("figure"))] == ["–", "–"]
    move(page.locator("figure"), "tolerance", "End")
    assert status(page).startswith("The zero function")
    move(page.locator("figure"), "tolerance", "Home")
    assert status(page).startswith("No function")
    assert site.quiet(), site.messages


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_accessible_and_narrow(site, theme, width):
    site.page.set_viewport_size({"width": width, "height": 900})
    page = site.open(figure_of(round=4), theme=theme)
    check_accessible(page)


def test_what_a_screen_reader_hears(site):
    page = site.open(figure_of(alt="What the figure shows."))
    assert page.get_by_role("group", name="What the figure shows.").count() == 1
    curves, shares, norms = (
        node.get_attribute("aria-label") for node in page.locator("svg[role=img]").all()
    )
    assert "multiplier 2.71 times 10 to the minus 6" in curves
    assert shares.startswith("Bars: share kept along 11 eigenvectors")
    assert norms.startswith("Relative norm of the targets, round by round: 3.57, 3.")
    said = check_voice(
        page, lambda page: move(page.locator("figure"), "round", "ArrowRight", times=4)
    )
    assert said.startswith("Round 4 has collapsed to the zero function")


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_moves(site, width):
    site.page.set_viewport_size({"width": width, "height": 900})
    keys = [("round", "End"), ("tolerance", "Home"), ("tolerance", "End")]
    check_nothing_moves(site, figure_of(), [press(*key) for key in keys])


@pytest.mark.parametrize(
    ("name", "values"), [("tolerance", np.geomspace(0.01, 0.6, 60)), ("round", range(20))]
)
def test_time_of_an_update(page, name, values, record_property):
    sample = datasets.sinusoid(100, seed=1)
    figure = figure_of(sample, RBF(0.1), tolerance=0.01, round=3)
    check_time_of_an_update(page, figure, name, values, record_property)
