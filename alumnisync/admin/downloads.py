"""A run's changes as a file to keep or to work through."""

from __future__ import annotations

from django.http import FileResponse, Http404, HttpResponseBase, StreamingHttpResponse

from alumnisync.downloads import csv_of, xlsx_of
from alumnisync.models import SyncRun

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def download(run: SyncRun, form: str) -> HttpResponseBase:
    """The file in this form (csv or xlsx)."""
    name = f"{run.sync.name}-run-{run.pk}.{form}"
    if form == "csv":
        disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingHttpResponse(csv_of(run), content_type=CSV, headers=disposition)
    if form == "xlsx":
        return FileResponse(xlsx_of(run), as_attachment=True, filename=name, content_type=XLSX)
    raise Http404
