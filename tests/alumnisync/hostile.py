"""Records as nobody should keep them, drawn by a seed: for every place that people's data goes through."""

from __future__ import annotations

from collections.abc import Iterable
from html.parser import HTMLParser
from random import Random
from typing import Any

CODE = "hostile("
"""What every script among the texts below calls."""
EVALUATED = "62615533"
"""What a template among them would show: 7919 times 7907."""

MARKUP = (
    "<script>hostile()</script>",
    "</script><script>hostile()</script>",
    '"><img src=x onerror=hostile()>',
    "' onmouseover='hostile()' x='",
    "</textarea></title><svg/onload=hostile()>",
    "javascript:hostile()",
    "--><script>hostile()</script>",
    "<a href='javascript:hostile()'>Ada</a>",
    "`);hostile();//",
    "'};hostile();{'",
)
TEMPLATES = (
    "{{ 7919 * 7907 }}",
    "{{ 7919|multiply:7907 }}",
    "{% include 'admin/base.html' %}",
    "{{ settings.SECRET_KEY }}{{ request.user.password }}",
    "${7919*7907}#{7919*7907}<%= 7919*7907 %>",
    "{0.__class__.__mro__}",
    "%(hostile)s %s %d %n",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
)
FORMULAS = (
    "=cmd|' /C calc'!A0",
    "=1+1",
    '=HYPERLINK("http://example.org","Ada")',
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    "#REF!",
    "'=1+1",
)
ODD = (
    "\ud800",
    "Ada\udfffKing",
    "Ada\x00King",
    "\x07\x1b[31mAda\x7f",
    "\u202eadA\u202c",
    "\u200f\u2066Ada",
    "\ufeffAda\u200b",
    "two\u2028lines\u2029",
    "a\u0301" * 30,
    "\U0001f469\u200d\U0001f4bb",
    "%00../../etc/passwd",
    "Robert'); DROP TABLE alumnisync_link;--",
    "\n\n\r\n",
    " \u00a0\u3000",
    "\N{LATIN SMALL LETTER DOTLESS I}\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}ß",
)
MOMENTS = (
    "0000-00-00", "0000-01-01", "0001-01-01", "9999-12-31", "9999-12-31T23:59:59.999999+14:00", "10000-01-01",
    "2026-02-30", "2023-02-29", "-0044-03-15", "31.12.9999", "1e9", "0", "12/00/2020",
)  # fmt: skip
TYPES: tuple[Any, ...] = (
    None, 0, -1, 1e308, 5e-324, 2**63, 2**64, 2**200, True, False, [], {}, [None], [[[]]], {"": None},
    {"label": "Home"}, [{"label": "Home", "city": ["x"]}], ["a", "b"], {"a": {"b": {"c": "d"}}},
)  # fmt: skip
DEPTHS = (20, 260, 900)
LARGE = 1_000_000
ONE_LARGE_IN = 500

IDS: tuple[Any, ...] = (
    "", None, 0, -7, 1.5, True, [1], {"id": 1}, "x" * 300, "a b", "a/b", "../a", "<script>hostile()</script>", "'",
    "\ud800", "a\x00b", "%2e%2e", "{{ 7919 * 7907 }}", "=1+1", "\u202e9",
)  # fmt: skip


class Hostile:
    """Draws values, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)

    def text(self) -> str:
        """A text."""
        if self.draw.randrange(ONE_LARGE_IN) == 0:
            return self.draw.choice(("x", "\u4e16", "=")) * LARGE
        return self.draw.choice(self.draw.choice((MARKUP, TEMPLATES, FORMULAS, ODD, MOMENTS)))

    def value(self) -> Any:
        """Anything that JSON can say."""
        if self.draw.randrange(5):
            return self.text()
        return nested(self.draw.choice(DEPTHS)) if self.draw.randrange(8) == 0 else self.draw.choice(TYPES)

    def spoil(self, row: dict[str, Any], names: Iterable[str], *, texts_only: bool = False) -> dict[str, Any]:
        """The row with about half of these fields made hostile, and some of them left out."""
        spoilt = dict(row)
        for name in names:
            what = self.draw.random()
            if what < 0.5:
                spoilt[name] = self.text() if texts_only else self.value()
            elif what < 0.55 and not texts_only:
                spoilt.pop(name, None)
        return spoilt


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    inner: Any = "hostile()"
    for _ in range(depth):
        inner = [inner]
    return inner


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        for name, value in attrs:
            self._look_at(tag, name, value or "")

    def _look_at(self, tag: str, name: str, value: str) -> None:
        runs = name.startswith(("on", "x-", "@", ":", "hx-on", "style")) and CODE in value
        leads = name in ("href", "src", "action", "formaction") and value.strip().lower().startswith("javascript:")
        if runs or leads or "hostile" in name:
            self.found.append(f"<{tag} {name}={value[:80]!r}>")

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag in ("script", "style") and CODE in data:
            self.found.append(f"<{self._tag}>{data[:80]!r}")

    def handle_comment(self, data: str) -> None:
        if CODE in data:
            self.found.append(f"<!--{data[:80]!r}")


def executed_in(page: str, secrets: Iterable[str] = ()) -> list[str]:
    """What of the hostile texts a browser would run, and what of them a template has run."""
    parser = _Page()
    parser.feed(page)
    parser.close()
    shown = [text for text in (EVALUATED, *secrets) if text in page]
    return parser.found + shown
