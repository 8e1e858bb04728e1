"""The collector: identify, track, alias, page and screen over HTTP, one by one or in batches; answered after the commit."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgehub.hub.data_layer import DataLayer
from edgehub.hub.doors.calls import CALLS, Call, read_call
from edgehub.hub.doors.front import Answer, Asked, Door, Turned, all_kept
from edgehub.hub.doors.shapes import Unfit
from edgehub.hub.fact import Take

Noted = Callable[[str, Mapping[str, str]], None]
"""Is told of a source's fields that nobody mapped: name → type of JSON, never a value."""
SHARED = ("sentAt", "context")
AT_ONCE = 100
"""Calls read before others have their turn."""


class Collector:
    """Reads calls and has their facts kept.

    Args:
        layer: what the sources' fields mean; asked at each request, for it may be edited while the hub runs.
        take: keeps facts.
        unmapped: is told of fields nobody mapped.
    """

    def __init__(self, layer: Callable[[], DataLayer], take: Take, *, unmapped: Noted) -> None:
        self._layer = layer
        self._take = take
        self._unmapped = unmapped

    def doors(self) -> Mapping[str, Door]:
        """Path → what is behind it."""
        return {f"/v1/{kind}": self._one(kind) for kind in CALLS} | {"/v1/batch": self._batch}

    def _one(self, kind: str) -> Door:
        async def answer(asked: Asked) -> Answer:
            call = read_call(
                asked.body, asked.holder.source, self._layer_of(asked.holder.source), asked.received_us, kind=kind
            )
            [result] = await self._keep(asked.holder.source, [call])
            if result["result"] == "refused":
                raise Unfit(str(result["why"]))
            return Answer(
                {"success": all_kept([result]), "items": [result]}, 409 if result["result"] == "conflict" else 200
            )

        return answer

    async def _batch(self, asked: Asked) -> Answer:
        layer = self._layer_of(asked.holder.source)
        shared = {key: asked.body[key] for key in SHARED if key in asked.body}
        calls: list[Call | dict[str, Any]] = []
        for place, raw in enumerate(asked.body["batch"]):
            if place % AT_ONCE == 0:
                await asyncio.sleep(
                    0
                )  # two thousand calls take a tenth of a second, and the gateways' events do not wait
            calls.append(_read(raw, asked, layer, shared))
        results = await self._keep(asked.holder.source, calls)
        return Answer({"success": all_kept(results), "items": results})

    def _layer_of(self, source: str) -> DataLayer:
        layer = self._layer()
        known = layer.settings.sources.get(source)
        if known is None or known.door != "http":
            raise Turned(403, f'data_layer.yaml has no source "{source}" with door: http, so nobody knows its words.')
        return layer

    async def _keep(self, source: str, calls: Sequence[Call | dict[str, Any]]) -> list[dict[str, Any]]:
        """The results, in order: what was refused in reading stays so, the rest is what became of its fact."""
        good = [call for call in calls if isinstance(call, Call)]
        taken = iter(await self._take([call.fact for call in good]) if good else ())
        for call in good:
            self._unmapped(source, call.unmapped)
        return [_result(call, next(taken)) if isinstance(call, Call) else call for call in calls]


def _read(raw: Any, asked: Asked, layer: DataLayer, shared: Mapping[str, Any]) -> Call | dict[str, Any]:
    """A call, or the result that says why it is none."""
    try:
        return read_call(raw, asked.holder.source, layer, asked.received_us, shared=shared)
    except Unfit as error:
        said = raw.get("messageId") if isinstance(raw, dict) else None
        return {"messageId": said[:256] if isinstance(said, str) else "", "result": "refused", "why": f"{error}."}


def _result(call: Call, taken: Any) -> dict[str, Any]:
    """What is said of a call whose fact was handed over; a fact that cannot be kept as it is carries the reason."""
    result: dict[str, Any] = {"messageId": call.fact.key}
    if not isinstance(taken, str):
        return result | {"result": "refused", "why": taken.why}
    left_out = [{"field": field, "why": why} for field, why in call.refused]
    return result | {"result": taken} | ({"left_out": left_out} if left_out else {})
