"""Simulated companies, in ordinary life and under attack, as event logs to measure detectors with
(pure and seeded).

``life`` makes the ordinary days, ``attacks`` what happens beside them, ``measuring`` runs every
detector over both and reports delay, false alarms and misses, beside the limits that ``limits``
computes; ``figure`` draws it. What people and providers do here is our judgement, and written down
where it stands: another company's figures are its own, from its own log.
"""
