"""JSON Schemas for editors, made from the same declarations that read the files: they cannot disagree.

``config/schema/*.json`` is checked in, so that the first line of a staff file can name it and completion works
offline; a test fails when it is stale, and ``edgehub config schema --write config/schema`` mends that.
"""

import json
from typing import Any

from edgehub.config import data_layer, installation, secrets, stamps, venue
from edgehub.config.fields import Kind

_FILES: dict[str, tuple[Kind, str]] = {
    "edgehub": (installation.SETTINGS, "edgehub.yaml: what the installer says once about this machine."),
    "zones": (venue.SETTINGS, "zones.yaml: the venue as its staff know it."),
    "data_layer": (data_layer.SETTINGS, "data_layer.yaml: what each system calls a thing, and its one official name."),
    "stamps": (stamps.SETTINGS, "stamps.yaml: which stamp stands at which sponsor's booth, and when it counts."),
    "secrets": (secrets.SETTINGS.kind, secrets.SETTINGS.doc),
}
NAMES = tuple(_FILES)


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of ``edgehub``, ``zones``, ``data_layer``, ``stamps`` or ``secrets``."""
    kind, description = _FILES[name]
    # Draft 7 is what the YAML language servers of the common editors understand.
    return {"$schema": "http://json-schema.org/draft-07/schema#", "description": description, **kind.schema()}


def schema_text(name: str) -> str:
    """Return the schema as the text of its file."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"
