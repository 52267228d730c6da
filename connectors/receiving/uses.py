"""Which services a system has used, and why calls were refused: for the turn-up page."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from connectors.models import AccessToken, ServiceNote, ServiceUse

MOST_NOTES = 1000
"""Notes that are kept of a connection."""
NOTES_PRUNED_EACH = 50


@transaction.atomic
def note_use(token: AccessToken, service: str, *, status: int, record: str = "", why: Sequence[str] = ()) -> None:
    """Counts a call; one that was refused, or that lacked something, leaves a note that says why."""
    now, is_done = timezone.now(), status < 400
    use, _ = ServiceUse.objects.select_for_update().get_or_create(
        connection_id=token.connection_id, place=token.place, service=service, defaults={"last_at": now}
    )
    use.last_at = now
    use.done, use.refused = use.done + is_done, use.refused + (not is_done)
    use.first_done_at = use.first_done_at or (now if is_done else None)
    use.save()
    if why:
        _note(token, service, status, record, " ".join(why))


def _note(token: AccessToken, service: str, status: int, record: str, why: str) -> None:
    note = ServiceNote.objects.create(
        connection_id=token.connection_id,
        place=token.place,
        service=service,
        at=timezone.now(),
        status=status,
        record=record,
        why=why,
    )
    if note.pk % NOTES_PRUNED_EACH == 0:
        notes = ServiceNote.objects.filter(connection_id=token.connection_id).order_by("-pk")
        if kept := notes.values_list("pk", flat=True)[MOST_NOTES - 1 : MOST_NOTES].first():
            notes.filter(pk__lt=kept).delete()
