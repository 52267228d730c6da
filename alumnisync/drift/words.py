"""What the report's words mean to the people who read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from alumnisync.drift.comparing import SeenField
from alumnisync.drift.reasons import Outside, Reason
from alumnisync.wording import Said


class Meaning(NamedTuple):
    """A reason in a few words, in a sentence, and the look of its badge."""

    short: str
    sentence: str
    look: str = ""


MEANINGS: Mapping[Reason, Meaning] = {
    Reason.EQUAL: Meaning("the same", "Both say the same.", "good"),
    Reason.NOT_SAID: Meaning("not compared", "One of the two records doesn't say anything about it."),
    Reason.CONFLICT: Meaning("both changed", "Both sides changed it: it waits for your decision.", "warn"),
    Reason.REVIEW: Meaning("to review", "A change waits until a person has looked at it.", "warn"),
    Reason.TO_CARRY_OUT: Meaning("decided", "It is decided; the next run carries it out."),
    Reason.HELD: Meaning("on hold", "The change is held by a safety limit until somebody lets it through.", "warn"),
    Reason.PLANNED: Meaning("next run", "The next run carries it out."),
    Reason.UNDER_WAY: Meaning("being sent", "It was sent, and the answer is not known yet: the next run finds out."),
    Reason.SET_ASIDE: Meaning("couldn't be sent", "The change couldn't be sent, and is tried again.", "bad"),
    Reason.REFERENCE: Meaning(
        "waits for its person", "The record that it names is not linked yet: it goes once that is.", "warn"
    ),
    Reason.DEATH: Meaning("a death waits", "Nothing is written until the report of a death is decided.", "warn"),
    Reason.MERGED: Meaning(
        "merged there",
        "Records of two people were merged there: nothing is written until it is said whose it is.",
        "warn",
    ),
    Reason.RECORDED: Meaning("recorded", "It changed after it was recorded, and is corrected by hand.", "warn"),
    Reason.FIRST_MEETING: Meaning(
        "first meeting", "It differed already when the two were linked, and both were left as they are."
    ),
    Reason.UNREADABLE: Meaning(
        "could not be read", "A value could not be read as its format when the two were linked, and was left."
    ),
    Reason.ONE_SIDE: Meaning(
        "only on one side", "Only one side had a value when the two were linked, and this direction is off."
    ),
    Reason.OFF: Meaning(
        "direction off", "A change on one side is not sent: this direction is off, or fills blanks only."
    ),
    Reason.KEPT_BLANK: Meaning("blank kept", "It was removed on one side, and kept on the other."),
    Reason.REFUSED: Meaning("refused", "A person refused to send what one side says."),
    Reason.LEFT: Meaning("left by a person", "A person decided to leave both as they are."),
    Reason.CORRECTED: Meaning("ticked off", "A person said that it is corrected by hand."),
    Reason.UNDONE: Meaning("undone", "A change was undone, and is not sent again."),
    Reason.SKIPPED: Meaning("can't be carried over", "The value can't be carried over, and the field is then skipped."),
    Reason.NOT_KNOWN: Meaning(
        "group not whole", "Another field that belongs to it is not known on one side, so none of them is compared."
    ),
    Reason.STORED: Meaning("stored differently", "The system stores what we sent in its own way."),
    Reason.CARRIED: Meaning(
        "as the rules write it",
        "One side holds what the rules write for the other's value: a clean-up, or a value instead.",
    ),
    Reason.MEMBER_LEFT: Meaning(
        "another record counts", "A record of this person left, and another one's value counts now: that is no change."
    ),
    Reason.FORMER_RULES: Meaning(
        "earlier rules", "By the rules that were in force then both said the same, and neither has changed since."
    ),
    Reason.UNKNOWN: Meaning(
        "not explained",
        "Nothing explains it: a change may have been lost. Please tell whoever looks after AlumniSync.",
        "bad",
    ),
}
OUTSIDE: Mapping[Outside, Meaning] = {
    Outside.GONE: Meaning("no longer found", "A record is no longer found at its system.", "warn"),
    Outside.OUT_OF_SCOPE: Meaning("not taking part", "A record doesn't take part in this sync."),
    Outside.UNTOLD: Meaning(
        "can't be told", "Whether a record takes part can't be told, or it could not be read.", "bad"
    ),
    Outside.NOT_PILOTED: Meaning("not in the pilot", "The sync is narrowed to named people, and this is none of them."),
    Outside.UNLINKING: Meaning("being unlinked", "A person said that they are linked no more: the next run does it."),
    Outside.ALONE: Meaning("nobody there", "The person has no record on the other side any more."),
}


def said(reason: Reason) -> Said:
    """The badge of a reason."""
    return Said(MEANINGS[reason].short, MEANINGS[reason].look)


def sentence(seen: SeenField) -> str:
    """Why a field is what it is, with what the system or the safety limit said where that is known."""
    return f"{MEANINGS[seen.reason].sentence} {seen.said}".strip()
