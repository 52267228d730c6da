"""Which role may do what, by the name of an address. Whatever is not here, nobody has thought about."""

from __future__ import annotations

from dataclasses import dataclass

from alumnisync.roles import EDITORS, OPERATORS, REVIEWERS, VIEWERS

ADMINISTRATOR, STRANGER, NOBODY = "administrator", "staff without a role", "nobody"
EVERYBODY = (VIEWERS, REVIEWERS, EDITORS, OPERATORS, ADMINISTRATOR, STRANGER, NOBODY)


@dataclass(frozen=True)
class Access:
    """looks: who is answered by GET; acts: who by POST, where that does anything.

    also_posted: it answers to POST as to GET and changes nothing by it
    """

    looks: frozenset[str] = frozenset()
    acts: frozenset[str] = frozenset()
    also_posted: bool = False


def _who(*roles: str) -> frozenset[str]:
    return frozenset({*roles, ADMINISTRATOR})


ALL = _who(VIEWERS, REVIEWERS, EDITORS, OPERATORS)
STAFF = ALL | {STRANGER}
ADMIN = _who()

READS = Access(looks=ALL)
FINDS = Access(acts=ALL)
READS_LIST = Access(looks=ALL, also_posted=True)
NEVER = Access()


def button(*roles: str) -> Access:
    """Only POST."""
    return Access(acts=_who(*roles))


def form(*roles: str) -> Access:
    """A form and what it does."""
    return Access(looks=_who(*roles), acts=_who(*roles))


OWN: dict[str, Access] = {
    # Django's pages that belong to no model.
    "index": Access(looks=STAFF, also_posted=True),
    "search": Access(looks=STAFF, also_posted=True),
    "app_list": Access(looks=ALL, also_posted=True),
    "password_change": Access(looks=STAFF, acts=STAFF),
    "password_change_done": Access(looks=STAFF, also_posted=True),
    "jsi18n": Access(looks=STAFF, also_posted=True),
    "view_on_site": Access(looks=STAFF, also_posted=True),
    "autocomplete": NEVER,
    "unnamed <path:object_id>/": Access(looks=STAFF, also_posted=True),
    "unnamed (?P<url>.*)$": Access(looks=STAFF, also_posted=True),
    # People and roles.
    **{f"auth_{model}_{name}": form() for model in ("user", "group") for name in ("add", "change", "delete")},
    **{
        f"auth_{model}_{name}": Access(looks=ADMIN, also_posted=True)
        for model in ("user", "group")
        for name in ("changelist", "history")
    },
    "auth_user_password_change": form(),
    # Connections.
    "connectors_connection_add": Access(looks=_who(OPERATORS)),
    "connectors_connection_add_system": form(OPERATORS),
    "connectors_connection_edit": form(OPERATORS),
    "connectors_connection_check": button(OPERATORS),
    "connectors_connection_renew": button(OPERATORS),
    "connectors_connection_describe": button(OPERATORS),
    "connectors_connection_object_type": READS,
    "connectors_connection_files": form(OPERATORS),
    "connectors_connection_use_file": button(OPERATORS),
    "connectors_connection_discard_file": button(OPERATORS),
    "connectors_connection_written_file": Access(looks=_who(OPERATORS)),
    "connectors_connection_look": FINDS,
    "connectors_connection_turn_up": READS,
    "connectors_connection_make_token": button(OPERATORS),
    "connectors_connection_withdraw_token": button(OPERATORS),
    "connectors_connection_type_staff": button(OPERATORS),
    # What waits for a decision.
    **{
        f"alumnisync_{model}_{name}": button(REVIEWERS)
        for model in ("conflict", "review", "match")
        for name in ("decide", "decide_many")
    },
    **{f"alumnisync_absence_{name}": button(REVIEWERS) for name in ("decide", "decide_many")},
    **{f"alumnisync_{model}_find": FINDS for model in ("conflict", "review", "match")},
    "alumnisync_match_search": button(REVIEWERS),
    # Syncs and their rules.
    "mappings_sync_add": form(EDITORS),
    "mappings_sync_save": form(EDITORS),
    "mappings_sync_discard": button(EDITORS),
    "mappings_sync_preview": button(EDITORS, OPERATORS),
    "mappings_sync_run": button(OPERATORS),
    "mappings_sync_on": button(OPERATORS),
    "mappings_sync_off": button(OPERATORS),
    # Both read the form that somebody is typing in; neither keeps anything.
    "mappings_sync_try": button(EDITORS),
    "mappings_sync_count": button(EDITORS),
    "mappings_sync_check_list": READS,
    "mappings_sync_check_answer": button(EDITORS),
    "mappings_sync_check_take_back": button(EDITORS),
    "mappings_sync_differences": READS,
    "mappings_sync_compare": button(EDITORS, OPERATORS),
    "mappings_sync_differences_download": READS,
    "alumnisync_link_download": READS,
    "mappings_sync_spreadsheets": READS,
    "mappings_sync_spreadsheet_down": READS,
    "mappings_sync_spreadsheet_up": button(EDITORS),
    "mappings_sync_spreadsheet_store": button(EDITORS),
    "mappings_mappingversion_put_back": button(OPERATORS),
    "mappings_mappingversion_use": button(EDITORS),
    # Runs, and what couldn't be sent.
    "alumnisync_syncrun_progress": READS,
    "alumnisync_syncrun_download": READS,
    "alumnisync_syncrun_approve": form(OPERATORS),
    "alumnisync_syncrun_reject": form(OPERATORS),
    "alumnisync_syncrun_undo": form(OPERATORS),
    "alumnisync_syncrun_again": button(OPERATORS),
    "alumnisync_syncrun_preview_again": button(EDITORS, OPERATORS),
    "alumnisync_syncrun_stop": button(OPERATORS),
    "alumnisync_changerecord_retry": button(OPERATORS),
    # What is held about a person: for administrators alone.
    "alumnisync_erasure_find": button(),
    "alumnisync_erasure_person": Access(looks=ADMIN),
    "alumnisync_erasure_export": Access(looks=ADMIN),
    "alumnisync_erasure_erase": form(),
    "alumnisync_erasure_tick": button(),
}

READ_ONLY = (
    "alumnisync_absence",
    "alumnisync_alarm",
    "alumnisync_changerecord",
    "alumnisync_checkanswer",
    "alumnisync_conflict",
    "alumnisync_driftreport",
    "alumnisync_erasedkey",
    "alumnisync_erasure",
    "alumnisync_erasuretask",
    "alumnisync_fieldchange",
    "alumnisync_link",
    "alumnisync_match",
    "alumnisync_matchkey",
    "alumnisync_member",
    "alumnisync_progress",
    "alumnisync_review",
    "alumnisync_syncrun",
    "connectors_accesstoken",
    "connectors_connection",
    "connectors_cursor",
    "connectors_erasedrecord",
    "connectors_feedrow",
    "connectors_knownobjecttype",
    "connectors_receivedrecord",
    "connectors_remoterecord",
    "connectors_seenfield",
    "connectors_servicenote",
    "connectors_serviceuse",
    "mappings_fieldmapping",
    "mappings_mappingversion",
    "mappings_sync",
    "mappings_syncside",
    "mappings_valuemap",
)
"""Models whose own pages by Django only show."""

SHOWN: dict[str, Access] = {
    f"{model}_{page}": access
    for model in READ_ONLY
    for page, access in (
        ("changelist", READS_LIST),
        ("history", READS_LIST),
        ("change", READS),
        ("add", NEVER),
        ("delete", NEVER),
    )
}

ACCESS: dict[str, Access] = {**SHOWN, **OWN}
# Signing in and out is for everybody, and does change something.
OPEN = {"login", "logout"}

ACTIONS: dict[str, dict[str, frozenset[str]]] = {
    "auth.user": {"delete_selected": ADMIN},
    "auth.group": {"delete_selected": ADMIN},
}
"""Model → what can be done to ticked rows of its list → who may."""
