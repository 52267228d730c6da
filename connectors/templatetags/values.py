"""Template filters for values of records: `{{ value|shown }}` and `{{ value|marked_against:other }}`."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from connectors.showing import as_text, is_nothing, marked

register = template.Library()


@register.filter
def shown(value: Any) -> SafeString:
    """A raw value for people; that there is none is set apart from a text that says so."""
    if is_nothing(value):
        return format_html('<span class="as-none">{}</span>', as_text(value))
    return format_html('<span class="as-value">{}</span>', as_text(value))


@register.filter
def marked_against(value: Any, other: Any) -> SafeString:
    """A value with the parts marked in which it differs from another; underlined, not by colour alone."""
    if is_nothing(value):
        return shown(value)
    pieces = format_html_join(
        "",
        "{}",
        ((format_html("<mark>{}</mark>", text) if differs else text,) for text, differs in marked(value, other)),
    )
    return format_html('<span class="as-value">{}</span>', pieces)
