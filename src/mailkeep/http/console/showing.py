"""Renders a page of the console."""

from typing import Any

from litestar.response import Template

from mailkeep.incidents import words
from mailkeep.operators.permissions import Permission

from .operator import Operator
from .refusing import forms

#: Where one may go from every page: the path, its name, and what it takes to open it.
PLACES = (
    ("", "Overview", Permission.INCIDENTS_SEE),
    ("/incidents", "Incidents", Permission.INCIDENTS_SEE),
    ("/suspicions", "Suspicions", Permission.INCIDENTS_SEE),
    ("/messages", "Messages", Permission.MAIL_SEE),
    ("/providers", "Providers", Permission.PROVIDERS_SEE),
    ("/cutover", "Cutover", Permission.PROVIDERS_SEE),
    ("/trust", "Trust", Permission.TRUST_SEE),
    ("/recoveries", "Recoveries", Permission.RECOVERIES_SEE),
    ("/accounts", "Accounts", Permission.ACCOUNTS_SEE),
    ("/factors", "Second factors", Permission.FACTORS_SEE),
    ("/audit", "Audit", Permission.AUDIT_SEE),
    ("/settings", "Settings", Permission.SETTINGS_SEE),
)


def page(
    operator: Operator, template: str, here: str, /, *, status: int = 200, **context: Any
) -> Template:
    """A page of ``templates/console``, for who is signed in.

    Args:
        here: which of ``PLACES`` it belongs to.
        status: of the answer; of a form that was refused that of the error.
    """
    refused = operator.refused
    more = {"words": words, "operator": operator, "places": PLACES, "here": here}
    more |= {"refused": refused, "form_at": forms(refused)}
    if refused is not None:
        status = refused.error.status
    return Template(f"console/{template}.html", context=more | context, status_code=status)
