"""Our dataclass is the standard one to whoever uses it: each promise is kept by both."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from typing import Any, ClassVar

import pytest

from edgehub.core import data

Maker = Callable[..., Callable[[type], type]]


def of(make: Maker) -> tuple[Any, Any, Any]:
    """A frozen, a keyword-only and a mutable class."""

    @make(frozen=True, slots=True)
    class Level:
        receiver: str
        dbm: float = -70.0
        badges: list[str] = field(default_factory=list, compare=False)
        secret: str = field(default="x", repr=False)
        unit: ClassVar[str] = "dBm"
        floor: ClassVar = -100

    @make(frozen=True, slots=True, kw_only=True)
    class Named:
        far: float = 0.0
        near: float

    @make(slots=True)
    class Count:
        n: int = 0

    return Level, Named, Count


@pytest.fixture(params=[dataclasses.dataclass, data.dataclass], ids=["the standard one", "ours"])
def kinds(request: pytest.FixtureRequest) -> tuple[Any, Any, Any]:
    return of(request.param)


def test_made_as_declared(kinds: tuple[Any, Any, Any]) -> None:
    """By place and by name, with defaults that are never shared."""
    level, named, _ = kinds
    first, second = level("pi", dbm=-60.0), level("pi")
    assert (first.receiver, first.dbm, first.secret, first.unit, first.floor) == ("pi", -60.0, "x", "dBm", -100)
    assert first.badges == []
    assert first.badges is not second.badges
    assert (named(near=1.0).far, named(near=1.0).near) == (0.0, 1.0)


@pytest.mark.parametrize("made", [{}, {"receiver": "pi", "loud": 1}])
def test_refuses_what_it_does_not_know(kinds: tuple[Any, Any, Any], made: dict[str, Any]) -> None:
    """A field without a value, or a value without a field, is a TypeError, the first time and later."""
    level, named, _ = kinds
    for _ in range(2):
        with pytest.raises(TypeError):
            level(**made)
        with pytest.raises(TypeError):
            named(1.0, 2.0)


def test_frozen(kinds: tuple[Any, Any, Any]) -> None:
    """Nothing of it changes; a mutable one does, and takes no unknown attribute either."""
    level, _, count = kinds
    one, counted = level("pi"), count()
    with pytest.raises(FrozenInstanceError, match="dbm"):
        one.dbm = 1.0
    with pytest.raises(FrozenInstanceError):
        del one.dbm
    counted.n += 1
    assert counted == count(1)
    with pytest.raises(AttributeError):
        counted.m = 1
    with pytest.raises(TypeError):
        hash(counted)


def test_equal_by_value_and_kind(kinds: tuple[Any, Any, Any]) -> None:
    """Two are equal when kind and compared fields are; equal ones have one hash."""
    level, named, _ = kinds
    assert level("pi") == level("pi", badges=["1042"]) != level("pi", -60.0)
    assert hash(level("pi")) == hash(level("pi", badges=["1042"]))
    assert level("pi") != ("pi", -70.0)
    assert named(near=1.0) != level("pi")
    assert len({named(near=1.0), named(near=1.0)}) == 1


def test_read_by_the_tools(kinds: tuple[Any, Any, Any]) -> None:
    """repr, replace, asdict, fields, match and copying."""
    level, _, _ = kinds
    one = level("pi", badges=["1042"])
    assert repr(one).endswith("Level(receiver='pi', dbm=-70.0, badges=['1042'])")
    assert replace(one, dbm=-50.0) == level("pi", -50.0)
    assert asdict(one) == {"receiver": "pi", "dbm": -70.0, "badges": ["1042"], "secret": "x"}
    assert [each.name for each in fields(level)] == ["receiver", "dbm", "badges", "secret"]
    match one:
        case level(receiver, dbm):
            assert (receiver, dbm) == ("pi", -70.0)
    twin = copy.deepcopy(one)
    assert (twin, twin.badges) == (one, one.badges)
    assert twin.badges is not one.badges


@pytest.mark.parametrize("make", [dataclasses.dataclass, data.dataclass], ids=["the standard one", "ours"])
def test_extended(make: Maker) -> None:
    """A kind made from another has its fields first, may give them other defaults, and keeps what it wrote itself."""

    @make(frozen=True, slots=True)
    class Sound:
        badge: str
        dbm: float = -70.0

    @make(frozen=True, slots=True)
    class Echo(Sound):
        dbm: float = -90.0
        delay_s: float = 0.1

        def __repr__(self) -> str:
            return f"{self.badge} again"

    assert [each.name for each in fields(Echo)] == ["badge", "dbm", "delay_s"]
    assert repr(Echo("1042")) == "1042 again"
    assert (Echo("1042").dbm, Sound("1042").dbm) == (-90.0, -70.0)
    assert Echo("1042") != Sound("1042", -90.0)
    with pytest.raises(AttributeError):
        object.__setattr__(Echo("1042"), "unknown", 1)


@data.dataclass(frozen=True, slots=True)
class Kept:
    """At the top of a module, where pickle finds it."""

    badge: str


@data.dataclass(frozen=True, slots=True)
class Nothing:
    """Without fields."""


def test_pickled() -> None:
    """It goes through a pickle unchanged."""
    assert pickle.loads(pickle.dumps(Kept("1042"))) == Kept("1042")


def test_without_fields() -> None:
    """All of a kind without fields are equal."""
    assert Nothing() == Nothing()
    kinds: set[object] = {Nothing(), Kept("1042"), Nothing()}
    assert len(kinds) == 2
    assert repr(Nothing()) == "Nothing()"


def test_slots_only() -> None:
    """Other kinds of dataclass are refused by name, not made wrongly."""
    with pytest.raises(TypeError, match="slotted"):
        data.dataclass(slots=False)
