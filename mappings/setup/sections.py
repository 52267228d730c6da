"""YAML with its lines: settings are asked for by name, and every mistake becomes a sentence with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import yaml

TAG = "tag:yaml.org,2002:"
KNOWN_TAGS = frozenset(["null", "bool", "int", "float", "str", "timestamp", "seq", "map", "merge", "value"])
LONGEST_LIST = 12
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
DECIMAL = re.compile(r"[-+]?[0-9]+\.[0-9]*")


class SetupError(ValueError):
    """A setup file that can't be loaded. `mistakes` are sentences, in the order of their lines.

    found: (line, sentence), where each mistake has a line
    """

    def __init__(self, mistakes: Sequence[str], found: Sequence[tuple[int, str]] = ()) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)
        self.found = tuple(found)


class Mistakes:
    """What is wrong with a file, collected so that all of it is told at once."""

    def __init__(self) -> None:
        self._found: list[tuple[int, str]] = []

    def add(self, line: int, sentence: str) -> None:
        if (line, sentence) not in self._found:
            self._found.append((line, sentence))

    def stop_if_any(self) -> None:
        """Raises SetupError when something was found."""
        if self._found:
            ordered = sorted(self._found, key=lambda mistake: mistake[0])
            raise SetupError([f"line {line}: {sentence}" for line, sentence in ordered], ordered)


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """How a sentence about an unknown word ends: with the nearest known one, or all where they are few."""
    known = {each.lower(): each for each in words}
    near = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean “{known[near[0]]}”?"
    if 0 < len(known) <= LONGEST_LIST:
        return f"; it is one of: {', '.join(known.values())}."
    return "."


def compose(text: str, mistakes: Mistakes) -> yaml.Node | None:
    """The file as nodes that know their lines; None for an empty file. Raises SetupError."""
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise SetupError([f"line {line}: this can't be read as YAML: {error.problem or error.context}."]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SetupError([f"line {line}: there is a character here that YAML does not allow."]) from error
    if root is not None:
        _refuse_what_json_cannot_say(root, mistakes)
        mistakes.stop_if_any()
    return root


def _refuse_what_json_cannot_say(root: yaml.Node, mistakes: Mistakes) -> None:
    finished: set[int] = set()
    # Depth first with an explicit path: an anchor may contain itself, which would never end.
    stack: list[tuple[yaml.Node, tuple[int, ...]]] = [(root, ())]
    while stack:
        node, path = stack.pop()
        if id(node) in path:
            mistakes.add(line_of(node), "a value that contains itself can't be read.")
        elif id(node) not in finished:
            finished.add(id(node))
            _check_scalar(node, mistakes)
            stack.extend((child, (*path, id(node))) for child in _children(node))


def _check_scalar(node: yaml.Node, mistakes: Mistakes) -> None:
    if node.tag.removeprefix(TAG) not in KNOWN_TAGS:
        mistakes.add(line_of(node), f"“{node.tag}” has no meaning in a setup file.")
    if isinstance(node, yaml.ScalarNode) and "\0" in node.value:
        mistakes.add(line_of(node), "a text can't contain the character NUL.")


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def value_of(node: yaml.Node) -> Any:
    """What JSON can say of a node. Dates, octal and sexagesimal numbers stay the text they were typed as."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): value_of(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [value_of(each) for each in node.value]
    return _scalar_value(node.tag.removeprefix(TAG), node.value)


def _scalar_value(tag: str, text: str) -> Any:
    if tag == "null":
        return None
    if tag == "bool":
        return bool(yaml.SafeLoader.bool_values[text.lower()])
    if tag == "int" and INTEGER.fullmatch(text):
        return int(text)
    if tag == "float" and DECIMAL.fullmatch(text):
        return float(text)
    return text


class Section:
    """A mapping of the file. `what` names it in sentences ("a field pair"); `keys` are all it may hold."""

    def __init__(self, node: yaml.Node, what: str, keys: Iterable[str], mistakes: Mistakes) -> None:
        self.what = what
        self.mistakes = mistakes
        self.own_line = line_of(node)
        self.lines: dict[str, int] = {}
        self.nodes: dict[str, yaml.Node] = {}
        self.is_readable = isinstance(node, yaml.MappingNode)
        if isinstance(node, yaml.MappingNode):
            self._take(node, tuple(keys))
        else:
            self.mistake("", f"{what} is written as names with values, like {{name: value}}.")

    def _take(self, node: yaml.MappingNode, keys: tuple[str, ...]) -> None:
        for key_node, value in node.value:
            key, line = str(key_node.value), line_of(key_node)
            if key in self.nodes:
                self.mistakes.add(line, f"“{key}” is given twice for {self.what}.")
            elif keys and key not in keys:
                self.mistakes.add(line, f"“{key}” is not a setting of {self.what}{did_you_mean(key, keys)}")
            else:
                self.nodes[key], self.lines[key] = value, line

    def __contains__(self, key: str) -> bool:
        return key in self.nodes and self.nodes[key].tag != f"{TAG}null"

    def line(self, key: str = "") -> int:
        return self.lines.get(key, self.own_line)

    def mistake(self, key: str, sentence: str) -> None:
        """Notes a sentence on the line of `key`, or of the section itself."""
        self.mistakes.add(self.line(key), sentence)

    def require(self, *keys: str) -> None:
        for key in keys:
            node = self.nodes.get(key)
            is_blank = isinstance(node, yaml.ScalarNode) and not node.value.strip()
            if self.is_readable and (key not in self or is_blank):
                self.mistake(key, f"{self.what} needs “{key}”.")

    def text(self, key: str, default: str = "", longest: int = 255) -> str:
        """A text as it was typed: `01` and `yes` are texts here, whatever YAML would make of them."""
        if key not in self:
            return default
        text = self._scalar(key, "a text")
        if text is not None and len(text) > longest:
            self.mistake(key, f"“{key}” has {len(text)} characters; {longest} is the most.")
        return default if text is None else text

    def _scalar(self, key: str, wanted: str) -> str | None:
        node = self.nodes[key]
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self.mistake(key, f"“{key}” is {wanted}, not a list or a group of settings.")
        return None

    def word(self, key: str, words: Iterable[str], default: str) -> str:
        """One of some words."""
        known = [str(word) for word in words]
        text = self._scalar(key, "one word") if key in self else None
        if text is None:
            return default
        # YAML reads a bare `off` as false, so whoever writes false or no means the same.
        if "off" in known and value_of(self.nodes[key]) is False:
            return "off"
        if text not in known:
            self.mistake(key, f"“{text}” is not a word for “{key}”{did_you_mean(text, known)}")
            return default
        return text

    def flag(self, key: str) -> bool:
        value = self.value(key)
        if key in self and not isinstance(value, bool):
            self.mistake(key, f"“{key}” is true or false, not “{value}”.")
        return value is True

    def number(self, key: str) -> int:
        """A whole number from 0 up; 0 where it isn't given."""
        value = self.value(key)
        if key not in self:
            return 0
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
            self.mistake(key, f"“{key}” is a whole number from 0 up, not “{value}”.")
            return 0
        return value

    def value(self, key: str) -> Any:
        return value_of(self.nodes[key]) if key in self.nodes else None

    def items(self, key: str) -> list[yaml.Node]:
        """The members of a list; empty where it isn't given."""
        if key not in self:
            return []
        node = self.nodes[key]
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        self.mistake(key, f"“{key}” is a list; write it with [ ] around it, or each on a line after “- ”.")
        return []

    def texts(self, key: str) -> list[str]:
        return [text for node in self.items(key) if (text := self.text_of(node, key)) is not None]

    def text_of(self, node: yaml.Node, key: str) -> str | None:
        """The text of a list's member, or None with a mistake on its line."""
        if isinstance(node, yaml.ScalarNode) and node.value.strip():
            return str(node.value)
        self.mistakes.add(line_of(node), f"“{key}” is a list of texts; this one is not a text.")
        return None

    def section(self, key: str, what: str, keys: Iterable[str] = ()) -> Section | None:
        return Section(self.nodes[key], what, keys, self.mistakes) if key in self else None

    def sections(self, key: str, what: str, keys: Iterable[str]) -> list[Section]:
        return [Section(node, what, keys, self.mistakes) for node in self.items(key)]
