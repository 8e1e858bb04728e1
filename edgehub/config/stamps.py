"""stamps.yaml → StampSettings: which stamp stands at which sponsor's booth, and when it counts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edgehub.config.fields import Choice, Duration, Entry, Field, Secret, Text
from edgehub.config.groups import Group, MapOf
from edgehub.config.page import Page
from edgehub.config.problems import START, Mistake, did_you_mean
from edgehub.config.secrets import Secrets

FILE: Final = "stamps.yaml"

STAMP = Group({
    "zone": Field(Text(), "The sponsor's zone it stands in.", "acme", required=True),
    "serial": Field(
        Text("a serial", r"[A-Za-z0-9_.:-]{4,64}", "Write it as the maker of the stamp does."), "Of a stamp that is pressed on a phone's screen.", "DEVSTAMP-7",
    ),
    "secret": Field(Secret(), "Signs the codes that are shown or printed at the booth; random, at least 16 characters.", "!secret acme_stamp"),
})  # fmt: skip

RULES = Group({
    "seen_within": Field(Duration(), "A stamp counts when the guest was in the zone at most so long ago.", "10m", default=600.0),
    "stay_least": Field(Duration(), "And for at least so long.", "20s", default=20.0),
    "pace": Field(Duration(), "From one booth to the next takes at least so long.", "60s", default=60.0),
})  # fmt: skip

SETTINGS = Group({
    "version": Field(Choice(("1",)), "Version of this file's form.", 1, required=True),
    "rules": Field(RULES, "When a stamp counts.", {"seen_within": "10m"}),
    "stamps": Field(MapOf(STAMP, "a stamp", "[a-z0-9][a-z0-9-]{0,62}", least=1), "The stamps.", {"acme-1": {"zone": "acme"}}, required=True),
})  # fmt: skip
LEAST_SECRET: Final = 16


@dataclass(frozen=True, slots=True)
class StampPlace:
    """A stamp."""

    id: str
    zone: str
    serial: str | None = None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StampRules:
    """When a stamp counts. All in s."""

    seen_within_s: float = 600.0
    stay_least_s: float = 20.0
    pace_s: float = 60.0


@dataclass(frozen=True, slots=True)
class StampSettings:
    """All of stamps.yaml."""

    stamps: Mapping[str, StampPlace] = field(default_factory=dict)
    rules: StampRules = StampRules()


def load_stamps(path: Path | str, sponsors: Collection[str]) -> StampSettings:
    """Return what a stamps file says, or the stamps.yaml of a folder.

    Args:
        path: of the file or folder.
        sponsors: zones of sponsors' booths.

    Raises:
        ConfigError: with every mistake of the file.
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    secrets = Secrets.of(path.parent)
    page = Page(path, secret=secrets.find)
    settings = _read(page, sponsors)
    page.problems.extend(secrets.problems)
    page.raise_mistakes()
    assert settings is not None
    return settings


def _read(page: Page, sponsors: Collection[str]) -> StampSettings | None:
    tree = page.tree()
    if tree is None:
        return None
    values = SETTINGS.read(Entry(page.path.name, START, tree), page)
    serials: dict[str, str] = {}
    for stamp_id, stamp in (values.get("stamps") or {}).items():
        _check(stamp_id, stamp, sponsors, serials, page)
    return None if page.broken else _settings(values)


def _check(
    stamp_id: str, stamp: Mapping[str, Any], sponsors: Collection[str], serials: dict[str, str], page: Page
) -> None:
    zone, serial, secret = (stamp.get(name) for name in ("zone", "serial", "secret"))
    if zone is not None and zone not in sponsors:
        hint = did_you_mean(zone, sponsors, "zones.yaml says sponsor: true of a sponsor's booth.")
        mark = page.mark("stamps", stamp_id, "zone")
        page.report(Mistake(mark, f'"{zone}" is not a zone of a sponsor', hint))
    if serial is None and secret is None:
        mark = page.mark("stamps", stamp_id)
        page.report(Mistake(mark, f'"{stamp_id}" has neither serial nor secret', "Without one, anybody could be it."))
    if secret is not None and len(secret) < LEAST_SECRET:
        mark = page.mark("stamps", stamp_id, "secret")
        page.report(Mistake(mark, f"this secret is shorter than {LEAST_SECRET} characters", "Make it long and random."))
    if serial is not None and serials.setdefault(serial, stamp_id) != stamp_id:
        mark = page.mark("stamps", stamp_id, "serial")
        page.report(Mistake(mark, f'"{serials[serial]}" has this serial already', "Each stamp has its own."))


def _settings(values: Mapping[str, Any]) -> StampSettings:
    rules = values["rules"]
    return StampSettings(
        {stamp_id: StampPlace(stamp_id, **stamp) for stamp_id, stamp in values["stamps"].items()},
        StampRules(**{f"{name}_s": value for name, value in rules.items()}) if rules else StampRules(),
    )
