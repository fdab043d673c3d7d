import {
  choice, decadeTicks, diamondPath, dotPath, element, extent, formatNumber, linePath, mount,
  panel, read, shape, significant, slider, speakNumber, table, ticks, write,
} from "./toolkit.js";

// Teacher and student under gradient flow in the plane of a strong and a weak direction.
// `live/two_paths.py` computes the same in Python; a test compares the two.

const SETTINGS = ["teacher_time", "student_time", "ratio", "schedule", "switch_time"];
const REACHED = 1e-3; // nearer to its target than this share, the student has arrived

// ----------------------------------------------------------------- progress

// Each quantity is a sum of products of these two, which are positive: nothing cancels.
const done = (x) => -Math.expm1(-x);
const left = (x) => Math.exp(-x);

const logDone = (x) => (x < Math.LN2 ? Math.log(done(x)) : Math.log1p(-left(x)));

/** log(e^a + e^b). */
function logSum(a, b) {
  const top = Math.max(a, b);
  return top === -Infinity ? top : top + Math.log1p(Math.exp(Math.min(a, b) - top));
}

const switches = ({ schedule }) => schedule !== "student";

/** For how long the student has followed its first and its second target. */
function durations(settings, time) {
  const first = switches(settings) ? Math.min(time, settings.switch_time) : time;
  return [first, time - first];
}

/** The progress of a student along a direction with eigenvalue d: its filter. */
function studentProgress(d, settings, time) {
  const [first, second] = durations(settings, time).map((t) => t * d);
  const taught = done(settings.teacher_time * d);
  if (settings.schedule === "labels then teacher") {
    return done(first) * left(second) + taught * done(second);
  }
  return taught * done(first) * left(second) + done(second);
}

/** The logarithm of what the student lacks along the strong direction, where d = 1. */
function logRest(settings, time) {
  const [first, second] = durations(settings, time);
  const T = settings.teacher_time;
  if (settings.schedule === "labels then teacher") {
    return logSum(-first - second, logDone(second) - T);
  }
  return logSum(-T, logDone(T) - first) - second;
}

/** When a flow on the labels has the student's strong progress. */
function matchedTime(settings, progress) {
  return progress < 0.5 ? -Math.log1p(-progress) : -logRest(settings, settings.student_time);
}

/** Where the student is at this time; null where no word is needed beside the numbers. */
function standing(settings, { student, teacher }) {
  const { schedule, student_time, switch_time } = settings;
  const hasSwitched = student_time > switch_time;
  const teacherIsLast = schedule === "labels then teacher";
  const followsTeacher = !switches(settings) || teacherIsLast === hasSwitched;
  const target = followsTeacher ? teacher : [1, 1];
  if (student.every((b, k) => Math.abs(b - target[k]) <= REACHED * target[k])) {
    return followsTeacher ? "at its teacher" : "at the labels";
  }
  return teacherIsLast && !hasSwitched ? "on the teacher's path" : null;
}

/** Teacher, student and the two points of the teacher's path to compare the student with. */
export function evaluate(settings) {
  const { teacher_time, student_time, switch_time, ratio, schedule } = settings;
  const rates = [1, 1 / ratio];
  const onLabels = (time) => rates.map((d) => done(time * d));
  const ofStudent = (time) => rates.map((d) => studentProgress(d, settings, time));
  const teacher = onLabels(teacher_time);
  const student = ofStudent(student_time);
  const time = matchedTime(settings, student[0]);
  return {
    teacher,
    student,
    matched: onLabels(time),
    matchedTime: time,
    equal: onLabels(student_time),
    limit: schedule === "teacher then labels" ? [1, 1] : teacher,
    corner: switches(settings) ? ofStudent(switch_time) : null,
    standing: standing(settings, { student, teacher }),
  };
}

// --------------------------------------------------------------------- words

/** Write a progress; `small` writes one that has too few decimals. */
const share = (value, small = formatNumber) => (value < 0.1 ? small(value) : value.toFixed(3));

/** What the comparison at equal strong progress says. */
function story({ student, matched, standing }, { switch_time }, number) {
  const [strong, weak, rival] = [...student, matched[1]].map((b) => share(b, number));
  if (standing === "at its teacher") {
    const progress = `${strong} of the strong direction, ${weak} of the weak one`;
    return `The student has returned to its teacher: ${progress}.`;
  }
  if (standing === "at the labels") {
    return "The student has reached the labels: nothing of its teacher is left.";
  }
  if (standing === "on the teacher's path") {
    const path = "the student runs on the labels, on the path of its teacher";
    return `Until it switches at time ${number(switch_time)} ${path}.`;
  }
  return (
    `At equal strong progress ${strong} the student has ${weak} of the weak direction, the ` +
    `teacher’s path ${rival}.`
  );
}

const spoken = (progress) => share(progress, speakNumber);

const point = ([strong, weak]) => `${spoken(strong)} strong, ${spoken(weak)} weak`;

function planeSentence(result, settings) {
  const { teacher, student, limit } = result;
  return (
    `Progress in the plane, strong direction across, weak direction up. Teacher stopped at time ` +
    `${speakNumber(settings.teacher_time)}: ${point(teacher)}. Student at time ` +
    `${speakNumber(settings.student_time)}: ${point(student)}, on its way to ${point(limit)}. ` +
    story(result, settings, speakNumber)
  );
}

function timeSentence(name, { student, equal }, k, settings) {
  return (
    `${name} progress over time. At time ` +
    `${speakNumber(settings.student_time)} the student has ${spoken(student[k])}, a teacher ` +
    `that goes on has ${spoken(equal[k])}.`
  );
}

// -------------------------------------------------------------------- trails

const TIMES = [0.1, 1e3]; // the axis of time and the sliders run from here to there
const POINTS = 150;

const decade = (round, values) => round(Math.log10(values));

/** The powers of ten between which the axis of time runs: all times of the settings are inside. */
function timeDomain(settings) {
  const { teacher_time, student_time, switch_time } = settings;
  const times = [...TIMES, teacher_time, student_time];
  if (switches(settings) && switch_time > 0) times.push(switch_time);
  return [decade(Math.floor, Math.min(...times)), decade(Math.ceil, Math.max(...times))];
}

/** Times at which paths are drawn, evenly spaced on a logarithmic axis. */
function timeGrid([low, high], ratio) {
  const start = Math.min(low, -3);
  const end = Math.max(high, Math.log10(40 * ratio)); // by then the weak direction is complete
  const step = (end - start) / (POINTS - 1);
  return Array.from({ length: POINTS }, (_, k) => 10 ** (start + k * step));
}

/** The times of the grid, and as dense again from `breakpoint` on, where the path has a corner. */
function withBreak(grid, breakpoint) {
  const before = grid.filter((time) => time < breakpoint);
  return [...before, breakpoint, ...grid.map((time) => breakpoint + time)];
}

/** A path up to `now` and beyond: each part holds times and both kinds of progress. */
function trail(progress, times, now) {
  const part = (chosen) => {
    return { times: chosen, progress: [0, 1].map((k) => chosen.map((t) => progress(t, k))) };
  };
  return {
    past: part([0, ...times.filter((time) => time > 0 && time < now), now]),
    later: part([now, ...times.filter((time) => time > now)]),
  };
}

function trails(settings, grid) {
  const rates = [1, 1 / settings.ratio];
  const times = switches(settings) ? withBreak(grid, settings.switch_time) : grid;
  return {
    teacher: trail((t, k) => done(t * rates[k]), grid, settings.teacher_time),
    student: trail((t, k) => studentProgress(rates[k], settings, t), times, settings.student_time),
  };
}

// ------------------------------------------------------------------- drawing

const HEIGHT = { tall: 366, low: 170 }; // as in live/two_paths.py
const SHARE = { domain: [-0.03, 1.05], ticks: ticks(0, 1, 5) };

const at = (x, y) => `M${x.toFixed(2)} ${y.toFixed(2)}`;
const square = (x, y, r = 3.4) => `${at(x - r, y - r)}h${2 * r}v${2 * r}h${-2 * r}Z`;

/** The lines and marks that every panel has, in the order of drawing. */
function marks(plot) {
  const path = (role) => {
    const node = shape(plot, "path", { class: role, d: "" });
    return (d) => node.setAttribute("d", d);
  };
  return {
    apart: path("dl-line dl-apart"),
    equal: path("dl-line dl-equal"),
    teacherLater: path("dl-line dl-teacher dl-later"),
    studentLater: path("dl-line dl-student dl-dashed dl-later"),
    teacher: path("dl-line dl-teacher dl-past"),
    student: path("dl-line dl-student dl-dashed dl-past"),
    limit: path("dl-mark dl-limit"),
    corner: path("dl-mark dl-corner"),
    teacherDot: path("dl-points dl-teacher"),
    studentDot: path("dl-points dl-student"),
    matched: path("dl-mark"),
  };
}

/** Draw both trails; `place` maps a part of a trail to coordinates. */
function drawTrails(draw, { teacher, student }, X, Y, place) {
  const line = (part) => linePath(...place(part), X, Y);
  draw.teacher(line(teacher.past));
  draw.teacherLater(line(teacher.later));
  draw.student(line(student.past));
  draw.studentLater(line(student.later));
}

/** Write a note above left of a mark, where no path of a flow runs; further up where it is low. */
function placeNote(node, x, y, isLow) {
  const isLeft = x < 120;
  node.setAttribute("x", (isLeft ? x - 8 : isLow ? x + 8 : x - 14).toFixed(1));
  node.setAttribute("y", Math.max(isLow ? y - 15 : y - 7, 14).toFixed(1));
  node.setAttribute("text-anchor", isLeft ? "start" : "end");
}

function planePanel() {
  const view = panel({
    x: { ...SHARE, label: "strong progress" },
    y: { ...SHARE, label: "Weak progress" },
    key: [["dl-teacher dl-past", "teacher"], ["dl-student dl-dashed", "student"]],
    height: HEIGHT.tall,
  });
  view.node.classList.add("dl-tall");
  const { plot, X, Y } = view;
  const draw = marks(plot);
  const note = shape(plot, "text", { class: "dl-note" }, "student ends here");
  const place = ([strong, weak]) => [X(strong), Y(weak)];
  return { ...view, update(result, settings, both) {
    const { teacher, student, matched, limit, corner } = result;
    drawTrails(draw, both, X, Y, ({ progress }) => progress);
    draw.apart(`${at(...place(student))}V${Y(matched[1]).toFixed(2)}`);
    draw.limit(diamondPath(...place(limit), 9));
    draw.corner(corner ? square(...place(corner)) : "");
    draw.teacherDot(dotPath(...place(teacher), 4.2));
    draw.studentDot(diamondPath(...place(student)));
    draw.matched(dotPath(...place(matched), 5.5));
    placeNote(note, ...place(limit), limit[1] < 0.15);
    view.describe(planeSentence(result, settings));
  } };
}

/** A little more than the axis, so that marks at its ends are whole. */
const widened = ([low, high]) => extent([[low, high]], 0.02);

/** A panel of progress along direction k over time, on a logarithmic axis. */
function timePanel(name, k, domain) {
  const scales = (ends) => ({
    x: { domain: widened(ends), ticks: decadeTicks(ends), label: "time (in units of 1/d₁)" },
    y: { ...SHARE, ticks: ticks(0, 1, 2), label: `${name} progress over time` },
  });
  const view = panel({ ...scales(domain), height: HEIGHT.low });
  const draw = marks(view.plot);
  let drawn = { domain, X: view.X, Y: view.Y };
  return { ...view, update(result, settings, both, ends) {
    const isMoved = ends.some((end, j) => end !== drawn.domain[j]);
    if (isMoved) drawn = { domain: ends, ...view.rescale(scales(ends)) };
    const { X, Y } = drawn;
    const floor = ends[0] - 1; // stands for time 0
    const log = (time) => Math.max(floor, Math.log10(time));
    const { teacher_time, student_time, switch_time } = settings;
    const { teacher, student, matched, matchedTime: time, equal, corner } = result;
    const place = (t, progress) => [X(log(t)), Y(progress)];
    const now = place(student_time, student[k]);
    const match = place(time, matched[k]);
    drawTrails(draw, both, X, Y, (part) => [part.times.map(log), part.progress[k]]);
    draw.apart(k === 0 ? `${at(...match)}H${now[0].toFixed(2)}` : "");
    draw.equal(`${at(...now)}V${Y(equal[k]).toFixed(2)}`);
    draw.corner(corner ? square(...place(switch_time, corner[k])) : "");
    draw.teacherDot(dotPath(...place(teacher_time, teacher[k]), 4.2));
    draw.studentDot(diamondPath(...now));
    draw.matched(dotPath(...match, 5.5));
    view.describe(timeSentence(name, result, k, settings));
  } };
}

// ------------------------------------------------------------------ controls

const NEVER = "–";

/** A slider on a logarithmic axis; the author's choice is always within reach. */
function logSlider(label, ends, start, onInput, more = {}) {
  const [min, max] = [Math.min(ends[0], start), Math.max(ends[1], start)].map(Math.log10);
  return slider({
    label,
    min,
    max,
    step: (max - min) / 400,
    position: Math.log10,
    value: (position) => significant(10 ** position, 3),
    show: (value) => formatNumber(value),
    say: (value) => speakNumber(value),
    onInput,
    ...more,
  });
}

/** As `logSlider`, with 0 at its lower end; it rests while there is no switch. */
function switchSlider(model, onInput) {
  const isOn = () => switches({ schedule: model.get("schedule") });
  const start = model.get("switch_time") || 1;
  const lowest = Math.log10(Math.min(TIMES[0], start));
  const control = logSlider("switch time", TIMES, start, onInput, {
    position: (value) => (value > 0 ? Math.log10(value) : lowest),
    value: (position) => (position <= lowest ? 0 : significant(10 ** position, 3)),
    show: (value) => (isOn() ? formatNumber(value) : NEVER),
    say: (value) => (isOn() ? speakNumber(value) : "no switch"),
  });
  const input = control.node.querySelector("input");
  const set = (value) => {
    control.set(value);
    input.disabled = !isOn();
  };
  return { ...control, set };
}

function makeControls(model) {
  const change = (name) => (value) => write(model, { [name]: value });
  const logarithmic = (name, label, ends) => () =>
    logSlider(label, ends, model.get(name), change(name));
  const makers = {
    teacher_time: logarithmic("teacher_time", "teacher time T", TIMES),
    student_time: logarithmic("student_time", "student time", TIMES),
    ratio: logarithmic("ratio", "ratio d₁ / d₂", [1.01, 100]),
    schedule: () => choice({
      label: "what the student follows",
      options: [
        ["student", "teacher"],
        ["labels then teacher", "labels, then teacher"],
        ["teacher then labels", "teacher, then labels"],
      ],
      onInput: change("schedule"),
    }),
    switch_time: () => switchSlider(model, change("switch_time")),
  };
  return model.get("controls").map((name) => ({ name, ...makers[name]() }));
}

const ROWS = ["dl-student dl-dashed", "dl-teacher dl-past", "dl-mark", "dl-equal"];

function fillTable(readout, result, { teacher_time, student_time }) {
  const { teacher, student, matched, matchedTime: time, equal } = result;
  const set = (row, name, progress) => readout.set(row, name, progress.map((b) => share(b)));
  set(0, `student at time ${formatNumber(student_time)}`, student);
  set(1, `teacher, stops at ${formatNumber(teacher_time)}`, teacher);
  set(2, `its path at ${formatNumber(time)}, equal strong progress`, matched);
  set(3, `its path at ${formatNumber(student_time)}, equal time`, equal);
}

function render({ model, el }) {
  const domain = timeDomain(read(model, SETTINGS));
  const panels = [planePanel(), timePanel("Strong", 0, domain), timePanel("Weak", 1, domain)];
  const controls = makeControls(model);
  const readout = table({
    caption: "Progress along the two directions",
    columns: ["point", "strong", "weak"],
    rows: ROWS,
  });
  const status = element("p", { class: "dl-status dl-story" });

  function update(settings) {
    const result = evaluate(settings);
    const ends = timeDomain(settings);
    const both = trails(settings, timeGrid(ends, settings.ratio));
    for (const { name, set } of controls) set(settings[name]);
    panels.forEach((view) => view.update(result, settings, both, ends));
    fillTable(readout, result, settings);
    status.textContent = story(result, settings, formatNumber);
    return story(result, settings, speakNumber);
  }

  return mount(model, el, {
    settings: SETTINGS,
    panels,
    controls,
    choices: ["schedule"],
    below: [status, readout.node],
    update,
  });
}

export default { render };
