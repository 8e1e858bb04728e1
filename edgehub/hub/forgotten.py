"""Names of forgotten guests, kept as keyed digests: an export that lists them still does not bring them back.

A digest tells whether a name that comes is one of them, and nothing else. The key is the store's own and random, so that
nobody can look names up in a list made elsewhere; whoever holds the store can still try a name they know.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from edgehub.hub.fact import BADGE, Fact, Identifier
from edgehub.hub.store import Transaction

Why = Literal["asked", "event"]
"""The guest asked; or the event is over, and another one may be the same guest's again."""
STAFF: Final = "staff"
_KEY: Final = "forgotten_key"


def bar(transaction: Transaction, names: Iterable[Identifier], why: Why) -> None:
    """Let nothing in that is told of these names, which were one guest's."""
    key, guest = _key(transaction, make=True), secrets.token_hex(8)
    rows = [{"digest": _digest(name, key), "guest": guest, "why": why} for name in sorted(names)]
    transaction.run("bar", rows)


def barred_among(transaction: Transaction, names: Iterable[Identifier]) -> set[Identifier]:
    """Those of them that are a forgotten guest's."""
    key = _key(transaction)
    asked = {_digest(name, key): name for name in names} if key else {}
    found = transaction.select("forgotten", digests=list(asked)) if asked else []
    return {asked[bytes(digest)] for (digest,) in found}


def lift(transaction: Transaction, names: Iterable[Identifier]) -> bool:
    """Let the guest who had one of these names in again, under all of them; False when they are nobody's."""
    barred = barred_among(transaction, names)
    key = _key(transaction)
    transaction.run("lift", [{"digest": _digest(name, key)} for name in barred])
    return bool(barred)


def free(transaction: Transaction, facts: Sequence[Fact]) -> None:
    """A badge that the staff hand to somebody is not the forgotten guest's any more."""
    handed = {one for fact in facts if _hands(fact) for one in fact.ids if one.kind == BADGE}
    key = _key(transaction) if handed else b""
    transaction.run("lift_badge", [{"digest": _digest(badge, key)} for badge in handed] if key else [])


def _hands(fact: Fact) -> bool:
    return fact.source == STAFF and fact.type == "badge" and fact.values.get("worn") is not False


def _key(transaction: Transaction, *, make: bool = False) -> bytes:
    """The store's key; empty while nobody was forgotten."""
    rows = transaction.select("meta", key=_KEY)
    if rows or not make:
        return bytes.fromhex(rows[0][0]) if rows else b""
    key = secrets.token_bytes(32)
    transaction.run("put_meta", [{"key": _KEY, "value": key.hex()}])
    return key


def _digest(name: Identifier, key: bytes) -> bytes:
    return hashlib.blake2b(str(name).encode(), key=key, digest_size=16).digest()
