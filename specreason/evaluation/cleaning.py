r"""Takes the decoration off an answer: dollar signs, spacing, sizes, fonts, typographic characters.

What remains means the same and is what the layers of the grader compare.
"""

from __future__ import annotations

import re
import unicodedata

# Stands before text that was in `\text{…}` or a font command: a unit there may be one letter, as a variable is.
WORD = "\ue000"

_CHARACTERS = str.maketrans(
    {
        "−": "-", "–": "-", "‐": "-", "‑": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": r"\div ",
        "⁄": "/", "∕": "/", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "±": r"\pm ", "∞": r"\infty ", "∪": r"\cup ",
        "∩": r"\cap ", "∈": r"\in ", "π": r"\pi ", "θ": r"\theta ", "°": r" \degree ", "“": '"', "”": '"', "’": "'",
        "‘": "'", "∅": r"\emptyset ", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "½": r"\frac{1}{2}",
        "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "²": "^2", "³": "^3",
    }
)  # fmt: skip
_ROOT = re.compile(r"√\s*(\(([^()]*)\)|\w+)")
_SIZES = re.compile(
    r"\\(?:left|right)\s*\.|\\(?:left|right|middle|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits)(?![A-Za-z])"
)
_FRACTIONS = re.compile(r"\\[dtc]frac(?![A-Za-z])")
_GROUPED = re.compile(r"(?<=\d)(?:\{,\}|\\,|\\!|,\\!|\{\\,\})(?=\d{3}(?!\d))")
_SPACES = re.compile(r"\\[!,;:> ]|\\(?:quad|qquad|space|thinspace|medspace|thickspace)(?![A-Za-z])|~|\\\\$")
_FONT = re.compile(
    r"\\(?:text(?:bf|rm|it|sf|tt|sc|normal)?|math(?:rm|bf|it|sf|tt|bb|cal|scr|normal)|mbox|hbox|emph|boldsymbol|bm|"
    r"operatorname\*?|underline|boxed|fbox)\s*\{([^{}]*)\}"
)
_OLD_FONT = re.compile(r"\\(?:bf|rm|it|sf|tt|sc)(?![A-Za-z])\s*")
_SYNONYMS = (
    (re.compile(r"\\(?:leqslant|leq)(?![A-Za-z])"), r"\\le "),
    (re.compile(r"\\(?:geqslant|geq)(?![A-Za-z])"), r"\\ge "),
    (re.compile(r"<=|=<"), r"\\le "),
    (re.compile(r">="), r"\\ge "),
    (re.compile(r"\\lt(?![A-Za-z])"), "<"),
    (re.compile(r"\\gt(?![A-Za-z])"), ">"),
    (re.compile(r"\\neq(?![A-Za-z])|!="), r"\\ne "),
    (re.compile(r"\\lbrace(?![A-Za-z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![A-Za-z])"), r"\\}"),
    (re.compile(r"\\lbrack(?![A-Za-z])"), "["),
    (re.compile(r"\\rbrack(?![A-Za-z])"), "]"),
    (re.compile(r"\\(?:varnothing)(?![A-Za-z])"), r"\\emptyset "),
    (re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z]))"), r" \\degree "),
    (re.compile(r"\^\s*\\degree"), r" \\degree "),
)
_ALIGNED = re.compile(
    r"(?:\\\{\s*)?\\begin\{(aligned|align\*?|cases|gathered|array|split)\}(?:\{[a-z|]*\})?(.*?)\\end\{\1\}",
    re.DOTALL,
)
_LINE_END = re.compile(r"\\\\(?:\[[^\]]*\])?")
_DOLLAR = re.compile(r"(?<!\\)\$|\\[()\[\]](?![0-9]*(?:pt|em|ex)\])")
_END = re.compile(r"[\s.,;:]+$")
_QUOTES = re.compile(r"^([\"'`*_]+)(.*?)\1$", re.DOTALL)


def cleaned(text: str) -> str:
    """`text` without decoration. `WORD` stands before what was text inside a formula."""
    text = unicodedata.normalize("NFC", text).translate(_CHARACTERS)
    text = "".join(unicodedata.normalize("NFKC", each) if each > "\uff00" else each for each in text)
    text = _ROOT.sub(lambda root: rf"\sqrt{{{root[2] or root[1]}}}", text)
    text = _DOLLAR.sub("", text)
    text = _FRACTIONS.sub(r"\\frac", _SIZES.sub("", text))
    text = _ALIGNED.sub(lambda lines: _LINE_END.sub(",", lines[2]).replace("&", " "), text)
    text = _GROUPED.sub("", text).replace("{,}", ",")
    text = _SPACES.sub(" ", text)
    while True:
        text, count = _FONT.subn(rf" {WORD}\1 ", text)
        if not count:
            break
    text = _OLD_FONT.sub("", text)
    for pattern, by in _SYNONYMS:
        text = pattern.sub(by, text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s*\^\s*", "^", text)
    text = _END.sub("", text.strip())
    while (quoted := _QUOTES.match(text)) is not None and quoted[2]:
        text = quoted[2].strip()
    return text


def folded(text: str) -> str:
    """A cleaned text for comparison as text: without spaces; without case if it is made of words alone."""
    bare = text.replace(WORD, "")
    if is_words(bare):
        return re.sub(r"[\s\-_']+", " ", bare).strip().casefold()
    return re.sub(r"\s+", "", bare)


def is_words(text: str) -> bool:
    """Whether the text is one word of at least two letters, or several, and no formula."""
    bare = text.replace(WORD, "").strip()
    return bool(
        re.fullmatch(r"[^\W\d_]{2,}(?:[\s\-_'.,]+[^\W\d_]+)*\.?|[^\W\d_]+(?:[\s\-_'.]+[^\W\d_]+)+\.?", bare)
    )
