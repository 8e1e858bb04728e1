"""Lanes: one number for every place, side by side in a single integer.

A step of a badge adds, compares and picks numbers of some eight places, in Python a hundred small operations on as many
objects all over the memory. Python's integers are as long as one likes: with 32 bits to each place, one addition adds
all of them, and what a badge scores everywhere is one object. The top bit of a lane is its *guard*: set before a
subtraction, it is what the lane borrows from, and is left standing where there was no need to. Lanes never hold more
than the bits below it, nor less than nothing, so that no lane touches its neighbour.

(Lamport, "Multiple byte processing with full-word instructions", CACM 18:8, 1975.)
"""

from collections.abc import Iterable
from typing import Final

BITS: Final = 32
LANE: Final = (1 << BITS) - 1
GUARD: Final = 1 << (BITS - 1)
MOST: Final = GUARD - 1
"""The largest number of a lane."""
NAT_BITS: Final = 10
ONE_NAT: Final = 1 << NAT_BITS
"""A thousandth of a nat is finer than anything that levels of whole dBm can say."""


def pack(numbers: Iterable[int]) -> int:
    """The lanes of these numbers, each from 0 to MOST."""
    return int.from_bytes(b"".join(number.to_bytes(BITS // 8, "little") for number in numbers), "little")


def unpack(lanes: int, count: int) -> list[int]:
    """The numbers in the first ``count`` lanes."""
    return memoryview(lanes.to_bytes(count * BITS // 8, "little")).cast("I").tolist()


def fixed(nat: float) -> int:
    """A number of nat as lanes hold it."""
    return round(min(nat * ONE_NAT, MOST))
