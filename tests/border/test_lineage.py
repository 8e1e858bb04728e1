"""The lineage map: every source, variable, purpose and channel is drawn, and what is broken is red and said."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from edgehub.cli import main
from edgehub.config.data_layer import DataLayerSettings, load_data_layer
from edgehub.hub.lineage import Arrivals, Lineage, lineage

CONFIG = Path(__file__).parents[2] / "config"
NAME = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def settings() -> DataLayerSettings:
    return load_data_layer(CONFIG)


def drawn(made: Lineage) -> tuple[set[str], int, int]:
    """What stands in the boxes of the picture, and how many links it has, sound and broken."""
    tree = ET.fromstring(made.svg())
    boxes = {text.text or "" for text in tree.iter(f"{NAME}text") if text.get("class") is None}
    paths = list(tree.iter(f"{NAME}path"))
    broken = sum(path.get("class") == "broken" for path in paths)
    return boxes, len(paths) - broken, broken


def test_the_shipped_example_is_drawn_whole(settings: DataLayerSettings) -> None:
    """Every source and variable has a box, every field a link, and only what this version cannot do is broken."""
    made = lineage(settings)
    boxes, links, broken = drawn(made)
    assert {source.name for source in settings.sources.values()} <= boxes
    assert set(settings.variables) <= boxes
    assert links >= sum(len(source.fields) for source in settings.sources.values())
    assert broken == 0
    assert made.broken == [f"{purpose}: no channel for it in this version" for purpose in ("music", "offers")]


def test_a_field_nobody_mapped_hangs_in_red(settings: DataLayerSettings) -> None:
    """It is a broken link of its source, with how often it came."""
    made = lineage(settings, Arrivals(dict.fromkeys(settings.sources, 1), [("crm", "Twitter__c", 38)]))
    boxes, _, broken = drawn(made)
    assert "✗ Twitter__c" in boxes
    assert broken == 1
    assert "Twitter__c: mapped by nobody, came 38 times" in made.broken


def test_a_silent_source_is_broken_only_once_the_hub_runs(settings: DataLayerSettings) -> None:
    """Before anything is connected nobody is silent; afterwards a source without a record is."""
    assert "✗ CRM" not in drawn(lineage(settings))[0]
    assert "✗ CRM" in drawn(lineage(settings, Arrivals()))[0]


def test_a_variable_nobody_fills_or_uses_is_broken(tmp_path: Path) -> None:
    """Held without need, or named without a source: both are seen."""
    text = (CONFIG / "data_layer.yaml").read_text()
    text = text.replace("      MobilePhone: phone\n", "").replace("    used_for: [lights]\n", "", 1)
    (tmp_path / "data_layer.yaml").write_text(text)
    broken = lineage(load_data_layer(tmp_path)).broken
    assert "phone: no source fills it" in broken
    assert "colour: kept, but used for nothing" in broken


def test_names_cannot_break_the_picture(settings: DataLayerSettings) -> None:
    """A field's name comes from outside; the picture shows it and runs nothing of it."""
    svg = lineage(settings, Arrivals({}, [("app", "<script>alert(1)</script>", 1)])).svg()
    ET.fromstring(svg)
    assert "<script" not in svg


def test_the_command_draws_and_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`edgehub map` writes the picture and lists what is broken; a mistake is exit 2."""
    assert main(["map", "--config", str(CONFIG), "--out", str(tmp_path / "map.svg")]) == 0
    ET.parse(tmp_path / "map.svg")
    assert "broken: music" in capsys.readouterr().err
    assert main(["map", "--config", str(tmp_path)]) == 2
