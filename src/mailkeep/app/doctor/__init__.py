"""Doctor: what is not right before somebody needs it, each with the cheapest next step.

``look`` gathers the facts, ``resolver`` what DNS says; the checks are pure functions of both, and a
new one is one function under ``@check`` in the module that it belongs to.
"""
