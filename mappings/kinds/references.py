"""Kind reference: the id of another record, which is linked with a record of the other side.

Pure: which records are linked is looked up by whoever reads, and given to it as `Linked`.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from mappings.kinds.base import Kind, Options, Unreadable, text_of


def _read_reference(raw: Any, options: Options) -> Hashable:
    id = text_of(raw).strip()
    link = options.linked.links.get((options.through, options.side, id)) if options.linked else None
    if link is None:
        raise Unreadable(f"“{id}” is not linked by “{options.through}” yet; this goes by itself once it is.")
    return link


def _write_reference(value: Hashable, raw: Any, options: Options) -> str:
    id = options.linked.ids.get((options.through, options.side, value)) if options.linked else None
    if id is None:
        raise Unreadable(f"“{options.through}” knows no record for it there.")
    return id


REFERENCE = Kind("reference", _read_reference, _write_reference)
