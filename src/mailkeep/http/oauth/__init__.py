"""The OpenID provider (authorisation code flow): verdicts for applications that keep their own
accounts, and who is signed in for those whose users are kept here."""
