"""Clean-ups and scopes: expressions that an administrator types, carried out in a sandbox.

Pure: no Django. An expression knows `value` and `record` and nothing else: no clock, no chance, no
other record; so that the same record always gives the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any

from jinja2 import ChainableUndefined, TemplateError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mappings.cleanups import CLEANUPS, CleanupError
from mappings.kinds import is_blank

LONGEST_SOURCE = 1_000
LONGEST_RESULT = 1_000_000

_TEXT_METHODS = frozenset(
    {
        "strip",
        "lstrip",
        "rstrip",
        "lower",
        "upper",
        "startswith",
        "endswith",
        "removeprefix",
        "removesuffix",
        "split",
    }
)
_ABOUT_BLANKS = (nodes.Or, nodes.CondExpr, nodes.Test)
_BLANK_CLEANUPS = frozenset({"default", "default_if_blank"})


class ExpressionError(ValueError):
    """An expression that does not compile, or can't be worked out for a record. The text is for people."""


@dataclass(frozen=True, slots=True)
class Transform:
    """A compiled clean-up; call it with a value and its whole record.

    A blank passes as it is, unless the expression itself speaks of blanks (default, or, if) or takes
    its value from elsewhere: so `'Class of ' ~ value` makes nothing out of nothing.
    """

    source: str
    expression: TemplateExpression
    takes_blanks: bool

    def __call__(self, value: Any, record: Mapping[str, Any]) -> Any:
        """The cleaned value, as JSON can say it. Raises ExpressionError."""
        if not self.takes_blanks and is_blank(value):
            return value
        return _as_json(_evaluate(self.source, self.expression, value=value, record=record))


@lru_cache(maxsize=1_000)
def compile_expression(source: str) -> Transform:
    """A clean-up such as `value|trim|replace('#','')`. Raises ExpressionError."""
    tree = _parse(source, frozenset({"value", "record"}))
    return Transform(source, _compile(source), _takes_blanks(tree))


@lru_cache(maxsize=1_000)
def compile_scope(source: str) -> Callable[[Mapping[str, Any]], bool]:
    """Who takes part; an empty source takes everybody. Raises ExpressionError, now or when called."""
    if not source.strip():
        return _everybody
    _parse(source, frozenset({"record"}))
    expression = _compile(source)

    def takes_part(record: Mapping[str, Any]) -> bool:
        return bool(_evaluate(source, expression, record=record))

    return takes_part


@lru_cache(maxsize=1_000)
def fields_read(source: str) -> frozenset[str]:
    """The top-level fields of the record that an expression reads. Raises ExpressionError where it hides them."""
    if not source.strip():
        return frozenset()
    tree = _parse(source, frozenset({"value", "record"}))
    named = [name for node in _walk(tree) if (name := _field_named(node)) is not None]
    # Every use of the record must be one that names its field; otherwise polling might not ask for it.
    if len(named) < sum(1 for node in _walk(tree) if isinstance(node, nodes.Name) and node.name == "record"):
        raise ExpressionError(
            f"It can't be told which fields the expression “{source}” reads. Name each one, as in record['Status__c']."
        )
    return frozenset(named)


class _Generator(CodeGenerator):
    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        # Jinja's own `~` makes the word "None" of a blank.
        self.write("environment.join_texts((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, narrowed to what a clean-up needs: fields, a few text methods, small results."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        # Repeating or padding a text, or a power, makes gigabytes of a few characters.
        if operator == "**" or not all(isinstance(side, (int, float)) for side in (left, right)):
            raise SecurityError(f"“{operator}” works with numbers only, and “**” not at all")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            return obj.get if attribute == "get" else self.getitem(obj, attribute)
        if isinstance(obj, str) and attribute in _TEXT_METHODS:
            return getattr(obj, attribute)
        if obj is None or isinstance(obj, ChainableUndefined):
            return self.undefined(name=attribute)
        raise SecurityError(f"“.{attribute}” is not available")

    def getitem(self, obj: Any, argument: Any) -> Any:
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return self.undefined(name=str(argument))

    @staticmethod
    def join_texts(parts: tuple[Any, ...]) -> str:
        return "".join("" if _is_nothing(part) else str(part) for part in parts)


def _make_sandbox() -> _Sandbox:
    sandbox = _Sandbox(undefined=ChainableUndefined, optimized=False)
    sandbox.globals = {}
    sandbox.filters = dict(CLEANUPS)
    return sandbox


_SANDBOX = _make_sandbox()


def _everybody(record: Mapping[str, Any]) -> bool:
    return True


def _is_nothing(value: Any) -> bool:
    return value is None or isinstance(value, ChainableUndefined)


def _parse(source: str, names: frozenset[str]) -> nodes.Node:
    """The syntax tree, after its names were checked. Raises ExpressionError."""
    if len(source) > LONGEST_SOURCE:
        raise ExpressionError(f"An expression may be {LONGEST_SOURCE} characters long; this one has {len(source)}.")
    try:
        tree = Parser(_SANDBOX, source, state="variable").parse_expression()
    except TemplateSyntaxError as error:
        raise _not_compiled(source, error) from error
    except RecursionError as error:
        raise ExpressionError(f"The expression “{source}” is nested too deeply.") from error
    for node in _walk(tree):
        if isinstance(node, nodes.Name) and node.name not in names:
            known = " and ".join(f"“{name}”" for name in sorted(names, reverse=True))
            raise ExpressionError(
                f"The expression “{source}” speaks of “{node.name}”, but knows {known} only. "
                "A text is written in quotation marks."
            )
    return tree


def _compile(source: str) -> TemplateExpression:
    try:
        return _SANDBOX.compile_expression(source)
    except TemplateSyntaxError as error:
        raise _not_compiled(source, error) from error
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise ExpressionError(f"The expression “{source}” is nested too deeply.") from error


def _not_compiled(source: str, error: TemplateSyntaxError) -> ExpressionError:
    place = f", line {error.lineno}" if "\n" in source.strip() else ""
    words = (error.message or "it is not an expression").rstrip(".")
    return ExpressionError(f"The expression “{source}”{place} does not compile: {words}.")


def _evaluate(source: str, expression: TemplateExpression, **known: Any) -> Any:
    try:
        return expression(known)
    except SecurityError as error:
        raise ExpressionError(f"The expression “{source}” is not allowed: {error.message}.") from error
    except ExpressionError:
        raise
    except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # Only the error's kind: its text may repeat somebody's data.
        what = str(error) if isinstance(error, CleanupError) else f"it stopped with {type(error).__name__}"
        raise ExpressionError(f"The expression “{source}” can't be worked out for this record: {what}.") from error


def _as_json(result: Any) -> Any:
    """The result, if a record can hold it. Raises ExpressionError."""
    if _is_nothing(result):
        return None
    if isinstance(result, (list, tuple)):
        return [_as_json(item) for item in result]
    if isinstance(result, dict) and all(isinstance(key, str) for key in result):
        return {key: _as_json(item) for key, item in result.items()}
    if _is_text(result) or _is_storable_number(result):
        return result
    raise ExpressionError("An expression must give a text, a number, a yes or no, or a list or object of such.")


def _is_text(result: Any) -> bool:
    if isinstance(result, str) and len(result) > LONGEST_RESULT:
        raise ExpressionError(f"An expression may give {LONGEST_RESULT} characters; this one gave more.")
    return isinstance(result, str)


def _is_storable_number(result: Any) -> bool:
    # JSON has no infinity, and what needs more than 64 bits is refused where records are stored.
    if isinstance(result, float):
        return isfinite(result)
    return isinstance(result, int) and result.bit_length() < 64


def _takes_blanks(tree: nodes.Node) -> bool:
    found = list(_walk(tree))
    if any(isinstance(node, _ABOUT_BLANKS) for node in found):
        return True
    if any(isinstance(node, nodes.Filter) and node.name in _BLANK_CLEANUPS for node in found):
        return True
    return not any(isinstance(node, nodes.Name) and node.name == "value" for node in found)


def _field_named(node: nodes.Node) -> str | None:
    """The field that this node takes from the record: record['X'], record.X or record.get('X')."""
    if isinstance(node, nodes.Getattr) and _is_record(node.node):
        return None if node.attr == "get" else node.attr
    if isinstance(node, nodes.Getitem) and _is_record(node.node):
        return _constant(node.arg)
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and _is_record(node.node.node):
        return _constant(node.args[0]) if node.node.attr == "get" and node.args else None
    return None


def _is_record(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "record"


def _constant(node: nodes.Node) -> str | None:
    return node.value if isinstance(node, nodes.Const) and isinstance(node.value, str) else None


def _walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    yield tree
    yield from tree.find_all(nodes.Node)
