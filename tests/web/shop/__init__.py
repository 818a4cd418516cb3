"""Stock Django sites that recover through Mailkeep: one with ``django.contrib.auth``, one with
allauth, pages and headless."""
