// What the live figures have in common: elements, scales, panels, controls, read-outs, state.
//
// A figure is an ES module whose default export is { render({ model, el }) }. The model is that of
// a Jupyter widget, or on the site a plain object with the same methods (hydrate.js). Nothing here
// needs an id: controls are wrapped in their labels, plots clip through nested <svg> elements. So
// any number of figures can stand on one page.

const SVG = "http://www.w3.org/2000/svg";

// ------------------------------------------------------------------ elements

/** Make an HTML element: element("p", { class: "x" }, "text", child). */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Make an SVG element and append it to `parent`, if there is one. */
export function shape(parent, tag, attributes = {}, text = "") {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  parent?.append(node);
  return node;
}

// ------------------------------------------------------------------- numbers

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function powerOfTen(value, digits) {
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return { mantissa, exponent: Number(exponent) };
}

const isPlain = (value) => value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e4);

function plain(value, digits) {
  if (value === 0) return "0";
  const decimals = digits - 1 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.max(0, decimals));
}

/** Write a number to some significant digits: 0.0312, 1.2·10⁻⁵, ∞. */
export function formatNumber(value, digits = 3) {
  if (value === Infinity) return "∞";
  if (isPlain(value)) return plain(value, digits);
  const { mantissa, exponent } = powerOfTen(value, digits);
  const raised = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[digit]).join("");
  return `${mantissa}·10${exponent < 0 ? "⁻" : ""}${raised}`;
}

/** Write a number so that a screen reader says it right. */
export function speakNumber(value, digits = 3) {
  if (value === Infinity) return "infinity";
  if (isPlain(value)) return plain(value, digits);
  const { mantissa, exponent } = powerOfTen(value, digits);
  return `${mantissa} times 10 to the ${exponent < 0 ? "minus " : ""}${Math.abs(exponent)}`;
}

/** Round to some significant digits, so that a slider gives 0.0001 and not 0.00010000000000000002. */
export const significant = (value, digits) => Number(value.toPrecision(digits));

// -------------------------------------------------------------------- scales

/** A linear map from `domain` to `range`, which it carries along. */
export function linear([a, b], range) {
  const [from, to] = range;
  const slope = (to - from) / (b - a || 1);
  return Object.assign((value) => from + (value - a) * slope, { range });
}

/** The smallest interval that holds all values of all arrays, widened by a share on both sides. */
export function extent(arrays, widen = 0) {
  let low = Infinity;
  let high = -Infinity;
  for (const values of arrays) {
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  const margin = (high > low ? high - low : Math.abs(high) || 1) * widen;
  return [low - margin, high + margin];
}

/** About `count` round numbers between `low` and `high`. */
export function ticks(low, high, count) {
  const rough = (high - low) / count;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * unit).find((size) => size >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: last - first + 1 }, (_, k) => {
    const value = (first + k) * step;
    return { value, text: value.toFixed(decimals).replace("-", "−") };
  });
}

/** Powers of ten as ticks of an axis of logarithms, seven at most. */
export function decadeTicks([low, high]) {
  const step = Math.ceil((high - low) / 6);
  const text = (k) => (Math.abs(k) <= 4 ? String(10 ** k) : formatNumber(10 ** k, 1));
  const exponents = Array.from({ length: high - low + 1 }, (_, k) => low + k);
  const isShown = (k) => (k - low) % step === 0;
  return exponents.filter(isShown).map((k) => ({ value: k, text: text(k) }));
}

// --------------------------------------------------------------------- paths

/** Path through the points (X(xs[i]), Y(ys[i])). */
export function linePath(xs, ys, X, Y) {
  let path = "";
  for (let i = 0; i < xs.length; i++) {
    path += `${i ? "L" : "M"}${X(xs[i]).toFixed(1)} ${Y(ys[i]).toFixed(2)}`;
  }
  return path;
}

/** Bars of the given heights at 1, 2, 3, ...; `width` is a share of the distance. */
export function barsPath(heights, X, Y, width) {
  const ground = Y(0);
  let path = "";
  for (let j = 0; j < heights.length; j++) {
    const left = X(j + 1 - width / 2).toFixed(2);
    const right = X(j + 1 + width / 2).toFixed(2);
    path += `M${left} ${ground}V${Y(heights[j]).toFixed(2)}H${right}V${ground}Z`;
  }
  return path;
}

/** The top edges of bars that touch: a staircase at 1, 2, 3, ... */
export function stairsPath(heights, X, Y) {
  let path = `M${X(0.5).toFixed(2)} ${Y(heights[0]).toFixed(2)}`;
  for (let j = 0; j < heights.length; j++) {
    path += `V${Y(heights[j]).toFixed(2)}H${X(j + 1.5).toFixed(2)}`;
  }
  return path;
}

/** A dot as a path, so that many dots can be one. */
export const dotPath = (x, y, r = 2.6) =>
  `${moveTo(x - r, y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;

/** A diamond as a path. */
export const diamondPath = (x, y, r = 5.4) =>
  `${moveTo(x - r, y)}l${r} ${-r}l${r} ${r}l${-r} ${r}Z`;

const moveTo = (x, y) => `M${x.toFixed(2)} ${y.toFixed(2)}`;

// -------------------------------------------------------------------- panels

const PANEL = { width: 360, left: 38, right: 8, top: 10, bottom: 42 };

/**
 * A plot with axes. `x` and `y` are { domain, ticks, label }; the label of y stands above the plot,
 * with `key` (a list of [class of the sample, text]) at its right. `left` is the room for the
 * numbers at the axis of y.
 *
 * Returns { node, plot, X, Y, describe, rescale }: draw into `plot`, which clips, with the scales X
 * and Y. rescale({ x, y }) draws the axes anew and returns their scales { X, Y }.
 */
export function panel({ x, y, key = [], height = 236, left = PANEL.left }) {
  const { width, right, top, bottom } = PANEL;
  const inner = { width: width - left - right, height: height - top - bottom };
  const style = `aspect-ratio: ${width} / ${height}`;
  const svg = shape(null, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", style });
  const axes = shape(svg, "g", { class: "dl-axes", transform: `translate(${left} ${top})` });
  const plot = shape(svg, "svg", { x: left, y: top, ...inner, class: "dl-plot" });
  const heading = element("p", { class: "dl-heading" }, element("span", {}, y.label));
  for (const [sample, text] of key) heading.append(keyEntry(sample, text));
  const node = element("div", { class: "dl-panel" }, heading, svg);
  const rescale = (scales) => drawAxes(axes, inner, scales);
  const describe = (text) => svg.setAttribute("aria-label", text);
  return { node, plot, describe, rescale, ...rescale({ x, y }) };
}

function drawAxes(axes, { width, height }, { x, y }) {
  const X = linear(x.domain, [0, width]);
  const Y = linear(y.domain, [height, 0]);
  axes.replaceChildren();
  shape(axes, "path", { d: `M0 0V${height}H${width}` });
  for (const { value, text } of x.ticks) {
    shape(axes, "path", { d: `M${X(value)} ${height}v4` });
    shape(axes, "text", { x: X(value), y: height + 17, "text-anchor": "middle" }, text);
  }
  for (const { value, text } of y.ticks) {
    shape(axes, "path", { d: `M0 ${Y(value)}h-4` });
    shape(axes, "text", { x: -7, y: Y(value) + 4, "text-anchor": "end" }, text);
  }
  shape(axes, "text", { x: width / 2, y: height + 36, "text-anchor": "middle" }, x.label);
  return { X, Y };
}

/** A short piece of a line, a bar, a dot or a ring in the style of the class `sample`. */
export function swatch(sample) {
  const svg = shape(null, "svg", { viewBox: "0 0 26 12", class: "dl-swatch", "aria-hidden": true });
  if (sample === "dl-data") shape(svg, "circle", { cx: 13, cy: 6, r: 3.4, class: sample });
  else if (sample === "dl-mark") shape(svg, "circle", { cx: 13, cy: 6, r: 4.6, class: sample });
  else if (sample.startsWith("dl-bars")) shape(svg, "path", { d: "M6 1H20V11H6Z", class: sample });
  else if (sample.startsWith("dl-points")) shape(svg, "path", { d: DIAMOND, class: sample });
  else shape(svg, "path", { d: "M1 6H25", class: `dl-line ${sample}` });
  return svg;
}

const DIAMOND = diamondPath(13, 6, 4.4);

const keyEntry = (sample, text) => element("span", { class: "dl-key" }, swatch(sample), text);

// -------------------------------------------------------- a spectrum and data

/** Turn the stored state of data and spectrum into arrays that are fast to read. */
export function prepare(data) {
  return {
    ...data,
    d: Float64Array.from(data.d),
    energy: Float64Array.from(data.energy),
    curves: data.curves.map((curve) => Float64Array.from(curve)),
  };
}

/** The fitted curve of a filter, and its mean squared error against the truth. */
export function fittedCurve(keep, { curves, truth }) {
  const curve = new Float64Array(truth.length);
  for (let j = 0; j < keep.length; j++) {
    const share = keep[j];
    const part = curves[j];
    if (share !== 0) for (let i = 0; i < curve.length; i++) curve[i] += share * part[i];
  }
  let miss = 0;
  for (let i = 0; i < curve.length; i++) miss += (curve[i] - truth[i]) ** 2;
  return { curve, miss: miss / curve.length };
}

/** One value an eigenvector, where the state holds one an eigenspace. */
export function spread(values, counts) {
  const all = [];
  counts.forEach((count, j) => all.push(...Array(count).fill(values[j])));
  return all;
}

/** A panel with data and truth in it; draw further curves with its function `line`. */
export function dataPanel({ x, y, grid, truth }, height) {
  const domain = extent([grid, x], 0.02);
  const range = extent([y, truth], 0.1);
  const view = panel({
    x: { domain, ticks: ticks(...domain, 5), label: "x" },
    y: { domain: range, ticks: ticks(...range, 5), label: "Fitted curve" },
    key: [["dl-data", "data"], ["dl-truth", "truth"]],
    height,
  });
  const { plot, X, Y } = view;
  const line = (role) => {
    const path = shape(plot, "path", { class: `dl-line ${role}` });
    return (curve) => path.setAttribute("d", curve ? linePath(grid, curve, X, Y) : "");
  };
  line("dl-truth")(truth);
  const dots = shape(plot, "g", { class: "dl-data" });
  const radius = y.length > 60 ? 2.4 : 3.4;
  y.forEach((value, i) => shape(dots, "circle", { cx: X(x[i]), cy: Y(value), r: radius }));
  return { ...view, line };
}

/** 1 and the round numbers up to n that do not crowd it. */
function indexTicks(n) {
  const isFree = ({ value }) => Number.isInteger(value) && value - 1 > n / 8;
  return [{ value: 1, text: "1" }, ...ticks(0, n, 6).filter(isFree)];
}

/**
 * A panel for filters over the eigenvectors. bars(role, keep) draws one filter as bars; stairs(role)
 * returns a function that draws another as an outline, or hides it when it gets null.
 */
export function filterPanel({ d, count }, height) {
  const n = count.reduce((a, b) => a + b, 0);
  const ends = `${formatNumber(d[0], 2)} … ${formatNumber(d[d.length - 1], 2)}`;
  const view = panel({
    x: {
      domain: [0.4, n + 0.6],
      ticks: indexTicks(n),
      label: n === 1 ? "eigenvector" : `eigenvector (eigenvalue ${ends})`,
    },
    y: { domain: [0, 1.04], ticks: ticks(0, 1, 4), label: "Filter: share kept" },
    height,
  });
  const { plot, X, Y } = view;
  const width = n === 1 ? 0.15 : n > 40 ? 1 : 0.72;
  const path = shape(plot, "path");
  const bars = (role, keep) => {
    path.setAttribute("class", `dl-bars ${role}`);
    path.setAttribute("d", barsPath(spread(keep, count), X, Y, width));
  };
  const stairs = (role) => {
    const edge = shape(plot, "path", { class: `dl-line ${role} dl-stairs` });
    return (keep) => edge.setAttribute("d", keep ? stairsPath(spread(keep, count), X, Y) : "");
  };
  return { ...view, bars, stairs };
}

/** What a filter panel shows, in words; `first` is the filter of the first fit. */
export function filterSentence(shown, first, counts) {
  const kept = spread(shown, counts);
  const half = (values) => spread(values, counts).filter((value) => value > 0.5).length;
  const ends = `from ${kept[0].toFixed(2)} to ${kept[kept.length - 1].toFixed(2)}`;
  return (
    `Bars: share kept along ${kept.length} eigenvectors, largest eigenvalue first, ${ends}. ` +
    `More than half is kept along ${half(shown)}; the first fit does so along ${half(first)}.`
  );
}

// ------------------------------------------------------------------ controls

/**
 * A slider. `position` maps a value of the model to the slider, `value` back; `show` and `say`
 * write the value for eyes and for ears. Returns { node, set, limit }; limit(max) moves its end.
 */
export function slider({ label, min, max, step, position, value, show, say = show, onInput }) {
  const input = element("input", { type: "range", min, max, step });
  const output = element("span", { class: "dl-value", "aria-hidden": "true" });
  const node = element("label", { class: "dl-slider" }, element("span", {}, label), output, input);
  input.addEventListener("input", () => onInput(value(Number(input.value))));
  const set = (current) => {
    input.value = position(current);
    output.textContent = show(current);
    input.setAttribute("aria-valuetext", say(current));
  };
  return { node, set, limit: (end) => (input.max = end) };
}

let choices = 0; // radio buttons of one choice share a name that no other choice on the page has

/** A row of buttons of which one is chosen. `options` is a list of [value, text]. */
export function choice({ label, options, onInput }) {
  const name = `distill-choice-${(choices += 1)}-${Math.random().toString(36).slice(2)}`;
  const inputs = new Map();
  const row = element("div", { class: "dl-options" });
  for (const [value, text] of options) {
    const input = element("input", { type: "radio", name, value });
    input.addEventListener("change", () => input.checked && onInput(value));
    inputs.set(value, input);
    row.append(element("label", {}, input, element("span", {}, text)));
  }
  const node = element("fieldset", { class: "dl-choice" }, element("legend", {}, label), row);
  return { node, set: (value) => (inputs.get(value).checked = true) };
}

/** A plain button. */
export function button(text, onClick) {
  const node = element("button", { type: "button", class: "dl-button" }, text);
  node.addEventListener("click", onClick);
  return { node };
}

// ----------------------------------------------------------------- read-outs

/**
 * A table of numbers, which is also the key to the lines. `columns` are the headings; each of
 * `rows` is the class of its sample. Returns { node, set(row, text, cells) }; cells null hides it.
 */
export function table({ caption, columns, rows }) {
  const head = element("tr", {}, ...columns.map((text) => element("th", { scope: "col" }, text)));
  const body = element("tbody");
  const parts = rows.map((sample) => {
    const name = element("span");
    const cells = columns.slice(1).map(() => element("td"));
    const label = element("div", { class: "dl-name" }, swatch(sample), name);
    const first = element("th", { scope: "row" }, label);
    const node = element("tr", {}, first, ...cells);
    body.append(node);
    return { node, name, cells };
  });
  const title = element("caption", { class: "dl-hidden" }, caption);
  const node = element("table", { class: "dl-table" }, title, element("thead", {}, head), body);
  const set = (row, text, values) => {
    const { node: line, name, cells } = parts[row];
    line.classList.toggle("dl-absent", values === null);
    if (values === null) return;
    name.textContent = text;
    cells.forEach((cell, k) => (cell.textContent = values[k]));
  };
  return { node, set };
}

/** A sentence for screen readers. It is renewed when the controls have come to rest. */
export function announcer(delay = 700) {
  const node = element("p", { class: "dl-hidden", "aria-live": "polite" });
  let timer = null;
  let latest = null; // nothing is announced before the first change
  const say = (text) => {
    if (latest === null || text === latest) return (latest = text);
    latest = text;
    clearTimeout(timer);
    timer = setTimeout(() => (node.textContent = text), delay);
    return text;
  };
  return { node, say, stop: () => clearTimeout(timer) };
}

// --------------------------------------------------------------------- state

/** Read the named values of the model. */
export const read = (model, names) => Object.fromEntries(names.map((name) => [name, model.get(name)]));

/** Write values to the model and, in a notebook, on to Python. */
export function write(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

/** Call `draw` once after any number of changes of the named values. Returns how to stop. */
export function observe(model, names, draw) {
  let waiting = false;
  let stopped = false;
  const schedule = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      if (!stopped) draw();
    });
  };
  for (const name of names) model.on(`change:${name}`, schedule);
  return () => {
    stopped = true;
    for (const name of names) model.off(`change:${name}`, schedule);
  };
}

const OWN_KEYS = /^(Arrow|Page|Home$|End$| $|Enter$)/;

/** The frame of a figure: a named group that keeps its keys from the notebook's shortcuts. */
export function frame(label, ...children) {
  const node = element("div", { class: "dl", role: "group", "aria-label": label }, ...children);
  node.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab
  node.addEventListener("keydown", (event) => {
    if (OWN_KEYS.test(event.key)) event.stopPropagation();
  });
  return node;
}

/**
 * Put a figure together and keep it up to date with its settings. `choices` are the names of the
 * controls that are no sliders; `beside` are nodes in their row, `below` those under it.
 * update(values) draws, and returns what a screen reader is to say. Returns how to stop.
 */
export function mount(model, el, { settings, panels, controls, update, ...rest }) {
  const { choices = [], beside = [], below = [] } = rest;
  const initial = read(model, settings);
  const reset = button("reset", () => write(model, initial));
  const voice = announcer();
  const nodes = (list) => list.map(({ node }) => node);
  const isChoice = ({ name }) => choices.includes(name);
  const sliders = controls.filter((control) => !isChoice(control));
  const others = [...nodes(controls.filter(isChoice)), ...beside, reset.node];
  el.append(
    frame(
      model.get("alt"),
      element("div", { class: "dl-panels" }, ...nodes(panels)),
      element("div", { class: "dl-sliders" }, ...nodes(sliders)),
      element("div", { class: "dl-switches" }, ...others),
      ...below,
      voice.node,
    ),
  );
  const draw = () => voice.say(update(read(model, settings)));
  draw();
  const stop = observe(model, settings, draw);
  return () => {
    stop();
    voice.stop();
  };
}
