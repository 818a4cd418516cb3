"""The adversary matrix: what each capability, and each pair, wins against each kind of account.

Purpose: answer, on the running service and beside it on a stock allauth site, which smallest sets
of an attacker's capabilities take an account or lock its owner out. ``words`` are the capabilities
and the kinds; ``search`` (pure) walks the sets; ``world`` is one running system with one account of
each kind; ``victims`` are their owners; ``eyes`` is what the attacker reads, ``thief`` and
``doors`` what they do with it; ``report`` (pure) writes it down.

The attacker is saturating: whatever any of their capabilities shows them goes into everything that
takes it, until nothing new comes, holds outlasted. Nothing is skipped because it should not work.
"""
