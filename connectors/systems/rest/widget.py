"""The kinds of record in the browser."""

from __future__ import annotations

from typing import Any

from django import forms


class ObjectsWidget(forms.Textarea):
    """For now as a setup file writes them."""

    def format_value(self, value: Any) -> str | None:
        from connectors.systems.rest.objects import written

        return written(value) if isinstance(value, dict) and value else value or ""
