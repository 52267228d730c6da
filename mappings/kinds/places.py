"""Kinds country and state."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable
from functools import cache, lru_cache
from typing import Any

import pycountry

from mappings.kinds.base import Kind, Options, Unreadable, text_of
from mappings.kinds.texts import fold_text

# What people write and ISO 3166 doesn't list.
_COUNTRY_NAMES = {
    "america": "US",
    "us of a": "US",
    "uk": "GB",
    "great britain": "GB",
    "britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "holland": "NL",
    "turkey": "TR",
    "russia": "RU",
    "czech republic": "CZ",
    "ivory coast": "CI",
    "cape verde": "CV",
    "swaziland": "SZ",
    "macedonia": "MK",
    "burma": "MM",
    "bosnia": "BA",
    "dr congo": "CD",
    "drc": "CD",
    "democratic republic of the congo": "CD",
    "falkland islands": "FK",
    "korea, south": "KR",
    "korea (south)": "KR",
    "republic of korea": "KR",
    "korea, north": "KP",
    "trinidad": "TT",
    "east timor": "TL",
    "macau": "MO",
    "brunei": "BN",
    "vatican": "VA",
    "vatican city": "VA",
    "republic of ireland": "IE",
    "uae": "AE",
    "prc": "CN",
    "mainland china": "CN",
    "hong kong sar": "HK",
    "kosovo": "XK",
    "xk": "XK",
}

_STATE_NAMES = {
    "washington dc": "DC",
    "washington, dc": "DC",
    "virgin islands": "VI",
    "us virgin islands": "VI",
    "newfoundland": "NL",
    "labrador": "NL",
    "yukon territory": "YT",
    "pei": "PE",
    "pq": "QC",
    "calif": "CA",
    "conn": "CT",
    "mass": "MA",
    "mich": "MI",
    "minn": "MN",
    "penn": "PA",
    "penna": "PA",
    "tenn": "TN",
    "ont": "ON",
    "sask": "SK",
    # Post for the armed forces, which pycountry doesn't count among the states.
    "aa": "AA",
    "ae": "AE",
    "ap": "AP",
}


STATE_COUNTRIES = ("US", "CA")
"""The countries whose states have codes of two letters that addresses use."""
_MILITARY = frozenset({"AA", "AE", "AP"})


@cache
def country_codes() -> frozenset[str]:
    """The two letters of every country, and those that are used for Kosovo."""
    return frozenset({"XK", *(country.alpha_2 for country in pycountry.countries)})


@cache
def state_codes(country: str) -> frozenset[str]:
    """The two letters of the states or provinces of one of STATE_COUNTRIES; in the US also post for the forces."""
    codes = {state.code[3:] for state in _subdivisions(country)}
    return frozenset(codes | _MILITARY if country == "US" else codes)


def _read_country(raw: Any, options: Options) -> Hashable:
    code = _countries().get(_fold_name(text_of(raw)))
    if code is None:
        raise Unreadable("This is neither the name nor the two or three letters of a country.")
    return code


def _write_country(value: str, raw: Any, options: Options) -> str:
    return value


def _read_state(raw: Any, options: Options) -> Hashable:
    text = text_of(raw)
    return _states().get(_fold_name(text)) or fold_text(text, case_matters=False)


def _write_state(value: str, raw: Any, options: Options) -> str:
    # Upper case is a code of ours; the rest of the world's regions stay as they were typed.
    return value if value.isupper() else text_of(raw)


@lru_cache(maxsize=5_000)
def _fold_name(text: str) -> str:
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    apart = plain.casefold().replace(".", "").replace("&", " and ").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    words = apart.split()
    if words[:1] == ["st"] and len(words) > 1:
        words[0] = "saint"
    return " ".join(words[1:] if words[:1] == ["the"] else words)


@cache
def _countries() -> dict[str, str]:
    names: dict[str, str] = {}
    for country in pycountry.countries:
        for attribute in ("alpha_2", "alpha_3", "name", "official_name", "common_name"):
            if name := getattr(country, attribute, ""):
                names[_fold_name(name)] = country.alpha_2
    return _short_forms(pycountry.countries) | names | _COUNTRY_NAMES


def _short_forms(countries: Iterable[Any]) -> dict[str, str]:
    """“Micronesia, Federated States of” as “Micronesia”, where only one country is called so."""
    short = [(_fold_name(c.name.split(",")[0]), c.alpha_2) for c in countries if "," in c.name]
    counted = Counter(name for name, _ in short)
    return {name: code for name, code in short if counted[name] == 1}


# Both countries together, since no code of one is a code of the other.
@cache
def _states() -> dict[str, str]:
    names: dict[str, str] = {}
    for country in STATE_COUNTRIES:
        for state in _subdivisions(country):
            code = state.code[3:]
            names |= {_fold_name(name): code for name in (state.name, state.code, code)}
    return names | _STATE_NAMES


def _subdivisions(country: str) -> list[Any]:
    return [state for state in pycountry.subdivisions if state.country_code == country]


COUNTRY = Kind("country", _read_country, _write_country)
STATE = Kind("state", _read_state, _write_state)
