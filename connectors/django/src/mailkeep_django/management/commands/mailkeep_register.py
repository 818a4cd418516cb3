"""``manage.py mailkeep_register``."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailkeep_django.client import Refused
from mailkeep_django.registering import register_all


class Command(BaseCommand):
    """Registers every user with Mailkeep; those who stand there already are left as they are."""

    help = "Register every user with Mailkeep."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Say what became of them; ends with an error where one was refused."""
        counts: Counter[str] = Counter()
        try:
            for subject, result in register_all():
                counts[result["status"]] += 1
                if result["status"] == "refused":
                    self.stderr.write(f"{subject}: {result['problem']['detail']}")
        except Refused as error:
            raise CommandError(str(error)) from error
        words = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        self.stdout.write(words or "There is nobody to register.")
        if counts["refused"]:
            raise CommandError(f"{counts['refused']} refused")
