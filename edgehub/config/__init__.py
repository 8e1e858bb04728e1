"""Staff files → frozen models, with messages that say where and what to do.

Three hands, three files: ``edgehub.yaml`` (installer, once), ``zones.yaml`` (staff, while running), ``secrets.yaml``
(readable by its owner alone). ``registration.csv`` comes from the ticket system, ``learned.yaml`` from edgehub itself.
edgehub never rewrites a file of the staff.

A file passes four floors: ``yaml`` (text → ``nodes`` that remember their line and column; ``diagnosis`` says why it
does not read), ``page`` (one file and the mistakes found in it), ``fields`` and ``groups`` (declarations that read
strictly and describe themselves to JSON Schema), ``installation`` and ``venue`` (the declarations of each file, checks
across them, frozen models). ``loading`` reads a folder.
"""

from edgehub.config.fingerprint import Fingerprint, fingerprint
from edgehub.config.installation import (
    BluetoothSettings,
    BridgeSettings,
    Installation,
    LogSettings,
    MqttSettings,
    StorageSettings,
    WebSettings,
    load_installation,
    topic_name,
)
from edgehub.config.learned import Learned, load_learned, save_learned
from edgehub.config.loading import Config, load, state_directory
from edgehub.config.problems import ConfigError, Mark, Problem
from edgehub.config.registration import Registrant, Registration, read_registration
from edgehub.config.secrets import exposed, refuse_exposed
from edgehub.config.venue import load_venue

__all__ = [
    "BluetoothSettings",
    "BridgeSettings",
    "Config",
    "ConfigError",
    "Fingerprint",
    "Installation",
    "Learned",
    "LogSettings",
    "Mark",
    "MqttSettings",
    "Problem",
    "Registrant",
    "Registration",
    "StorageSettings",
    "WebSettings",
    "exposed",
    "fingerprint",
    "load",
    "load_installation",
    "load_learned",
    "load_venue",
    "read_registration",
    "refuse_exposed",
    "save_learned",
    "state_directory",
    "topic_name",
]
