"""The inbox on a real event loop."""

import asyncio

import pytest

from edgehub.core.advert import Advertisement
from edgehub.core.events import Heard, LinkChanged, Ticked
from edgehub.gateway.inbox import MOST_AT_ONCE, MOST_WHEN_BEHIND, Inbox


def advert(n: int) -> Advertisement:
    return Advertisement("pi", f"{n:012x}", -60, float(n), ())


@pytest.mark.asyncio
async def test_messages_come_first_and_adverts_in_one_batch() -> None:
    """A profile that came with a burst of adverts is known before they are read."""
    inbox = Inbox()
    inbox.hear([advert(1)])
    inbox.put(LinkChanged(connected=True))
    inbox.hear([advert(2), advert(3)])
    events, since = inbox.take()
    assert events == [LinkChanged(connected=True), Heard([advert(1), advert(2), advert(3)])]
    assert since is not None


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1, 40, 500], ids=["one by one", "in batches", "in batches larger than a part"])
async def test_a_flood_is_taken_in_parts(size: int) -> None:
    """After a pause of the process, what was decided first leaves before the rest is read; nothing is lost or reordered.

    The parts are larger while much waits: an engine that takes out less than comes in never catches up.
    """
    inbox = Inbox()
    for n in range(0, 1000, size):
        inbox.hear([advert(each) for each in range(n, n + size)])
        await asyncio.sleep(0)
    parts: list[Advertisement] = []
    waited: list[float] = []
    while len(parts) < 1000:
        await inbox.wait(None)
        [heard], since = inbox.take()
        assert isinstance(heard, Heard)
        behind = 1000 - len(parts) > MOST_WHEN_BEHIND
        assert len(heard.advertisements) <= (MOST_WHEN_BEHIND if behind else MOST_AT_ONCE)
        assert since is not None
        parts += heard.advertisements
        waited.append(since)
    assert [one.at for one in parts] == [float(n) for n in range(1000)]
    assert waited == sorted(waited)
    assert inbox.take() == ([Ticked()], None)


@pytest.mark.asyncio
async def test_a_full_inbox_drops_the_oldest_adverts_and_no_message() -> None:
    """What is lost is counted, and it is never a message."""
    inbox = Inbox(max_adverts=10)
    inbox.put(LinkChanged(connected=True))
    for n in range(25):
        inbox.hear([advert(n)])
    events, _ = inbox.take()
    assert events[0] == LinkChanged(connected=True)
    assert events[1] == Heard([advert(n) for n in range(15, 25)])
    assert inbox.dropped == 15


@pytest.mark.asyncio
async def test_waiting_ends_with_news_or_with_time() -> None:
    """The engine sleeps exactly as long as nothing is to be done."""
    inbox = Inbox()
    await inbox.wait(0.001)
    assert inbox.take() == ([Ticked()], None)
    asyncio.get_running_loop().call_soon(inbox.put, LinkChanged(connected=False))
    await inbox.wait(None)
    assert inbox.take()[0] == [LinkChanged(connected=False)]
