"""Who is linked to whom, what both sides last agreed on, and every run with what it planned and did.

Written by the engine only.
"""

from alumnisync.models.changes import ChangeRecord, FieldChange
from alumnisync.models.people import Link, MatchKey, Member
from alumnisync.models.privacy import ErasedKey, Erasure, ErasureTask
from alumnisync.models.questions import Conflict, Match, Question, Review
from alumnisync.models.runs import Alarm, CheckAnswer, Progress, SyncRun

__all__ = [
    "Alarm",
    "ChangeRecord",
    "CheckAnswer",
    "Conflict",
    "ErasedKey",
    "Erasure",
    "ErasureTask",
    "FieldChange",
    "Link",
    "Match",
    "MatchKey",
    "Member",
    "Progress",
    "Question",
    "Review",
    "SyncRun",
]
