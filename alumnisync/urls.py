from django.contrib import admin
from django.urls import path, re_path
from django.views.generic import RedirectView

from alumnisync.receiving.views import api, no_such_service

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    re_path("^api/", no_such_service),
]
