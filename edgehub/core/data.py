"""`dataclass`, slotted: the standard library's for whoever uses it, made for a tenth of the price.

The standard decorator writes and compiles six methods for every class, about 1 ms a class here and 10 ms on a Pi. A
gateway has over a hundred of them, which was a third of the CPU of its start (SPD9). Here all classes share what can be
shared, and ``__init__`` is compiled when it is first called. ``replace``, ``asdict``, ``fields``, ``match``, pickling
and type checkers see no difference.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

__all__ = ["dataclass"]


def _dataclass(*, slots: bool, frozen: bool = False, kw_only: bool = False) -> Callable[[type], type]:
    """Make a class a slotted dataclass. Other kinds are the standard library's to make: TypeError."""
    if not slots:
        raise TypeError("this dataclass is slotted; take the standard library's for others")
    return lambda kind: _made(kind, _fields(kind, kw_only=kw_only), _FROZEN if frozen else _MUTABLE)


if TYPE_CHECKING:
    from dataclasses import dataclass  # to a type checker it is the standard one, which it knows
else:
    dataclass = _dataclass


@dataclasses.dataclass(init=False, repr=False, eq=False)
class _Model:
    """Made by the standard library, for what it marks its own dataclasses and fields with."""

    field: None = None


_MODEL: Any = _Model


def _fields(kind: type, *, kw_only: bool) -> dict[str, Any]:
    """Name → field, those of the bases first."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__[1:]):
        found |= vars(base).get("__dataclass_fields__", {})
    for name, annotation in kind.__annotations__.items():
        if getattr(annotation, "__origin__", annotation) is not ClassVar:
            found[name] = _field(name, annotation, vars(kind).get(name, MISSING), kw_only=kw_only)
    return found


def _field(name: str, annotation: object, default: Any, *, kw_only: bool) -> Any:
    made: Any = default if isinstance(default, Field) else field(default=default)
    made.name, made.type, made._field_type = name, annotation, _MODEL.__dataclass_fields__["field"]._field_type  # noqa: SLF001 - the mark of a field
    if made.kw_only is MISSING:
        made.kw_only = kw_only
    return made


def _made(kind: Any, fields: Mapping[str, Any], methods: Mapping[str, Any]) -> type:
    """The class itself, made again: only so can it have slots, and setting methods one by one costs more than all."""

    def __init__(self: Any, *values: Any, **named: Any) -> None:  # noqa: N807
        made.__init__ = _compiled_init(made)  # by now somebody needs it
        made.__init__(self, *values, **named)

    taken = {slot for base in kind.__mro__[1:] for slot in vars(base).get("__slots__", ())}
    body = {name: value for name, value in vars(kind).items() if name not in fields and name not in _OF_UNSLOTTED}
    body |= {name: method for name, method in methods.items() if name not in body}
    body |= {
        "__qualname__": kind.__qualname__,
        "__slots__": tuple(name for name in fields if name not in taken),
        "__match_args__": tuple(name for name, field in fields.items() if not field.kw_only),
        "__dataclass_fields__": dict(fields),
        "__dataclass_params__": _MODEL.__dataclass_params__,
        "__compared__": _getter([name for name, field in fields.items() if field.compare]),
        "__init__": __init__,
    }
    made: Any = type(kind)(kind.__name__, kind.__bases__, body)
    return made  # type: ignore[no-any-return]


def _compiled_init(kind: Any) -> Callable[..., None]:
    """``def __init__(self, a, b=default): set_a(self, a) …`` past the frozen ``__setattr__``, as fast as it gets."""
    names: dict[str, Any] = {"MISSING": MISSING}
    takes: list[str] = []
    sets: list[str] = []
    for declared in dataclasses.fields(kind):
        name, value = declared.name, declared.name
        names[f"set_{name}"] = getattr(kind, name).__set__
        if declared.default is not MISSING:
            names[f"default_{name}"] = declared.default
            takes.append(f"{name}=default_{name}")
        elif declared.default_factory is not MISSING:
            names[f"make_{name}"] = declared.default_factory
            takes.append(f"{name}=MISSING")
            value = f"make_{name}() if {name} is MISSING else {name}"
        else:
            takes.append(name)
        sets.append(f" set_{name}(self, {value})")
    if any(declared.kw_only for declared in dataclasses.fields(kind)):
        takes.insert(0, "*")
    exec(f"def __init__({', '.join(['self', *takes])}):\n" + "\n".join(sets or [" pass"]), names)  # noqa: S102 - names of fields are identifiers
    init: Callable[..., None] = names["__init__"]
    init.__qualname__ = f"{kind.__qualname__}.__init__"
    return init


_OF_UNSLOTTED = frozenset({"__dict__", "__weakref__"})


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
