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
        "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ",
        "÷": r"\div ", "⁄": "/", "∕": "/", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ",
        "≈": r"\approx ", "±": r"\pm ", "∓": r"\mp ", "∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ",
        "∈": r"\in ", "ℝ": r"\reals ", "π": r"\pi ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ",
        "φ": r"\phi ", "λ": r"\lambda ", "°": r" \degree ", "º": r" \degree ", "“": '"', "”": '"', "’": "'",
        "‘": "'", "′": "'", "∅": r"\emptyset ", "⟨": "(", "⟩": ")", "%": r"\%", "\u00a0": " ", "\u2009": " ",
        "\u200a": " ", "\u202f": " ", "\u200b": "", "\ufeff": "", "½": r" \frac{1}{2}", "¼": r" \frac{1}{4}",
        "¾": r" \frac{3}{4}", "⅓": r" \frac{1}{3}", "⅔": r" \frac{2}{3}", "⅕": r" \frac{1}{5}",
        "⅛": r" \frac{1}{8}", "²": "^2", "³": "^3", "₂": "_2", "₃": "_3", "₄": "_4", "₅": "_5", "₈": "_8", WORD: " ",
    }
)  # fmt: skip
# The rules are applied in this order.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"\\{1,3}%", r"\\%"),
        (r"√\s*\(([^()]*)\)|√\s*(\w+)", r"\\sqrt{\1\2}"),
        # Dollar signs and the brackets of a formula.
        (r"(?<!\\)\$|(?<!\\)\\[()\[\]]", ""),
        # What is left of \$5 without its dollar sign.
        (r"(?<!\\)\\(?=\d)", ""),
        (r"\\(?:left|right)\s*\.", ""),
        (
            r"\\(?:left|right|middle|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits|phantom\s*\{[^{}]*\})(?![A-Za-z])",
            "",
        ),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        # Thousands: 61{,}250, 61\,250, 61,\!250.
        (r"(?<=\d)(?:\{,\}|,?\\[,!;]|\\ |\{\\,\})\s*(?=\d{3}(?!\d))", ""),
        (r"\{,\}", ","),
        (r"(?<!\\)(?:\\[!,;:> ]|~)|\\\\\s*$", " "),
        (r"\\(?:q?quad|(?:thin|med|thick)?space|hfill)(?![A-Za-z])", " "),
        (r"\\hspace\*?\s*\{[^{}]*\}", " "),
        (r"\\math(?:bb|bf)\s*\{?\s*R\s*\}?|\\R(?![A-Za-z])|\\Reals?(?![A-Za-z])", r"\\reals "),
        (r"\\euro?(?:\{\})?(?![A-Za-z])", "€"),
        (r"\\pounds(?![A-Za-z])", "£"),
    )
)
_FONT = re.compile(
    r"\\(?:text(?:bf|rm|it|sf|tt|sc|normal)?|math(?:rm|sf|tt)|mbox|hbox|emph|underline|boxed|fbox|"
    # Fonts of variables.
    r"(?P<math>math(?:bf|it|bb|cal|scr|normal)|boldsymbol|bm|operatorname\*?))\s*\{([^{}]*)\}"
)
_MOST_FONTS = 8  # levels of fonts in fonts
_FUNCTIONS = "arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|exp"
_SYNONYMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"\\(?:bf|rm|it|sf|tt|sc)(?![A-Za-z])\s*", ""),
        (r"\\(?:leqslant|leqq|leq)(?![A-Za-z])|<=|=<|≦", r"\\le "),
        (r"\\(?:geqslant|geqq|geq)(?![A-Za-z])|>=|=>|≧", r"\\ge "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\(?:neq|not\s*=)(?![A-Za-z])|!=", r"\\ne "),
        (r"\+/-|\+-(?=\d)", r"\\pm "),
        (r"\\lbrace(?![A-Za-z])", r"\\{"),
        (r"\\rbrace(?![A-Za-z])", r"\\}"),
        (r"\\(?:lbrack)(?![A-Za-z])", "["),
        (r"\\(?:rbrack)(?![A-Za-z])", "]"),
        (r"\\langle(?![A-Za-z])", "("),
        (r"\\rangle(?![A-Za-z])", ")"),
        (r"\\varnothing(?![A-Za-z])|\\\{\s*\\\}", r"\\emptyset "),
        (r"\^\s*\{?\s*\\(?:circ|degree)(?![A-Za-z])\s*\}?|\\degree", r" \\degree "),
        (r"\\(?:i|j)math(?![A-Za-z])", "i"),
        (r"(?<![A-Za-z\\])sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
        (rf"(?<![A-Za-z\\])({_FUNCTIONS})(?=[\s(\d\\]|[a-z]$)", r"\\\1 "),
        (r"(?<![A-Za-z\\])pi(?![A-Za-z])", r"\\pi "),
        (r"(?<![A-Za-z\\])(?:infinity|inf|oo)(?![A-Za-z])", r"\\infty "),
        (r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}"),
        (r"\\frac\s*(\d)\s*\{", r"\\frac{\1}{"),
        (r"\\sqrt\s*(\d)(?!\d)", r"\\sqrt{\1}"),
        (r"\s+", " "),
        (r"\s*([\^_])\s*", r"\1"),
        (r"([\^_])\{\s*(\w)\s*\}", r"\1\2"),
    )
)
_ALIGNED = re.compile(
    r"(?:(?:\\left\s*)?\\\{\s*)?\\begin\{(aligned|align\*?|cases|gathered|split)\}(.*?)\\end\{\1\}|"
    r"(?:\\left\s*)?\\\{\s*\\begin\{(array)\}(?:\{[a-z| ]*\})?(.*?)\\end\{array\}",
    re.DOTALL,
)
_LINE_END = re.compile(r",?\s*\\\\(?:\[[^\]]*\])?")
_START = re.compile(r"^(?:=|\\approx(?![A-Za-z])|\\implies|\\Rightarrow)\s*")
_END = " \t\n.,;:"
_QUOTES = re.compile(r"^(\"|'|`|\*\*|\*|__)(?!\1)(.*)\1$", re.DOTALL)
_REALS = re.compile(rf"{WORD}?\s*(?:all )?real numbers?", re.IGNORECASE)
_COMMAND = re.compile(r"\\(?:begin|end)\{[a-zA-Z*]+\}|\\[A-Za-z]+")
_RUN = re.compile(rf"({WORD}\s*)?[^\W\d_]{{2,}}")
# Letters in a row that are variables: any two small ones of these, or more of the usual ones.
_PRODUCT = re.compile(r"[a-dk-np-tx-z]{2}|[xyz]{3}|[abcd]{3,4}")
_PAIRS_OF_WORDS = frozenset({"am", "an", "as", "at", "by", "my"})


def cleaned(text: str) -> str:
    """`text` without decoration. `WORD` stands before what was text inside a formula."""
    text = unicodedata.normalize("NFC", text).translate(_CHARACTERS)
    text = "".join(unicodedata.normalize("NFKC", each) if each > "\uff00" else each for each in text)
    text = _ALIGNED.sub(lambda found: _LINE_END.sub(", ", found[2] or found[4] or "").replace("&", " "), text)
    for pattern, by in _RULES:
        text = pattern.sub(by, text)
    for _ in range(_MOST_FONTS):
        text, count = _FONT.subn(lambda found: f" {'' if found['math'] else WORD}{found[2]} ", text)
        if not count:
            break
    for pattern, by in _SYNONYMS:
        text = pattern.sub(by, text)
    text = _START.sub("", text.strip().rstrip(_END))
    if (quoted := _QUOTES.match(text)) is not None and quoted[2].strip():
        text = quoted[2].strip().rstrip(_END)
    return r"\reals" if _REALS.fullmatch(text) else text


def folded(text: str) -> str:
    """A cleaned text for comparison as text: without idle spaces; without case if it is made of words."""
    bare = " ".join(text.replace(WORD, " ").split())
    if has_words(text):
        bare = re.sub(r"\s*-\s*", "-", bare).casefold()
    # A space parts two numbers or words: 7 3/4 is not 73/4.
    return re.sub(r"(?<!\w) | (?!\w)", "", bare)


def has_words(text: str) -> bool:
    """Whether a cleaned text has words, so that it is no formula. `xy` is a product, `cm` and `no` are words."""
    for run in _RUN.finditer(_COMMAND.sub(" ", text)):
        letters = run[0].removeprefix(WORD).strip()
        if run[1] or letters in _PAIRS_OF_WORDS or not _PRODUCT.fullmatch(letters):
            return True
    return False
