"""The same rules with left and right exchanged: a preset is written one way round and fits both."""

from __future__ import annotations

from typing import Any

from mappings.setup.contents import Contents, Plain, pair_key

OTHER = {"left": "right", "right": "left"}
SWAPPED = (
    ("left", "right"),
    ("to_left", "to_right"),
    ("read_left", "read_right"),
    ("write_left", "write_right"),
)
WINNERS = ("conflict", "first_meeting")
BY_SIDE = ("default", "keep_old", "currency_field", "restricted_when")


def mirrored(contents: Contents) -> Contents:
    """What the rules say, seen from the other side; mirrored twice they are as they were."""
    pairs = [_pair(pair) for pair in contents.pairs.values()]
    return Contents(
        sides={OTHER[side]: settings for side, settings in contents.sides.items()},
        match=[[right, left] for left, right in contents.match],
        pilot=contents.pilot,
        pairs={pair_key(pair["left"], pair["right"]): pair for pair in pairs},
        value_maps={name: _value_map(settings) for name, settings in contents.value_maps.items()},
    )


def _pair(pair: Plain) -> Plain:
    exchanged = {word: pair[other] for both in SWAPPED for word, other in (both, both[::-1])}
    winners = {word: OTHER.get(pair[word], pair[word]) for word in WINNERS}
    return {**pair, **exchanged, **winners, **{word: _by_side(pair[word]) for word in BY_SIDE}}


def _value_map(settings: Plain) -> Plain:
    pairs = [[right, left] for left, right in settings["pairs"]]
    return {**settings, "pairs": pairs, "default": _by_side(settings["default"])}


def _by_side(values: Plain) -> dict[str, Any]:
    return {OTHER[side]: value for side, value in values.items()}
