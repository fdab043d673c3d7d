"""The built site in a real browser: one visit to a page, and what is wrong with it.

Every request that leaves the machine is blocked and recorded, so that a page which needs another
site fails here rather than at a reader's.
"""

from __future__ import annotations

import functools
import http.server
import re
import threading
from contextlib import contextmanager

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import TimeoutError as PlaywrightTimeout

LOCAL = re.compile(r"^(http://127\.0\.0\.1[:/]|file:|data:|blob:|about:)")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}

# What axe may find because the theme or docutils writes it: rule -> [(text in the finding, why)].
# Keep this short: a fault in a page or in our own style sheet is mended, not listed.
BIBLIOGRAPHY = "docutils gives the entries of a bibliography roles that ARIA has since withdrawn"
LOGO = "the theme puts the logo into the sidebar outside of its navigation landmark"
EXCEPTIONS = {
    "aria-allowed-role": [("doc-biblioentry", BIBLIOGRAPHY)],
    "aria-deprecated-role": [("doc-biblioentry", BIBLIOGRAPHY)],
    "aria-required-children": [(".citation-list", BIBLIOGRAPHY)],
    "region": [
        (".only-light", LOGO),
        (".only-dark", LOGO),
        (".sidebar-primary-items__start", LOGO),
    ],
}


# A live figure, and that all of a page are drawn by their script.
LIVE = "figure.distill-live"
ALL_LIVE = f"""() => [...document.querySelectorAll({LIVE!r})]
    .every((figure) => figure.dataset.state === "live" && figure.querySelector("svg"))"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve files and log nothing."""

    protocol_version = "HTTP/1.1"  # keep connections open, as real servers do

    def log_message(self, *args):
        pass


@contextmanager
def served(folder):
    """Serve a folder on this machine; give its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Visit:
    """A tab of the browser that notes everything that goes wrong in it."""

    def __init__(self, browser, base, *, theme="light", scripts=True):
        self.base, self.theme, self.scripts = base.rstrip("/"), theme, scripts
        self.context = browser.new_context(
            color_scheme=theme,
            viewport=WIDE,
            reduced_motion="reduce",
            java_script_enabled=scripts,
        )
        self.context.route(lambda url: not LOCAL.match(url), self._block)
        self.page = self.context.new_page()
        self.problems = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        self.page.on("response", self._response)
        self.page.on("requestfailed", self._failed)

    def _block(self, route):
        self.problems.append(f"request leaves the machine: {route.request.url}")
        route.abort()

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text}")

    def _response(self, response):
        if response.status >= 400:
            self.problems.append(f"{response.status}: {response.url}")

    def _failed(self, request):
        if LOCAL.match(request.url) and request.failure != "net::ERR_ABORTED":
            self.problems.append(f"{request.failure}: {request.url}")

    def close(self):
        """Close the tab and its context."""
        self.context.close()

    def open(self, name, *, patience=10_000):
        """Go to a page, wait until formulas are set and live figures are drawn."""
        self.problems.clear()
        self.page.goto(f"{self.base}/{name}", wait_until="load")
        if not self.scripts:
            return self.page
        self.page.evaluate("() => window.MathJax?.startup?.promise")
        self.page.evaluate("() => document.fonts.ready.then(() => true)")
        try:
            self.page.wait_for_function(ALL_LIVE, timeout=patience)
        except PlaywrightTimeout:
            self.problems.append("a live figure does not come to life")
        return self.page

    def drain(self):
        """What went wrong since the page was opened."""
        found = list(dict.fromkeys(self.problems))
        self.problems.clear()
        return found


def mathematics(page):
    """Every formula is set, none has an error, none is left as TeX."""
    return page.evaluate(
        r"""() => {
        const article = document.querySelector("article") ?? document.body;
        const problems = [];
        for (const formula of article.querySelectorAll(".math"))
            if (!formula.querySelector("mjx-container"))
                problems.push(`formula is not set: ${formula.textContent.trim().slice(0, 60)}`);
        for (const error of article.querySelectorAll("mjx-merror, [data-mjx-error]"))
            problems.push(`MathJax: ${error.dataset.mjxError ?? error.textContent.slice(0, 60)}`);
        const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const node = walker.currentNode;
            if (node.parentElement.closest("pre, code, script, style, mjx-container")) continue;
            if (/\$\$|\\\(|\\\[|\\begin\{/.test(node.data))
                problems.push(`TeX left in the text: ${node.data.trim().slice(0, 60)}`);
        }
        return problems; }"""
    )


def sideways(page, width=360):
    """A page does not scroll sideways; name what sticks out."""
    return page.evaluate(
        """(width) => {
        const root = document.documentElement;
        if (root.scrollWidth <= width) return [];
        const scrolls = (node) => {
            for (let at = node.parentElement; at && at !== document.body; at = at.parentElement)
                if (getComputedStyle(at).overflowX !== "visible") return true;
            return false;
        };
        const sticksOut = (node) => node.getBoundingClientRect().right > width + 1
            || (node.clientWidth && node.scrollWidth > node.clientWidth + 1);
        const wide = [...document.querySelectorAll("body *")].filter(
            (node) => sticksOut(node) && !scrolls(node)
                && getComputedStyle(node).overflowX === "visible");
        const names = wide.slice(-3).map((node) => `${node.localName}.${node.className}`);
        return [`scrolls sideways: ${root.scrollWidth} px of ${width}: ${names.join(", ")}`]; }""",
        width,
    )


def pictures(page):
    """Every image is there."""
    return page.evaluate(
        """() => [...document.images]
        .filter((image) => image.loading !== "lazy" && image.src)
        .filter((image) => !image.complete || image.naturalWidth === 0)
        .map((image) => `image does not load: ${image.src.slice(0, 80)}`)"""
    )


def theme(page, wanted):
    """The page shows the theme that the reader's system asks for."""
    shown = page.evaluate("() => document.documentElement.dataset.theme")
    return [] if shown == wanted else [f"the theme is {shown}, wanted {wanted}"]


# A listing or a signature is thousands of words, each in an element of its own that has a class
# and nothing else. Of those that look the same on the same ground one stays, and of the others the
# text alone: every word is still there, and axe sees every colour that occurs.
THIN = """() => {
    const grounds = new Map();
    const ground = (node) => {
        if (!node) return "";
        if (!grounds.has(node)) {
            const { backgroundColor, backgroundImage, opacity } = getComputedStyle(node);
            const clear = backgroundColor === "rgba(0, 0, 0, 0)" && backgroundImage === "none";
            const own = clear && opacity === "1" ? "" : backgroundColor + backgroundImage + opacity;
            grounds.set(node, own + (own && opacity === "1" ? "" : ground(node.parentElement)));
        }
        return grounds.get(node);
    };
    const name = (node) => `${node.localName}.${node.className}`;
    const look = (node) => {
        const { color, fontSize, fontWeight, fontStyle, display, visibility, textDecorationLine } =
            getComputedStyle(node);
        return [name(node), name(node.parentElement), ground(node), color, fontSize, fontWeight,
            fontStyle, display, visibility, textDecorationLine].join();
    };
    const plain = (node) =>
        [...node.attributes].every(({ name }) => name === "class") && node.textContent.trim();
    const seen = new Set(), again = [];
    for (const node of document.querySelectorAll("article :is(span, em, strong, code)")) {
        if (!plain(node)) continue;
        const looks = look(node);
        if (seen.has(looks)) again.push(node);
        seen.add(looks);
    }
    for (const node of again.reverse())  // what is inside comes first
        if (!node.childElementCount) node.replaceWith(node.textContent);
}"""


def run_axe(page):
    """Violations of axe-core as (rule, selector, message).

    Axe looks at every node, so what it needs not see is taken out first: what is inside formulas,
    which is MathJax's and two thirds of a page, and what `THIN` finds. Without `preload` axe would
    fetch what style sheets import, from a wrong address.
    """
    page.evaluate(
        """() => document.querySelectorAll("mjx-container").forEach((formula) =>
        formula.replaceChildren())"""
    )
    page.evaluate(THIN)
    page.evaluate(AXE_SCRIPT)
    violations = page.evaluate(
        """async () => {
        const options = { resultTypes: ["violations"], preload: false };
        const { violations } = await axe.run(document, options);
        const reason = (node) => node.failureSummary.split("\\n").slice(1).join(" ").trim();
        return violations.flatMap(({ id, nodes }) =>
            nodes.map((node) => [id, node.target.flat().join(" "), reason(node)])); }"""
    )
    return [tuple(violation) for violation in violations]


def accessibility(page, exceptions=None):
    """Violations of axe-core that are not on the list."""
    exceptions = EXCEPTIONS if exceptions is None else exceptions
    return [
        f"axe {rule}: {selector}: {message[:160]}"
        for rule, selector, message in run_axe(page)
        if not any(text in selector + message for text, _ in exceptions.get(rule, ()))
    ]


def inspect(visit, name, *, axe=True):
    """Open a page, wide and narrow, and say everything that is wrong with it."""
    page = visit.open(name)
    page.set_viewport_size(WIDE)
    problems = visit.drain() + theme(page, visit.theme) + mathematics(page) + pictures(page)
    page.set_viewport_size(NARROW)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    problems += sideways(page)
    page.set_viewport_size(WIDE)
    if axe:
        problems += accessibility(page)
    return problems + visit.drain()


# What a live figure shows: its plots and its table, not the controls themselves.
SHOWN = """(figure) => [...figure.querySelectorAll("svg, canvas, table")].map((node) =>
    node.localName === "canvas" ? node.toDataURL() : node.outerHTML).join()"""


def answers(figure, move):
    """Whether what a live figure shows changes when a control is moved."""
    before = figure.evaluate(SHOWN)
    move()
    figure.evaluate("() => new Promise((done) => requestAnimationFrame(() => done()))")
    return figure.evaluate(SHOWN) != before


def press(slider):
    """Move a slider by its keys, one step in the direction in which there is room."""
    slider.focus()
    at, top = slider.evaluate("(input) => [Number(input.value), Number(input.max)]")
    slider.press("ArrowLeft" if at >= top else "ArrowRight")


def live_figure(figure):
    """Every slider and every choice of a live figure changes what it shows, by the keyboard too."""
    problems = []
    sliders = figure.locator("input[type=range]").all()
    if not sliders:
        return ["a live figure has no slider"]
    for slider in sliders:
        name = slider.evaluate("(input) => (input.labels[0]?.innerText ?? input.ariaLabel).trim()")
        if not answers(figure, functools.partial(press, slider)):
            # Some settings make others idle (one round: no weight); try with the others moved.
            for other in sliders:
                press(other)
            if not answers(figure, functools.partial(press, slider)):
                problems.append(f"slider {name!r} changes nothing")
    for choice in figure.locator("input[type=radio]:not(:checked)").all():
        name = choice.evaluate("(input) => input.value")
        if not answers(figure, functools.partial(choice.check, force=True)):
            problems.append(f"choice {name!r} changes nothing")
    return problems
