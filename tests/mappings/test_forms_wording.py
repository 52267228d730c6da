"""The reader's sentences in the page's words; what a system calls its fields stays as it calls them."""

from __future__ import annotations

import pytest

from mappings.forms.wording import in_words

SIDES = {"left": "Directory", "right": "CRM"}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("“region” is not a country", "“Country” is not a country"),
        ("the right has no field “region” that we can see; did you mean “object”?",
         "CRM has no field “region” that we can see; did you mean “object”?"),
        ("the field “left” has no option “right”", "The field “left” has no option “right”"),
        ("the left side needs “connection”", "Directory needs “Connection”"),
        ("“to_left: off” is needed on line 3", "“Changes to Directory: off” is needed at place 3"),
    ],
)  # fmt: skip
def test_settings_are_said_by_their_labels_and_data_as_it_is(said: str, shown: str) -> None:
    assert in_words(said, SIDES, lambda line: f"place {line}") == shown
