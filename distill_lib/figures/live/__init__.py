"""Figures with sliders: widgets in Jupyter, the same JavaScript on the site, a picture elsewhere.

`base.LiveFigure` is what they have in common. A subclass names its JavaScript module in
``static/``, computes its state once in Python and draws the picture for places without JavaScript.
One file a figure.
"""

from distill_lib.figures.live.base import WIDGET_VIEW, LiveFigure
from distill_lib.figures.live.dampening import Dampening
from distill_lib.figures.live.signal_first import SignalFirst
from distill_lib.figures.live.spectral import SpectralExplorer
from distill_lib.figures.live.tolerance import ToleranceRounds
from distill_lib.figures.live.two_paths import TwoPaths

__all__ = [
    "WIDGET_VIEW",
    "Dampening",
    "LiveFigure",
    "SignalFirst",
    "SpectralExplorer",
    "ToleranceRounds",
    "TwoPaths",
]
