// Brings the stored figures of a page to life, without a kernel and without a server.
// `SOURCES` (figure name -> module source) is defined around this text, see _bundle.py.

const modules = {};

// A blob, because a module cannot be loaded from a file:// address.
function load(name) {
  modules[name] ??= import(
    URL.createObjectURL(new Blob([SOURCES[name]], { type: "text/javascript" }))
  );
  return modules[name];
}

// The part of a widget's model that the figures use.
function localModel(state) {
  const listeners = new Map();
  return {
    get: (name) => state[name],
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      listeners.get(`change:${name}`)?.forEach((listener) => listener());
    },
    save_changes() {},
    on(event, listener) {
      if (!listeners.has(event)) listeners.set(event, new Set());
      listeners.get(event).add(listener);
    },
    off(event, listener) {
      listeners.get(event)?.delete(listener);
    },
  };
}

async function hydrate(figure) {
  const el = document.createElement("div");
  try {
    const module = await load(figure.dataset.module);
    const state = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    module.default.render({ model: localModel(state), el });
    figure.querySelector("img").replaceWith(el);
    figure.dataset.state = "live";
  } catch (error) {
    figure.dataset.state = "failed"; // the picture stays
    console.error(error);
  }
}

function start() {
  document.querySelectorAll("figure.distill-live:not([data-state])").forEach((figure) => {
    figure.dataset.state = "loading";
    hydrate(figure);
  });
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
