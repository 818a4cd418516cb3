"""Watch: detects compromise, outage and abuse from the event log, and says why.

``canaries`` sends mail of our own through every provider and recognises it when it arrives,
``decoys`` among it; ``mailboxes`` reads canaries in mailboxes that others host, over ``imap``;
``authentication`` (pure) reads what the host found about who sent them. ``honey`` records mail at
addresses that one provider alone was given; ``collectors/`` ask providers for their own totals,
slowly; ``rates`` (pure) is the arithmetic of detectors. ``parts`` (pure) parses a mail strictly,
``reading`` (pure) says which hosts it names. ``collectors/`` are shells that read elsewhere:
``posture`` our accounts at providers, which ``snapshots`` stores and ``drift`` (pure) compares;
``posture`` is what operators see and say of them. ``reports`` ingests what receivers report of our
mail: ``packed``, ``report_mail``, ``dmarc`` and ``tlsrpt`` (pure) read it, ``dkim`` (pure) says who
signed the mail that it came in. ``noticing`` ingests what providers tell their customers,
``notices`` (pure) classifies it; ``abuse`` what people report to the abuse mailbox, as
``abuse_mail`` (pure) reads it. ``claiming`` takes what a support desk was told; ``consoles`` what
audit logs of third parties tell of our accounts there, as ``audit_logs/`` (pure) reads them.
``lookalikes`` looks up names that look like our domains, as ``permutations`` (pure) makes them.
``strangers`` and ``signers`` (pure) compare what canaries came with. ``detectors/`` are pure: a
state, a fact or a second of time in, signals out. ``heard`` reads the signals that opinions are
formed from, ``hearing`` (pure) keeps those that still weigh, ``weighing`` (pure) adds them up, and
``correlation`` (pure) makes opinions of them, each explained term by term.
``engine`` runs all detectors over a log, live or replayed; ``runner`` is the thin shell that reads
the log, stores the detectors' state beside its checkpoint, and records what they raise.

Owns: ``canaries``, ``canary_mailboxes``, ``posture_accounts``, ``posture_items``,
``posture_changes``, ``posture_expected``, ``reports``, ``reports_refused``, ``lookalikes``,
``console_acts``; the detectors' state lies in their checkpoint of the event log.
Publishes: ``SignalRaised``, ``CanarySent``, ``CanaryRefused``, ``CanaryArrived``, ``PostureRead``,
``PostureChanged``, ``PostureBlind``, ``PostureAccepted``, ``DmarcReported``, ``TlsReported``,
``ReportRefused``, ``LookalikeSeen``, ``ProviderNoticed``, ``SupportClaimed``, ``AbuseReported``,
``VolumeTold``, ``HoneyMailArrived``, ``ConsoleUsed``, ``ConsoleAccepted``.
Hears: attempts, delivery claims, mail that was never ours, failovers, recoveries, sign-ins, changes
of accounts and their denials, canaries, signals, reports, and accounts as they are read (``mail``,
``recovery``, ``accounts``, ``watch``).
Security: reads hostile input: mail that came to the address of a canary, of honey, of reports, of
abuse or of notices, what providers answer to collectors, audit logs of third parties, and claims
that outsiders can forge, so each signal says who could have staged it; staged evidence alone never
makes a provider count as compromised and never allows an automatic cut. State is bounded under
floods of made-up names. Replies of an account's API are bounded and come out as items, a number or
a word of trouble; whoever holds a provider whole can lie in them. Canaries leave by the outbox, as
any mail does. Collectors hold keys that read accounts; that of volumes is handed the keys that
send, to ask and never to send.
"""
