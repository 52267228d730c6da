"""People who may sign in, and what each role may do."""

from __future__ import annotations

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from alumnisync.navigation import role_of
from alumnisync.roles import ABOUT, OURS, ROLES

admin.site.unregister([User, Group])
# What the trail above their pages says; Django's words are for programmers.
apps.get_app_config("auth").verbose_name = "People and roles"
admin.site.login_template = "alumnisync/start/login.html"
admin.site.logout_template = "alumnisync/start/logged_out.html"

MARKS = {
    "is_staff": ("May sign in here", "Without this somebody is known here, but can't sign in."),
    "is_active": (
        "Account is open",
        "Close the account of somebody who leaves: what they decided stays known by their name.",
    ),
    "is_superuser": ("May do everything", "An administrator needs no role, and looks after people and roles."),
}
ROLES_HELP = "What this person may do. Somebody without a role may sign in and sees nothing."


class RoleChoice(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # not subscriptable at run time
    """The roles, each with what it may do."""

    def label_from_instance(self, obj: Any) -> str:
        about = ABOUT.get(obj.name)
        return f"{obj.name} – {about}" if about else str(obj.name)  # noqa: RUF001 - the dash is meant


class NewColleague(UserCreationForm):
    """Somebody new: as a rule, a colleague who is to sign in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "is_staff" in self.fields:
            self.fields["is_staff"].initial = True


@admin.register(User)
class ThemedUserAdmin(ModelAdmin, UserAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    form = UserChangeForm
    add_form = NewColleague
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "roles", "is_active", "last_login")
    list_filter = ("groups", "is_active")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password", "first_name", "last_name", "email")}),
        ("What this person may do", {"fields": ("groups", "is_staff", "is_active")}),
        ("Administrator", {"fields": ("is_superuser",), "classes": ("collapse",)}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "email", "groups", "is_staff")}),
        ("Password", {"fields": ("usable_password", "password1", "password2")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        people: QuerySet[User] = super().get_queryset(request)
        return people.prefetch_related("groups")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        shown = super().get_fieldsets(request, obj)
        return shown if request.user.is_superuser else [part for part in shown if part[0] != "Administrator"]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name in MARKS:
            field.label, field.help_text = MARKS[db_field.name]
        return field

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name != "groups":
            return super().formfield_for_manytomany(db_field, request, **kwargs)
        roles = Group.objects.order_by("name")
        widget = forms.CheckboxSelectMultiple()
        return RoleChoice(roles, required=False, widget=widget, label="Roles", help_text=ROLES_HELP)

    @admin.display(description="Name", ordering="last_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description="Roles")
    def roles(self, user: User) -> str:
        return role_of(user)


@admin.register(Group)
class ThemedGroupAdmin(ModelAdmin, GroupAdmin):
    list_display = ("name", "about", "members")
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        groups: QuerySet[Group] = super().get_queryset(request)
        return groups.annotate(member_count=Count("user"))

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        # The program finds its own roles by their names.
        return ("name",) if _is_ours(obj) else ()

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not _is_ours(obj)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        ours = Permission.objects.filter(content_type__app_label__in=(*OURS, "auth"))
        return super().formfield_for_manytomany(
            db_field, request, **{**kwargs, "queryset": ours.select_related("content_type")}
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        answer: HttpResponse = super().changelist_view(request, {**(extra_context or {}), "title": "Roles"})
        return answer

    @admin.display(description="What its people do")
    def about(self, group: Group) -> str:
        return ABOUT.get(group.name, "")

    @admin.display(description="People")
    def members(self, group: Any) -> str:
        return f"{group.member_count:,}"


def _may_touch(request: HttpRequest, obj: User | None) -> bool:
    """Whoever could change an administrator's password would be one."""
    return obj is None or not obj.is_superuser or bool(request.user.is_superuser)


def _is_ours(group: Group | None) -> bool:
    return group is not None and group.name in ROLES
