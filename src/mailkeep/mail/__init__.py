"""Mail: accepts messages, queues them durably until a provider has them, and records who was given
what.

Owns: ``messages``, ``message_copies``, ``message_bodies``, ``attempts``, ``exposures``,
``exposed_firsts``, ``exposed_counts``, ``addresses``, ``genuine_mails``, ``claims``,
``provider_states``, ``shifts``, ``suppressions``, ``api_keys``, ``caught_mail``, ``journal``,
``journal_waiting``, ``journal_days``, ``journal_copies``.
Publishes: ``mail.events``. Hears: nothing; other rooms call its services.
Security: reads hostile input (messages, webhooks, bounces). The dispatcher alone holds sending
keys. Secret bodies are sealed under hourly keys and gone once handed over. A honey address is given
to its own provider only, whoever writes to it.
"""
