from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AlumniSyncConfig(AppConfig):
    name = "alumnisync"
    verbose_name = "Runs and decisions"

    def ready(self) -> None:
        from alumnisync import checks  # noqa: F401 - registers the checks
        from alumnisync.roles import make_roles

        post_migrate.connect(make_roles, sender=self)
