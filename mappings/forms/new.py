"""A new sync: its name, the two kinds of record, and what to start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django import forms
from django.core.validators import validate_slug

from mappings.forms.fields import Shown
from mappings.models import Sync
from mappings.presets.reading import Preset, presets_for
from mappings.setup.contents import Contents

EMPTY = "empty"
NAME_WRONG = "Use letters, digits, - and _ only, like alumni-crm."


class NewSyncForm(forms.Form):
    """Asked in two steps: which records, and then what to start from, which depends on them.

    systems: connection → its system
    """

    bound_field_class = Shown
    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text="Short, for lists and messages, like alumni-crm. It stays as it is.",
        widget=forms.TextInput({"class": "as-input", "autocomplete": "off"}),
        error_messages={"required": "Give the sync a name."},
    )

    def __init__(self, *args: Any, systems: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.systems = systems
        for side, number in (("left", "First"), ("right", "Second")):
            self.fields[f"{side}_connection"] = _connection(f"{number} system", systems)
            self.fields[f"{side}_object"] = _kind(f"Kind of record in the {number.lower()} system")
        self.fields["start"] = forms.CharField(required=False)

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        try:
            validate_slug(name)
        except forms.ValidationError as wrong:
            raise forms.ValidationError(NAME_WRONG) from wrong
        if Sync.objects.filter(name=name).exists():
            raise forms.ValidationError(f"There is a sync called {name} already. Give this one another name.")
        return name

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        ends = [(said.get(f"{side}_connection"), said.get(f"{side}_object")) for side in ("left", "right")]
        if ends[0] == ends[1] and all(ends[0]):
            self.add_error("right_object", "Both are the same records. A sync needs two different kinds of record.")
        return said

    def presets(self) -> list[Preset]:
        """The ready-made rules that fit what was chosen."""
        left, right = (
            (self.systems[self.cleaned_data[f"{side}_connection"]], self.cleaned_data[f"{side}_object"])
            for side in ("left", "right")
        )
        return presets_for(*left, *right)

    def contents(self) -> Contents | None:
        """The rules to start from; None while nobody has chosen them."""
        chosen, said = self.cleaned_data["start"], self.cleaned_data
        if chosen == EMPTY:
            sides = {
                side: {"connection": said[f"{side}_connection"], "object": said[f"{side}_object"]}
                for side in ("left", "right")
            }
            return Contents(sides=sides)
        preset = next((each for each in self.presets() if each.name == chosen), None)
        between = said["left_connection"], said["right_connection"]
        return _referring(preset.contents(*between), between) if preset else None


def _referring(contents: Contents, between: tuple[str, str]) -> Contents:
    """With references going through the sync that there is between the two systems, where it is the only one."""
    there = Sync.objects.all()
    for name in between:
        there = there.filter(versions__sides__connection__name=name)
    found = list(there.distinct().values_list("name", flat=True)[:2])
    if len(found) != 1:
        return contents
    pairs = {key: {**pair, "through": pair.get("through", "") and found[0]} for key, pair in contents.pairs.items()}
    return replace(contents, pairs=pairs)


def _connection(label: str, systems: Mapping[str, str]) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        choices=[("", "choose a connection"), *((name, name) for name in systems)],
        widget=forms.Select({"class": "as-input"}),
        error_messages={"required": "Choose a connection."},
    )


def _kind(label: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=200,
        help_text="As the system calls it, like Contact.",
        widget=forms.TextInput({"class": "as-input", "list": "kinds", "autocomplete": "off"}),
        error_messages={"required": "Say which kind of record takes part."},
    )
