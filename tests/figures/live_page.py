"""What the tests of live figures share: a page that holds them, and how to look at it."""

import json

import numpy as np

from distill_lib.figures import _bundle

SITE = """<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Live figures</title>
<style>{css}</style>
<style>body {{ margin: 16px; font-family: sans-serif; background: #fff; color: #222 }}
html[data-theme=dark] body {{ background: #121212; color: #ddd }}</style>
</head><body><main><h1>Live figures</h1>{figures}<p>After.</p></main>
<script>{script}</script></body></html>"""


class Site:
    """A page of live figures, opened from a file with every request to elsewhere blocked."""

    def __init__(self, page, folder):
        self.page, self.file = page, folder / "page.html"
        self.messages, self.requests = [], []
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.route("**/*", self._route)

    def _route(self, route):
        url = route.request.url
        if url.startswith("file:"):
            route.continue_()
        else:
            self.requests.append(url)
            route.abort()

    def open(self, *figures, theme="light"):
        text = SITE.format(
            theme=theme,
            css=_bundle.STYLE.read_text("utf8"),
            figures="".join(figure.to_html() for figure in figures),
            script=_bundle.site_script(),
        )
        self.file.write_text(text, "utf8")
        self.page.goto(self.file.as_uri())
        self.page.wait_for_function(
            "n => document.querySelectorAll('figure[data-state=live]').length === n",
            arg=len(figures),
        )
        return self.page

    def quiet(self):
        return self.messages == [] and self.requests == []


def set_traits(figure, settings):
    for name, value in settings.items():
        setattr(figure, name, value)


def drawn(scope):
    return [path.get_attribute("d") for path in scope.locator(".dl-plot path").all()]


def slider(scope, name):
    return scope.get_by_role("slider", name=name)


def move(scope, name, key, times=1):
    control = slider(scope, name)
    control.focus()
    for _ in range(times):
        control.press(key)
    scope.page.wait_for_timeout(20)


def rows(scope):
    return [row.inner_text().split("\t") for row in scope.locator("tbody tr:visible").all()]


def contrast(one, other):
    """Contrast ratio of WCAG 2 for two ``rgb(r, g, b)`` colours."""

    def luminance(color):
        values = [int(v) / 255 for v in color[color.index("(") + 1 : -1].split(",")[:3]]
        low = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * low[0] + 0.7152 * low[1] + 0.0722 * low[2]

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


TIME = """async ([source, state, name, values]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: figure } = await import(url);
  const listeners = {};
  const model = {
    get: (name) => state[name], set: (name, value) => { state[name] = value; },
    save_changes() {}, off() {}, on: (event, listener) => { listeners[event] = listener; },
  };
  const el = document.body.appendChild(document.createElement("div"));
  figure.render({ model, el });
  const times = [];
  for (let k = 0; k < 300; k++) {
    state[name] = values[k % values.length];
    const start = performance.now();
    listeners[`change:${name}`]();
    await null; await null; // the drawing runs in a microtask
    times.push(performance.now() - start);
  }
  return times.slice(20);
}"""


def times_of_updates(page, figure, name, values):
    """Return the milliseconds of updates of a figure in which one setting takes these values."""
    state = json.loads(figure._state_json())
    return page.evaluate(TIME, [_bundle.module_source(figure._module), state, name, list(values)])


def summary(times):
    """Return median and maximum."""
    return {"median": float(np.median(times)), "max": max(times)}
