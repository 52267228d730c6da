"""Text in cells of spreadsheets, so that none is taken for a formula. Pure.

Whoever opens a file by hand takes the first apostrophe off a cell that begins with one.
"""

from __future__ import annotations

QUOTE = "'"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""


def escape(text: str) -> str:
    """A text that no spreadsheet takes for a formula; `unescape` gives back what it was."""
    # What begins with an apostrophe gets one more, so that taking one off is right for every cell.
    return QUOTE + text if text.startswith((*FORMULA, QUOTE)) else text


def unescape(text: str) -> str:
    """What `escape` was given."""
    return text.removeprefix(QUOTE)
