import {
  dataPanel, dotPath, element, filterPanel, filterSentence, fittedCurve, formatNumber, linePath,
  mount, panel, prepare, shape, significant, slider, speakNumber, table, ticks, write,
} from "./toolkit.js";

// Rounds in the tolerance form: each round is the simplest function within the tolerance of the
// values of the round before. `live/tolerance.py` computes the same with `distill_lib.kernel.constrained`; a
// test compares the two.

const SETTINGS = ["tolerance", "round"];
const MOST_ROUNDS = 60; // as in live/tolerance.py
// The stored energies have nine digits: what is nearer to a boundary than this lies on it.
const ROUNDING = 1e-7;

// ------------------------------------------------------------------ the path

const total = (values) => values.reduce((a, b) => a + b, 0);

/** The root of a rising function in [low, high]: regula falsi, halving where that is slow. */
function risingRoot(excess, low, high) {
  let [below, above] = [excess(low), excess(high)];
  let side = 0;
  let width = high - low;
  for (let k = 1; k <= 200 && high - low > 1e-13 * Math.max(1, Math.abs(low)); k++) {
    let s = (low * above - high * below) / (above - below);
    if (k % 3 === 0) {
      if (high - low > width / 2) s = (low + high) / 2;
      width = high - low;
    }
    if (!(s > low && s < high)) s = (low + high) / 2;
    if (s === low || s === high) break;
    const value = excess(s);
    if (value === 0) return s;
    if (value < 0) {
      [low, below] = [s, value];
      if (side < 0) above /= 2; // Illinois: an end that stays loses half of its weight
      side = -1;
    } else {
      [high, above] = [s, value];
      if (side > 0) below /= 2;
      side = 1;
    }
  }
  return Math.abs(below) < Math.abs(above) ? low : high;
}

/**
 * The ridge at which a fit misses targets with these energies by `budget` (0 < budget < their sum).
 *
 * Close to the collapse nearly all is missed; there the equation is written for what is kept, so
 * that nothing cancels.
 */
function solveRidge(d, energy, budget) {
  const missing = (total(energy) - budget) / budget;
  const relative = missing / (1 + Math.sqrt(1 + missing)); // r - 1
  const amplitude = energy.map((value) => Math.sqrt(value / budget));
  const excess = (s) => {
    const lam = Math.exp(s);
    let sum = 0;
    for (let j = 0; j < d.length; j++) {
      const keep = d[j] / (d[j] + lam);
      if (missing > 1) sum += ((lam / (d[j] + lam)) * amplitude[j]) ** 2;
      else sum += keep * (2 - keep) * amplitude[j] ** 2;
    }
    return missing > 1 ? Math.log(sum) : -Math.log(sum / missing);
  };
  // d descends; the margin is for a bracket without width, when one direction carries all.
  const low = Math.log(d[d.length - 1]) - Math.log(relative) - 1e-6;
  const high = Math.log(d[0]) - Math.log(relative) + 1e-6;
  return Math.exp(risingRoot(excess, low, high));
}

/**
 * Every round up to the collapse, MOST_ROUNDS at most: multipliers c_t, filters B_t (one value an
 * eigenspace) and relative norms r_t of the targets. Without rounds and not collapsed, the tolerance
 * is infeasible.
 */
export function path({ d, energy, smallest, y }, tolerance) {
  const n = y.length;
  const rank = d.filter((value) => value > 0).length;
  const values = d.subarray(0, rank);
  const relative = (sum) => Math.sqrt(sum / (n * tolerance));
  const found = { multipliers: [], filters: [], norms: [relative(total(energy))] };
  const isCollapsed = (current, budget) => total(current) <= budget * (1 + ROUNDING);
  if (isCollapsed(energy, n * tolerance)) return { ...found, collapsed: true };
  if (tolerance <= smallest) return { ...found, collapsed: false };
  let current = energy.slice(0, rank);
  let budget = n * (tolerance - smallest); // round 0 pays for what no round can fit
  let keep = new Float64Array(d.length).fill(1, 0, rank);
  let collapsed = isCollapsed(current, budget);
  while (!collapsed && found.filters.length < MOST_ROUNDS) {
    const lam = solveRidge(values, current, budget);
    keep = keep.map((share, j) => (share === 0 ? 0 : share * (d[j] / (d[j] + lam))));
    current = current.map((_, j) => keep[j] * keep[j] * energy[j]);
    budget = n * tolerance;
    collapsed = isCollapsed(current, budget);
    found.multipliers.push(lam / n);
    found.filters.push(keep);
    found.norms.push(relative(total(current)));
  }
  return { ...found, collapsed };
}

/** How many rounds are certain: ceil(r_0 - 1), and one if the first is no collapse. */
const certain = (r) => (r > 1 ? Math.max(1, Math.ceil((r - 1) * (1 - ROUNDING))) : 0);

/** The path of a tolerance, the first fit and the round that is shown. */
export function evaluate(problem, { tolerance, round }, known) {
  const found = known ?? path(problem, tolerance);
  const fits = found.filters.length;
  const zero = new Float64Array(problem.d.length);
  const outcome = (t) => {
    const keep = found.filters[t] ?? zero;
    return { keep, multiplier: found.multipliers[t] ?? null, ...fittedCurve(keep, problem) };
  };
  // A round beyond the collapse is zero as well; a path that is cut off ends with its last fit.
  const last = found.collapsed ? fits : Math.max(fits - 1, 0);
  const shown = Math.min(round, last);
  return {
    path: found,
    isFeasible: found.collapsed || fits > 0,
    isCollapsed: found.collapsed && shown === fits,
    last,
    round: shown,
    certain: certain(found.norms[0]),
    teacher: outcome(0),
    student: outcome(shown),
  };
}

// --------------------------------------------------------------------- words

const ROUNDS = (count) => (count === 1 ? "1 round" : `${count} rounds`);

/** How the path goes on, in a sentence; `number` writes the smallest tolerance. */
function story(result, { smallest }, number) {
  const { path: { filters, collapsed }, isFeasible } = result;
  if (!isFeasible) {
    return `No function is within this tolerance: it must be above ${number(smallest, 4)}.`;
  }
  if (filters.length === 0) return "The zero function is within the tolerance: no round is a fit.";
  const count = collapsed ? ROUNDS(filters.length) : `More than ${ROUNDS(MOST_ROUNDS)}`;
  return `${count}, then collapse. ${result.certain} ${result.certain === 1 ? "is" : "are"} certain.`;
}

function sentence(result, problem) {
  const { teacher, student, round, isCollapsed, isFeasible } = result;
  const base = story(result, problem, speakNumber);
  if (!isFeasible) return base;
  const error = `error against the truth ${speakNumber(student.miss)}`;
  if (isCollapsed) return `Round ${round} has collapsed to the zero function, ${error}. ${base}`;
  const first = round ? ` Round 0 has the error ${speakNumber(teacher.miss)}.` : "";
  const multiplier = `multiplier ${speakNumber(student.multiplier)}`;
  return `Round ${round}: ${multiplier}, ${error}.${first} ${base}`;
}

function normSentence({ path: { norms }, round }) {
  const said = norms.slice(0, 8).map((r) => r.toFixed(2));
  const rest = norms.length > 8 ? `, …, ${norms[norms.length - 1].toFixed(2)}` : "";
  return (
    `Relative norm of the targets, round by round: ${said.join(", ")}${rest}. Round ${round} is ` +
    `marked. At 1 or below the path has collapsed.`
  );
}

// ------------------------------------------------------------------- drawing

const HEIGHT = { tall: 366, low: 170 }; // as in live/tolerance.py

function curvePanel(problem) {
  const view = dataPanel(problem, HEIGHT.tall);
  const [student, teacher] = ["dl-student", "dl-teacher"].map(view.line);
  const { X, Y } = view;
  const at = { x: 0.7 * X.range[1], y: Y(0) - 8, "text-anchor": "middle" };
  const note = shape(view.plot, "text", { ...at, class: "dl-note" });
  view.node.classList.add("dl-tall");
  return { ...view, update({ teacher: first, student: shown, isFeasible, isCollapsed }) {
    student(isFeasible && shown.curve);
    teacher(isFeasible && first.curve);
    note.textContent = isCollapsed ? "collapsed" : "";
  } };
}

function barPanel(problem) {
  const view = filterPanel(problem, HEIGHT.low);
  const teacher = view.stairs("dl-teacher");
  return { ...view, update(result) {
    view.bars("dl-student", result.student.keep);
    teacher(result.isFeasible && result.teacher.keep);
  } };
}

/** The smallest of the round numbers 1, 2, 4, 6, 10, 20, 40, 60, ... that is not below `value`. */
function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 10].map((factor) => factor * unit).find((top) => top >= value);
}

function normPanel() {
  const scales = (rounds, r) => {
    const [right, top] = [Math.max(6, roundUp(rounds)), roundUp(Math.max(r, 1.5))];
    const isWhole = ({ value }) => Number.isInteger(value);
    return {
      x: { domain: [-0.3, right + 0.3], ticks: ticks(0, right, 6).filter(isWhole), label: "round t" },
      y: { domain: [0, 1.08 * top], ticks: ticks(0, top, 4), label: "Norm r of the targets" },
    };
  };
  const view = panel({ ...scales(6, 2), key: [["dl-certain", "certain"]], height: HEIGHT.low });
  const path = (role) => shape(view.plot, "path", { class: role });
  const band = path("dl-band");
  const bounds = path("dl-line dl-certain");
  const level = path("dl-line dl-level");
  const line = path("dl-line dl-student dl-stairs");
  const dots = path("dl-points dl-student");
  const mark = shape(view.plot, "circle", { class: "dl-mark", r: 5.5 });
  const label = shape(view.plot, "text", { class: "dl-note", "text-anchor": "end" }, "collapse");
  let drawn = null;

  function drawPath({ path: { norms }, isFeasible }) {
    const { x, y } = scales(norms.length - 1, norms[0]);
    const { X, Y } = view.rescale({ x, y });
    const [, right] = x.domain;
    const from = isFeasible && norms[0] > 1 ? norms[0] : 0; // else there is nothing to promise
    const end = Math.min(from * from, right);
    const lower = [0, Math.min(from, end), end].map((t) => [t, Math.max(0, from - t)]);
    const steps = Array.from({ length: 61 }, (_, k) => end * (1 - (1 - k / 60) ** 2));
    const upper = steps.map((t) => [t, Math.sqrt(Math.max(0, from * from - t))]);
    const through = (points) =>
      linePath(points.map(([t]) => t), points.map(([, r]) => r), X, Y);
    band.setAttribute("d", from ? `${through([...upper, ...[...lower].reverse()])}Z` : "");
    bounds.setAttribute("d", from ? through(upper) + through(lower) : "");
    level.setAttribute("d", `M${X.range[0]} ${Y(1)}H${X.range[1]}`);
    line.setAttribute("d", linePath([...norms.keys()], norms, X, Y));
    dots.setAttribute("d", norms.map((r, t) => dotPath(X(t), Y(r))).join(""));
    label.setAttribute("x", X.range[1] - 4);
    label.setAttribute("y", Y(1) - 5);
    drawn = { norms, X, Y };
  }

  return { ...view, update(result) {
    const { norms } = result.path;
    if (drawn?.norms !== norms) drawPath(result);
    mark.setAttribute("cx", drawn.X(result.round));
    mark.setAttribute("cy", drawn.Y(norms[result.round]));
  } };
}

/**
 * The ends of the slider: just above the smallest tolerance, or where more rounds are certain than
 * are shown, and where the targets themselves collapse; the author's choice is always within reach.
 */
function toleranceRange({ y, energy, smallest }, start) {
  const top = total(energy) / y.length || start;
  const low = Math.max(smallest * 1.001, top / (MOST_ROUNDS + 1) ** 2);
  return [Math.min(low, start), Math.max(1.05 * top, start)].map(Math.log10);
}

function makeControls(model, problem, result) {
  const change = (name) => (value) => write(model, { [name]: value });
  const [min, max] = toleranceRange(problem, model.get("tolerance"));
  const makers = {
    tolerance: () => slider({
      label: "tolerance ε",
      min,
      max,
      step: (max - min) / 400,
      position: Math.log10,
      value: (position) => significant(10 ** position, 6),
      show: (value) => formatNumber(value),
      say: (value) => speakNumber(value),
      onInput: change("tolerance"),
    }),
    round: () => slider({
      label: "round t",
      min: 0,
      max: 1,
      step: 1,
      position: (value) => value,
      value: (position) => position,
      show: (value) => `${value} of ${result().last}`,
      say: (value) => {
        const { last, isCollapsed } = result();
        return `round ${value} of ${last}${isCollapsed ? ", collapsed" : ""}`;
      },
      onInput: change("round"),
    }),
  };
  return model.get("controls").map((name) => ({ name, ...makers[name]() }));
}

const NONE = "–";

/** Cells of one fit in the table. */
const numbers = ({ multiplier, miss }) => [
  multiplier === null ? NONE : formatNumber(multiplier),
  formatNumber(miss),
];

function render({ model, el }) {
  const problem = prepare(model.get("data"));
  let result = null;
  const panels = [curvePanel(problem), barPanel(problem), normPanel()];
  const [curves, bars, norms] = panels;
  const controls = makeControls(model, problem, () => result);
  const readout = table({
    caption: "Multipliers and errors of the fits",
    columns: ["fit", "multiplier c", "error against the truth"],
    rows: ["dl-teacher", "dl-student"],
  });
  const status = element("p", { class: "dl-status" });
  let known = { tolerance: null, path: null };

  function update(settings) {
    const { tolerance } = settings;
    if (tolerance !== known.tolerance) known = { tolerance, path: path(problem, tolerance) };
    result = evaluate(problem, settings, known.path);
    const { isFeasible, isCollapsed, teacher, student, round, last } = result;
    for (const { name, set, limit } of controls) {
      if (name === "round") limit(last);
      set(name === "round" ? round : tolerance);
    }
    panels.forEach((view) => view.update(result));
    readout.set(0, "round 0, the first fit", isFeasible ? numbers(teacher) : [NONE, NONE]);
    const name = `round ${round}${isCollapsed ? ", collapsed" : ""}`;
    readout.set(1, name, isFeasible ? numbers(student) : [NONE, NONE]);
    status.textContent = story(result, problem, formatNumber);
    const text = sentence(result, problem);
    curves.describe(`Data, truth and fitted curves. ${text}`);
    bars.describe(filterSentence(student.keep, teacher.keep, problem.count));
    norms.describe(normSentence(result));
    return text;
  }

  return mount(model, el, {
    settings: SETTINGS,
    panels,
    controls,
    beside: [status],
    below: [readout.node],
    update,
  });
}

export default { render };
