from django.apps import AppConfig


class AlumniSyncConfig(AppConfig):
    name = "alumnisync"
    verbose_name = "Runs and decisions"
