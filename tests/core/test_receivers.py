"""How a gateway hears, from what its receivers say of themselves."""

from edgehub.gateway.radio_state import RadioState
from edgehub.gateway.receivers import Receivers


def test_only_another_state_or_reason_is_news() -> None:
    """Figures grow all the time; nobody is told of them."""
    receivers = Receivers()
    assert receivers.take(RadioState("pi", "ok"))
    assert not receivers.take(RadioState("pi", "ok", adverts=100))
    assert receivers.take(RadioState("pi", "failed", "the adapter is gone"))
    assert receivers.take(RadioState("pi", "failed", "bluetoothd does not answer"))


def test_the_best_receiver_speaks_for_all() -> None:
    """One that hears is enough; without any, the first says why."""
    receivers = Receivers()
    assert receivers.summary(frozenset()) == {"state": "starting", "why": ""}
    assert not receivers.hear
    receivers.take(RadioState("pi/hci0", "gone", "no adapter"))
    assert receivers.summary(frozenset()) == {"state": "gone", "why": "no adapter"}
    receivers.take(RadioState("pi/hci1", "ok"))
    assert receivers.hear
    assert receivers.summary(frozenset()) == {"state": "ok", "why": ""}


def test_a_gateway_is_deaf_when_all_its_receivers_are_suspected() -> None:
    """Suspicion of one is no reason; somebody else's receiver is none either."""
    receivers = Receivers()
    receivers.take(RadioState("pi/hci0", "ok"))
    receivers.take(RadioState("pi/hci1", "ok"))
    assert receivers.summary({"pi/hci0", "other"})["state"] == "ok"
    assert receivers.summary({"pi/hci0", "pi/hci1", "other"})["state"] == "deaf"
