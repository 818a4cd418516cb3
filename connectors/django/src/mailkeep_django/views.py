"""The pages: away, back, and the new password."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import SetPasswordForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from . import client, conf, flow
from .client import Refused


def refused(request: HttpRequest, why: Refused) -> HttpResponse:
    """The page that says no, and where to begin again."""
    return render(request, "mailkeep/refused.html", {"why": str(why)}, status=409)


class _Page(View):
    """Kept by nobody, and told to nobody whom it links to."""

    @method_decorator(never_cache)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer: HttpResponse = super().dispatch(request, *args, **kwargs)
        # Not "no-referrer": browsers then send their forms from "null", which Django refuses.
        answer["Referrer-Policy"] = "same-origin"
        return answer


class Start(_Page):
    """Send the browser to Mailkeep. Every name that a reset of Django's or allauth's had leads
    here, whatever stood in its URL."""

    def get(self, request: HttpRequest, **_old: Any) -> HttpResponse:
        try:
            return HttpResponseRedirect(flow.begin(request))
        except Refused as why:
            return refused(request, why)

    def post(self, request: HttpRequest, **_old: Any) -> HttpResponse:
        """A form of the site's own that still asks for an address: nothing is mailed for it."""
        return self.get(request)


class Back(_Page):
    """The browser comes back."""

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            flow.come_back(request)
        except Refused as why:
            return refused(request, why)
        return HttpResponseRedirect(reverse("mailkeep_choose"))


@method_decorator(sensitive_post_parameters(), name="dispatch")
class Choose(_Page):
    """The new password, and the site's own second factor before it."""

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            found, user = flow.shown(request)
        except Refused as why:
            return refused(request, why)
        return self._form(request, found, SetPasswordForm(user))

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            found, user = flow.shown(request)
            form = SetPasswordForm(user, request.POST)
            if not form.is_valid():
                return self._form(request, found, form)
            if not flow.check_factor(request, found, user, request.POST.get("factor", "")):
                form.add_error(None, "The code of your second factor is wrong, or was used.")
                return self._form(request, found, form)
            flow.write(request, found, user, form.cleaned_data["new_password1"])
        except Refused as why:
            return refused(request, why)
        return HttpResponseRedirect(reverse("mailkeep_done"))

    def _form(self, request: HttpRequest, found: flow.Shown, form: SetPasswordForm) -> HttpResponse:
        status = 422 if form.is_bound else 200
        context = {"form": form, "outstanding": found.outstanding}
        return render(request, "mailkeep/choose.html", context, status=status)


@method_decorator(login_required, name="dispatch")
class Factor(_Page):
    """Send a user who is signed in to the factors that Mailkeep keeps for them.

    By POST only: a page elsewhere must not send anybody's browser there."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        if not conf.get("KEPT_BY_MAILKEEP"):
            raise Http404
        try:
            return HttpResponseRedirect(client.ticket(str(request.user.pk)))
        except Refused as why:
            return refused(request, why)


class Done(_Page):
    """The password is written. Nobody is signed in by it."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "mailkeep/done.html")
