"""``mailkeep doctor``: configuration and health checks, each failure with the cheapest next step.

``look`` gathers the data and ``resolver`` asks DNS; the checks are pure functions of both. A new
check is one function under ``@check``, in the module it belongs to.
"""
