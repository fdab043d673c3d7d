import {
  barsPath, choice, decadeTicks, diamondPath, dotPath, element, extent, linePath, mount, panel,
  shape, slider, table, ticks, write,
} from "./toolkit.js";

// Descent on labels of which some are flipped, plain and with self-labels, in the eigenbasis of
// the kernel matrix. `live/signal_first.py` computes the same in Python; a test compares the two.

const SETTINGS = ["time", "burn_in", "decay", "rate"];

// ------------------------------------------------------------------- descent

/** Turn the stored state into arrays that are fast to read. */
export function unpack(data) {
  const { d, vectors, clean, flipped, sizes, rates, steps } = data;
  const U = Float64Array.from(vectors.flat()); // a row a point
  const speed = Float64Array.from(d, (value) => value / d[0]);
  const given = flipped.map((places) => {
    const labels = Float64Array.from(clean);
    for (const i of places) labels[i] *= -1;
    return labels;
  });
  return { n: d.length, informative: sizes.length, U, speed, clean, given, rates, steps };
}

/** Coefficients along the eigenvectors. */
function expand({ n, U }, labels) {
  const coefficients = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const label = labels[i];
    if (label === 0) continue;
    for (let j = 0; j < n; j++) coefficients[j] += label * U[n * i + j];
  }
  return coefficients;
}

/** Predictions at the points. */
function combine({ n, U }, coefficients, into) {
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += U[n * i + j] * coefficients[j];
    into[i] = sum;
  }
}

/** How many signs are wrong, no sign among them, and the distance to the clean labels. */
function errors(predictions, clean) {
  let wrong = 0;
  let square = 0;
  for (let i = 0; i < clean.length; i++) {
    if (predictions[i] * clean[i] <= 0) wrong += 1;
    square += (predictions[i] - clean[i]) ** 2;
  }
  return { wrong, distance: Math.sqrt(square) };
}

/** The hard labels of predictions as coefficients, computed anew only where a sign has changed. */
function hardLabels(problem) {
  const signs = new Float64Array(problem.n);
  let coefficients = new Float64Array(problem.n);
  return (predictions) => {
    let isSame = true;
    for (let i = 0; i < problem.n; i++) {
      const sign = Math.sign(predictions[i]);
      if (sign !== signs[i]) isSame = false;
      signs[i] = sign;
    }
    if (!isSame) coefficients = expand(problem, signs);
    return coefficients;
  };
}

/**
 * Every step of descent, weight(t) being that of the given labels: coefficients of the predictions,
 * their least and largest values over the steps, numbers of wrong signs, distances, and the last
 * predictions.
 */
function descent(problem, given, weight) {
  const { n, speed, steps } = problem;
  const labels = expand(problem, given);
  const predictions = new Float64Array(n);
  const hard = hardLabels(problem);
  const coefficients = Array.from({ length: steps + 1 }, () => new Float64Array(n));
  const [low, high] = [new Float64Array(n), new Float64Array(n)];
  const [wrong, distance] = [[n], [Math.sqrt(n)]];
  for (let t = 0; t < steps; t++) {
    const alpha = weight(t);
    const own = alpha < 1 ? hard(predictions) : labels;
    const [now, next] = [coefficients[t], coefficients[t + 1]];
    for (let j = 0; j < n; j++) {
      next[j] = now[j] - speed[j] * (now[j] - alpha * labels[j] - (1 - alpha) * own[j]);
      if (next[j] < low[j]) low[j] = next[j];
      if (next[j] > high[j]) high[j] = next[j];
    }
    combine(problem, next, predictions);
    const error = errors(predictions, problem.clean);
    wrong.push(error.wrong);
    distance.push(error.distance);
  }
  return { coefficients, low, high, wrong, distance, predictions };
}

/** What is shown of one rate of flipped labels, whatever the self-labels do. */
function startAt(problem, rate) {
  const given = problem.given[problem.rates.indexOf(rate)];
  const noise = given.map((label, i) => label - problem.clean[i]);
  return {
    rate,
    given,
    labels: expand(problem, given),
    signal: expand(problem, problem.clean),
    noise: expand(problem, noise),
    plain: descent(problem, given, () => 1),
  };
}

/**
 * Both kinds of descent at these settings; `own`, with self-labels, is null where the labels are
 * kept. `known` is an earlier result: what has not changed since then is taken from it.
 */
export function evaluate(problem, { burn_in, decay, rate }, known = null) {
  const start = known?.start.rate === rate ? known.start : startAt(problem, rate);
  const isSame = start === known?.start && known.decay === decay && known.burn_in === burn_in;
  const weight = (t) => decay ** Math.max(t - burn_in, 0);
  const run = () => (decay === 1 ? null : descent(problem, start.given, weight));
  return { start, burn_in, decay, plain: start.plain, own: isSame ? known.own : run() };
}

const dot = (u, v) => u.reduce((sum, value, j) => sum + value * v[j], 0);

/** How much of the signal and how much of the noise these coefficients hold. */
export function shares(coefficients, { start: { signal, noise } }, { informative }) {
  const [top, rest] = [signal.slice(0, informative), signal.slice(informative)];
  const rival = noise.slice(informative);
  const common = dot(rival, rest) / dot(rest, rest);
  const own = rival.map((value, j) => value - common * rest[j]);
  return {
    signal: dot(coefficients.slice(0, informative), top) / dot(top, top),
    noise: dot(coefficients.slice(informative), own) / dot(rival, own),
  };
}

// --------------------------------------------------------------------- words

/** When plain descent is right and how it ends. */
function plainStory({ wrong }, { n, steps }) {
  const least = Math.min(...wrong.slice(1));
  const first = wrong.indexOf(least, 1);
  let last = first;
  while (last < steps && wrong[last + 1] === least) last += 1;
  const when = last > first ? `at steps ${first}–${last}` : `at step ${first}`;
  const end = `${wrong[steps]} of ${n} at step ${steps}`;
  return `Plain descent: ${least || "none"} wrong ${when}, ${end}.`;
}

const count = (number, name) => `${number} ${name}${number === 1 ? "" : "s"}`;

/** What the self-labels end with. */
function selfStory({ own, start }, { clean, steps }) {
  if (!own) return "The labels are kept: no self-labels.";
  const wrong = clean.map((_, i) => i).filter((i) => own.predictions[i] * clean[i] <= 0);
  const learned = wrong.filter((i) => start.given[i] !== clean[i]).length;
  const lost = wrong.length - learned;
  if (wrong.length === 0) return `Self-labels: none wrong at step ${steps}.`;
  const parts = [];
  if (learned) parts.push(`${count(learned, "flipped label")} learned`);
  if (lost) parts.push(`${count(lost, "right label")} lost`);
  return `Self-labels: ${parts.join(" and ")}.`;
}

/** How both kinds of descent end; `hasNoRival` where there are no self-labels to speak of. */
export function story(result, problem) {
  const plain = plainStory(result.plain, problem);
  return problem.hasNoRival ? plain : `${plain} ${selfStory(result, problem)}`;
}

const written = (value, minus = "−") =>
  value.toFixed(2).replace("-0.00", "0.00").replace("-", minus);

/** The numbers of a descent at a step: of the signal, of the noise, 0-1 error, l2 error. */
function numbers(path, result, problem, time, minus) {
  const { signal, noise } = shares(path.coefficients[time], result, problem);
  const error = (path.wrong[time] / problem.n).toFixed(3);
  const [own, rival, distance] = [signal, noise, path.distance[time]].map((value) =>
    written(value, minus));
  return [own, rival, error, distance];
}

const kinds = ({ plain, own }) => [["plain descent", plain], ["self-labels", own]];

function sentence(result, problem, { time }) {
  const parts = kinds(result).filter(([, path]) => path).map(([name, path]) => {
    const [signal, noise, error, distance] = numbers(path, result, problem, time, "minus ");
    return (
      `${name}: ${signal} of the signal, ${noise} of the noise, 0–1 error ${error}, ℓ2 error ` +
      `${distance}`
    );
  });
  return `At step ${time}, ${parts.join("; ")}. ${story(result, problem)}`;
}

/** How many flipped labels and at which steps self-labels begin, for the two panels of errors. */
function scene({ start, own, burn_in }) {
  const begin = own ? ` Self-labels begin after step ${burn_in}.` : "";
  return `${(100 * start.rate).toFixed(0)} % of the labels are flipped.${begin}`;
}

function errorSentence(name, key, unit, digits, result, { time }, { steps }) {
  const marks = [1, 10, 100, time, steps].sort((a, b) => a - b);
  const shown = marks.filter((t, k) => t !== marks[k - 1]);
  const said = kinds(result).filter(([, path]) => path).map(([kind, path]) => {
    const values = shown.map((t) => (path[key][t] / unit).toFixed(digits));
    return `${kind}: ${values.join(", ")}`;
  });
  return `${name} at the steps ${shown.join(", ")}. ${said.join("; ")}. ${scene(result)}`;
}

// ------------------------------------------------------------------- drawing

const HEIGHT = 170; // this and the next as in live/signal_first.py
const HIGHEST = { wrong: 0.5, distance: 9.9 };
const GAP = 0.012; // beyond the ends of the axis of steps, so that marks there are whole

/** One place of an eigenvector: bars for given labels and plain descent, marks for the others. */
function coefficientMarks(plot) {
  const path = (role) => {
    const node = shape(plot, "path", { class: role });
    return (d) => node.setAttribute("d", d);
  };
  const [given, plain] = [path("dl-bars dl-given"), path("dl-bars dl-rival")];
  const [ground, clean] = [path("dl-line dl-level"), path("dl-line dl-clean")];
  return { given, plain, ground, clean, own: path("dl-points dl-student") };
}

/** A panel of the coefficients along the eigenvectors first + 1, first + 2, ..., last. */
function coefficientPanel({ label, key, first, last, size, xTicks, name }) {
  const scales = (domain) => ({
    x: { domain: [first + 0.4, last + 0.6], ticks: xTicks, label: name },
    y: { domain, ticks: ticks(...domain, 4), label },
  });
  const view = panel({ ...scales([0, 1]), key, height: HEIGHT });
  const draw = coefficientMarks(view.plot);
  let drawn = { own: undefined, plain: undefined };

  /** The axis holds every step of both kinds of descent: it stays while only time changes. */
  function rescale({ start, plain, own }, turned) {
    if (drawn.own === own && drawn.plain === plain) return;
    const reached = [plain, own].filter(Boolean).flatMap(({ low, high }) => [low, high]);
    const [low, high] = extent([start.labels, start.signal, ...reached].map(turned), 0.05);
    drawn = { own, plain, ...view.rescale(scales([low, high])) };
  }

  return { ...view, update(result, { time }) {
    const { start, plain, own } = result;
    const turned = (values) =>
      Array.from(values.slice(first, last), (v, j) => (start.labels[first + j] < 0 ? -v : v));
    rescale(result, turned);
    const { X, Y } = drawn;
    const shifted = (place) => X(first + place);
    const [left, right] = [0.57, 1.43].map((at) => (j) => shifted(j + at).toFixed(2));
    const tick = (v, j) => `M${left(j)} ${Y(v).toFixed(2)}H${right(j)}`;
    draw.given(barsPath(turned(start.labels), shifted, Y, 0.86));
    draw.plain(barsPath(turned(plain.coefficients[time]), shifted, Y, 0.5));
    draw.ground(`M${X.range[0]} ${Y(0)}H${X.range[1]}`);
    draw.clean(turned(start.signal).map(tick).join(""));
    const marks = own ? turned(own.coefficients[time]) : [];
    draw.own(marks.map((v, j) => diamondPath(shifted(j + 1), Y(v), size)).join(""));
  } };
}

/** Steps at which curves are drawn, evenly spaced on the logarithmic axis. */
function drawnSteps(steps) {
  const whole = Array.from({ length: 241 }, (_, k) => Math.round(steps ** (k / 240)));
  return whole.filter((t, k) => t !== whole[k - 1]);
}

/** A panel of one error over the steps, on a logarithmic axis. */
function errorPanel({ key, label, unit, level, notePlace, legend = [] }, problem) {
  const end = Math.log10(problem.steps);
  const shown = drawnSteps(problem.steps);
  const logs = shown.map(Math.log10);
  const view = panel({
    x: { domain: extent([[0, end]], GAP), ticks: decadeTicks([0, end]), label: "step t" },
    y: { domain: [0, HIGHEST[key]], ticks: ticks(0, HIGHEST[key], 5), label },
    key: legend,
    height: HEIGHT,
  });
  const { plot, X, Y } = view;
  const path = (role) => shape(plot, "path", { class: role });
  const cursor = path("dl-line dl-cursor");
  const start = path("dl-line dl-start");
  const mean = path("dl-line dl-certain");
  const note = shape(plot, "text", { x: X(notePlace), class: "dl-note" });
  const vertical = (t) => `M${X(Math.log10(Math.max(t, 1))).toFixed(1)} 0V${Y.range[0]}`;
  const lines = [path("dl-line dl-student dl-past"), path("dl-line dl-rival dl-past")];
  const dots = [path("dl-points dl-student"), path("dl-points dl-rival")];

  return { ...view, update(result, { time }) {
    const height = level(result.start.rate);
    cursor.setAttribute("d", vertical(time));
    start.setAttribute("d", result.own ? vertical(result.burn_in) : "");
    mean.setAttribute("d", `M${X.range[0]} ${Y(height)}H${X.range[1]}`);
    note.setAttribute("y", Y(height) + 14);
    note.textContent = key === "wrong" ? `${(100 * height).toFixed(0)} % flipped` : "2ρ√n";
    [result.own, result.plain].forEach((found, k) => {
      const values = found && shown.map((t) => found[key][t] / unit);
      lines[k].setAttribute("d", found ? linePath(logs, values, X, Y) : "");
      const now = found && [X(Math.log10(time)), Y(found[key][time] / unit)];
      dots[k].setAttribute("d", found ? dotPath(...now, 4.2) : "");
    });
  } };
}

function makePanels(problem) {
  const { n, informative, hasNoRival } = problem;
  const shown = (...entries) => entries.slice(0, hasNoRival ? 1 : 2);
  const whole = (from, to) => ticks(from, to, 4).filter(({ value }) => Number.isInteger(value));
  const top = coefficientPanel({
    label: `Top ${informative} coefficients`,
    key: [["dl-bars dl-given", "given"], ["dl-clean", "clean labels"]],
    first: 0,
    last: informative,
    size: 5.4,
    xTicks: whole(1, informative),
    name: "eigenvector",
  });
  const rest = coefficientPanel({
    label: `The other ${n - informative}`,
    key: shown(["dl-bars dl-rival", "plain descent"], ["dl-points dl-student", "self-labels"]),
    first: informative,
    last: n,
    size: 2.6,
    xTicks: whole(10, n),
    name: "eigenvector",
  });
  const wrong = errorPanel({
    key: "wrong",
    label: "0–1 error",
    unit: n,
    level: (rate) => rate,
    notePlace: 1.05,
    legend: shown(["dl-rival dl-past", "plain descent"], ["dl-student dl-past", "self-labels"]),
  }, problem);
  const distance = errorPanel({
    key: "distance",
    label: "ℓ₂ error to the clean labels",
    unit: 1,
    level: (rate) => 2 * rate * Math.sqrt(n),
    notePlace: 0.03,
    legend: hasNoRival ? [] : [["dl-start", "burn-in ends"]],
  }, problem);
  return [top, rest, wrong, distance];
}

// ------------------------------------------------------------------ controls

const DECAYS = [0, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 1];

/** Round numbers up to `end`: the first ten, then about as many in every decade. */
function stops(end) {
  const digits = [10, 12, 15, 18, 20, 25, 30, 35, 40, 50, 60, 70, 80, 90];
  const found = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  for (let unit = 1; unit * 10 <= end; unit *= 10) found.push(...digits.map((k) => k * unit));
  return found.filter((value) => value <= end);
}

/** A slider that goes through a list of values; the author's choice is among them. */
function listSlider(values, start, options) {
  const list = [...new Set([...values, start])].sort((a, b) => a - b);
  const nearest = (value) => {
    const gaps = list.map((other) => Math.abs(other - value));
    return gaps.indexOf(Math.min(...gaps));
  };
  const value = (position) => list[position];
  return slider({ ...options, min: 0, max: list.length - 1, step: 1, position: nearest, value });
}

/** The slider of the burn-in; it rests while the labels are kept. */
function burnInSlider(model, { steps }, onInput) {
  const isOn = () => model.get("decay") !== 1;
  const control = listSlider([0, ...stops(steps)], model.get("burn_in"), {
    label: "burn-in",
    show: (value) => (isOn() ? String(value) : "–"),
    say: (value) => (isOn() ? count(value, "step") : "no self-labels"),
    onInput,
  });
  const input = control.node.querySelector("input");
  const set = (value) => {
    control.set(value);
    input.disabled = !isOn();
  };
  return { ...control, set };
}

const ENDS = new Map([[0, ", drops the given labels at once"], [1, ", keeps the given labels"]]);

function makeControls(model, problem) {
  const change = (name) => (value) => write(model, { [name]: value });
  const makers = {
    time: () => listSlider(stops(problem.steps), model.get("time"), {
      label: "step t",
      show: String,
      say: (value) => `step ${value} of ${problem.steps}`,
      onInput: change("time"),
    }),
    burn_in: () => burnInSlider(model, problem, change("burn_in")),
    decay: () => listSlider(DECAYS, model.get("decay"), {
      label: "decay q",
      show: (value) => `${Number(value.toPrecision(3))}${value === 1 ? ", keep" : ""}`,
      say: (value) => `${Number(value.toPrecision(3))}${ENDS.get(value) ?? ""}`,
      onInput: change("decay"),
    }),
    rate: () => choice({
      label: "labels flipped",
      options: problem.rates.map((rate) => [rate, `${(100 * rate).toFixed(0)} %`]),
      onInput: change("rate"),
    }),
  };
  return model.get("controls").map((name) => ({ name, ...makers[name]() }));
}

// ------------------------------------------------------------------- figure

function makeTable({ hasNoRival }) {
  const view = table({
    caption: "Both kinds of descent at the chosen step",
    columns: ["step", "of the signal", "of the noise", "0–1 error", "ℓ₂ error"],
    rows: ["dl-rival dl-past", "dl-student dl-past"],
  });
  view.node.classList.add("dl-dense");
  view.node.classList.toggle("dl-reserve", !hasNoRival); // else keep the place of a row that is out
  return view;
}

function render({ model, el }) {
  const hasNoRival = model.get("decay") === 1 && !model.get("controls").includes("decay");
  const problem = { ...unpack(model.get("data")), hasNoRival };
  const panels = makePanels(problem);
  const [top, rest, wrong, distance] = panels;
  const controls = makeControls(model, problem);
  const readout = makeTable(problem);
  const status = element("p", { class: "dl-status dl-story" });
  const heading = readout.node.querySelector("th");
  let result = null;

  function update(settings) {
    const { time } = settings;
    result = evaluate(problem, settings, result);
    for (const { name, set } of controls) set(settings[name]);
    panels.forEach((view) => view.update(result, settings));
    heading.textContent = `step ${time}`;
    kinds(result).forEach(([name, path], k) => {
      readout.set(k, name, path && numbers(path, result, problem, time));
    });
    status.textContent = story(result, problem);
    const text = sentence(result, problem, settings);
    const about = "Coefficients of given labels, clean labels and predictions";
    top.describe(`${about} along the ${problem.informative} informative eigenvectors. ${text}`);
    const others = problem.n - problem.informative;
    rest.describe(`${about} along the other ${others} eigenvectors. ${text}`);
    wrong.describe(errorSentence("0–1 error", "wrong", problem.n, 3, result, settings, problem));
    distance.describe(errorSentence("ℓ2 error", "distance", 1, 2, result, settings, problem));
    return text;
  }

  const stop = mount(model, el, {
    settings: SETTINGS,
    panels,
    controls,
    choices: ["rate"],
    below: [status, readout.node],
    update,
  });
  el.querySelector(".dl-panels").classList.add("dl-columns");
  return stop;
}

export default { render };
