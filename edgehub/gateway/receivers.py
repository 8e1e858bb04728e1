"""Our receivers: how each fares, and how this gateway hears, all of them taken together."""

from collections.abc import Set as AbstractSet

from edgehub.gateway.radio_state import RadioState


class Receivers:
    """What the receivers said of themselves last."""

    def __init__(self) -> None:
        self._states: dict[str, RadioState] = {}

    def take(self, state: RadioState) -> bool:
        """A receiver says how it fares; True when that is news, and not only new figures."""
        before = self._states.get(state.receiver)
        self._states[state.receiver] = state
        return before is None or (before.state, before.why) != (state.state, state.why)

    @property
    def hear(self) -> bool:
        """True while at least one is healthy."""
        return any(state.healthy for state in self._states.values())

    def summary(self, suspects: AbstractSet[str]) -> dict[str, str]:
        """State and reason: the best speaks for all, unless all of them are suspected to be deaf."""
        states = list(self._states.values())
        if self._states and self._states.keys() <= suspects:
            return {
                "state": "deaf",
                "why": "neighbours hear badges, or a marker is missing, that this radio does not hear",
            }
        best = next((state for state in states if state.healthy), states[0] if states else None)
        return {"state": best.state, "why": best.why} if best else {"state": "starting", "why": ""}
