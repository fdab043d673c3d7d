"""Numbers of the prose, and where a notebook prints them.

A number of the text counts when it can be wrong by a digit: it has a decimal point, a per-cent
sign, or a power of ten. It must be *printed* in an output that is compared in CI, with at least as
many digits, and round to what the text says; or stand in the code with exactly this value.
Numbers quoted from elsewhere are listed, with their source, in the metadata of the notebook:

    "book": {"quoted": {"17.25": "Furlanello et al. (2018), CIFAR-100, table 2"}}
"""

from __future__ import annotations

import io
import re
import token as tokens
import tokenize
from dataclasses import dataclass
from decimal import Decimal

from bs4 import BeautifulSoup

from tests.book.notebook import paragraphs, tags

SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

# A word before a number that makes it a name: Python 3.11, section 2.4, arXiv:2002.05715.
NAME = re.compile(
    r"(Python|Jupyter|Book|version|versions|Section|Sec\.|§|Chapter|Theorem|Lemma|Proposition"
    r"|Corollary|Definition|Figure|Fig\.|Table|Equation|Eq\.|Appendix|arXiv:?|doi:\S*|CC BY)"
    r"\s*\(?$",
    re.I,
)
NUMBER = re.compile(
    r"""(?<![\w.^])
    (?:
        (?:(?P<factor>\d*\.\d+|\d+)\s*(?:\\cdot|\\times|·|×|\*)\s*)?
        10\s*\^\s*\{?\s*(?P<power>[-+]?\d+)\s*\}?
      | (?P<mantissa>\d*\.\d+|\d+\.?)(?:[eE](?P<exponent>[-+]?\d+))?
    )
    (?P<percent>\s*%)?
    (?!\d|\.\d)
    """,
    re.X,
)


@dataclass(frozen=True)
class Number:
    """A number as it is written: its value, the unit of its last digit, whether it is per cent."""

    text: str
    value: Decimal
    unit: Decimal  # 0 if the number is exact
    percent: bool = False

    @property
    def fraction(self):
        """The same number, per cent taken out."""
        if not self.percent:
            return self
        return Number(self.text, self.value / 100, self.unit / 100)

    def rounds_to(self, quoted):
        """Whether this number, printed with at least as many digits, rounds to the quoted one."""
        return self.unit <= quoted.unit and abs(self.value - quoted.value) <= quoted.unit / 2


def normalised(text):
    """Undo what LaTeX and typography do to numbers."""
    text = SUPERSCRIPT.sub(lambda m: "^{" + m[0].translate(PLAIN) + "}", text)
    text = text.replace("−", "-").replace(r"\%", "%")
    text = re.sub(r"(?<=\d)\\[,;:!](?=\s*[\d%])|\{,\}(?=\d{3})", "", text)
    text = re.sub(r"(?<=\d)\$(?=\s*%)", "", text)
    return re.sub(r"(?<=\d)\s*(percent|per cent)\b", "%", text)


def number(match):
    """Turn a match of `NUMBER` into a Number; None if it is a plain whole number."""
    mantissa, power = (
        match["mantissa"] or match["factor"] or "1",
        match["power"] or match["exponent"],
    )
    if not power and not match["percent"] and "." not in mantissa:
        return None
    scale = Decimal(10) ** int(power or 0)
    digits = len(mantissa.partition(".")[2])
    exact = mantissa.endswith(".")  # NumPy prints a float that is a whole number like this
    unit = Decimal(0) if exact else scale * Decimal(10) ** -digits
    return Number(match[0].strip(), Decimal(mantissa) * scale, unit, bool(match["percent"]))


def in_prose(text):
    """Numbers of a paragraph that can be wrong by a digit."""
    text = normalised(text)
    found = []
    for match in NUMBER.finditer(text):
        if (match["mantissa"] or "").endswith("."):
            continue  # a whole number at the end of a sentence
        if NAME.search(text[: match.start()].rstrip(" $")):
            continue
        if (value := number(match)) is not None:
            found.append(value)
    return found


def in_output(text):
    """All numbers of an output, whole ones too."""
    found = []
    for match in NUMBER.finditer(normalised(text)):
        value = number(match)
        if value is None and match["mantissa"]:
            value = Number(match[0], Decimal(match["mantissa"]), Decimal(1))
        if value is not None:
            found.append(value)
    return found


def in_code(source):
    """Floating-point literals of a cell. Strings and comments do not count."""
    source = re.sub(r"(?m)^\s*[%!].*$", "pass", source)
    literals = [
        t.string
        for t in tokenize.generate_tokens(io.StringIO(source).readline)
        if t.type == tokens.NUMBER and re.fullmatch(r"[\d_]*\.?[\d_]*(e[-+]?\d+)?", t.string, re.I)
    ]
    return [Number(s, Decimal(s.replace("_", "")), Decimal(0)) for s in literals if _is_float(s)]


def _is_float(literal):
    return "." in literal or "e" in literal.lower()


def outputs(notebook):
    """Texts of the outputs that CI compares."""
    found = []
    for cell in notebook.code:
        if "nbval-ignore-output" in tags(cell):
            continue
        for output in cell.outputs:
            data = output.get("data", {})
            if output.output_type == "stream":
                found.append("".join(output.text))
            elif "text/html" in data:
                soup = BeautifulSoup("".join(data["text/html"]), "html.parser")
                for script in soup(["script", "style"]):
                    script.decompose()
                found.append(soup.get_text(" "))
            if output.output_type != "stream" and "text/plain" in data:
                found.append("".join(data["text/plain"]))
    return found


def is_printed(quoted, printed, coded):
    """Whether a number of the prose is backed by an output or by the code."""
    if any(have.fraction.rounds_to(quoted.fraction) for have in printed):
        return True
    if any(have.value == quoted.fraction.value for have in coded):
        return True
    in_columns = [have for have in printed if not have.percent and "." in have.text]
    return quoted.percent and any(have.rounds_to(quoted) for have in in_columns)


def unprinted(notebook):
    """Numbers of the prose that no cell prints, and entries of the allow-list that are not used."""
    allowed = notebook.node.metadata.get("book", {}).get("quoted", {})
    printed = [n for text in outputs(notebook) for n in in_output(text)]
    coded = [n for cell in notebook.code for n in in_code(cell.source)]
    problems, used = [], set()
    for text in [*paragraphs(notebook.text), *notebook.captions]:
        for quoted in in_prose(text):
            if quoted.text in allowed:
                used.add(quoted.text)
            elif not is_printed(quoted, printed, coded):
                problems.append(f"no cell prints {quoted.text} in: {' '.join(text.split())[:90]!r}")
    problems += [f"allow-list: {text} is not in the text" for text in allowed if text not in used]
    problems += [
        f"allow-list: {text} has no source" for text, source in allowed.items() if len(source) < 10
    ]
    return problems
