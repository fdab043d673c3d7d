"""Live figures: the JavaScript agrees with Python, and one object serves every place."""

import base64
import json
import math
import struct
from typing import NamedTuple

import ipywidgets
import numpy as np
import pytest
from bs4 import BeautifulSoup
from sklearn.gaussian_process.kernels import RBF

from distill_lib import datasets
from distill_lib.figures import _bundle, live
from distill_lib.figures.live import WIDGET_VIEW, SpectralExplorer, spectral
from distill_lib.figures.live.base import rounded
from distill_lib.kernel import filters
from distill_lib.kernel.kernels import SplineGreen, as_kernel
from distill_lib.kernel.spectrum import Spectrum
from tests.figures.live_page import (
    SITE,
    check_accessible,
    check_keeps_the_old_value,
    check_nothing_moves,
    check_time_of_an_update,
    drawn,
    move,
    rows,
    set_traits,
    settle,
    slider,
)

SINUSOID = datasets.sinusoid(grid_size=41)


def explorer(**options):
    return SpectralExplorer(*SINUSOID, **({"kernel": SplineGreen(), "rounds": 3} | options))


# ----------------------------------------------------------- JavaScript against Python


class Case(NamedTuple):
    name: str
    sample: datasets.Sinusoid
    kernel: object


def _one_point():
    return datasets.Sinusoid(np.array([0.3]), np.array([1.5]), SINUSOID.grid, SINUSOID.truth)


CASES = [
    Case("n=1", _one_point(), SplineGreen()),
    Case("n=11, two zero eigenvalues", SINUSOID, SplineGreen()),
    Case("n=11, rank 2", SINUSOID, "linear"),
    Case("n=11, K = 0", SINUSOID, lambda X, Z=None: np.zeros((len(X), len(X if Z is None else Z)))),
    Case(
        "n=11, K = I: one eigenvalue eleven times",
        SINUSOID,
        lambda X, Z=None: np.equal.outer(X[:, 0], (X if Z is None else Z)[:, 0]).astype(float),
    ),
    Case("n=11, y = 0", SINUSOID._replace(y=np.zeros(11)), SplineGreen()),
    Case("n=11, units of 1e6", SINUSOID._replace(y=1e6 * SINUSOID.y), RBF(0.2)),
    Case("n=100, flat", datasets.sinusoid(100, seed=1, grid_size=41), as_kernel("rbf", gamma=80)),
    Case("n=100, sixteen decades", datasets.sinusoid(100, seed=2, grid_size=41), RBF(0.3)),
]
GRID = [
    {"lam": lam, "alpha": alpha, "rounds": rounds, "procedure": procedure}
    for lam in (1e-10, 1e-6, 1e-4, 1e-2, 1.0, 1e3)
    for alpha in (0.0, 0.5, 1.0)
    for rounds in (1, 4, 20)
    for procedure in ("distilled", "ridge", "flow")
]

EVALUATE = """async ([source, data, settings]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const module = await import(url);
  const problem = module.prepare(data);
  return settings.map((setting) => {
    const { shown, strength } = module.evaluate(problem, setting);
    return {
      filter: module.spread(shown.keep, problem.count), curve: [...shown.curve],
      train: shown.train, miss: shown.miss, strength: String(strength),
    };
  });
}"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_javascript_agrees_with_python(page, case):
    figure = SpectralExplorer(*case.sample, kernel=case.kernel)
    source = _bundle.module_source("spectral_explorer")
    found = page.evaluate(EVALUATE, [source, figure.data, GRID])
    scale = max(np.abs(case.sample.y).max(), np.abs(case.sample.truth).max())
    for settings, got in zip(GRID, found, strict=True):
        set_traits(figure, settings)
        close = {"rtol": 0, "err_msg": str(settings)}
        np.testing.assert_allclose(got["filter"], figure.filter_values(), atol=1e-6, **close)
        np.testing.assert_allclose(got["curve"], figure.curve(), atol=1e-6 * scale, **close)
        errors = [figure.training_error(), figure.truth_error()]
        np.testing.assert_allclose(
            [got["train"], got["miss"]], errors, atol=1e-6 * scale**2, **close
        )
        if figure.strength() in (0.0, np.inf):
            assert float(got["strength"].replace("Infinity", "inf")) == figure.strength()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_python_agrees_with_the_spectrum(case):
    x, y, grid, truth = case.sample
    kernel = as_kernel(case.kernel)
    spectrum = Spectrum.from_gram(kernel(x[:, None]))
    cross = kernel(grid[:, None], x[:, None])
    figure = SpectralExplorer(*case.sample, kernel=case.kernel)
    for lam, alpha, rounds in [(1e-4, 0.0, 1), (1e-2, 0.5, 7), (10.0, 0.0, 3)]:
        set_traits(figure, {"lam": lam, "alpha": alpha, "rounds": rounds})
        b = filters.distilled(spectrum.eigenvalues, lam, rounds, alpha)
        scale = max(np.abs(y).max(), 1.0)
        np.testing.assert_array_equal(figure.filter_values(), b)
        predicted = spectrum.predict(cross, b, y)
        np.testing.assert_allclose(figure.curve(), predicted, rtol=0, atol=1e-8 * scale)
        train = np.mean((spectrum.apply(b, y) - y) ** 2)
        assert figure.training_error() == pytest.approx(train, rel=1e-9, abs=1e-14 * scale**2)
        miss = np.mean((predicted - truth) ** 2)
        assert figure.truth_error() == pytest.approx(miss, rel=1e-6, abs=1e-14)


# ------------------------------------------------------------------ equal training error


@pytest.mark.parametrize("procedure", ["ridge", "flow"])
def test_rival_has_the_training_error_of_the_distilled_fit(procedure):
    figure = explorer()
    for settings in GRID[::3]:
        set_traits(figure, settings | {"procedure": "distilled"})
        wanted = figure.training_error()
        figure.procedure = procedure
        assert figure.training_error() == pytest.approx(wanted, rel=1e-11, abs=0)


def test_one_fit_is_its_own_ridge():
    figure = explorer(rounds=1, procedure="ridge")
    for lam in (1e-10, 1e-4, 1.0, 1e3):
        figure.lam = lam
        assert figure.strength() == pytest.approx(lam, rel=1e-9)


def test_all_weight_on_the_labels_is_the_first_fit():
    figure = explorer(alpha=1.0, rounds=20, procedure="ridge")
    assert figure.strength() == pytest.approx(figure.lam, rel=1e-9)


def test_strength_at_the_two_ends():
    gone = explorer(lam=1e40, rounds=20, procedure="ridge")
    assert gone.strength() == math.inf
    assert not gone.filter_values().any()
    gone.procedure = "flow"
    assert gone.strength() == 0
    assert not gone.filter_values().any()
    whole = explorer(lam=1e-200, rounds=1, procedure="ridge")
    positive = Spectrum.from_gram(SplineGreen()(SINUSOID.x)).eigenvalues > 0
    np.testing.assert_array_equal(whole.filter_values(), positive)
    whole.procedure = "flow"
    assert whole.strength() == math.inf
    np.testing.assert_array_equal(whole.filter_values(), positive)


def test_strength_when_every_fit_has_the_same_error():
    figure = SpectralExplorer(
        *SINUSOID._replace(y=np.zeros(11)), kernel=SplineGreen(), lam=0.25, procedure="ridge"
    )
    assert figure.strength() == 0.25
    figure.procedure = "flow"
    assert figure.strength() == 4
    figure.procedure = "distilled"
    assert figure.strength() is None


# ------------------------------------------------------------------------ stored outputs


def parse(figure):
    tree = BeautifulSoup(figure.to_html(), "html.parser").find("figure")
    return tree, json.loads(tree.find("script").string)


def test_mime_bundle():
    figure = explorer(alt="An alt text.")
    bundle, _ = figure._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png", "text/html", WIDGET_VIEW}
    assert bundle["text/plain"] == (
        "SpectralExplorer(n=11, lam=0.0001, alpha=0.0, rounds=3, procedure='distilled')"
    )
    picture = base64.b64decode(bundle["image/png"])
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">II", picture[16:24]) == (1280, 720)
    assert bundle["text/html"] == figure.to_html()
    assert bundle[WIDGET_VIEW]["model_id"] == figure.model_id
    assert figure.model_id not in bundle["text/html"]


def test_html_holds_state_and_picture():
    figure = explorer(procedure="flow", controls=("rounds",), alt="An alt text.")
    tree, state = parse(figure)
    assert tree["data-module"] in _bundle.module_names()
    assert tree.img["alt"] == "An alt text."
    assert tree.img["width"] == "640"
    assert state["controls"] == ["rounds"]
    assert [state[name] for name in figure.settings] == [1e-4, 0.0, 3, "flow"]
    assert state["data"] == figure.data
    assert tree.find(id=True) is None


def test_html_escapes_what_would_end_the_script():
    alt = 'A </script><script>alert("x")</script> & <!-- "quoted" text'
    text = explorer(alt=alt).to_html()
    assert text.count("<script") == text.count("</script") == 1
    assert "<!--" not in text
    tree, state = parse(explorer(alt=alt))
    assert state["alt"] == tree.img["alt"] == alt


def test_two_constructions_give_the_same_bytes():
    first, second = explorer(procedure="ridge"), explorer(procedure="ridge")
    assert first.to_html() == second.to_html()
    assert first.png() == second.png()
    assert repr(first) == repr(second)


def test_picture_does_not_depend_on_the_readers_settings():
    import matplotlib as mpl

    plain = explorer().png()
    with mpl.rc_context({"font.size": 20, "axes.grid": True, "savefig.dpi": 50}):
        assert explorer().png() == plain
        assert mpl.rcParams["font.size"] == 20


def test_picture_leaves_no_open_figure():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    explorer().png()
    assert plt.get_fignums() == before


def test_state_does_not_depend_on_the_basis_of_an_eigenspace(monkeypatch):
    before = explorer(kernel=as_kernel("rbf", gamma=80)).data
    original = Spectrum.from_gram

    def flipped(K):
        spectrum = original(K)
        signs = np.where(np.arange(len(spectrum.eigenvalues)) % 2, -1.0, 1.0)
        return Spectrum(spectrum.eigenvalues, spectrum.eigenvectors * signs)

    monkeypatch.setattr(spectral.Spectrum, "from_gram", flipped)
    assert explorer(kernel=as_kernel("rbf", gamma=80)).data == before


def test_repeated_eigenvalues_share_one_entry():
    K = np.diag([2.0, 1.0, 1.0, 0.0, 0.0])

    def kernel(X, Z=None):
        rows, columns = (np.rint(4 * P[:, 0]).astype(int) for P in (X, X if Z is None else Z))
        return K[np.ix_(rows, columns)]

    x = np.arange(5) / 4
    figure = SpectralExplorer(x, [1.0, 2.0, 3.0, 4.0, 5.0], x, np.zeros(5), kernel=kernel)
    assert figure.data["d"] == [2.0, 1.0, 0.0]
    assert figure.data["count"] == [1, 2, 2]
    assert figure.data["energy"] == [1.0, 13.0, 41.0]
    assert figure.data["curves"] == [[1, 0, 0, 0, 0], [0, 2, 3, 0, 0], [0, 0, 0, 0, 0]]


def test_rounded_numbers():
    values = np.array([-1e-30, -0.0, 1 / 3, 123456789.123])
    assert rounded(values) == [-1e-30, 0.0, 0.333333333, 123456789.0]
    cut = rounded(values, decimals=3)
    assert cut == [0.0, 0.0, 0.333, 123456789.123]
    assert "-0.0" not in json.dumps([rounded(values), cut])


def test_default_alt_says_the_state():
    assert "after 3 fits" in explorer().alt
    assert "after 1 fit;" in explorer(rounds=1).alt
    assert "a ridge fit with the training error of 3 fits" in explorer(procedure="ridge").alt
    assert "gradient flow" in explorer(procedure="flow").alt


# ------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lam": 0.0}, "lam must be > 0"),
        ({"lam": np.inf}, "lam contains inf"),
        ({"lam": [1.0, 2.0]}, "lam must be one number"),
        ({"alpha": 1.5}, r"alpha must lie in \[0, 1\]"),
        ({"rounds": 0}, "rounds must be >= 1"),
        ({"procedure": "magic"}, "procedure must be 'distilled', 'ridge' or 'flow', got 'magic'"),
        ({"controls": ("lam", "speed")}, "controls must be among .* got 'speed'"),
        ({"controls": ("lam", "lam")}, "controls must not name a setting twice"),
        ({"kernel": "magic"}, "kernel must be one of"),
    ],
)
def test_refuses_a_bad_value(change, message):
    with pytest.raises(ValueError, match=message):
        explorer(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lam": "1"}, "lam must be"),
        ({"rounds": 2.0}, "rounds must be a whole number"),
        ({"rounds": True}, "rounds must be a whole number"),
        ({"kernel": 3}, "kernel must be"),
        ({"controls": "lam"}, "controls must be a sequence of names"),
        ({"alt": 3}, "alt must be a string"),
    ],
)
def test_refuses_a_bad_type(change, message):
    with pytest.raises(TypeError, match=message):
        explorer(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones((11, 1))}, "x must be 1-dimensional"),
        ({"y": np.ones(10)}, r"y must have as many values as x \(11\), got 10"),
        ({"y": np.full(11, np.nan)}, "y contains nan"),
        ({"grid": SINUSOID.grid[::-1]}, "grid must be strictly increasing"),
        ({"truth": np.ones(3)}, r"truth must have as many values as grid \(41\), got 3"),
        ({"x": np.arange(11.0)}, r"X must lie in \[0, 1\]"),
    ],
)
def test_refuses_bad_arrays(change, message):
    with pytest.raises(ValueError, match=message):
        SpectralExplorer(*SINUSOID._replace(**change), kernel=SplineGreen())


def test_refuses_a_bad_value_later_and_keeps_the_old_one():
    check_keeps_the_old_value(
        explorer(), [("lam", -1.0), ("alpha", 2.0), ("rounds", 0), ("procedure", "magic")]
    )


# --------------------------------------------------------------------------- ipywidgets


def test_links_with_other_widgets():
    figure, other, slider = explorer(), explorer(rounds=5), ipywidgets.IntSlider(max=20)
    link = ipywidgets.link((figure, "rounds"), (slider, "value"))
    assert slider.value == 3
    slider.value = 7
    assert figure.rounds == 7
    link.unlink()
    joined = ipywidgets.jslink((figure, "rounds"), (other, "rounds"))
    assert joined.source == (figure, "rounds")


def test_observers_are_told():
    figure, seen = explorer(), []
    figure.observe(lambda change: seen.append((change.old, change.new)), "lam")
    figure.lam = 0.5
    assert seen == [(1e-4, 0.5)]


def test_drives_an_interactive_output():
    figure, seen = explorer(), []

    def show(rounds, procedure):
        seen.append((rounds, procedure, figure.training_error()))

    class Box(ipywidgets.ValueWidget):
        """The two settings as values, which is what ``interactive_output`` reads."""

    rounds = ipywidgets.BoundedIntText(min=1)
    procedure = ipywidgets.Dropdown(options=["distilled", "ridge", "flow"])
    ipywidgets.link((figure, "rounds"), (rounds, "value"))
    ipywidgets.link((figure, "procedure"), (procedure, "value"))
    ipywidgets.interactive_output(show, {"rounds": rounds, "procedure": procedure})
    figure.rounds = 6
    assert seen[-1][:2] == (6, "distilled")


# ------------------------------------------------------------------------- in a browser


def test_static_page_comes_to_life(site):
    figure = explorer()
    page = site.open(figure)
    assert page.locator("figure img").count() == 0
    for name, key in [("ridge", "ArrowRight"), ("weight", "ArrowRight"), ("rounds", "ArrowLeft")]:
        before = drawn(page)
        move(page.locator("figure"), name, key, times=3)
        assert drawn(page) != before, name
    for name in ("ridge", "gradient flow", "distilled"):
        before = drawn(page)
        page.get_by_role("radio", name=name, exact=True).check()
        settle(page)
        assert drawn(page) != before, name
    assert site.quiet(), (site.messages, site.requests)


def test_numbers_on_the_page_are_those_of_python(site):
    figure = explorer(lam=1e-3, alpha=0.25, rounds=5, procedure="ridge")
    page = site.open(figure)
    shown = rows(page.locator("figure"))
    assert shown[2][0].strip() == f"ridge with λ′ = {figure.strength():.3g}"
    assert [float(cell) for cell in shown[2][1:]] == pytest.approx(
        [figure.training_error(), figure.truth_error()], rel=5e-3
    )
    figure.procedure = "distilled"
    assert [float(cell) for cell in shown[1][1:]] == pytest.approx(
        [figure.training_error(), figure.truth_error()], rel=5e-3
    )
    assert shown[1][1] == shown[2][1]


def test_reset_restores_the_stored_state(site):
    page = site.open(explorer(alpha=0.3))
    before = drawn(page), rows(page.locator("figure"))
    move(page.locator("figure"), "rounds", "End")
    page.get_by_role("radio", name="ridge", exact=True).check()
    page.get_by_role("button", name="reset").click()
    settle(page)
    assert (drawn(page), rows(page.locator("figure"))) == before


def test_slider_ends_and_values_outside_its_range(site):
    page = site.open(explorer(lam=1e3, rounds=40))
    figure = page.locator("figure")
    assert slider(figure, "rounds").get_attribute("aria-valuetext") == "40 fits"
    move(figure, "ridge", "Home")
    assert slider(figure, "ridge").get_attribute("aria-valuetext").startswith("1.0 times 10 to")
    assert all("NaN" not in path for path in drawn(page))
    assert site.quiet(), site.messages


def test_figures_of_one_page_are_independent(site):
    page = site.open(explorer(), explorer(controls=("lam", "procedure")))
    first, second = page.locator("figure").all()
    assert second.get_by_role("slider").count() == 1
    before = drawn(second)
    move(first, "ridge", "End")
    first.get_by_role("radio", name="ridge", exact=True).check()
    settle(page)
    assert drawn(second) == before
    assert second.get_by_role("radio", name="distilled").is_checked()


def test_figure_without_controls(site):
    page = site.open(explorer(controls=()))
    assert page.get_by_role("slider").count() == 0
    assert len(drawn(page)) > 3
    assert site.quiet(), site.messages


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_accessible_and_narrow(site, theme, width):
    site.page.set_viewport_size({"width": width, "height": 900})
    page = site.open(explorer(procedure="ridge"), explorer(controls=("lam",)), theme=theme)
    check_accessible(page)


def test_what_a_screen_reader_hears(site):
    page = site.open(explorer(alt="What the figure shows."))
    figure = page.locator("figure")
    assert figure.get_by_role("group", name="What the figure shows.").count() == 1
    curves, shares = (
        node.get_attribute("aria-label") for node in figure.locator("svg[role=img]").all()
    )
    assert "after" not in curves
    assert "3 fits" in curves
    assert shares.startswith("Bars: share kept along 11 eigenvectors")
    voice = figure.locator("[aria-live=polite]")
    assert voice.inner_text() == ""
    move(figure, "rounds", "ArrowRight", times=4)
    assert voice.inner_text() == ""  # it waits until the slider rests
    page.wait_for_function("document.querySelector('[aria-live]').textContent !== ''")
    assert "7 fits" in voice.inner_text()


def test_reserved_place_keeps_the_page_still(site):
    page = site.open(explorer())
    place = page.get_by_text("After.").bounding_box()
    for name in ("ridge", "gradient flow"):
        page.get_by_role("radio", name=name, exact=True).check()
        settle(page)
        assert page.get_by_text("After.").bounding_box() == place


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("controls", [("lam", "alpha", "rounds", "procedure"), ("lam", "rounds")])
def test_picture_takes_the_height_of_the_live_figure(site, width, controls):
    site.page.set_viewport_size({"width": width, "height": 900})
    figure = explorer(procedure="ridge", controls=controls)
    check_nothing_moves(site, figure)


def test_broken_state_leaves_the_picture(site):
    figure = explorer()
    text = figure.to_html().replace('"rounds":3', '"rounds":')
    site.file.write_text(
        SITE.format(theme="light", css="", figures=text, script=_bundle.site_script()), "utf8"
    )
    site.page.goto(site.file.as_uri())
    site.page.wait_for_selector("figure[data-state=failed]")
    assert site.page.locator("figure img").is_visible()
    assert len(site.messages) == 1


def test_printed_page_has_no_controls(site):
    page = site.open(explorer())
    page.emulate_media(media="print")
    assert page.locator(".dl-plot").first.is_visible()
    for control in page.locator("input, button").all():
        assert not control.is_visible()


@pytest.mark.parametrize("procedure", ["distilled", "ridge", "flow"])
def test_time_of_an_update(page, procedure, record_property):
    sample = datasets.sinusoid(100, seed=1)
    figure = SpectralExplorer(*sample, kernel=RBF(0.1), rounds=3, procedure=procedure)
    values = np.geomspace(1e-5, 0.8, 60)
    check_time_of_an_update(page, figure, "lam", values, record_property)


# ------------------------------------------------------------------------------ sources


def test_every_figure_has_its_module():
    figures = [
        getattr(live, name) for name in live.__all__ if name not in ("LiveFigure", "WIDGET_VIEW")
    ]
    names = {figure._module for figure in figures}
    assert names == set(_bundle.module_names())


def test_module_is_joined_with_the_toolkit(tmp_path, monkeypatch):
    source = _bundle.module_source("spectral_explorer")
    assert "import {" not in source
    assert "export function panel" in source
    monkeypatch.setattr(_bundle, "STATIC", tmp_path)
    (tmp_path / "lonely.js").write_text("export default {};\n")
    with pytest.raises(ValueError, match=r"lonely\.js must import once"):
        _bundle.module_source("lonely")
