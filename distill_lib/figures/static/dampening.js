import {
  dataPanel, dotPath, element, extent, fittedCurve, formatNumber, linePath, mount, panel, prepare,
  read, shape, significant, slider, speakNumber, table, ticks, write,
} from "./toolkit.js";

// Fifteen fits to a mix of the labels and the fit before, their filters, their limit and their
// errors, and the same with the best weight in each round. `live/dampening.py` computes it with
// the library; a test compares the two.

const SETTINGS = ["lam", "alpha", "round"];
const ROUNDS = 15; // this and the next two as in live/dampening.py
const APART = 0.05; // labels of filters that were closer would overlap
const COINCIDE = 1e-9; // of the data's scale: what is closer is the same in the stored curves

// ------------------------------------------------------------------ the fits

/** All rounds; weigh(before, first) gives the weight of the next one, first the first fit. */
function fitRounds(problem, lam, weigh) {
  const a = problem.d.map((value) => value / (value + lam));
  const fits = [{ alpha: 1, keep: a, ...fittedCurve(a, problem) }];
  while (fits.length < ROUNDS) {
    const before = fits[fits.length - 1].keep;
    const alpha = weigh(before, fits[0]);
    const keep = a.map((share, j) => share * (alpha + (1 - alpha) * before[j]));
    fits.push({ alpha, keep, ...fittedCurve(keep, problem) });
  }
  return fits;
}

const chosenRounds = (problem, { lam, alpha }) => fitRounds(problem, lam, () => alpha);

const dot = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);

/** The rounds with the weight of least error against the truth in each, any real number. */
function bestRounds(problem, { lam }) {
  const { y, truth } = problem;
  const scale = Math.max(...[y, truth].flat().map(Math.abs));
  return fitRounds(problem, lam, (before, first) => {
    // The first fit less the one to the values of the round before, from the shares: for a weak
    // ridge the two curves are nearly the same.
    const shares = first.keep.map((share, j) => share * (1 - before[j]));
    const { curve: gap } = fittedCurve(shares, problem);
    if (Math.max(...gap.map(Math.abs)) <= COINCIDE * scale) return 1;
    const miss = truth.map((value, i) => value - first.curve[i]);
    return 1 + dot(miss, gap) / dot(gap, gap);
  });
}

function limitFit(problem, { lam, alpha }) {
  const keep = problem.d.map((value) => (alpha * value) / (alpha * value + lam));
  return { alpha, keep, ...fittedCurve(keep, problem) };
}

/**
 * The rounds with the chosen weight, their limit, and the rounds with the best weights. `known` is
 * an earlier result: what has not changed since then is taken from it.
 */
export function evaluate(problem, settings, known = null) {
  const { lam, alpha, round } = settings;
  const isSameRidge = known?.lam === lam;
  const isSame = isSameRidge && known.alpha === alpha;
  return {
    lam,
    alpha,
    round,
    fits: isSame ? known.fits : chosenRounds(problem, settings),
    limit: isSame ? known.limit : limitFit(problem, settings),
    best: isSameRidge ? known.best : bestRounds(problem, settings),
  };
}

/** The ratio of the outermost filters that are drawn; null where it has no meaning. */
function ratio(keep, { shown }) {
  const [one, other] = [keep[shown[0]], keep[shown[shown.length - 1]]];
  return shown.length > 1 && one > 0 && other > 0 ? one / other : null;
}

// --------------------------------------------------------------------- words

const errorsOf = (fits) => fits.map(({ miss }) => miss);

/** Which of the fits, or of them and their limit, is best. */
function verdict(errors, limit) {
  const values = [...errors, limit];
  const [low, high] = extent([values]);
  const slack = 1e-6 * high;
  if (high - low <= slack) return "Every fit has the same error.";
  const best = 1 + values.findIndex((value) => value <= low + slack);
  if (best > errors.length) return "No fit is as good as the limit.";
  if (best === errors.length) return `Best at fit ${best}, the last one shown.`;
  return best === 1 ? "The first fit is best." : `Best at fit ${best}.`;
}

/** Which fit is best and what the limit is; `number` writes the limit's ridge. */
export function story({ fits, limit, lam, alpha }, number = formatNumber) {
  if (alpha === 1) return "With α = 1 every fit is the first one.";
  const best = verdict(errorsOf(fits), limit.miss);
  if (alpha === 0) return `${best} The limit is the zero function.`;
  return `${best} The limit is a ridge fit with λ/α = ${number(lam / alpha)}.`;
}

const spoken = (text) => text.replaceAll("λ/α", "lambda over alpha").replaceAll("α", "alpha");

/** How the ratio of the outermost filters goes on from the fit before, in words. */
function ratioSentence({ fits, round }, problem) {
  const now = ratio(fits[round - 1].keep, problem);
  const before = round > 1 && ratio(fits[round - 2].keep, problem);
  if (now === null) return "";
  const base = `The ratio of the outermost filters is ${speakNumber(now)}`;
  return before ? `${base}, and ${speakNumber(before)} a fit before. ` : `${base}. `;
}

function sentence(result, problem) {
  const { fits, best, limit, alpha, round } = result;
  const [fit, rival] = [fits[round - 1], best[round - 1]];
  const errors = [fit, fits[0], limit, rival].map(({ miss }) => speakNumber(miss, 4));
  const [own, first, last, least] = errors;
  const here = speakNumber(rival.alpha);
  const weight = `With the best weight in each round, here ${here}, it is ${least}. `;
  return (
    `Fit ${round} with weight ${alpha.toFixed(2)}: error against the truth ${own}. The first fit ` +
    `has ${first}, the limit ${last}. ${round > 1 ? weight : ""}` +
    `${ratioSentence(result, problem)}${spoken(story(result, speakNumber))}`
  );
}

function shareSentence({ fits, limit, round }, { shown, d }) {
  const parts = shown.map((j) => {
    const said = [fits[0], fits[round - 1], limit].map(({ keep }) => keep[j].toFixed(2));
    const [first, now, last] = said;
    const name = `eigenvalue ${speakNumber(d[j], 2)}`;
    return `${name}: ${first} at first, ${now} at fit ${round}, limit ${last}`;
  });
  return `Share kept over ${ROUNDS} rounds. ${parts.join("; ")}.`;
}

function errorSentence({ fits, best, limit, round }) {
  const list = (values) => errorsOf(values).slice(0, 6).map((v) => speakNumber(v)).join(", ");
  return (
    `Error against the truth from the first fit on: ${list(fits)}, and so on, limit ` +
    `${speakNumber(limit.miss)}. With the best weight in each round: ${list(best)}, and so on. ` +
    `Fit ${round} is marked.`
  );
}

// ------------------------------------------------------------------- drawing

const HEIGHT = { tall: 366, low: 170 }; // as in live/dampening.py
const TURNS = Array.from({ length: ROUNDS }, (_, k) => k + 1);
const TURN_TICKS = [1, 5, 10, 15].map((value) => ({ value, text: String(value) }));

function curvePanel(problem) {
  const view = dataPanel(problem, HEIGHT.low);
  const [student, limit, teacher] = ["dl-student", "dl-limit", "dl-teacher"].map(view.line);
  return { ...view, update(result) {
    student(result.fits[result.round - 1].curve);
    limit(result.limit.curve);
    teacher(result.fits[0].curve);
  } };
}

const dotsPath = (values, X, Y, r) => values.map((y, k) => dotPath(X(k + 1), Y(y), r)).join("");

/** Rows of values over the rounds, each with dots and a limit; the first dot is the teacher's. */
function roundLines(plot) {
  const path = (role) => shape(plot, "path", { class: role });
  const mark = path("dl-line dl-cursor");
  const level = path("dl-line dl-limit");
  const line = path("dl-line dl-student dl-stairs");
  const dots = path("dl-points dl-student");
  const start = path("dl-points dl-teacher");
  return ({ X, Y }, rows, limits, round) => {
    mark.setAttribute("d", `M${X(round).toFixed(1)} 0V${Y.range[0]}`);
    level.setAttribute("d", limits.map((y) => linePath([1, ROUNDS], [y, y], X, Y)).join(""));
    line.setAttribute("d", rows.map((row) => linePath(TURNS, row, X, Y)).join(""));
    dots.setAttribute("d", rows.map((row) => dotsPath(row, X, Y)).join(""));
    start.setAttribute("d", rows.map((row) => dotPath(X(1), Y(row[0]))).join(""));
  };
}

/** Heights for the labels of descending shares: as near as may be, without an overlap. */
function labelHeights(shares) {
  const heights = [];
  for (const share of shares) heights.push(Math.min(share, (heights.at(-1) ?? Infinity) - APART));
  let floor = 0;
  for (let k = heights.length - 1; k >= 0; k--) {
    heights[k] = Math.max(heights[k], floor);
    floor = heights[k] + APART;
  }
  return heights;
}

function sharePanel({ shown, d }) {
  const view = panel({
    x: { domain: [-3.4, ROUNDS + 0.5], ticks: TURN_TICKS, label: "round τ" },
    y: { domain: [-0.02, 1.04], ticks: ticks(0, 1, 5), label: "Filter b: share kept" },
    key: [["dl-limit", "limit"]],
    height: HEIGHT.tall,
  });
  const { plot, X, Y } = view;
  view.node.classList.add("dl-tall");
  const draw = roundLines(plot);
  const at = { x: X(1) - 8, class: "dl-note", "text-anchor": "end" };
  const labels = shown.map((j) => shape(plot, "text", at, `d = ${formatNumber(d[j], 2)}`));
  return { ...view, update({ fits, limit, round }) {
    const rows = shown.map((j) => fits.map(({ keep }) => keep[j]));
    draw(view, rows, shown.map((j) => limit.keep[j]), round);
    labelHeights(rows.map(([share]) => share)).forEach((height, k) => {
      labels[k].setAttribute("y", Y(height) + 4);
    });
  } };
}

/** The power of ten in which the errors are written: 1 unless they are very large or small. */
function errorUnit(problem, { fits }) {
  const power = problem.truth.reduce((sum, v) => sum + v * v, 0) / problem.truth.length;
  const exponent = Math.floor(Math.log10(Math.max(power, fits[0].miss) || 1));
  return exponent < -2 || exponent > 2 ? 10 ** exponent : 1;
}

function errorPanel(problem, start) {
  const unit = errorUnit(problem, start);
  const inUnits = unit === 1 ? "" : `, unit ${formatNumber(unit, 1)}`;
  const scales = (values) => {
    const [low, high] = extent([values]);
    const margin = Math.max(0.08 * (high - low), 0.01 * high) || 1;
    const domain = [low - margin, high + margin];
    return {
      x: { domain: [0.4, ROUNDS + 0.6], ticks: TURN_TICKS, label: "round τ" },
      y: { domain, ticks: ticks(...domain, 4), label: `Error against the truth${inUnits}` },
    };
  };
  const key = [["dl-best", "best α in each round"]];
  const view = panel({ ...scales([0, 1]), key, height: HEIGHT.low, left: 46 });
  const rival = shape(view.plot, "path", { class: "dl-line dl-best" });
  const circles = shape(view.plot, "path", { class: "dl-circles" });
  const draw = roundLines(view.plot);
  return { ...view, update({ fits, best, limit, round }) {
    const [own, others] = [fits, best].map((all) => errorsOf(all).map((miss) => miss / unit));
    const level = limit.miss / unit;
    const { X, Y } = view.rescale(scales([...own, ...others, level]));
    draw({ X, Y }, [own], [level], round);
    rival.setAttribute("d", linePath(TURNS, others, X, Y));
    circles.setAttribute("d", dotsPath(others, X, Y, 3.6));
  } };
}

/** Sliders in the order in which the author named them. */
function makeControls(model, problem) {
  const change = (name) => (value) => write(model, { [name]: value });
  const start = Math.log10(model.get("lam"));
  const top = Math.log10(problem.d[0] || 1);
  const makers = {
    lam: () => slider({
      label: "ridge λ",
      min: Math.min(Math.floor(top) - 4, Math.floor(start)),
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
    round: () => slider({
      label: "round τ",
      min: 1,
      max: ROUNDS,
      step: 1,
      position: (value) => value,
      value: (position) => position,
      show: (value) => `${value} of ${ROUNDS}`,
      say: (value) => `fit ${value} of ${ROUNDS}`,
      onInput: change("round"),
    }),
  };
  return model.get("controls").map((name) => ({ name, ...makers[name]() }));
}

// ------------------------------------------------------------------ read-out

function makeTable({ shown, d }) {
  const [one, other] = [shown[0], shown[shown.length - 1]].map((j) => formatNumber(d[j], 2));
  const view = table({
    caption: "Errors of the fits, and the ratio of their filters at two eigenvalues",
    columns: ["fit", `ratio b(${one}) / b(${other})`, "error against the truth"],
    rows: ["dl-teacher", "dl-blank", "dl-student", "dl-limit", "dl-best"],
  });
  view.node.classList.add("dl-reserve"); // the fit before the first: keep its place
  return view;
}

/** Fill the table: first fit, the fit before, the chosen fit, the limit, the best weights. */
function fillTable(view, { fits, best, limit, lam, alpha, round }, problem) {
  const cells = ({ keep, miss }) => {
    const value = ratio(keep, problem);
    return [value === null ? "–" : formatNumber(value), formatNumber(miss, 5)];
  };
  const [before, fit, rival] = [fits[round - 2], fits[round - 1], best[round - 1]];
  const ridge = alpha === 0 ? "zero function" : `λ/α = ${formatNumber(lam / alpha)}`;
  const number = formatNumber(rival.alpha).replace("-", "−");
  const weight = round === 1 ? "any α" : `best α = ${number}`;
  view.set(0, "first fit", cells(fits[0]));
  view.set(1, `fit ${round - 1}`, before ? cells(before) : null);
  view.set(2, `fit ${round}, α = ${alpha.toFixed(2)}`, cells(fit));
  view.set(3, `limit, ${ridge}`, cells(limit));
  view.set(4, `fit ${round}, ${weight}`, cells(rival));
}

function render({ model, el }) {
  const problem = prepare(model.get("data"));
  let result = evaluate(problem, read(model, SETTINGS));
  const panels = [curvePanel(problem), sharePanel(problem), errorPanel(problem, result)];
  const [curves, shares, errors] = panels;
  const controls = makeControls(model, problem);
  const readout = makeTable(problem);
  const status = element("p", { class: "dl-status" });

  function update(settings) {
    result = evaluate(problem, settings, result);
    for (const { name, set } of controls) set(settings[name]);
    panels.forEach((view) => view.update(result));
    fillTable(readout, result, problem);
    status.textContent = story(result);
    const text = sentence(result, problem);
    curves.describe(`Data, truth and fitted curves. ${text}`);
    shares.describe(shareSentence(result, problem));
    errors.describe(errorSentence(result));
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
