"""The keys of a record: digests of what the match rules compare in it.

Pure: no Django.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import islice, product
from typing import Any
from unicodedata import normalize

from connectors.records import MISSING
from mappings import paths
from mappings.rules import Rules, Side

MOST_KEYS = 50
NAME_LENGTH = 100

Reader = Callable[[Any], str | None]
"""A raw value → its canonical text, or None where it has none."""


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """A way to tell that two records are one person.

    name    stored with keys and links: "key:right" for the right side's key field, else the paths
    salt    keys its digests, so that those of another sync or of a changed rule never meet them
    paths   side → the fields that count together; of a key field, the holder's only
    holder  the side whose key field holds the other's record id; None for a match rule
    sparse  ids that no record has are usual: the other side is a feed, which brings only whom something changed of
    """

    name: str
    salt: bytes
    paths: Mapping[Side, tuple[str, ...]]
    holder: Side | None = None
    sparse: bool = False

    @property
    def label(self) -> str:
        """The fields in words."""
        return " ↔ ".join(", ".join(self.paths[side]) for side in Side if side in self.paths)


def identity_rules(sync_id: int, rules: Rules) -> tuple[IdentityRule, ...]:
    """The rules of a sync in order: the key fields, then the match rules."""
    found = [
        replace(
            _rule(sync_id, f"key:{side}", {side: (rules.sides[side].key_field,)}, side), sparse=rules.feed is side.other
        )
        for side in Side
        if rules.sides[side].key_field
    ]
    return (*found, *(_rule(sync_id, "", rule.paths) for rule in rules.match))


def keys(
    rule: IdentityRule, side: Side, remote_id: str, values: Mapping[str, Any], readers: Mapping[str, Reader]
) -> frozenset[bytes]:
    """Digests (16 bytes) of what `rule` compares in a record; none if a part of it is blank or unknown.

    readers: path → how its kind reads it; a path without one is compared as text.
    """
    if rule.holder not in (None, side):
        columns = [_texts(remote_id, _exact)]
    else:
        columns = [
            _texts(paths.get(values, path), _exact if rule.holder else _folding(readers.get(path, fold)))
            for path in rule.paths[side]
        ]
    # A few long lists would multiply without end; sorted, so that the same ones are kept every time.
    combined = islice(product(*map(sorted, columns)), MOST_KEYS)
    return frozenset(_digest(rule.salt, parts) for parts in combined)


def fold(raw: Any) -> str | None:
    """A value as text that ignores case, width, and spaces around and between; None for what is no text."""
    exact = _exact(raw)
    if exact is None:
        return None
    # Folding case can undo the composed form, hence twice.
    folded = normalize("NFKC", normalize("NFKC", exact).casefold())
    return " ".join(folded.split()) or None


def _rule(sync_id: int, name: str, fields: Mapping[Side, tuple[str, ...]], holder: Side | None = None) -> IdentityRule:
    definition = repr((sync_id, name, [(side.value, fields[side]) for side in Side if side in fields]))
    salt = blake2b(definition.encode(), digest_size=32).digest()
    unnamed = IdentityRule(name, salt, fields, holder)
    return unnamed if name else IdentityRule(_shorten(unnamed.label, salt), salt, fields)


def _shorten(label: str, salt: bytes) -> str:
    """A label as the database takes it; two long ones that begin alike stay apart."""
    return label if len(label) <= NAME_LENGTH else f"{label[: NAME_LENGTH - 10]}…{salt.hex()[:9]}"


def _texts(raw: Any, read: Reader) -> set[str]:
    values = raw if isinstance(raw, list) else [raw]
    return {text for value in values if _is_plain(value) and (text := read(value))}


def _is_plain(value: Any) -> bool:
    return value is not None and value is not MISSING and not isinstance(value, dict | list)


def _folding(read: Reader) -> Reader:
    return lambda raw: fold(read(raw))


def _exact(raw: Any) -> str | None:
    if not _is_plain(raw):
        return None
    # A spreadsheet says 12.0 where a system says 12.
    whole = isinstance(raw, float) and raw.is_integer()
    return str(int(raw) if whole else raw).strip() or None


def _digest(salt: bytes, parts: Iterable[str]) -> bytes:
    # Folded text holds no such separator, so parts can't run into each other; a lone surrogate stops nothing.
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, key=salt, digest_size=16).digest()
