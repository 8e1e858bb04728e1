"""A bridge in a world of its own time: for deciding about light without a network or a clock."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from edgehub.core.lighting import BackendState, Done, Lighting, LightShown, Outcome, Wish


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it travelled: when it was handed out, reached the bridge, and was answered."""

    wish: Wish
    sent_at: float
    reached_at: float
    answered_at: float
    ok: bool


@dataclass(slots=True)
class FakeBridge:
    """A LightBackend that needs ``latency_s(wish)`` for an answer and fails when ``fails(now)``."""

    nickname: str
    latency_s: Callable[[Wish], float] = lambda _: 0.03
    fails: Callable[[float], bool] = lambda _: False
    state: BackendState = field(default_factory=lambda: BackendState("ok"))
    under_way: list[Command] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    lamps: dict[str, str | None] = field(default_factory=dict)
    """Lamp → colour it shows; None is idle."""
    rooms: dict[str, tuple[str, ...]] = field(default_factory=dict)
    now: float = 0.0

    def submit(self, wish: Wish) -> None:
        """Let a command travel; it reaches the bridge half way."""
        latency_s = self.latency_s(wish)
        command = Command(wish, self.now, self.now + latency_s / 2, self.now + latency_s, not self.fails(self.now))
        self.under_way.append(command)
        self.commands.append(command)
        for lamp in (wish.lamp,) if wish.lamp is not None else self.rooms[wish.room]:
            if command.ok:
                self.lamps[lamp] = wish.colour

    def answers(self, now: float) -> Iterator[Done]:
        """What has been answered by now."""
        for command in [command for command in self.under_way if command.answered_at <= now]:
            self.under_way.remove(command)
            yield Done(command.wish, command.ok, "" if command.ok else "the lamp is broken", command.sent_at)

    @property
    def next_answer(self) -> float | None:
        return min((command.answered_at for command in self.under_way), default=None)


Happening = tuple[float, Callable[[Lighting, float], None]]


class World:
    """Lighting and bridges, from deadline to deadline."""

    def __init__(self, lighting: Lighting, *bridges: FakeBridge) -> None:
        self.lighting, self.bridges = lighting, {bridge.nickname: bridge for bridge in bridges}
        self.now = 0.0
        self.outcomes: list[tuple[float, Outcome]] = []

    def run(self, happenings: Iterable[Happening], until: float, *, extra_ticks: Iterable[float] = ()) -> None:
        """Let things happen in order, until then."""
        ahead = sorted([*happenings, *((at, lambda _, __: None) for at in extra_ticks)], key=lambda each: each[0])
        self._advance(self.now)
        while (at := self._next(ahead)) is not None and at <= until:
            now = max(self.now, at)
            while ahead and ahead[0][0] <= now:
                ahead.pop(0)[1](self.lighting, now)
            self._advance(now)
        self.now = until

    def first_lights(self) -> dict[str, float]:
        """Person → when first shown."""
        shown = [(each.person, at) for at, each in self.outcomes if isinstance(each, LightShown) and each.person]
        return dict(reversed([(person, at) for person, at in shown if person is not None]))

    def _next(self, ahead: list[Happening]) -> float | None:
        times = [self.lighting.next_deadline(), ahead[0][0] if ahead else None]
        times += [bridge.next_answer for bridge in self.bridges.values()]
        return min((at for at in times if at is not None), default=None)

    def _advance(self, now: float) -> None:
        self.now = now
        for bridge in self.bridges.values():
            bridge.now = now
            for done in bridge.answers(now):
                self.lighting.take(done, now)
        for wish in self.lighting.advance(now):
            self.bridges[wish.bridge].submit(wish)
        self.outcomes += [(now, outcome) for outcome in self.lighting.outcomes()]
