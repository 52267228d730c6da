"""The kinds of system there are: name → class, by scanning `connectors/systems/`."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from connectors import systems
from connectors.base import Connector


@cache
def connectors() -> dict[str, type[Connector]]:
    """Every connector class by its `name`."""
    found: dict[str, type[Connector]] = {}
    for module in pkgutil.iter_modules(systems.__path__):
        for value in vars(import_module(f"{systems.__name__}.{module.name}")).values():
            # A module also holds what it imports; a class that names a system is one of its own.
            if isinstance(value, type) and issubclass(value, Connector) and "name" in vars(value):
                found[value.name] = value
    return found
