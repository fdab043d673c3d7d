"""What every figure with sliders is: a widget, a live figure on the site, a picture elsewhere."""

from __future__ import annotations

import base64
import html
import io
import json
from typing import ClassVar

import anywidget
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import traitlets as t

from distill_lib import _validation as check
from distill_lib.figures import _bundle, style

__all__ = ["LiveFigure"]

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class LiveFigure(anywidget.AnyWidget):
    """A figure with sliders that runs with or without a kernel.

    Jupyter shows the widget, and its settings are traits: ``link``, ``observe`` and
    ``interactive_output`` of ipywidgets work on them. A stored notebook, and with it the site,
    holds a ``<figure>`` with the state and a picture; on the site a script brings it to life.
    Everything else shows the picture.

    A subclass is declared with the name of its JavaScript module, lists its `settings` and
    defines `_draw`, `_plain` and `_describe`.

    Attributes
    ----------
    alt : str
        What the figure shows, in words.
    controls : list of str
        Settings for which a control is shown, in this order.
    data : dict
        What the JavaScript needs beside the settings; computed once.
    """

    settings: ClassVar[tuple[str, ...]] = ()
    switches: ClassVar[tuple[str, ...]] = ()  # the settings whose control is no slider
    columns: ClassVar[tuple[tuple[int, ...], ...]] = ((236,), (236,))  # heights of the panels
    _module: ClassVar[str]

    alt = t.Unicode().tag(sync=True)
    controls = t.List(t.Unicode()).tag(sync=True)
    data = t.Dict().tag(sync=True)

    def __init_subclass__(cls, *, module=None, **options):
        if module is not None:  # traitlets derives a class of its own for each instance
            cls._module = module
            cls._esm = _bundle.module_source(module)
            cls._css = _bundle.STYLE.read_text("utf8")
        super().__init_subclass__(**options)

    def __init__(self, *, controls, alt, **state):
        if alt is not None and not isinstance(alt, str):
            raise TypeError(f"alt must be a string or None, got {alt!r:.80}")
        super().__init__(controls=self._checked_controls(controls), **state)
        self.alt = self._describe() if alt is None else alt

    def _checked_controls(self, controls):
        if isinstance(controls, str):
            raise TypeError(f"controls must be a sequence of names, got the string {controls!r}")
        names = list(controls)
        unknown = [name for name in names if name not in self.settings]
        if unknown:
            allowed = ", ".join(self.settings)
            raise ValueError(f"controls must be among {allowed}, got {unknown[0]!r}")
        if len(set(names)) != len(names):
            raise ValueError(f"controls must not name a setting twice, got {names}")
        return names

    def png(self):
        """Return the picture of the current state as the bytes of a PNG file."""
        with mpl.rc_context():
            mpl.rcdefaults()  # the reader's own settings must not change the stored picture
            style.use()
            figure = self._draw()
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", metadata={"Software": None})
            plt.close(figure)
        return buffer.getvalue()

    def to_html(self):
        """Return the ``<figure>`` with state and picture that a script on the site makes live."""
        return self._html(base64.b64encode(self.png()).decode())

    def _html(self, picture):
        width, height = (round(100 * inches) for inches in style.SIZE)
        return (
            f'<figure class="distill-live" data-module="{self._module}" style="{self._size()}">'
            f'<script type="application/json">{self._state_json()}</script>'
            f'<img alt="{html.escape(self.alt)}" width="{width}" height="{height}" '
            f'src="data:image/png;base64,{picture}"></figure>'
        )

    def _size(self):
        """Return what the style sheet needs to keep the place of panels, controls and table.

        Heights of panels are in percent of the width that they share; a panel is 360 wide.
        """
        tallest = max(self.columns, key=sum)
        panels = [height for column in self.columns for height in column]
        switches = sum(name in self.switches for name in self.controls)
        numbers = {
            "sliders": len(self.controls) - switches,
            "switches": switches,
            "rows": self._rows(),
            "wide": f"{100 * sum(tallest) / (360 * len(self.columns)):.1f}",
            "wide-headings": len(tallest),
            "narrow": f"{100 * sum(panels) / 360:.1f}",
            "narrow-headings": len(panels),
        }
        return ";".join(f"--{name}:{value}" for name, value in numbers.items())

    def _rows(self):
        """Return for how many rows of the table there is a place."""
        return 2

    def _state_json(self):
        names = (*self.settings, "controls", "alt", "data")
        state = {name: getattr(self, name) for name in names}
        text = json.dumps(state, separators=(",", ":"), allow_nan=False)
        # Inside <script> these would end the element or open a comment; JSON knows them by number.
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

    def _repr_mimebundle_(self, **options):
        bundle, metadata = super()._repr_mimebundle_(**options)
        picture = base64.b64encode(self.png()).decode()
        data = {
            "text/plain": repr(self),
            "image/png": picture,
            "text/html": self._html(picture),
            WIDGET_VIEW: bundle[WIDGET_VIEW],
        }
        return data, metadata

    def __repr__(self):
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.settings)
        return f"{type(self).__name__}({self._plain()}, {values})"

    def _draw(self):
        """Return a matplotlib figure of the current state."""
        raise NotImplementedError

    def _plain(self):
        """Return the size of the problem in a word or two, for the text form."""
        raise NotImplementedError

    def _describe(self):
        """Return the alternative text of the current state."""
        raise NotImplementedError


def rounded(values, *, decimals=None, digits=9):
    """Return nested lists of floats that are the same on every machine, last digits apart.

    Parameters
    ----------
    values : ndarray
    decimals : int, optional
        Decimal places to keep; without it `digits` significant digits are kept.
    digits : int
        Significant digits.
    """
    if decimals is None:
        kept = np.vectorize(lambda v: float(f"{v:.{digits - 1}e}"), otypes=[float])(values)
    else:
        kept = np.round(values, decimals)
    return (kept + 0.0).tolist()  # adding 0.0 turns -0.0 into 0.0


def key_above(figure, handles, labels):
    """Write the key over a figure, each text in the colour of its line."""
    key = figure.legend(
        handles, labels, loc="outside upper left", ncols=5, fontsize=8.5, handlelength=1.8,
        columnspacing=1.6,
    )  # fmt: skip
    for text, line in zip(key.get_texts(), key.get_lines(), strict=True):
        text.set_color(line.get_color())


def scalar(name, value):
    """Return one finite float; the traits check its range."""
    return check.single(name, check.finite_array(name, value))
