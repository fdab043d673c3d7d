"""Figures of the book (extra ``figures``): one style, one function a figure, and the live figures.

Each chapter has a module of figure functions named after it; they take arrays and return a
matplotlib figure. `live` holds the figures with sliders.
"""
