"""Password recovery through Mailkeep, for ``django.contrib.auth`` and django-allauth."""
