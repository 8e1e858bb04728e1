"""A whole hub with its doors open: a real mosquitto, a real file, real HTTP."""

import asyncio
import json
import time
from pathlib import Path

import aiohttp
import pytest

from edgehub.config.data_layer import load_data_layer
from edgehub.core.profile import Profile
from edgehub.core.venue import Privacy, Venue, Zone
from edgehub.core.wire import At, Epoch, Identity, SiteTopics, Stamp, shed_class
from edgehub.core.wire.envelope import batch, draft, place
from edgehub.hub.access import Access, write_access
from edgehub.hub.daemon import Hub, HubSettings, run_hub
from edgehub.hub.doors.known import StoreGuests
from edgehub.hub.doors.opening import DoorSettings, Layer, identity_rules
from edgehub.hub.fact import Identifier
from edgehub.hub.roster import Person
from edgehub.hub.store import HubStore
from edgehub.mqtt import Message, Mqtt
from edgehub.web.listen import Listen
from tests.fakes.broker import Broker
from tests.fakes.waiting import until

SHIPPED = Path(__file__).parents[2] / "config"
PI = SiteTopics("expo").gateway("pi")
VENUE = Venue(
    zones={
        name: Zone(name, name.title(), heard_by=("pi/hci0", "pi/hci1"), sponsor=True)
        for name in ("acme", "birch", "cobalt")
    },
    privacy=Privacy(need_consent=False),
)


@pytest.mark.asyncio
async def test_a_stamp_at_the_door_reaches_the_gateway_that_saw_the_guest(tmp_path: Path) -> None:
    """Seen by a gateway over MQTT, stamped over HTTP: the gateway of the zone hears of it, once."""
    access, key = Access().with_key("app", "collector")
    access, stamp_key = access.with_key("app", "stamps")
    write_access(tmp_path / "access.json", access)
    doors = DoorSettings(SHIPPED / "data_layer.yaml", Listen(), None, SHIPPED / "stamps.yaml")
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def tell(hub: Hub, _page: str | None) -> None:
        ready.set_result(hub)

    with Broker(tmp_path) as broker:
        settings = HubSettings("expo", broker.settings(), tmp_path / "hub.db", venue=VENUE, doors=doors, access=tmp_path / "access.json")  # fmt: skip
        gateway = Mqtt(broker.settings(), "pi", subscriptions=[(PI.stamp, 1)])
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(run_hub(settings, stop=stop, ready=tell))
            hub = await ready
            async with gateway, aiohttp.ClientSession() as session:
                await until(lambda: gateway.connected and hub.mqtt.connected)

                async def post(path: str, shown: str, body: dict[str, str]) -> dict[str, object]:
                    headers = {"Authorization": f"Bearer {shown}"}
                    async with session.post(hub.doors_url + path, json=body, headers=headers) as answer:
                        return json.loads(await answer.read())

                await post("v1/identify", key, {"messageId": "m", "userId": "T-7"})
                async with HubStore(tmp_path / "hub.db") as reading:
                    guests = StoreGuests(reading, Layer(doors.data_layer, VENUE.badges).rules)
                    person = await guests.person([Identifier("registration", "T-7")])
                    assert person is not None
                    row = Person(None, Profile(person, 1, consent=frozenset({"analytics"}))).row()
                    await reading.change(lambda transaction: transaction.run("put_person", [row]))
                await gateway.publish(PI.events(0), visit(person))
                press = {"messageId": "p", "serial": "DEVSTAMP-0001", "userId": "T-7"}
                async with asyncio.timeout(10):
                    while (await post("v1/stamps", stamp_key, press))["verdict"] == "held":  # noqa: ASYNC110  # what it waits for is over there
                        await asyncio.sleep(0.1)
                stamps: list[Stamp] = []
                async with asyncio.timeout(10):
                    while not stamps:
                        stamps = [Stamp.read(one.payload) for one in await gateway.take() if isinstance(one, Message)]
                assert (stamps[0].person, stamps[0].zone) == (person, "acme")
                assert (await post("v1/stamps", stamp_key, press))["verdict"] == "again"
            stop.set()
            await running


def visit(person: str) -> bytes:
    """A minute at a booth, as a gateway reports it."""
    now_us = time.time_ns() // 1000
    body = {
        "visit": "v1",
        "person": person,
        "zone": "acme",
        "entered_at": now_us - 60_000_000,
        "left_at": now_us,
        "dwell_s": 60.0,
    }
    at = At("boot", 1, now_us, "synced")
    return batch([place(draft("visit.left", shed_class("visit.left"), at, body), Identity(Epoch(1, "0123456789abcdef"), 0, 1))], "pi")  # fmt: skip


def test_lists_and_the_staff_hand_out_badges_and_an_app_does_not() -> None:
    """Of the shipped data_layer.yaml: what a guest types into the app must not take somebody's badge."""
    desks = identity_rules(load_data_layer(SHIPPED / "data_layer.yaml")).desks
    assert desks is not None
    assert {"registration", "staff", "crm"} <= set(desks)
    assert "app" not in desks
