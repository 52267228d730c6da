"""Kinds yes_no, deceased, consent and choice."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from mappings.kinds.base import Choices, Kind, Options, Unreadable, text_of
from mappings.kinds.texts import fold_text
from mappings.rules import Unmapped

RESTRICTED, FREE = "restricted", "free"

_OPPOSITES = {"yes": "no", "y": "n", "true": "false", "t": "f", "on": "off", "1": "0"}
_ANSWERS = dict.fromkeys(_OPPOSITES, True) | dict.fromkeys(_OPPOSITES.values(), False)
_OPPOSITES |= {no: yes for yes, no in _OPPOSITES.items()}


def _read_answer(raw: Any, options: Options) -> Hashable:
    answer = _answer(raw)
    if answer is None:
        raise Unreadable("This is neither a yes nor a no.")
    return answer


def _write_answer(value: bool, raw: Any, options: Options) -> bool:
    return value


def _answer(raw: Any) -> bool | None:
    if isinstance(raw, bool):
        return raw
    return _ANSWERS.get(text_of(raw).strip().casefold())


def _read_consent(raw: Any, options: Options) -> Hashable:
    wanted = _answer(options.restricted_when)
    if wanted is None:
        restricted = _fold_option(raw) == _fold_option(options.restricted_when)
    else:
        restricted = _read_answer(raw, options) is wanted
    return RESTRICTED if restricted else FREE


def _fold_option(raw: Any) -> str:
    return fold_text(text_of(raw), case_matters=False)


def _write_consent(value: str, raw: Any, options: Options) -> Any:
    return options.restricted_when if value == RESTRICTED else _opposite(options.restricted_when)


def _opposite(restricted: Any) -> Any:
    if isinstance(restricted, bool):
        return not restricted
    word = text_of(restricted).strip()
    opposite = _OPPOSITES.get(word.casefold())
    if opposite is None:
        raise Unreadable(f"The field pair does not say what is written there when “{word}” is lifted.")
    if not isinstance(restricted, str):
        return int(opposite)
    if word.isupper():
        return opposite.upper()
    return opposite.capitalize() if word[0].isupper() else opposite


def _read_choice(raw: Any, options: Options) -> Hashable:
    option = text_of(raw).strip()
    choices = options.choices
    if choices is None:
        return fold_text(option)
    found = choices.classes.get((options.side, option))
    return found if found is not None else _read_unmapped(option, choices, options)


def _read_unmapped(option: str, choices: Choices, options: Options) -> Hashable:
    there = options.side.other
    if choices.unmapped is Unmapped.PASS:
        # It arrives there as it is, where it may well be an option that has a pair.
        return choices.classes.get((there, option), option)
    if choices.unmapped is Unmapped.USE_DEFAULT and there in choices.defaults:
        default = choices.defaults[there]
        return choices.classes.get((there, default), default)
    raise _unpaired(option)


def _write_choice(value: Hashable, raw: Any, options: Options) -> str:
    option = text_of(raw).strip()
    choices = options.choices
    if choices is None:
        return option
    partner = choices.partners.get((options.side.other, option))
    if partner is not None:
        return partner
    if choices.unmapped is Unmapped.PASS:
        return option
    if choices.unmapped is Unmapped.USE_DEFAULT and options.side in choices.defaults:
        return choices.defaults[options.side]
    raise _unpaired(option)


def _unpaired(option: str) -> Unreadable:
    return Unreadable(f"“{option}” has no pair among the drop-down pairs.")


YES_NO = Kind("yes_no", _read_answer, _write_answer)
DECEASED = Kind("deceased", _read_answer, _write_answer, blank=False)
CONSENT = Kind("consent", _read_consent, _write_consent, blank=FREE)
CHOICE = Kind("choice", _read_choice, _write_choice)
