"""Mail when a run failed or waits for an OK, and when all is fine again: once, not every night."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from hashlib import sha256

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.urls import reverse
from django.utils import timezone

from alumnisync.models import Alarm, SyncRun
from mappings.models import Sync

logger = logging.getLogger(__name__)

MAIL_SECONDS = 30
"""How long the mail server may take, so that a slow one doesn't keep a worker."""
FINE, FAILED, HELD = Alarm.State.FINE, Alarm.State.FAILED, Alarm.State.HELD
STATES = {
    SyncRun.State.DONE: FINE,
    SyncRun.State.PARTIAL: FINE,
    SyncRun.State.FAILED: FAILED,
    SyncRun.State.HELD: HELD,
}
SUBJECTS = {
    FINE: "{} works again",
    FAILED: "{} failed",
    HELD: "{} is on hold and needs your OK",
}
HAPPENED = {
    FINE: "Run {run} of the sync {sync} came to its end. What was reported before is over.",
    FAILED: "Run {run} of the sync {sync} failed. Nothing is lost: the next run goes on from there.",
    HELD: "Run {run} of the sync {sync} is on hold. What is held was not sent; it waits for you.",
}
TO_DO = {
    FINE: "There is nothing to do.",
    FAILED: "Put right what is said above, then run the sync again.",
    HELD: "Look at what the run shows, then approve or reject it.",
}
NO_ADDRESS = "Open AlumniSync to see it. (SITE_URL is not set, so there is no link here.)"


def tell(run: SyncRun) -> None:
    """Mail how an ordinary run ended, where that is news to the sync's recipients. Trouble with mail is logged only."""
    is_preview = run.kind != SyncRun.Kind.RUN and run.approved_at is None
    state = STATES.get(SyncRun.State(run.state))
    if is_preview or state is None:
        return
    if not run.sync.alerts:
        # Whoever is added later hears of it from the start.
        Alarm.objects.filter(sync=run.sync).delete()
        return
    told = Alarm.objects.filter(sync=run.sync).first() or Alarm(sync=run.sync)
    what = _digest(run, state)
    if (told.state, told.what) == (state, what) or not _mail(run, state):
        return
    told.state, told.what, told.run, told.told_at = state, what, run, timezone.now()
    told.save()


def reasons(run: SyncRun) -> list[str]:
    """Why a run failed or is on hold, as sentences without anybody's data."""
    if run.state == SyncRun.State.HELD:
        return [item["reason"] for item in run.holds]
    # What a system says in its own words, which we put in quotation marks, may repeat a person's values.
    return [re.sub(r"“.*”", "“…”", line) for line in run.reason.splitlines() if line]


def _digest(run: SyncRun, state: Alarm.State) -> str:
    """What tells one trouble from another: the same one with other numbers is no news."""
    if state == FINE:
        return ""
    if state == HELD:
        told = sorted(f"{item['guard']} {item['field']} {item['direction']}" for item in run.holds)
    else:
        told = [re.sub(r"\b\d[\d.,]*\b", "#", line) for line in reasons(run)]
    return sha256("\n".join(told).encode()).hexdigest()


def _mail(run: SyncRun, state: Alarm.State) -> bool:
    """Whether the mail went out."""
    return send(run.sync, SUBJECTS[state].format(run.sync), _paragraphs(run, state), f"run {run.pk}")


def send(sync: Sync, subject: str, paragraphs: Iterable[str], about: str) -> bool:
    """Mail a sync's recipients; whether the mail went out. about: for the log."""
    message = EmailMessage(
        f"AlumniSync: {subject}",
        "\n\n".join(paragraphs) + "\n",
        to=[str(address) for address in sync.alerts],
    )
    try:
        message.connection = get_connection(timeout=MAIL_SECONDS)
        message.send()
    except Exception as error:
        # Its text may hold the recipients' addresses.
        logger.error("The mail about %s could not be sent: %s.", about, type(error).__name__)
        return False
    return True


def _paragraphs(run: SyncRun, state: Alarm.State) -> list[str]:
    happened = HAPPENED[state].format(run=run.pk, sync=run.sync)
    why = [] if state == FINE else ["\n".join(f"- {reason}" for reason in reasons(run))]
    return [happened, *why, TO_DO[state], link_to("admin:alumnisync_syncrun_change", run.pk)]


def link_to(page: str, pk: int) -> str:
    """The address of a page for a mail; why there is none where it is not known."""
    return str(settings.SITE_URL) + reverse(page, args=[pk]) if settings.SITE_URL else NO_ADDRESS
