"""Django's settings: what ``startproject`` writes, what allauth's quick start adds, and `CHANGED`.

Values that a deployment would keep in its environment come from there.
"""

import os
from pathlib import Path
from typing import Any

HOME = Path(os.environ["DRILL_HOME"])
SECRET_KEY = os.environ["DRILL_SECRET"]
DRILL_TOKEN = os.environ["DRILL_TOKEN"]
DRILL_KEY = os.environ["DRILL_KEY"]
CONNECTED = "DRILL_ISSUER" in os.environ

DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
USE_TZ = True
LANGUAGE_CODE = "en-us"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "mailkeep_drill.site.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "anymail",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": HOME / "site.sqlite3",
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
_VALIDATORS = (
    "UserAttributeSimilarityValidator",
    "MinimumLengthValidator",
    "CommonPasswordValidator",
    "NumericPasswordValidator",
)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"} for name in _VALIDATORS
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]

ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
LOGIN_REDIRECT_URL = "/"

EMAIL_BACKEND = "anymail.backends.mandrill.EmailBackend"
DEFAULT_FROM_EMAIL = "Example Shop <no-reply@shop.example>"
ANYMAIL = {
    "MANDRILL_API_KEY": DRILL_KEY,
    "MANDRILL_API_URL": os.environ.get("DRILL_API", ""),
}
if CONNECTED:
    INSTALLED_APPS += ["mailkeep_django"]
    EMAIL_BACKEND = "mailkeep_drill.site.mail.Backend"
    MAILKEEP = {
        "ISSUER": os.environ["DRILL_ISSUER"],
        "CLIENT_ID": os.environ["DRILL_CLIENT"],
        "CLIENT_SECRET": os.environ["DRILL_CLIENT_SECRET"],
        "API_KEY": os.environ["DRILL_RECOVER_KEY"],
        "ADDRESSES": "mailkeep_django.allauth.addresses",
        "FACTORS": "mailkeep_django.allauth.Factors",
    }
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}

CHANGED = {
    "ACCOUNT_LOGIN_METHODS": "email instead of user name",
    "ACCOUNT_SIGNUP_FIELDS": "address and password, no user name",
    "ACCOUNT_EMAIL_VERIFICATION": "mandatory instead of optional: safer than the default",
    "PASSWORD_HASHERS": "Argon2 instead of PBKDF2 with 1,000,000 rounds: no weaker, and quick "
    "enough for this machine",
    "DATABASES": "SQLite with WAL and a longer wait for its lock, so that customers do not fail "
    "for reasons that are no part of the drill",
}
"""Every setting of allauth or Django that is not the default, and why."""
