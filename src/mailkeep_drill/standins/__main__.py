"""``python -m mailkeep_drill.standins KIND ... [+ KIND ...]``: one stand-in, or several in one
process, until they are told to end."""

import argparse
import sys
from collections.abc import Callable

from .account import Settings
from .hooks import HookSettings
from .loopback import target, web_address
from .mandrill import Mandrill
from .postmark import Postmark
from .process import Runs, run
from .service import Service
from .smtp import SmtpRelay
from .standin import StandIn

BASE = {"mandrill": "/api/1.0", "postmark": "", "smtp": ""}
"""What stands before the provider's own paths in its base address."""
_SECRETS = frozenset({"--key", "--account-key", "--webhook-key", "--user"})


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mailkeep_drill.standins")
    parser.add_argument("kind", choices=sorted(BASE))
    parser.add_argument("--port", type=int, default=0, help="of the provider's API; 0: a free one")
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument(
        "--deliver", required=True, type=target, help="host:port of the mail server"
    )
    parser.add_argument("--webhook", default="", help="URL that events are reported to")
    parser.add_argument("--key", default="", help="API key, server token or SMTP password")
    parser.add_argument("--account-key", default="", help="Postmark's account token")
    parser.add_argument("--user", default="", help="account number, server id or SMTP user name")
    parser.add_argument(
        "--webhook-key", default="", help="Mandrill: the signing key; Postmark: user:password"
    )
    parser.add_argument(
        "--domain", action="append", default=[], help="may be sent from; repeatable"
    )
    parser.add_argument(
        "--opened", type=float, default=0.0, help="when the account was, in epoch seconds; 0: now"
    )
    parser.add_argument(
        "--hurry", type=float, default=500.0, help="how many times faster than real to try again"
    )
    parser.add_argument("--exit-with-stdin", action="store_true")
    return parser.parse_args(values_joined(words))


def parted(words: list[str]) -> list[list[str]]:
    """The command line of each stand-in."""
    out: list[list[str]] = [[]]
    for word in words:
        if word == "+":
            out.append([])
        else:
            out[-1].append(word)
    return out


def values_joined(arguments: list[str]) -> list[str]:
    """Write ``--key VALUE`` as ``--key=VALUE``: a random secret may begin with a dash."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in _SECRETS:
            joined[-1] = f"{joined[-1]}={argument}"
        else:
            joined.append(argument)
    return joined


class Together:
    """Several stand-ins that begin and end together."""

    def __init__(self, ones: list[Service]) -> None:
        self._ones = ones

    async def start(self) -> dict[str, object]:
        """Listen; returns the ready line of each."""
        return {"standins": [await one.start() for one in self._ones]}

    async def stop(self) -> None:
        """End."""
        for one in self._ones:
            await one.stop()


def _service(args: argparse.Namespace) -> Service:
    hooks = HookSettings(
        url=web_address(args.webhook) if args.webhook else "",
        key=args.webhook_key,
        auth=args.webhook_key if args.kind == "postmark" else "",
        hurry=args.hurry,
    )
    settings = Settings(
        deliver=args.deliver,
        key=args.key,
        account_key=args.account_key,
        user=args.user,
        domains=frozenset(name.lower() for name in args.domain),
        hooks=hooks,
        opened=args.opened,
    )
    kinds: dict[str, Callable[[Settings], StandIn]] = {
        "mandrill": Mandrill,
        "postmark": Postmark,
        "smtp": SmtpRelay,
    }
    return Service(kinds[args.kind](settings), BASE[args.kind], args.port, args.control_port)


def main() -> None:
    """Start what the command line names."""
    several = [_arguments(words) for words in parted(sys.argv[1:])]

    def make() -> Runs:
        ones = [_service(args) for args in several]
        return ones[0] if len(ones) == 1 else Together(ones)

    run(make, exit_with_stdin=any(args.exit_with_stdin for args in several))


if __name__ == "__main__":
    main()
