"""A house that is lived in, and attacks on it, as logs of facts (pure and seeded).

``life`` makes the ordinary days, ``attacks`` what happens beside them, ``measuring`` runs every
detector over both and says how soon, how often wrongly, and what was missed, beside the limits that
``limits`` works out; ``figure`` draws it. What people and providers do here is judged, and written
down where it stands: another house's figures are its own, from its own log.
"""
