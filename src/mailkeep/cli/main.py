"""The entry point of the ``mailkeep`` command."""

import errno
import gc
import os
import sys
from typing import Annotated, NoReturn

import msgspec
import typer
from typer._click.exceptions import ClickException

from mailkeep import __version__
from mailkeep.base.errors import Conflict, MailkeepError, NotFound, TooMany, Unavailable

from .commands import Later
from .output import FINE, FOUND, MISTAKE, group, note

#: Groups whose list names all that their other commands take.
LISTED = frozenset({"incidents", "messages", "recoveries", "keys", "receivers", "applications"})
YOUNG = 10_000  #: objects made before the newest are looked through; most are gone by then

app = group("Mail that no fallen provider can lose, accounts that none can take.", of=Later)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Say which version this is.")] = False,
) -> None:
    """Mail that no fallen provider can lose, accounts that none can take."""
    if version:
        sys.stdout.write(f"mailkeep {__version__}\n")
        raise typer.Exit


def main() -> None:
    """Run a command. What the user can mend is said in one line, or one JSON object, without a
    trace; the exit code says whose turn it is (``output.FINE`` and its like)."""
    gc.set_threshold(YOUNG)  # what is imported stays: it need not be searched every little while
    as_json = "--json" in sys.argv[1:]
    try:
        code = app(standalone_mode=False)
    except ClickException as error:  # an option that there is not, an argument that is missing
        if as_json:
            _fail("usage", error.format_message(), MISTAKE, as_json=True)
        error.show()
        sys.exit(MISTAKE)
    except MailkeepError as error:
        later = isinstance(error, Unavailable | Conflict | TooMany)
        code = FOUND if later else MISTAKE
        detail = str(error)
        if isinstance(error, NotFound) and ";" not in detail:  # else it names the next step itself
            detail += _listed(sys.argv[1:])
        _fail(error.slug, detail, code, field=error.field, as_json=as_json)
    except BrokenPipeError:  # whoever read along has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FOUND)
    except OSError as error:  # a home that cannot be made, a disk that is full
        code = FOUND if error.errno in {errno.ENOSPC, errno.EIO, errno.EDQUOT} else MISTAKE
        about = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        _fail("system", about, code, as_json=as_json)
    except typer.Abort:
        _fail("stopped", "stopped", FOUND, as_json=as_json)
    sys.exit(code if isinstance(code, int) else FINE)


def _listed(words: list[str]) -> str:
    """Where the names stand, after one that there is not."""
    of = words[0] if words else ""
    return f"; `mailkeep {of} list` names them" if of in LISTED else ""


def _fail(
    slug: str, detail: str, code: int, *, as_json: bool, field: str | None = None
) -> NoReturn:
    if as_json:
        problem = {"error": slug, "detail": detail, "field": field, "exit": code}
        sys.stderr.write(msgspec.json.encode(problem).decode() + "\n")
    else:
        note(f"mailkeep: {detail}" + (f" ({field})" if field else ""))
    sys.exit(code)
