"""What a site may listen to."""

from django.dispatch import Signal

#: Sent with ``user`` and ``verdict`` (its id) once the password is written: revoke what sessions do
#: not cover, such as tokens of an API.
password_recovered = Signal()
