"""The application: registers users when they are saved, and checks that no other reset is left."""

from django.apps import AppConfig


class MailkeepConfig(AppConfig):
    """``mailkeep_django``."""

    name = "mailkeep_django"
    label = "mailkeep"
    verbose_name = "Recovery through Mailkeep"

    def ready(self) -> None:
        from . import checks, registering

        checks.register()
        registering.listen()
