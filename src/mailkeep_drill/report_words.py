"""The report's disclosures: what is simulated, compressed and judged."""

import ast
from dataclasses import dataclass
from pathlib import Path

from .scorecard import FLOWING, LATE, NAMED, NOTICED, SLOW

_PLAYED = """
The providers, the customers' mail server, the customers and the thief are programs of this drill on
this machine. What they speak is real: HTTP, SMTP, signed webhooks, the systems' own pages, cookies
and one-time codes; each customer and the thief come from networks of their own.
"""
_ATTACK = """
The fallen provider is played after 8 August 2022: a foreign address appears in the mail, somebody
reads along, asks for resets and uses what is mailed; then the account is suspended while the API
goes on saying that all is well. At the end the operator of Mailkeep moves its mail to the standby
and leaves it as hostile, by two commands, as people did on 9 August. The thief picks most of his
victims among the customers, and some by chance from the provider's records, where honey and canary
addresses stand too. He knows the systems and tries everything that the mails of one provider are
good for; he has no customer's mailbox and no second provider.

Nobody looks at what Mailkeep says until a customer has complained, as in 2022: so the thief has the
time that he had then. In the run that is acted on at once an operator does what it proposes.
"""
_CLOCK = """
The script lasts as long as it says. How long the systems take to notice is measured on the clock,
from the same script.
"""
_COMPRESSED = """
Three days are played in minutes. The thief works through his list in seconds. How long the systems
take to notice is not compressed: it is measured on the clock, from the same script.

The ordinary set-up stays as it is to the end. In 2022 people moved the mail to another provider
within a day; until then its customers stood where they stand here. A site with a bounce monitor or
a second provider of its own would lose fewer mails; no account of its would fare better.
"""
JUDGED = f"""
An account is lost when the thief really signed in with a password of his. A customer is locked out
when neither the password they believe in, with their authenticator, nor a reset of their own lets
them in at the end.

A reset is held when both its mails came and were shown, and it must wait, an hour as Mailkeep
comes, while its owner may say no: so it is for whoever has no second factor while resets are under
suspicion.

A mail is lost when the system said that it has it and it is not in the mailbox at the end; it is
late after {LATE:.0f} s. Mail flows again once all that was held up has arrived and every new one
arrives within {SLOW:.0f} s. Mail comes twice when its provider is cut off as one that somebody
else may command: what it took in the time before goes out again elsewhere, whatever it says became
of it.

Targets, for Mailkeep only: no account lost, nobody locked out, no mail lost, silence noticed within
{NOTICED:.0f} s at one delivery a second, mail flowing within {FLOWING:.0f} s, an incident that
names the provider within {NAMED:.0f} s of the first half proof.

The operator of the drill applies an action that is proposed after 4 s, except freezing
accounts: that would freeze honest ones too.
"""


@dataclass(frozen=True, slots=True)
class Words:
    """What a report calls what was played.

    Attributes:
        name: short, as ``8 August``.
        heading: of the page.
        document: of the table that is committed.
        simulated: what is no real thing in it.
        compressed: what goes faster than in life.
    """

    name: str
    heading: str
    document: str
    simulated: str
    compressed: str


AUGUST = Words(
    "8 August",
    "8 August: the same attack on two systems",
    "The drill of 8 August",
    _PLAYED + _ATTACK,
    _COMPRESSED,
)


def of_scenario(title: str, file: Path) -> Words:
    """The words for the scenario of a file: its title, and what its docstring says."""
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return Words(title, title, title, f"{_PLAYED}\n{said}\n", _CLOCK)


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text, each on one line."""
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
