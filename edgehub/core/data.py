"""`dataclass`, slotted: the standard library's for whoever uses it, made for a tenth of the price.

The standard decorator writes and compiles six methods for every class, about 1 ms a class here and 10 ms on a Pi. A
gateway has over a hundred of them, which was a third of the CPU of its start (SPD9). Here all classes share what can be
shared, and ``__init__`` is compiled when it is first called. ``replace``, ``asdict``, ``fields``, ``match``, pickling
and type checkers see no difference.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, FrozenInstanceError
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

__all__ = ["dataclass"]


def _dataclass(*, slots: bool, frozen: bool = False, kw_only: bool = False) -> Callable[[type], type]:
    """Make a class a slotted dataclass. Other kinds are the standard library's to make: TypeError."""
    if not slots:
        raise TypeError("this dataclass is slotted; take the standard library's for others")
    return lambda kind: _finish(_skeleton(kind, kw_only=kw_only), _FROZEN if frozen else _MUTABLE)


if TYPE_CHECKING:
    from dataclasses import dataclass  # to a type checker it is the standard one, which it knows
else:
    dataclass = _dataclass


def _skeleton(kind: type, *, kw_only: bool) -> type:
    """Let the standard library do what costs little: defaults, ``__slots__``, ``__match_args__``, ``fields()``."""
    return dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(kind)


def _finish(kind: Any, methods: Mapping[str, Any]) -> type:
    kind.__init__ = _first_init(kind)
    kind.__compared__ = _getter([field.name for field in dataclasses.fields(kind) if field.compare])
    for name, method in methods.items():
        if name not in vars(kind):
            setattr(kind, name, method)
    return kind  # type: ignore[no-any-return]


def _first_init(kind: Any) -> Callable[..., None]:
    """An ``__init__`` that puts the real one into its place."""

    def __init__(self: Any, *values: Any, **named: Any) -> None:  # noqa: N807
        kind.__init__ = _compiled_init(kind)
        kind.__init__(self, *values, **named)

    return __init__


def _compiled_init(kind: Any) -> Callable[..., None]:
    """``def __init__(self, a, b=default): set_a(self, a) …`` past the frozen ``__setattr__``, as fast as it gets."""
    names: dict[str, Any] = {"MISSING": MISSING}
    takes: list[str] = []
    sets: list[str] = []
    for field in dataclasses.fields(kind):
        name, value = field.name, field.name
        names[f"set_{name}"] = getattr(kind, name).__set__
        if field.default is not MISSING:
            names[f"default_{name}"] = field.default
            takes.append(f"{name}=default_{name}")
        elif field.default_factory is not MISSING:
            names[f"make_{name}"] = field.default_factory
            takes.append(f"{name}=MISSING")
            value = f"make_{name}() if {name} is MISSING else {name}"
        else:
            takes.append(name)
        sets.append(f" set_{name}(self, {value})")
    if any(field.kw_only for field in dataclasses.fields(kind)):
        takes.insert(0, "*")
    exec(f"def __init__({', '.join(['self', *takes])}):\n" + "\n".join(sets or [" pass"]), names)  # noqa: S102 - names of fields are identifiers
    init: Callable[..., None] = names["__init__"]
    init.__qualname__ = f"{kind.__qualname__}.__init__"
    return init


def _getter(names: list[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else type


# --- what all of them share


def _repr(self: Any) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: Any) -> Any:
    return self.__compared__(self) == self.__compared__(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(self.__compared__(self))


def _setattr(_self: object, name: str, _value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(_self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _setstate(self: object, state: tuple[None, dict[str, Any]]) -> None:
    """Copying and unpickling: ``object.__getstate__`` tells the slots second."""
    for name, value in state[1].items():
        object.__setattr__(self, name, value)


_MUTABLE = {"__repr__": _repr, "__eq__": _eq, "__hash__": None}
_FROZEN = {
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__setstate__": _setstate,
}
