"""Migrations, one file each, in numbered order."""
