"""Who is linked to whom, what both sides last agreed on, and every run with what it planned and did.

Written by the engine only.
"""

from alumnisync.models.absences import Absence
from alumnisync.models.changes import ChangeRecord, FieldChange
from alumnisync.models.drift import DriftReport
from alumnisync.models.people import Link, MatchKey, Member
from alumnisync.models.privacy import ErasedKey, Erasure, ErasureTask
from alumnisync.models.questions import Conflict, Match, Question, Review
from alumnisync.models.runs import Alarm, CheckAnswer, Progress, SyncRun

__all__ = [
    "Absence",
    "Alarm",
    "ChangeRecord",
    "CheckAnswer",
    "Conflict",
    "DriftReport",
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
