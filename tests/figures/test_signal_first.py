"""Signal first: the JavaScript agrees with Python, and the page answers."""

import itertools
import re

import ipywidgets
import numpy as np
import pytest

from distill_lib.figures import _bundle
from distill_lib.figures.live import SignalFirst, signal_first
from distill_lib.kernel import filters, retrieval
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
    pick,
    press,
    rows,
    set_traits,
    settle,
    slider,
)

RATES = (0.2, 0.3, 0.4)
SLIDERS = ("step t", "burn-in", "decay q")
TOO_SOON, IN_TIME, TOO_LATE, PLAIN = (
    {"burn_in": burn_in, "decay": decay}
    for burn_in, decay in [(3, 0.9), (30, 0.9), (300, 0.9), (30, 1)]
)

# ----------------------------------------------------------- JavaScript against Python

GRID = [
    {"time": time, "burn_in": burn_in, "decay": decay, "rate": rate}
    for rate, decay, burn_in, time in itertools.product(
        RATES, (0.0, 0.37, 0.9, 0.98, 1.0), (0, 3, 20, 55, 300, 1000), (1, 40, 1000)
    )
]

EVALUATE = """async ([source, data, settings]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const module = await import(url);
  const problem = module.unpack(data);
  let known = null;
  return settings.map((setting) => {
    known = module.evaluate(problem, setting, known);
    const plain = (path) => path && {
      coefficients: [...path.coefficients[setting.time]],
      shares: module.shares(path.coefficients[setting.time], known, problem),
      wrong: path.wrong, distance: path.distance,
    };
    const story = module.story(known, problem);
    return { plain: plain(known.plain), own: plain(known.own), story };
  });
}"""


def assert_same_descent(got, wanted, figure, message):
    time, close = figure.time, {"rtol": 0, "atol": 1e-9, "err_msg": message}
    np.testing.assert_array_equal(got["wrong"], wanted.wrong, err_msg=message)
    np.testing.assert_allclose(got["distance"], wanted.distance, **close)
    np.testing.assert_allclose(got["coefficients"], wanted.coefficients[time], **close)
    shares = got["shares"]["signal"], got["shares"]["noise"]
    np.testing.assert_allclose(shares, figure.shares(wanted.coefficients[time]), **close)


def test_javascript_agrees_with_python(page):
    figure = SignalFirst()
    source = _bundle.module_source("signal_first")
    found = page.evaluate(EVALUATE, [source, figure.data, GRID])
    assert len(found) == 270
    for setting, got in zip(GRID, found, strict=True):
        set_traits(figure, setting)
        assert_same_descent(got["plain"], figure.plain(), figure, str(setting))
        assert got["story"] == figure._story()
        if setting["decay"] == 1:
            assert got["own"] is None
        else:
            assert_same_descent(got["own"], figure.self_labels(), figure, str(setting))


# -------------------------------------------------------------------------------- Python


def test_the_spectrum_is_one_of_full_rank():
    d, U = SignalFirst().spectrum.eigenvalues, SignalFirst().spectrum.eigenvectors
    assert (np.diff(d) < 0).all()
    assert d[-1] > 1e-4 * d[0]
    assert d[3] > 4 * d[4]
    np.testing.assert_allclose(U.T @ U, np.eye(60), rtol=0, atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
def test_the_same_share_of_every_cluster_is_flipped(rate):
    figure = SignalFirst(rate=rate)
    flipped = figure.given != figure.clean
    for part in np.split(np.arange(60), [30, 40, 50]):
        assert flipped[part].mean() == pytest.approx(rate)
        assert len(set(figure.clean[part])) == 1


def test_plain_descent_is_the_filter_of_the_library():
    figure = SignalFirst()
    s = figure.spectrum
    for time in (1, 30, 1000):
        keep = filters.gradient_descent(s.eigenvalues, 1 / s.eigenvalues[0], time)
        wanted = keep * (s.eigenvectors.T @ figure.given)
        path = figure.plain()
        np.testing.assert_allclose(path.coefficients[time], wanted, rtol=0, atol=1e-12)
        error, distance = retrieval.errors(s.eigenvectors @ wanted, figure.clean)
        assert path.wrong[time] / 60 == error
        assert path.distance[time] == pytest.approx(distance, rel=1e-12)


def test_self_labels_are_the_recursion():
    """With the kernel matrix itself, a step after the other."""
    figure = SignalFirst(burn_in=12, decay=0.8, rate=0.4)
    d, U = figure.spectrum.eigenvalues, figure.spectrum.eigenvectors
    H = (U * d) @ U.T / d[0]
    u, path = np.zeros(60), figure.self_labels()
    for t in range(200):
        alpha = 1.0 if t <= 12 else 0.8 ** (t - 12)
        u = u - H @ (u - alpha * figure.given - (1 - alpha) * np.sign(u))
        np.testing.assert_allclose(U.T @ u, path.coefficients[t + 1], rtol=0, atol=1e-4)


def test_kept_labels_are_plain_descent():
    figure = SignalFirst(decay=1.0, burn_in=0)
    for own, plain in zip(figure.self_labels(), figure.plain(), strict=True):
        np.testing.assert_array_equal(own, plain)


def test_shares_of_clean_and_given_labels():
    figure = SignalFirst()
    U = figure.spectrum.eigenvectors
    np.testing.assert_allclose(figure.shares(U.T @ figure.clean), (1, 0), rtol=0, atol=1e-12)
    signal, noise = figure.shares(U.T @ figure.given)
    assert signal == pytest.approx(0.43, abs=0.01)
    assert noise == pytest.approx(1, abs=1e-12)


# ------------------------------------------------------------------------ what it shows


@pytest.mark.parametrize("rate", RATES)
def test_the_signal_comes_first_and_the_noise_in_the_end(rate):
    wrong = SignalFirst(rate=rate).plain().wrong
    assert wrong[1] > 15
    assert wrong[10:30].max() == 0
    assert wrong[-1] == pytest.approx(60 * rate, abs=1)


def test_no_stopping_time_gets_below_the_cluster_means():
    for rate in RATES:
        figure = SignalFirst(rate=rate)
        assert 0 < figure.plain().distance.min() - 2 * rate * np.sqrt(60) < 0.5


@pytest.mark.parametrize(
    ("options", "end", "story"),
    [
        (TOO_SOON, 20, "Self-labels: 6 flipped labels learned and 14 right labels lost."),
        (IN_TIME, 0, "Self-labels: none wrong at step 1000."),
        (TOO_LATE, 8, "Self-labels: 8 flipped labels learned."),
        (PLAIN, 18, "The labels are kept: no self-labels."),
        ({"burn_in": 3, "decay": 0.98}, 0, "Self-labels: none wrong at step 1000."),
        ({"rate": 0.4, "decay": 0.0}, 20, "Self-labels: 8 flipped labels learned and 12 right"),
        ({"rate": 0.4, "decay": 0.98}, 0, "Self-labels: none wrong at step 1000."),
    ],
)
def test_the_window_of_burn_in_and_decay(options, end, story):
    figure = SignalFirst(**options)
    path = figure.self_labels()
    assert path.wrong[-1] == end
    assert f" {story}" in figure._story()
    if end == 0:
        assert path.distance[-1] < 0.6
        assert (np.diff(path.distance[100:]) < 0).all()


def test_curves_stay_inside_the_axes():
    for rate, decay, burn_in in itertools.product(RATES, (0.0, 0.9, 1.0), (0, 10, 300, 1000)):
        path = SignalFirst(rate=rate, decay=decay, burn_in=burn_in, alt="").self_labels()
        assert path.wrong[1:].max() / 60 < signal_first._HIGHEST[0]
        assert path.distance.max() < signal_first._HIGHEST[1]


# -------------------------------------------------------------------- words and pictures


def test_settings_and_text_form():
    assert repr(SignalFirst(time=5)) == (
        "SignalFirst(n=60, time=5, burn_in=30, decay=0.9, rate=0.3)"
    )
    assert SignalFirst().controls == list(SignalFirst.settings)
    assert len(SignalFirst()._state_json()) < 45_000


def test_alt_says_the_state():
    alt = SignalFirst().alt
    assert "with 30 % of the labels flipped. At step 300, plain descent: 0.43 of the signal" in alt
    assert "self-labels with burn-in 30 and decay 0.9: 1.00 of the signal, 0.03 of the" in alt
    assert alt.endswith(
        "Plain descent: none wrong at steps 7–60, 18 of 60 at step 1000. Self-labels: none wrong "
        "at step 1000."
    )
    assert "self-labels with" not in SignalFirst(**PLAIN).alt
    assert SignalFirst(alt="Mine.").alt == "Mine."


def test_story_of_plain_descent_in_every_case():
    story = signal_first._plain_story
    wrong = np.full(1001, 3)
    assert story(wrong, 60) == "Plain descent: 3 wrong at steps 1–1000, 3 of 60 at step 1000."
    wrong[7] = 0
    assert story(wrong, 60) == "Plain descent: none wrong at step 7, 3 of 60 at step 1000."


STATES = [{}, TOO_SOON, PLAIN, {"time": 1, "burn_in": 0, "decay": 0.0, "rate": 0.4}]


@pytest.mark.parametrize("options", STATES[:2])
def test_two_constructions_give_the_same_bytes(options):
    check_same_bytes(lambda: SignalFirst(**options))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("options", STATES)
def test_picture_of_every_state(options):
    assert SignalFirst(**options).png().startswith(b"\x89PNG")


def test_picture_draws_the_numbers():
    figure = SignalFirst()
    with signal_first.plt.rc_context():
        top, wrong, _, distance = (drawing := figure._draw()).axes
        signal_first.plt.close(drawing)
    plain, own = figure.plain(), figure.self_labels()
    points = {ax: [tuple(line.get_xydata()[0]) for line in ax.lines if len(line.get_xydata()) == 1]
              for ax in (wrong, distance)}  # fmt: skip
    for path in (plain, own):
        assert (300, path.wrong[300] / 60) in points[wrong]
        assert (300, path.distance[300]) in points[distance]
    heights = [bar.get_height() for bar in top.patches]
    given = figure.spectrum.eigenvectors.T @ figure.given
    np.testing.assert_allclose(heights[:4], np.abs(given[:4]))
    np.testing.assert_allclose(np.abs(heights[4:]), np.abs(plain.coefficients[300, :4]))


def test_html_escapes_what_would_end_the_script():
    check_escapes(SignalFirst)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"time": 0}, ValueError, "time must be >= 1, got 0"),
        ({"time": 1001}, ValueError, "time must be <= 1000, got 1001"),
        ({"time": 1.0}, TypeError, "time must be a whole number"),
        ({"burn_in": -1}, ValueError, "burn_in must be >= 0, got -1"),
        ({"burn_in": 2000}, ValueError, "burn_in must be <= 1000"),
        ({"burn_in": True}, TypeError, "burn_in must be a whole number"),
        ({"decay": 1.1}, ValueError, r"decay must lie in \[0, 1\], got 1.1"),
        ({"decay": np.nan}, ValueError, "decay contains nan"),
        ({"decay": [0.1, 0.2]}, ValueError, "decay must be one number"),
        ({"decay": "1"}, TypeError, "decay must be"),
        ({"rate": 0.25}, ValueError, "rate must be one of 0.2, 0.3, 0.4, got 0.25"),
        ({"rate": None}, TypeError, "rate must be"),
        ({"controls": ("q",)}, ValueError, "controls must be among time, .*got 'q'"),
        ({"alt": 3}, TypeError, "alt must be a string"),
    ],
)
def test_refuses_bad_arguments(change, error, message):
    with pytest.raises(error, match=message):
        SignalFirst(**change)


def test_refuses_a_bad_value_later_and_keeps_the_old_one():
    wrong = {"time": 0, "burn_in": 1001, "decay": -0.1, "rate": 0.5}
    assert set(wrong) == set(SignalFirst.settings)
    check_keeps_the_old_value(SignalFirst(), wrong.items())


def test_links_with_other_widgets():
    figure, control = SignalFirst(), ipywidgets.IntSlider(min=1, max=1000)
    ipywidgets.link((figure, "time"), (control, "value"))
    control.value = 7
    assert figure.time == 7


# ------------------------------------------------------------------------- in a browser


def status(page):
    return page.locator(".dl-status").inner_text()


def test_page_answers(site):
    page = site.open(SignalFirst())
    assert page.locator("figure img").count() == 0
    shown = rows(page.locator("figure"))
    for name in SLIDERS:
        before = drawn(page)
        move(page.locator("figure"), name, "ArrowLeft", times=2)
        assert drawn(page) != before, name
    before = drawn(page)
    pick("40 %")(page)
    assert drawn(page) != before
    page.get_by_role("button", name="reset").click()
    settle(page)
    assert rows(page.locator("figure")) == shown
    assert site.quiet(), (site.messages, site.requests)


@pytest.mark.parametrize("options", [{}, TOO_SOON, PLAIN, {"rate": 0.4, "time": 57}])
def test_numbers_on_the_page_are_those_of_python(site, options):
    figure = SignalFirst(**options)
    page = site.open(figure)
    paths = [figure.plain()] if options is PLAIN else [figure.plain(), figure.self_labels()]
    shown = rows(page.locator("figure"))[: len(paths)]
    for row, path in zip(shown, paths, strict=True):
        shares = figure.shares(path.coefficients[figure.time])
        wanted = [*shares, path.wrong[figure.time] / 60, path.distance[figure.time]]
        got = [float(cell.replace("−", "-")) for cell in row[1:]]
        assert got == pytest.approx(wanted, abs=6e-3)
    assert page.locator("th").first.inner_text() == f"step {figure.time}"
    assert status(page) == figure._story()


def test_ends_of_the_sliders(site):
    page = site.open(SignalFirst())
    for rate, *keys in itertools.product(("20 %", "40 %"), *3 * [("Home", "End")]):
        pick(rate)(page)
        for name, key in zip(SLIDERS, keys, strict=True):
            press(name, key)(page)
        figure = page.locator("figure").inner_html()
        assert not re.search("NaN|Infinity|undefined|null", figure), (rate, keys)
    assert site.quiet(), site.messages


def test_burn_in_rests_while_the_labels_are_kept(site):
    page = site.open(SignalFirst())
    burn_in, decay = slider(page, "burn-in"), slider(page, "decay q")
    assert burn_in.get_attribute("aria-valuetext") == "30 steps"
    press("decay q", "End")(page)
    assert decay.get_attribute("aria-valuetext") == "1, keeps the given labels"
    assert burn_in.get_attribute("aria-valuetext") == "no self-labels"
    assert burn_in.is_disabled()
    assert [row[0].strip() for row in rows(page.locator("figure"))] == ["plain descent"]
    press("decay q", "Home")(page)
    assert decay.get_attribute("aria-valuetext") == "0, drops the given labels at once"
    assert burn_in.is_enabled()


def test_plain_descent_alone(site):
    figure = SignalFirst(decay=1.0, controls=("time", "rate"))
    assert "self-labels" not in f"{figure.alt}{figure._story()}".lower()
    check_nothing_moves(site, figure, [press("step t", "End"), pick("40 %")])
    page = site.open(figure)
    assert "self-labels" not in page.locator("figure").inner_text().lower()
    assert status(page) == figure._story()
    assert site.quiet(), site.messages


def test_author_may_choose_values_between_the_stops(site):
    page = site.open(SignalFirst(time=777, burn_in=33, decay=0.87))
    for name, wanted in zip(SLIDERS, ("step 777 of 1000", "33 steps", "0.87"), strict=True):
        assert slider(page, name).get_attribute("aria-valuetext") == wanted


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_accessible_and_narrow(site, theme, width):
    site.page.set_viewport_size({"width": width, "height": 900})
    check_accessible(site.open(SignalFirst(), SignalFirst(**PLAIN), theme=theme))


def test_what_a_screen_reader_hears(site):
    page = site.open(SignalFirst(alt="What the figure shows."))
    assert page.get_by_role("group", name="What the figure shows.").count() == 1
    top, rest, wrong, distance = (
        node.get_attribute("aria-label") for node in page.locator("svg[role=img]").all()
    )
    assert "along the 4 informative eigenvectors. At step 300, plain descent: 0.43 of the" in top
    assert "along the other 56 eigenvectors." in rest
    assert wrong.startswith("0–1 error at the steps 1, 10, 100, 300, 1000. plain descent: 0.333,")
    assert distance.endswith("30 % of the labels are flipped. Self-labels begin after step 30.")
    said = check_voice(page, press("burn-in", "Home"))
    assert said.endswith("Self-labels: 6 flipped labels learned and 14 right labels lost.")


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_moves(site, width):
    site.page.set_viewport_size({"width": width, "height": 900})
    ends = itertools.product(SLIDERS[::-1], ("End", "Home"))
    presses = [press(*each) for each in ends]
    check_nothing_moves(
        site, SignalFirst(), [act for rate in ("20 %", "40 %") for act in (pick(rate), *presses)]
    )


def test_time_of_an_update(page, record_property):
    check_time_of_an_update(page, SignalFirst(), "burn_in", range(0, 200, 3), record_property)
