"""``manage.py mailkeep_vouch``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailkeep_django import client
from mailkeep_django.client import Refused


class Command(BaseCommand):
    """Answers for what is held of a user, who cannot: their old mailbox is gone, and you have made
    sure by other means that it is them who asks. It counts after the hold, unless somebody who does
    read that mailbox stops it."""

    help = "Answer for the change that Mailkeep holds of a user."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose."""
        parser.add_argument("user", help="primary key of the user")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Say what is vouched for, and vouch."""
        try:
            told = client.look(options["user"])
            held = told["held"]
            if held is None:
                raise CommandError("nothing is held of this user")
            self.stdout.write(f"{held['what']}: {', '.join(held['addresses'] or ())}")
            client.vouch(told["subject"], held["id"])
        except Refused as error:
            raise CommandError(str(error)) from error
