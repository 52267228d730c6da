from django.apps import AppConfig


class AlumniSyncConfig(AppConfig):
    name = "alumnisync"
    verbose_name = "Runs and decisions"

    def ready(self) -> None:
        from alumnisync import checks  # noqa: F401 - registers the checks
