"""A connection's files: a new one to upload, and those that were written to be taken in."""

from __future__ import annotations

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, reverse

from connectors import uploads
from connectors.admin.pages import ScreenAdmin, shows_form, tell
from connectors.models import Connection
from connectors.records import ConnectorError
from connectors.registry import connectors

CHANGE = "connectors.change_connection"
MOST_LISTED = 50


class FileScreens(ScreenAdmin):
    """What the Connection's admin adds to its own pages. Rows of people are shown: for who may change connections."""

    def file_screens(self) -> list[URLPattern]:
        route = "<int:pk>/files/"
        return [
            self.does(route, self.upload_file, "files", CHANGE),
            self.does(f"{route}use/", self.use_file, "use_file", CHANGE),
            self.does(f"{route}discard/", self.discard_file, "discard_file", CHANGE),
            self.looks(f"{route}written/<str:name>", self.written_file, "written_file", CHANGE),
        ]

    @shows_form
    def upload_file(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The file to be uploaded; then its first rows, and the choice of the key."""
        connection = self._with_files(request, pk)
        if request.method == "POST":
            try:
                uploads.receive(connection, request.FILES.get("file"))
            except ConnectorError as error:
                tell(request, error.message, wrong=True)
            return redirect("admin:connectors_connection_files", pk)
        return self._files_page(request, connection)

    def use_file(self, request: HttpRequest, pk: int) -> HttpResponse:
        connection = self._with_files(request, pk)
        try:
            changed = uploads.use(connection, request.POST.get("column", ""))
        except ConnectorError as error:
            tell(request, error.message, wrong=True)
            return redirect("admin:connectors_connection_files", pk)
        self.log_change(request, connection, [{"changed": {"fields": ["file", *changed]}}])
        tell(request, "The file is stored and is read by the next run. Now check that it works.")
        return redirect("admin:connectors_connection_change", pk)

    def discard_file(self, request: HttpRequest, pk: int) -> HttpResponse:
        uploads.discard(self._with_files(request, pk))
        tell(request, "The file was deleted. Nothing of it was read.")
        return redirect("admin:connectors_connection_files", pk)

    def written_file(self, request: HttpRequest, pk: int, name: str) -> HttpResponseBase:
        """A file that was written, to download."""
        connection = self._with_files(request, pk)
        path = next((path for path in uploads.written(connection) if path.name == name), None)
        if path is None:
            tell(request, "There is no such file any more.", wrong=True)
            return redirect("admin:connectors_connection_files", pk)
        return FileResponse(path.open("rb"), as_attachment=True, filename=path.name)

    def _files_page(self, request: HttpRequest, connection: Connection) -> HttpResponseBase:
        look, wrong = None, ""
        try:
            look = uploads.look(connection)
        except ConnectorError as error:
            wrong = error.message
        return self.show(
            request,
            "connectors/files.html",
            f"Files of {connection}",
            connection=connection,
            kinds=",".join(connectors()[connection.system].file_kinds),
            takes=uploads.takes_files(connection),
            largest=f"{uploads.LARGEST // 1_000_000:,}",
            look=look,
            wrong=wrong,
            written=[path.name for path in uploads.written(connection)[:MOST_LISTED]],
            trail=_files_trail(connection),
        )

    def _with_files(self, request: HttpRequest, pk: int) -> Connection:
        """A connection to a system that this installation has."""
        connection: Connection = get_object_or_404(self.get_queryset(request), pk=pk)
        if connection.system not in connectors():
            raise Http404
        return connection


def _files_trail(connection: Connection) -> list[tuple[str, str]]:
    return [
        ("Connections", reverse("admin:connectors_connection_changelist")),
        (connection.name, reverse("admin:connectors_connection_change", args=[connection.pk])),
    ]
