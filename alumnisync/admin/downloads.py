"""A table as a file to keep or to work through."""

from __future__ import annotations

from django.http import FileResponse, Http404, HttpResponseBase, StreamingHttpResponse

from alumnisync.downloads import Table
from alumnisync.tables import as_csv, as_xlsx

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def download(table: Table, form: str) -> HttpResponseBase:
    """The file in this form (csv or xlsx)."""
    name = f"{table.name}.{form}"
    if form == "csv":
        disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingHttpResponse(as_csv(table.columns, table.rows), content_type=CSV, headers=disposition)
    if form == "xlsx":
        workbook = as_xlsx(table.title, table.columns, table.rows)
        return FileResponse(workbook, as_attachment=True, filename=name, content_type=XLSX)
    raise Http404
