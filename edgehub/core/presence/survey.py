"""A survey: what a badge sounds like in each zone, learned from walks that were labelled with where they went."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, NamedTuple

from edgehub.core.data import dataclass

WINDOW_S = 1.0  # one reading: the levels of about a second, as in live use


class Place(NamedTuple):
    """What a state of the filter stands for: a zone, one spot of it, or (zone None) the ways between zones."""

    zone: str | None
    spot: str | None = None


class Reading(NamedTuple):
    """What all receivers heard of one badge in about a second."""

    at: float
    levels: Mapping[str, float]
    """Receiver → mean level, dBm."""
    counts: Mapping[str, int]
    """Receiver → packets heard."""

    @property
    def sent(self) -> int:
        """Packets the badge sent, as far as anybody heard."""
        return max(self.counts.values())


def readings(sightings: Iterable[tuple[float, str, float]]) -> Iterator[Reading]:
    """Cut one badge's sightings ``(at, receiver, level_dbm)``, in time order, into readings of about a second.

    A reading ends with the first sighting a second or more after the last one ended: the cut of live use.
    """
    sums: dict[str, float] = {}
    counts: Counter[str] = Counter()
    due: float | None = None
    for at, receiver, level_dbm in sightings:
        due = at + WINDOW_S if due is None else due
        sums[receiver] = sums.get(receiver, 0.0) + level_dbm
        counts[receiver] += 1
        if at >= due:
            yield Reading(at, {name: total / counts[name] for name, total in sums.items()}, dict(counts))
            sums, counts, due = {}, Counter(), at + WINDOW_S


@dataclass(slots=True)
class Fingerprint:
    """How one place sounds: for every receiver a histogram of levels, and how many packets it caught."""

    readings: int = 0
    sent: int = 0
    levels: dict[str, Counter[int]] = field(default_factory=dict)
    """Receiver → whole dBm → readings."""
    caught: Counter[str] = field(default_factory=Counter)
    """Receiver → packets heard of those sent."""

    def add(self, reading: Reading) -> None:
        """Count one reading taken in this place."""
        self.readings += 1
        self.sent += reading.sent
        for receiver, level_dbm in reading.levels.items():
            self.levels.setdefault(receiver, Counter())[round(level_dbm)] += 1
            self.caught[receiver] += reading.counts[receiver]

    def merge(self, other: "Fingerprint") -> None:
        """Take in what another walk through the same place heard."""
        self.readings += other.readings
        self.sent += other.sent
        self.caught.update(other.caught)
        for receiver, counts in other.levels.items():
            self.levels.setdefault(receiver, Counter()).update(counts)


class Survey:
    """Fingerprints by place; walks add to it, and it lives in learned.yaml as plain data."""

    def __init__(self, places: Mapping[Place, Fingerprint] | None = None) -> None:
        self.places: dict[Place, Fingerprint] = dict(places or {})

    def add(self, place: Place, walk: Iterable[Reading]) -> None:
        """Learn from a walk through one place."""
        fingerprint = self.places.setdefault(place, Fingerprint())
        for reading in walk:
            fingerprint.add(reading)

    def merge(self, other: "Survey") -> None:
        """Take in another survey of the same venue."""
        for place, fingerprint in other.places.items():
            self.places.setdefault(place, Fingerprint()).merge(fingerprint)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for learned.yaml, the same for the same survey whatever order the walks came in."""
        order = sorted(self.places, key=lambda place: (place.zone or "", place.spot or ""))
        return {"places": [_plain(place, self.places[place]) for place in order]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Survey":
        """Read what ``to_dict`` wrote.

        Raises:
            ValueError: the data is not a survey.
        """
        try:
            return cls({_place(entry): _fingerprint(entry) for entry in data["places"]})
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not a survey: {error!r}; run `edgehub calibrate` again") from error


def _plain(place: Place, fingerprint: Fingerprint) -> dict[str, Any]:
    return {
        "zone": place.zone,
        "spot": place.spot,
        "readings": fingerprint.readings,
        "sent": fingerprint.sent,
        "heard": {
            receiver: {
                "caught": fingerprint.caught[receiver],
                "levels": {str(level): count for level, count in sorted(counts.items())},
            }
            for receiver, counts in sorted(fingerprint.levels.items())
        },
    }


def _place(entry: Mapping[str, Any]) -> Place:
    zone, spot = entry["zone"], entry.get("spot")
    return Place(None if zone is None else str(zone), None if spot is None else str(spot))


def _fingerprint(entry: Mapping[str, Any]) -> Fingerprint:
    heard = entry["heard"].items()
    return Fingerprint(
        readings=int(entry["readings"]),
        sent=int(entry["sent"]),
        levels={name: Counter({int(level): int(n) for level, n in one["levels"].items()}) for name, one in heard},
        caught=Counter({name: int(one["caught"]) for name, one in heard}),
    )
