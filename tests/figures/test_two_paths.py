"""Teacher and student in the plane: the JavaScript agrees with Python, and the page answers."""

import itertools
import json
import re

import ipywidgets
import mpmath
import numpy as np
import pytest

from distill_lib.figures import _bundle
from distill_lib.figures.live import TwoPaths, two_paths
from distill_lib.kernel import filters, flow
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

SCHEDULES = ("student", "labels then teacher", "teacher then labels")
NAMES = ("teacher time", "student time", "ratio", "switch time")

# ----------------------------------------------------------- JavaScript against Python

TIMES = (1e-9, 1e-3, 0.1, 1.0, 3.0, 40.0, 1e3, 1e6)
RATIOS = (1.01, 1.5, 4.0, 30.0, 1000.0)
SWITCHES = (0.0, 1e-6, 0.5, 3.0, 500.0)
GRID = [
    {"teacher_time": T, "student_time": now, "ratio": q, "schedule": plan, "switch_time": switch}
    for T, now, q, plan in itertools.product(TIMES, TIMES, RATIOS, SCHEDULES)
    for switch in (SWITCHES if plan != "student" else (1.0,))
]

EVALUATE = """async ([source, settings]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const module = await import(url);
  return settings.map(module.evaluate);
}"""


@pytest.fixture
def javascript(page):
    """Return a function that evaluates the figure's JavaScript at a list of settings."""
    return lambda settings: page.evaluate(
        EVALUATE, [_bundle.module_source(TwoPaths._module), settings]
    )


def python(figure):
    """Return from Python what the JavaScript has to find."""
    return {
        "teacher": figure.teacher_progress(),
        "student": figure.student_progress(),
        "matched": figure.matched_progress(),
        "equal": figure.teacher_progress([figure.student_time])[0],
        "limit": figure.limit(),
    }


def test_javascript_agrees_with_python(javascript):
    figure = TwoPaths()
    words = {
        "teacher": "at its teacher",
        "labels": "at the labels",
        "path": "on the teacher's path",
    }
    assert len(GRID) > 3000
    for settings, got in zip(GRID, javascript(GRID), strict=True):
        set_traits(figure, settings)
        for name, wanted in python(figure).items():
            np.testing.assert_allclose(
                got[name], wanted, rtol=1e-9, atol=1e-300, err_msg=f"{name} at {settings}"
            )
        assert got["matchedTime"] == pytest.approx(figure.matched_time(), rel=1e-9), settings
        assert got["standing"] == words.get(figure._standing()), settings


def exact(settings):
    """Return student and matched progress to 60 digits, from the recursion as it stands."""
    with mpmath.workdps(60):
        T, now, q, switch = (
            mpmath.mpf(settings[name])
            for name in ("teacher_time", "student_time", "ratio", "switch_time")
        )
        rates = (mpmath.mpf(1), 1 / q)
        teacher = [1 - mpmath.exp(-d * T) for d in rates]
        first, second = {
            "student": ("teacher", "teacher"),
            "labels then teacher": ("labels", "teacher"),
            "teacher then labels": ("teacher", "labels"),
        }[settings["schedule"]]
        spent = min(now, switch)
        student = [mpmath.mpf(0)] * 2
        for target, time in ((first, spent), (second, now - spent)):
            for k, d in enumerate(rates):
                goal = teacher[k] if target == "teacher" else 1
                student[k] = goal + (student[k] - goal) * mpmath.exp(-d * time)
        return student, 1 - (1 - student[0]) ** (1 / q)


def test_nothing_cancels(javascript):
    """Also where double precision has no digits left between the strong progress and 1."""
    settings = [s for s in GRID[::7] if max(s["teacher_time"], s["student_time"]) < 100]
    settings += [
        {
            "teacher_time": 90.0,
            "student_time": now,
            "ratio": 1e3,
            "schedule": plan,
            "switch_time": w,
        }
        for now, plan, w in itertools.product((60.0, 95.0), SCHEDULES, (0.0, 50.0))
    ]
    assert len(settings) > 250
    for setting, got in zip(settings, javascript(settings), strict=True):
        student, matched = exact(setting)
        for value, wanted in zip(
            (*got["student"], got["matched"][1]), (*student, matched), strict=True
        ):
            assert abs(value - wanted) <= 1e-12 * wanted, setting


# ------------------------------------------------------------------------ what it shows


def is_unsaturated(settings):
    """Say whether the two points differ by more than rounding."""
    times = settings["teacher_time"], settings["student_time"]
    return min(times) > 1e-6 and max(times) / settings["ratio"] < 20


def test_the_student_is_behind_at_equal_strong_progress(javascript):
    settings = [s for s in GRID if s["schedule"] == "student"]
    rng = np.random.default_rng(0)
    settings += [
        {
            "teacher_time": 10 ** rng.uniform(-3, 2),
            "student_time": 10 ** rng.uniform(-3, 2),
            "ratio": 1 + 10 ** rng.uniform(-2, 3),
            "schedule": "student",
            "switch_time": 1.0,
        }
        for _ in range(500)
    ]
    kept = 0
    for setting, got in zip(settings, javascript(settings), strict=True):
        if not is_unsaturated(setting):
            continue
        kept += 1
        assert got["matched"][0] == pytest.approx(got["student"][0], rel=1e-12)
        assert got["student"][1] < got["matched"][1], setting
    assert kept >= 500


def test_the_student_is_behind_in_both_directions_at_equal_time(javascript):
    settings = [s for s in GRID if s["schedule"] == "student" and s["student_time"] > 1e-6]
    for setting, got in zip(settings, javascript(settings), strict=True):
        if max(setting["teacher_time"], setting["student_time"]) < 30:
            assert np.all(np.array(got["student"]) < got["equal"]), setting


def test_with_time_the_student_is_its_teacher(javascript):
    for schedule in SCHEDULES[:2]:
        settings = [s for s in GRID if s["schedule"] == schedule and s["student_time"] == 1e6]
        for setting, got in zip(settings, javascript(settings), strict=True):
            np.testing.assert_allclose(got["student"], got["teacher"], rtol=1e-9)
            assert got["standing"] == "at its teacher", setting


def test_with_time_on_the_labels_nothing_of_the_teacher_is_left(javascript):
    settings = [s for s in GRID if s["schedule"] == SCHEDULES[2] and s["student_time"] == 1e6]
    for got in javascript(settings):
        np.testing.assert_allclose(got["student"], 1, rtol=1e-12)
        assert (got["limit"], got["standing"]) == ([1, 1], "at the labels")


def test_a_student_of_the_labels_comes_back_on_the_other_side():
    """From beyond its teacher it is ahead on the weak direction, from before it is behind."""
    figure = TwoPaths(teacher_time=2.0, ratio=5.0, schedule="labels then teacher")
    for switch, sign in [(0.3, -1), (1.5, -1), (3.0, 1), (7.0, 1)]:
        set_traits(figure, {"switch_time": switch, "student_time": switch + 1.0})
        gap = figure.student_progress()[1] - figure.matched_progress()[1]
        assert np.sign(gap) == sign
        assert abs(gap) > 1e-3


def test_on_the_labels_the_lag_shrinks_by_the_slow_rate():
    """What is left of both directions shrinks as for any flow on the labels."""
    figure = TwoPaths(teacher_time=2.0, ratio=5.0, schedule="teacher then labels", switch_time=1.0)
    times = np.array([1.0, 1.5, 4.0, 9.0])
    left = 1 - figure.student_progress(times)
    np.testing.assert_allclose(left[:, 0], left[0, 0] * np.exp(1 - times), rtol=1e-12)
    gaps = []
    for time in times:
        figure.student_time = time
        gaps.append(figure.matched_progress()[1] - figure.student_progress()[1])
    np.testing.assert_allclose(gaps, gaps[0] * np.exp((1 - times) / 5), rtol=1e-9)


# -------------------------------------------------------------------------------- Python


def test_python_agrees_with_the_library():
    figure = TwoPaths()
    for T, now, q in itertools.product((0.01, 1.0, 8.0), (0.02, 3.0, 50.0), (1.01, 4.0, 300.0)):
        set_traits(figure, {"teacher_time": T, "student_time": now, "ratio": q})
        d = np.array([1.0, 1 / q])
        np.testing.assert_allclose(figure.teacher_progress(), filters.gradient_flow(d, T))
        student = filters.distilled_flow(d, T, now)
        np.testing.assert_allclose(figure.student_progress(), student, rtol=1e-12)
        if now < 10:  # later it has arrived, and no time is to be found from its progress
            found = flow.student_time_matching(1.0, T, figure.matched_time())
            assert found == pytest.approx(now, rel=1e-9)
            weak = flow.second_progress(student[0], q)
            assert figure.matched_progress()[1] == pytest.approx(weak, rel=1e-9)


def test_paths_over_time():
    figure = TwoPaths(schedule="labels then teacher", switch_time=1.0, teacher_time=2.0)
    path = figure.student_progress([0.0, 0.5, 1.0, 1e4])
    assert path.shape == (4, 2)
    np.testing.assert_allclose(path[:3], figure.teacher_progress([0.0, 0.5, 1.0]), rtol=1e-14)
    np.testing.assert_allclose(path[3], figure.teacher_progress(), rtol=1e-14)


def test_settings_and_text_form():
    figure = TwoPaths(ratio=3)
    assert repr(figure) == (
        "TwoPaths(2 directions, teacher_time=2.0, student_time=3.0, ratio=3.0, "
        "schedule='student', switch_time=1.0)"
    )
    assert figure.controls == list(TwoPaths.settings)
    np.testing.assert_array_equal(figure.eigenvalues, [1.0, 1 / 3])


def test_alt_says_the_state():
    alt = TwoPaths().alt
    assert "Teacher stopped at time 2: 0.865 strong, 0.393 weak." in alt
    assert "Student at time 3: 0.822 strong, 0.208 weak." in alt
    assert "At equal strong progress 0.822 the student has 0.208 of the weak direction, the " in alt
    assert "path 0.350. At equal time 3" in alt
    assert "has returned to its teacher: 0.865 of the strong" in TwoPaths(student_time=100).alt
    on_path = TwoPaths(schedule="labels then teacher", switch_time=5.0).alt
    assert "Until it switches at time 5 the student runs on the labels" in on_path
    finished = {"schedule": "teacher then labels", "student_time": 1000}
    assert "has reached the labels: nothing of its teacher is left." in TwoPaths(**finished).alt
    assert TwoPaths(alt="Mine.").alt == "Mine."


STATES = [
    {},
    {"schedule": "labels then teacher", "switch_time": 6.0, "student_time": 8.0},
    {"schedule": "teacher then labels", "switch_time": 0.0},
    {"teacher_time": 1e-6, "student_time": 1e7, "ratio": 1e4},
    {"teacher_time": 0.1, "student_time": 0.1, "ratio": 100},
]


@pytest.mark.parametrize("options", STATES)
def test_two_constructions_give_the_same_bytes(options):
    check_same_bytes(lambda: TwoPaths(**options))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("options", STATES)
def test_picture_of_every_state(options):
    assert TwoPaths(**options).png().startswith(b"\x89PNG")


@pytest.mark.parametrize("options", STATES)
def test_picture_draws_the_points(options):
    figure = TwoPaths(**options)
    with two_paths.plt.rc_context():
        drawing = figure._draw()
        points = [
            line.get_xydata()[-1] for line in drawing.axes[0].lines if len(line.get_xydata()) == 1
        ]
        two_paths.plt.close(drawing)
    for name in ("teacher", "student", "matched", "limit"):
        wanted = python(figure)[name]
        assert any(np.allclose(point, wanted, rtol=1e-12) for point in points), name


def test_html_escapes_what_would_end_the_script():
    check_escapes(TwoPaths)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"teacher_time": 0.0}, ValueError, "teacher_time must be > 0"),
        ({"teacher_time": np.inf}, ValueError, "teacher_time contains inf"),
        ({"teacher_time": [1.0, 2.0]}, ValueError, "teacher_time must be one number"),
        ({"student_time": -1}, ValueError, "student_time must be > 0"),
        ({"student_time": "1"}, TypeError, "student_time must be"),
        ({"ratio": 1.0}, ValueError, "ratio must be > 1, got 1.0"),
        ({"ratio": 0.5}, ValueError, "ratio must be > 1"),
        ({"ratio": np.nan}, ValueError, "ratio contains nan"),
        ({"schedule": "labels"}, ValueError, "schedule must be one of 'student', .*got 'labels'"),
        ({"schedule": 3}, TypeError, "schedule must be a string"),
        ({"switch_time": -1e-9}, ValueError, "switch_time must be >= 0"),
        ({"switch_time": None}, TypeError, "switch_time must be"),
        ({"controls": ("lam",)}, ValueError, "controls must be among teacher_time, .*got 'lam'"),
        ({"alt": 3}, TypeError, "alt must be a string"),
    ],
)
def test_refuses_bad_arguments(change, error, message):
    with pytest.raises(error, match=message):
        TwoPaths(**change)


def test_refuses_a_bad_value_later_and_keeps_the_old_one():
    wrong = {
        "teacher_time": 0.0,
        "student_time": -1.0,
        "ratio": 1.0,
        "schedule": "labels",
        "switch_time": -0.5,
    }
    assert set(wrong) == set(TwoPaths.settings)
    check_keeps_the_old_value(TwoPaths(), wrong.items())


def test_links_with_other_widgets():
    figure, control = TwoPaths(), ipywidgets.FloatSlider(min=1, max=20)
    ipywidgets.link((figure, "ratio"), (control, "value"))
    control.value = 7.0
    assert figure.ratio == 7.0


# ------------------------------------------------------------------------- in a browser

SWITCHING = {"schedule": "labels then teacher", "switch_time": 5.0, "student_time": 7.0}


def status(page):
    return page.locator(".dl-status").inner_text()


def numbers(text):
    return [float(number) for number in re.findall(r"\d+\.\d+", text)]


def test_page_answers(site):
    page = site.open(TwoPaths(**SWITCHING))
    assert page.locator("figure img").count() == 0
    shown = rows(page.locator("figure"))
    for name in NAMES:
        before = drawn(page)
        move(page.locator("figure"), name, "ArrowLeft", times=4)
        assert drawn(page) != before, name
    for name in ("teacher", "teacher, then labels", "labels, then teacher"):
        before = drawn(page)
        pick(name)(page)
        assert drawn(page) != before, name
    page.get_by_role("button", name="reset").click()
    settle(page)
    assert rows(page.locator("figure")) == shown
    assert site.quiet(), (site.messages, site.requests)


@pytest.mark.parametrize(
    "options", [{}, SWITCHING, {"schedule": "teacher then labels"}, {"student_time": 200.0}]
)
def test_numbers_on_the_page_are_those_of_python(site, options):
    figure = TwoPaths(**options)
    page = site.open(figure)
    shown = rows(page.locator("figure"))
    wanted = python(figure)
    for row, name in zip(shown, ("student", "teacher", "matched", "equal"), strict=True):
        assert [float(cell) for cell in row[1:]] == pytest.approx(wanted[name], abs=6e-4)
    assert numbers(shown[2][0]) == pytest.approx([figure.matched_time()], rel=6e-3)
    assert status(page) == figure._story()


def test_switch_time_rests_while_there_is_no_switch(site):
    page = site.open(TwoPaths())
    control = slider(page, "switch time")
    assert control.is_disabled()
    assert control.get_attribute("aria-valuetext") == "no switch"
    pick("labels, then teacher")(page)
    assert control.is_enabled()
    assert control.get_attribute("aria-valuetext") == "1.00"
    move(page.locator("figure"), "switch time", "Home")
    assert control.get_attribute("aria-valuetext") == "0"
    pick("teacher")(page)
    assert control.is_disabled()
    assert site.quiet(), site.messages


@pytest.mark.parametrize("choice", ["teacher", "labels, then teacher", "teacher, then labels"])
def test_ends_of_the_sliders(site, choice):
    page = site.open(TwoPaths())
    pick(choice)(page)
    for keys in itertools.product(("Home", "End"), repeat=4):
        for name, key in zip(NAMES, keys, strict=True):
            if slider(page, name).is_enabled():
                move(page.locator("figure"), name, key)
        figure = page.locator("figure").inner_html()
        assert not re.search("NaN|Infinity|undefined|null", figure), keys
    assert site.quiet(), site.messages


def test_a_student_that_returns(site):
    page = site.open(TwoPaths())
    assert status(page).startswith("At equal strong progress 0.822 the student has 0.208")
    move(page.locator("figure"), "student time", "End")
    assert status(page).startswith("The student has returned to its teacher: 0.865")
    pick("teacher, then labels")(page)
    assert status(page).startswith("The student has reached the labels")
    pick("labels, then teacher")(page)
    move(page.locator("figure"), "switch time", "End")
    assert status(page).startswith("The student has reached the labels")
    move(page.locator("figure"), "student time", "Home")
    assert status(page).startswith("Until it switches at time 1000 the student runs on the labels")


def test_author_may_choose_values_outside_the_sliders(site):
    page = site.open(TwoPaths(**STATES[3]))
    text = slider(page, "ratio").get_attribute("aria-valuetext")
    assert text == "1.00 times 10 to the 4"
    ticks = page.locator("svg[role=img]").nth(1).locator(".dl-axes text").all_inner_texts()
    assert len(ticks) < 14
    assert site.quiet(), site.messages


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_accessible_and_narrow(site, theme, width):
    site.page.set_viewport_size({"width": width, "height": 900})
    page = site.open(TwoPaths(), TwoPaths(**SWITCHING), theme=theme)
    check_accessible(page)


def test_what_a_screen_reader_hears(site):
    page = site.open(TwoPaths(alt="What the figure shows."))
    assert page.get_by_role("group", name="What the figure shows.").count() == 1
    plane, strong, weak = (
        node.get_attribute("aria-label") for node in page.locator("svg[role=img]").all()
    )
    assert "Teacher stopped at time 2.00: 0.865 strong, 0.393 weak." in plane
    assert "on its way to 0.865 strong, 0.393 weak." in plane
    assert strong.endswith("the student has 0.822, a teacher that goes on has 0.950.")
    assert weak.endswith("the student has 0.208, a teacher that goes on has 0.528.")
    said = check_voice(page, press("student time", "End"))
    assert said.startswith("The student has returned to its teacher: 0.865")


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_moves(site, width):
    site.page.set_viewport_size({"width": width, "height": 900})
    presses = [press(*each) for each in itertools.product(NAMES, ("End", "Home", "PageUp"))]
    plans = ("teacher", "labels, then teacher", "teacher, then labels")
    check_nothing_moves(site, TwoPaths(), [act for plan in plans for act in (pick(plan), *presses)])


def test_figures_of_one_page_are_independent(site):
    page = site.open(TwoPaths(), TwoPaths(controls=("student_time", "schedule")))
    first, second = page.locator("figure").all()
    assert second.get_by_role("slider").count() == 1
    before = drawn(second)
    move(first, "student time", "End")
    first.get_by_role("radio", name="teacher, then labels").check()
    settle(page)
    assert drawn(second) == before
    assert second.get_by_role("radio", name="teacher", exact=True).is_checked()


def test_state_needs_no_data():
    state = json.loads(TwoPaths()._state_json())
    assert state["data"] == {}
    assert [state[name] for name in TwoPaths.settings] == [2.0, 3.0, 4.0, "student", 1.0]


@pytest.mark.parametrize(
    ("name", "schedule", "values"),
    [
        ("student_time", "student", np.geomspace(0.1, 1e3, 60)),
        ("ratio", "student", np.geomspace(1.01, 100, 60)),
        ("switch_time", "teacher then labels", np.geomspace(0.1, 1e3, 60)),
    ],
)
def test_time_of_an_update(page, name, schedule, values, record_property):
    figure = TwoPaths(schedule=schedule)
    check_time_of_an_update(page, figure, name, values, record_property)
