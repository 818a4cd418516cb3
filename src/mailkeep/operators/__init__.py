"""Operators: who administers Mailkeep, with which role, and who is signed in at the console.

``permissions`` says what each role and each API key may do (pure, the only place), ``openid``
validates an OpenID provider's answers (pure), ``provider`` calls it, ``services`` signs in and out.

Owns: ``operators``, ``operator_sessions``, ``operator_passkeys``.
Publishes: nothing; each sign-in and end is in the audit chain. Hears: nothing.
Security: reads hostile input (an OpenID provider's answers, ID and logout tokens). Holds the client
secret of the provider. A provider says who somebody is and which groups they are in, never what
those may: the settings do. Nobody signs in here by mail.
"""
