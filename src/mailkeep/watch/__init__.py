"""Watch: reads the log of facts and says what may be going on, with its reasons.

``canaries`` sends mail of our own through every provider and knows it again when it arrives;
``parts`` (pure) takes a mail apart strictly, ``reading`` (pure) says which hosts it names.
``reports`` takes in what receivers say of our mail: ``packed``, ``report_mail``, ``dmarc`` and
``tlsrpt`` (pure) read it, ``dkim`` (pure) says who signed the mail that it came in.
``noticing`` takes in what providers tell their customers, ``notices`` (pure) says what it is about.
``lookalikes`` looks names up that look like our domains, as ``permutations`` (pure) makes them.
``detectors/`` are pure: a state, a fact or a second of time in, signals out. ``correlation`` is
pure too: signals in, opinions out, each explained term by term. ``engine`` runs all detectors over
a log, live or replayed; ``runner`` is the thin shell that reads the log, keeps the detectors' state
beside its place, and records what they raise.

Owns: ``canaries``, ``reports``, ``reports_refused``, ``lookalikes``; the detectors' state lies in
their checkpoint of the event log.
Publishes: ``SignalRaised``, ``CanarySent``, ``CanaryRefused``, ``CanaryArrived``,
``DmarcReported``, ``TlsReported``, ``ReportRefused``,
``LookalikeSeen``, ``ProviderNoticed``.
Hears: attempts, delivery claims, recoveries, canaries, reports (``mail``, ``recovery``, ``watch``).
Security: reads hostile input: mail that came to a canary's address or that of reports, and claims
that outsiders can forge, so each signal says who could have staged it; staged evidence alone never
makes a provider compromised in our eyes and never allows an automatic cut. State is bounded under
floods of made-up names. Holds no sending keys: canaries leave by the outbox, as any mail does.
"""
