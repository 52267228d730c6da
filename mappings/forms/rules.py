"""The whole page of a sync as one form: filled from its rules, and back as a document for the setup's reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.models import Connection
from mappings.forms.pairs import PairPart
from mappings.forms.parts import SIDES, GuardsPart, HeadPart, MapPart, Part, RulePart, SidePart, Suggestion
from mappings.forms.wording import SideWords, in_words
from mappings.models import Sync
from mappings.setup.contents import HEAD_WORDS, Contents, Plain, plain_row
from mappings.setup.nodes import Place
from mappings.setup.sections import SetupError

Post = Any
"""What a browser sent: a QueryDict, or a dict with lists where a name comes more than once."""
LISTS: Mapping[str, type[Any]] = {"rule": RulePart, "pair": PairPart, "map": MapPart}
PATTERN = "KEY"
"""What JavaScript replaces by a key of its own."""
HEAD_PLACE: Place = ("syncs", 0)


def document_from(post: Post, sync: Sync) -> Plain:
    """What a posted page says, in the setup file's shape; whether it is right, `read_rules` tells."""
    return RulesForm(sync, post=post).document()


def side_words(names: Mapping[str, str]) -> dict[str, str]:
    """Side → what to call it: its connection, told apart where both have the same one."""
    words = {side: names.get(side) or f"the {'first' if side == 'left' else 'second'} system" for side in SIDES}
    if words["left"] == words["right"]:
        words = {side: f"{name} ({number})" for number, (side, name) in enumerate(words.items(), 1)}
    return words


class RulesForm:
    """The page's parts. Made from a sync's rules to show them, or from a post to read it.

    usual: guard → floor and share where the sync says nothing
    suggested: guard → floor and share that the sync's own runs suggest
    """

    def __init__(
        self,
        sync: Sync,
        contents: Contents | None = None,
        *,
        post: Post = None,
        connections: Iterable[str] | None = None,
        usual: Mapping[str, tuple[int, float]] | None = None,
        suggested: Mapping[str, Suggestion] | None = None,
    ) -> None:
        self.sync, self.post, self.contents = sync, post, contents or Contents()
        names = connections if connections is not None else Connection.objects.values_list("name", flat=True)
        self.connections, self.usual, self.suggested = list(names), usual or {}, suggested or {}
        self.words: SideWords = side_words(self.chosen)
        self.mistakes: list[tuple[str, str]] = []
        self._places: list[Place] = []
        self._parts: dict[Place, Part] = {}
        self._make_parts()

    def _make_parts(self) -> None:
        head = plain_row(self.sync, HEAD_WORDS)
        self.sides = {side: self._side(side) for side in SIDES}
        self.head = HeadPart(self.post, prefix="head", initial=HeadPart.filled(head, self.contents.pilot))
        self.guards = GuardsPart(
            self.post,
            prefix="guards",
            initial=GuardsPart.filled(head["guards"]),
            usual=self.usual,
            suggested=self.suggested,
        )
        rules = [{"fields_agree": list(zip(*rule, strict=False))} for rule in self.contents.match]
        maps = [
            {"name": name, **each, **{f"default_{side}": one for side, one in each["default"].items()}}
            for name, each in self.contents.value_maps.items()
        ]
        self.rules = self._list(RulePart, "rule", rules)
        self.pairs = self._list(PairPart, "pair", [PairPart.filled(pair) for pair in self.contents.pairs.values()])
        self.maps = self._list(MapPart, "map", maps)

    def _side(self, side: str) -> SidePart:
        shown = SidePart.filled(self.contents.sides.get(side, {"create": "off"}))
        return SidePart(self.post, prefix=side, initial=shown, connections=self.connections, side=side)

    def _list(self, kind: type[Any], name: str, filled: list[Plain]) -> list[Any]:
        """The rows of a list, in the order of the page; with a blank one at the end where they are shown."""
        if self.post is not None:
            keys = [key for key in _all(self.post, name) if not self.post.get(f"{name}-{key}-remove")]
            return [kind(self.post, prefix=f"{name}-{key}", sides=self.words) for key in keys]
        shown = enumerate(filled)
        return [kind(prefix=f"{name}-{index}", initial=each, sides=self.words) for index, each in shown]

    def spares(self) -> dict[str, Part]:
        """List → the blank row at its end, so that one can be added without JavaScript."""
        keys = {name: _unused_key(_all(self.post, name) if self.post is not None else []) for name in LISTS}
        return {name: self._blank(name, key) for name, key in keys.items()}

    def patterns(self) -> dict[str, Part]:
        """List → the row that JavaScript makes further ones of."""
        return {name: self._blank(name, PATTERN) for name in LISTS}

    def _blank(self, name: str, key: str) -> Part:
        # A new pair sends nothing until somebody says so.
        initial = {"kind": "text", "to_left": "off", "to_right": "off"} if name == "pair" else {}
        blank: Part = LISTS[name](prefix=f"{name}-{key}", sides=self.words, initial=initial)
        return blank

    def document(self) -> Plain:
        """What was posted, as a document with this one sync in it."""
        sides = {side: self._plain((*HEAD_PLACE, side), part) for side, part in self.sides.items()}
        head = {**self._plain(HEAD_PLACE, self.head), "guards": self._plain((*HEAD_PLACE, "guards"), self.guards)}
        # Rows that nobody filled in are not there; those with anything in them are the reader's to judge.
        match = self._plains((*HEAD_PLACE, "match"), self.rules)
        fields = self._plains((*HEAD_PLACE, "fields"), self.pairs)
        maps = self._plains(("value_maps",), self.maps)
        said = {"name": self.sync.name, "state": self.sync.state}
        return {"syncs": [{**said, **head, **sides, "match": match, "fields": fields}], "value_maps": maps}

    def _plains(self, place: Place, parts: list[Any]) -> list[Any]:
        parts[:] = [part for part in parts if not part.is_blank]
        return [self._plain((*place, index), part) for index, part in enumerate(parts)]

    def _plain(self, place: Place, part: Any) -> Plain:
        part.full_clean()
        self._parts[place] = part
        plain: Plain = part.plain()
        return plain

    def line_at(self, place: Place) -> int:
        """A line for every place, so that a mistake there finds its way back to its field."""
        self._places.append(place)
        return len(self._places)

    def take(self, error: SetupError) -> None:
        """Shows what is wrong at the fields where it is wrong."""
        parts = {(): self.head, **self._parts}
        for line, sentence in error.found:
            place = self._places[line - 1]
            owner = next(place[:length] for length in range(len(place), -1, -1) if place[:length] in parts)
            part = parts[owner]
            field = part.field_at(place[len(owner) :])
            said = in_words(sentence, self.words, self._where)
            part.add_error(field, said)
            self.mistakes.append((part[field].auto_id if field else f"{part.prefix}", said))

    @property
    def is_readable(self) -> bool:
        """Whether every field holds something that can be read at all."""
        parts = [*self.sides.values(), self.head, self.guards, *self.rules, *self.pairs, *self.maps]
        return all(part.is_valid() for part in parts)

    @property
    def chosen(self) -> dict[str, str]:
        """Side → the connection that is chosen there."""
        return {side: self._connection(side) for side in SIDES}

    def _where(self, line: int) -> str:
        place = self._places[line - 1]
        part = self._parts.get(place[:4])
        return part.key.replace("|", " ↔ ") if isinstance(part, PairPart) else "another place"

    def _connection(self, side: str) -> str:
        if self.post is not None:
            return str(self.post.get(f"{side}-connection") or "")
        return str(self.contents.sides.get(side, {}).get("connection", ""))


def _all(post: Post, name: str) -> list[str]:
    return list(post.getlist(name)) if hasattr(post, "getlist") else list(post.get(name, ()))


def _unused_key(taken: list[str]) -> str:
    key = "new"
    while key in taken:
        key += "x"
    return key
