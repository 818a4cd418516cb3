"""What ``startproject`` writes, what allauth's quick start adds, and what our connector needs."""

import os
from pathlib import Path
from typing import Any

ALLAUTH = os.environ["SHOP_KIND"] == "allauth"
MODE = os.environ.get("SHOP_MODE", "recover")
CONNECTED = os.environ.get("SHOP_CONNECTED", "1") == "1"
NUMBER = os.environ.get("SHOP_NUMBER", "")  # of the first user
OWN = os.environ.get("SHOP_OWN", "")  # how the site makes its reset of the stock one


def forwarded(request: Any) -> str:
    """What a proxy says, or anybody where there is none."""
    return str(request.META.get("HTTP_X_FORWARDED_FOR", ""))


SECRET_KEY = "for-tests-only-" * 4
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "mailkeep_django",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
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
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["SHOP_DATABASE"],
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # this machine's time
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}
]
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
LOGIN_REDIRECT_URL = "/"
MAILKEEP = {
    "ISSUER": os.environ["SHOP_ISSUER"],
    "CLIENT_ID": os.environ["SHOP_CLIENT_ID"],
    "CLIENT_SECRET": os.environ["SHOP_CLIENT_SECRET"],
    "API_KEY": os.environ["SHOP_API_KEY"],
    "MODE": MODE,
    "SILENT": os.environ.get("SHOP_SILENT", "wait"),
}
if os.environ.get("SHOP_PROXY"):
    MAILKEEP["NETWORK"] = "shop.settings.forwarded"
if MODE != "recover":
    INSTALLED_APPS += ["django.contrib.admin"]  # the templates of the stock reset
if os.environ.get("SHOP_ASKS", "1") == "1" and MODE != "recover":
    MIDDLEWARE += ["mailkeep_django.middleware.Resets"]
if ALLAUTH:
    INSTALLED_APPS += ["allauth", "allauth.account", "allauth.mfa", "allauth.headless"]
    INSTALLED_APPS += ["allauth.usersessions"]
    ACCOUNT_LOGIN_BY_CODE_ENABLED = MODE != "recover"
    MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]
    AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "allauth.account.auth_backends.AuthenticationBackend",
    ]
    MAILKEEP |= {
        "ADDRESSES": "mailkeep_django.allauth.addresses",
        "OWNERS": "mailkeep_django.allauth.owners",
        "FACTORS": "mailkeep_django.allauth.Factors",
    }
    if NUMBER:  # who signs in has no password: a code by mail or by SMS
        ACCOUNT_LOGIN_METHODS = {"email", "phone"}
        ACCOUNT_SIGNUP_FIELDS = ["email*", "phone"]
        ACCOUNT_ADAPTER = "shop.phones.Adapter"
