"""The table that the README quotes, made from ``results.json``."""

from __future__ import annotations

from benchmarks.measure import figure

BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"


def table(measured):
    """Return the quoted lines in Markdown: what was measured, targets that were missed included."""
    lines = ["| task | size | compared with | ratio (range) | target |", "|---|---|---|---|---|"]
    for r in measured["results"]:
        spread = "" if r["spread"] is None else f" ({' to '.join(map(figure, r['spread']))})"
        verdict = {True: ", met", False: ", **missed**", None: ""}[r["met"]]
        ratio = f"{figure(r['value'])} {r['unit']}{spread}"
        target = (r["target"] or "") + verdict
        lines.append(f"| {r['task']} | {r['size']} | {r['baseline']} | {ratio} | {target} |")
    about = measured["machine"]
    lines += ["", f"Measured on {about['date']}: {about['processor']}, numpy {about['numpy']}."]
    return "\n".join(lines)


def updated(text, measured):
    """Return the README's text with the table between the two marks replaced."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{table(measured)}\n{END}{after}"
