import {
  choice, dataPanel, filterPanel, filterSentence, fittedCurve, formatNumber, mount, prepare,
  significant, slider, speakNumber, table, write,
} from "./toolkit.js";

// The spectral explorer: repeated distillation, plain ridge and gradient flow as filters of one
// spectrum. `live/spectral.py` holds the same computation in Python; a test compares the two.

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

function outcome(filter, problem) {
  const { energy, y } = problem;
  let train = 0;
  for (let j = 0; j < energy.length; j++) train += filter.rest[j] * filter.rest[j] * energy[j];
  return { ...filter, ...fittedCurve(filter.keep, problem), train: train / y.length };
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

// ------------------------------------------------------------------- drawing

function curvePanel(problem) {
  const view = dataPanel(problem);
  const [student, rival, teacher] = ["dl-student", "dl-rival", "dl-teacher"].map(view.line);
  return { ...view, update(result, hasRival) {
    student(result.student.curve);
    teacher(result.teacher.curve);
    rival(hasRival && result.shown.curve);
  } };
}

function barPanel(problem) {
  const view = filterPanel(problem);
  const [student, teacher] = ["dl-student", "dl-teacher"].map(view.stairs);
  return { ...view, update(result, hasRival) {
    view.bars(hasRival ? "dl-rival" : "dl-student", result.shown.keep);
    student(hasRival && result.student.keep);
    teacher(result.teacher.keep);
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
  const left = curvePanel(problem);
  const right = barPanel(problem);
  const controls = makeControls(model, problem);
  const readout = table({
    caption: "Errors of the fits",
    columns: ["fit", "training error", "error against the truth"],
    rows: ["dl-teacher", "dl-student", "dl-rival"],
  });
  // Keep the place of the third row where a switch can fill it, so that nothing moves.
  const canSwitch = controls.some(({ name }) => name === "procedure");
  readout.node.classList.toggle("dl-reserve", canSwitch);

  function update(settings) {
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
    right.describe(filterSentence(result.shown.keep, result.teacher.keep, problem.count));
    return text;
  }

  return mount(model, el, {
    settings: SETTINGS,
    panels: [left, right],
    controls,
    choices: ["procedure"],
    below: [readout.node],
    update,
  });
}

export default { render };
