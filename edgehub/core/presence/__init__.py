"""Presence: levels of several receivers → which zone a badge is in, and since when.

The method, and why: peers assume that the loudest receiver is the zone, which is wrong for a room above a receiver. Here
the states are places (zones, spots of zones, the ways between), and each knows how it sounds at every receiver:
levels, and silence, from a survey or a generic prior (``survey``, ``model``). Likelihoods are looked up
(``neighbourhood``). One recursion per badge (``track``) feeds a fast output for lights and a steady, back-dated one for
visits (``presence``).
"""

from edgehub.core.presence.distance import Distance, Distances
from edgehub.core.presence.events import Corrected, Entered, Evidence, Left, Moved, Transition
from edgehub.core.presence.hearing import Hearing
from edgehub.core.presence.model import Model
from edgehub.core.presence.presence import Presence
from edgehub.core.presence.survey import Fingerprint, Place, Reading, Survey, readings
from edgehub.core.presence.track import Track

__all__ = [
    "Corrected",
    "Distance",
    "Distances",
    "Entered",
    "Evidence",
    "Fingerprint",
    "Hearing",
    "Left",
    "Model",
    "Moved",
    "Place",
    "Presence",
    "Reading",
    "Survey",
    "Track",
    "Transition",
    "readings",
]
