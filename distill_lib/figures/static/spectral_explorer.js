import {
  announcer, barsPath, button, choice, element, extent, formatNumber, frame, linePath, observe,
  panel, read, shape, significant, slider, speakNumber, stairsPath, table, ticks, write,
} from "./toolkit.js";

// The spectral explorer: repeated distillation, plain ridge and gradient flow as filters of one
// spectrum. `live.py` holds the same computation in Python; a test compares the two.

const SETTINGS = ["lam", "alpha", "rounds", "procedure"];
const LARGEST = 600; // the search for a strength runs from e^-600 to e^600
const MOST_ROUNDS = 20;

// ------------------------------------------------------------------- filters

// Each filter is a pair: keep = b(d), and rest = 1 - b(d), which is not computed as a difference,
// because the training error of a weak filter is a sum of tiny remainders.

function distilled(d, lam, rounds, alpha) {
  const keep = new Float64Array(d.length);
  const rest = new Float64Array(d.length).fill(1);
  for (let j = 0; j < d.length; j++) {
    if (d[j] === 0) continue;
    const logPower = rounds * (Math.log1p(-alpha) - Math.log1p(lam / d[j]));
    const size = alpha * d[j] + lam;
    keep[j] = (alpha * d[j] + Math.exp(logPower) * lam) / size;
    rest[j] = (-Math.expm1(logPower) * lam) / size;
  }
  return { keep, rest };
}

function withStrength(procedure, d, strength) {
  const isFlow = procedure === "flow";
  const keep = new Float64Array(d.length);
  const rest = new Float64Array(d.length).fill(1);
  for (let j = 0; j < d.length; j++) {
    if (d[j] === 0) continue;
    if (strength === 0 || strength === Infinity) {
      keep[j] = (strength === 0) === isFlow ? 0 : 1;
      rest[j] = 1 - keep[j];
    } else if (isFlow) {
      keep[j] = -Math.expm1(-strength * d[j]);
      rest[j] = Math.exp(-strength * d[j]);
    } else {
      keep[j] = d[j] / (d[j] + strength);
      rest[j] = strength / (d[j] + strength);
    }
  }
  return { keep, rest };
}

// The training error without what no filter can reach, and how far it lies below its largest value.
function loss({ rest }, { d, energy }) {
  let sum = 0;
  for (let j = 0; j < d.length; j++) if (d[j] > 0) sum += rest[j] * rest[j] * energy[j];
  return sum;
}

function gain({ keep, rest }, { d, energy }) {
  let sum = 0;
  for (let j = 0; j < d.length; j++) if (d[j] > 0) sum += keep[j] * (1 + rest[j]) * energy[j];
  return sum;
}

/** The ridge, or the time of gradient flow, with the training error of the filter `target`. */
function matchedStrength(procedure, problem, target, lam) {
  const { d } = problem;
  const isRidge = procedure === "ridge";
  if (!d.some((value, j) => value > 0 && problem.energy[j] > 0)) return isRidge ? lam : 1 / lam;
  const byGain = gain(target, problem) < loss(target, problem);
  const measure = byGain ? gain : loss;
  const wanted = measure(target, problem);
  if (wanted === 0) return byGain === isRidge ? Infinity : 0;
  const strength = (s) => Math.exp(isRidge ? s : -s);
  let low = -LARGEST;
  let high = LARGEST;
  for (let k = 0; k < 200 && high - low > 1e-13; k++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    const isLarger = measure(withStrength(procedure, d, strength(middle)), problem) > wanted;
    if (isLarger === byGain) low = middle; // the loss rises with s, the gain falls
    else high = middle;
  }
  return strength((low + high) / 2);
}

// ------------------------------------------------------------------ the fits

/** Turn the stored state into arrays that are fast to read. */
export function prepare(data) {
  return {
    ...data,
    d: Float64Array.from(data.d),
    energy: Float64Array.from(data.energy),
    curves: data.curves.map((curve) => Float64Array.from(curve)),
  };
}

function outcome(filter, problem) {
  const { d, energy, curves, truth, y } = problem;
  const curve = new Float64Array(truth.length);
  let train = 0;
  for (let j = 0; j < d.length; j++) {
    train += filter.rest[j] * filter.rest[j] * energy[j];
    const keep = filter.keep[j];
    const part = curves[j];
    if (keep > 0) for (let i = 0; i < curve.length; i++) curve[i] += keep * part[i];
  }
  let miss = 0;
  for (let i = 0; i < curve.length; i++) miss += (curve[i] - truth[i]) ** 2;
  return { ...filter, curve, train: train / y.length, miss: miss / curve.length };
}

/** The first fit, the distilled fit and the one that is shown, at one setting of the controls. */
export function evaluate(problem, { lam, alpha, rounds, procedure }) {
  const teacher = outcome(distilled(problem.d, lam, 1, 0), problem);
  const student = outcome(distilled(problem.d, lam, rounds, alpha), problem);
  if (procedure === "distilled") return { teacher, student, shown: student, strength: null };
  const strength = matchedStrength(procedure, problem, student, lam);
  const shown = outcome(withStrength(procedure, problem.d, strength), problem);
  return { teacher, student, shown, strength };
}

/** One value an eigenvector, where the state holds one an eigenspace. */
export function spread(values, counts) {
  const all = [];
  counts.forEach((count, j) => all.push(...Array(count).fill(values[j])));
  return all;
}

// --------------------------------------------------------------------- words

const FITS = (rounds) => (rounds === 1 ? "1 fit" : `${rounds} fits`);

function rivalName(procedure, strength) {
  if (procedure === "ridge") return `ridge with λ′ = ${formatNumber(strength)}`;
  return `flow stopped at t = ${formatNumber(strength)}`;
}

const numbers = ({ train, miss }) => [formatNumber(train), formatNumber(miss)];

const spokenNumbers = ({ train, miss }) =>
  `training error ${speakNumber(train)}, error against the truth ${speakNumber(miss)}`;

function sentence({ student, shown, strength }, { rounds, procedure }) {
  const base = `Distilled, ${FITS(rounds)}: ${spokenNumbers(student)}.`;
  if (procedure === "distilled") return base;
  const name =
    procedure === "ridge"
      ? `Ridge with lambda prime ${speakNumber(strength)}`
      : `Gradient flow stopped at time ${speakNumber(strength)}`;
  return `${base} ${name}: ${spokenNumbers(shown)}.`;
}

function filterSentence({ teacher, shown }, counts) {
  const kept = spread(shown.keep, counts);
  const half = (values) => spread(values, counts).filter((value) => value > 0.5).length;
  const ends = `from ${kept[0].toFixed(2)} to ${kept[kept.length - 1].toFixed(2)}`;
  return (
    `Bars: share kept along ${kept.length} eigenvectors, largest eigenvalue first, ${ends}. ` +
    `More than half is kept along ${half(shown.keep)}; the first fit does so along ` +
    `${half(teacher.keep)}.`
  );
}

// ------------------------------------------------------------------- drawing

function curvePanel(problem) {
  const { x, y, grid, truth } = problem;
  const domain = extent([grid, x], 0.02);
  const range = extent([y, truth], 0.1);
  const view = panel({
    x: { domain, ticks: ticks(...domain, 5), label: "x" },
    y: { domain: range, ticks: ticks(...range, 5), label: "Fitted curve" },
    key: [["dl-data", "data"], ["dl-truth", "truth"]],
  });
  const { plot, X, Y } = view;
  const path = (role) => shape(plot, "path", { class: `dl-line ${role}` });
  path("dl-truth").setAttribute("d", linePath(grid, truth, X, Y));
  const dots = shape(plot, "g", { class: "dl-data" });
  const radius = y.length > 60 ? 2.4 : 3.4;
  y.forEach((value, i) => shape(dots, "circle", { cx: X(x[i]), cy: Y(value), r: radius }));
  const [student, rival, teacher] = ["dl-student", "dl-rival", "dl-teacher"].map(path);
  const draw = (node, curve) => node.setAttribute("d", curve ? linePath(grid, curve, X, Y) : "");
  return { ...view, update(result, hasRival) {
    draw(student, result.student.curve);
    draw(teacher, result.teacher.curve);
    draw(rival, hasRival && result.shown.curve);
  } };
}

/** 1 and the round numbers up to n that do not crowd it. */
function indexTicks(n) {
  const isFree = ({ value }) => Number.isInteger(value) && value - 1 > n / 8;
  return [{ value: 1, text: "1" }, ...ticks(0, n, 6).filter(isFree)];
}

function filterPanel(problem) {
  const { d, count } = problem;
  const n = count.reduce((a, b) => a + b, 0);
  const ends = `${formatNumber(d[0], 2)} … ${formatNumber(d[d.length - 1], 2)}`;
  const view = panel({
    x: {
      domain: [0.4, n + 0.6],
      ticks: indexTicks(n),
      label: n === 1 ? "eigenvector" : `eigenvector (eigenvalue ${ends})`,
    },
    y: { domain: [0, 1.04], ticks: ticks(0, 1, 4), label: "Filter: share kept" },
  });
  const { plot, X, Y } = view;
  const width = n === 1 ? 0.15 : n > 40 ? 1 : 0.72;
  const bars = shape(plot, "path");
  const student = shape(plot, "path", { class: "dl-line dl-student dl-stairs" });
  const teacher = shape(plot, "path", { class: "dl-line dl-teacher dl-stairs" });
  const stairs = (keep) => stairsPath(spread(keep, count), X, Y);
  return { ...view, update(result, hasRival) {
    bars.setAttribute("class", `dl-bars ${hasRival ? "dl-rival" : "dl-student"}`);
    bars.setAttribute("d", barsPath(spread(result.shown.keep, count), X, Y, width));
    student.setAttribute("d", hasRival ? stairs(result.student.keep) : "");
    teacher.setAttribute("d", stairs(result.teacher.keep));
  } };
}

/** Sliders and switch, in the order in which the author named them. */
function makeControls(model, problem) {
  const change = (name) => (value) => write(model, { [name]: value });
  const start = Math.log10(model.get("lam"));
  const top = Math.log10(problem.d[0] || 1);
  const makers = {
    lam: () => slider({
      label: "ridge λ",
      min: Math.min(Math.floor(top) - 7, Math.floor(start)),
      max: Math.max(Math.ceil(top) + 1, Math.ceil(start)),
      step: 0.02,
      position: Math.log10,
      value: (position) => significant(10 ** position, 6),
      show: (value) => formatNumber(value, 2),
      say: (value) => speakNumber(value, 2),
      onInput: change("lam"),
    }),
    alpha: () => slider({
      label: "weight α",
      min: 0,
      max: 1,
      step: 0.01,
      position: (value) => value,
      value: (position) => position,
      show: (value) => value.toFixed(2),
      onInput: change("alpha"),
    }),
    rounds: () => slider({
      label: "rounds τ",
      min: 1,
      max: Math.max(MOST_ROUNDS, model.get("rounds")),
      step: 1,
      position: (value) => value,
      value: (position) => position,
      show: String,
      say: FITS,
      onInput: change("rounds"),
    }),
    procedure: () => choice({
      label: "procedure, at equal training error",
      options: [["distilled", "distilled"], ["ridge", "ridge"], ["flow", "gradient flow"]],
      onInput: change("procedure"),
    }),
  };
  return model.get("controls").map((name) => ({ name, ...makers[name]() }));
}

function render({ model, el }) {
  const problem = prepare(model.get("data"));
  const initial = read(model, SETTINGS);
  const left = curvePanel(problem);
  const right = filterPanel(problem);
  const controls = makeControls(model, problem);
  const readout = table({
    caption: "Errors of the fits",
    columns: ["fit", "training error", "error against the truth"],
    rows: ["dl-teacher", "dl-student", "dl-rival"],
  });
  // Keep the place of the third row where a switch can fill it, so that nothing moves.
  const canSwitch = controls.some(({ name }) => name === "procedure");
  readout.node.classList.toggle("dl-reserve", canSwitch);
  const voice = announcer();

  function draw() {
    const settings = read(model, SETTINGS);
    const result = evaluate(problem, settings);
    const hasRival = settings.procedure !== "distilled";
    for (const { name, set } of controls) set(settings[name]);
    left.update(result, hasRival);
    right.update(result, hasRival);
    readout.set(0, "first fit", numbers(result.teacher));
    readout.set(1, `distilled, ${FITS(settings.rounds)}`, numbers(result.student));
    const rival = hasRival ? rivalName(settings.procedure, result.strength) : "";
    readout.set(2, rival, hasRival ? numbers(result.shown) : null);
    const text = sentence(result, settings);
    left.describe(`Data, truth and fitted curves. First fit: ${spokenNumbers(result.teacher)}. ${text}`);
    right.describe(filterSentence(result, problem.count));
    voice.say(text);
  }

  const reset = button("reset", () => write(model, initial));
  const sliders = controls.filter(({ name }) => name !== "procedure").map(({ node }) => node);
  const others = controls.filter(({ name }) => name === "procedure").map(({ node }) => node);
  el.append(
    frame(
      model.get("alt"),
      element("div", { class: "dl-panels" }, left.node, right.node),
      element("div", { class: "dl-sliders" }, ...sliders),
      element("div", { class: "dl-switches" }, ...others, reset.node),
      readout.node,
      voice.node,
    ),
  );
  draw();
  const stop = observe(model, SETTINGS, draw);
  return () => {
    stop();
    voice.stop();
  };
}

export default { render };
