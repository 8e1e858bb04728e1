"""A folder of staff files → Config, with all mistakes of all files at once; and a cheap way to see that it changed."""

import os
from pathlib import Path
from typing import Final

from edgehub.config import installation as edgehub_yaml
from edgehub.config import learned as learned_yaml
from edgehub.config import registration as registration_csv
from edgehub.config import secrets as secrets_yaml
from edgehub.config import venue as zones_yaml
from edgehub.config.advice import advise_installation, advise_venue
from edgehub.config.installation import Installation, read_installation
from edgehub.config.learned import Learned, load_learned
from edgehub.config.page import Page
from edgehub.config.problems import START, ConfigError, Problem
from edgehub.config.registration import Registration, read_registration
from edgehub.config.secrets import Secrets
from edgehub.config.venue import read_venue
from edgehub.core.data import dataclass
from edgehub.core.venue import Venue

RULES: Final = "rules.yaml"


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a daemon starts from; ``warnings`` work, but hardly as they were meant."""

    directory: Path
    state: Path
    """Where edgehub keeps what it writes itself."""
    installation: Installation
    venue: Venue
    learned: Learned
    registration: Registration | None
    """None without a registration.csv."""
    warnings: tuple[Problem, ...] = ()


def state_directory(state: Path | str | None = None) -> Path:
    """Return the folder for what edgehub writes: as given, else systemd's, else /var/lib/edgehub."""
    # systemd gives several folders separated by colons when a unit names several; ours names one.
    return Path(state or os.environ.get("STATE_DIRECTORY") or "/var/lib/edgehub")


def load(directory: Path | str, state: Path | str | None = None) -> Config:
    """Return the configuration of a folder.

    Reads edgehub.yaml, zones.yaml, secrets.yaml, registration.csv (if there), and learned.yaml of the state folder.

    Raises:
        ConfigError: with every mistake of every file. Nothing was changed; whoever runs already keeps what it has.
    """
    directory = Path(directory)
    state = state_directory(state)
    reading = _Reading(directory, state)
    installation, learned = reading.installation(), reading.learned()
    venue, registration = reading.venue(), reading.registration()
    reading.refuse_rules()
    if installation is None or venue is None or learned is None or reading.errors:
        raise ConfigError(reading.problems)
    return Config(directory, state, installation, venue, learned, registration, tuple(reading.problems))


class _Reading:
    """One look at all files; each part is read once and the later ones see the earlier ones."""

    def __init__(self, directory: Path, state: Path) -> None:
        self._directory = directory
        self._state = state
        self._problems: dict[str, list[Problem]] = {}
        self._installation: Installation | None = None
        self._venue: Venue | None = None
        self._learned: Learned | None = Learned()

    @property
    def problems(self) -> list[Problem]:
        """All that was found, mistakes first, each in the order of files and lines."""
        found = [p for problems in self._problems.values() for p in sorted(problems, key=lambda p: p.mark)]
        return sorted(found, key=lambda p: p.severity)

    @property
    def errors(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)

    def installation(self) -> Installation | None:
        secrets = Secrets.of(self._directory)
        page = Page(self._directory / edgehub_yaml.FILE, secret=secrets.find)
        self._installation = read_installation(page)
        if self._installation:
            advise_installation(self._installation, page)
        self._problems[edgehub_yaml.FILE] = page.problems
        self._problems[secrets_yaml.FILE] = secrets.problems
        return self._installation

    def venue(self) -> Venue | None:
        page = Page(self._directory / zones_yaml.FILE)
        self._venue = read_venue(page, self._installation.hue if self._installation else None)
        if self._venue:
            advise_venue(self._venue, page, self._installation, self._learned.bridges if self._learned else {})
        self._problems[zones_yaml.FILE] = page.problems
        return self._venue

    def learned(self) -> Learned | None:
        try:
            self._learned = load_learned(self._state / learned_yaml.FILE)
        except ConfigError as error:
            self._learned = None
            self._problems[learned_yaml.FILE] = list(error.problems)
        return self._learned

    def registration(self) -> Registration | None:
        path = self._directory / registration_csv.FILE
        if self._venue is None or not path.exists():
            return None
        try:
            registration = read_registration(
                path, self._venue.badges, {m.badge: m.id for m in self._venue.markers.values()}
            )
        except ConfigError as error:
            self._problems[path.name] = list(error.problems)
            return None
        self._problems[path.name] = list(registration.problems)
        return registration

    def refuse_rules(self) -> None:
        if (self._directory / RULES).exists():
            hint = "Move it out of this folder; what lamps show is set in zones.yaml, under lights:."
            self._problems[RULES] = [Problem(RULES, START, "rules are not in this version", hint)]
