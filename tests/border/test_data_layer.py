"""The data layer: vendors' words become official names, nothing is lost unseen, and a mistake is told where it stands."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from edgehub.config import ConfigError
from edgehub.config.data_layer import load_data_layer
from edgehub.core.venue import BadgeScheme
from edgehub.hub.data_layer import DataLayer, flattened, record_key
from edgehub.hub.fact import Identifier
from edgehub.hub.values import Refused, normalised, typed

SHIPPED = Path(__file__).parents[2] / "config" / "data_layer.yaml"
SCHEME = BadgeScheme("f7826da6-4fa2-4e98-8024-bc5b71e0893e", 1)
LAYER = DataLayer(load_data_layer(SHIPPED), SCHEME)
KIM = Identifier("email", "kim@example.org")

json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
records = some.dictionaries(
    some.sampled_from(["traits", "email", "properties", "context", "x", "ticket_no", "email_address", "badge"]),
    json_values,
)


def mistakes(tmp_path: Path, old: str, new: str) -> list[str]:
    """The messages of the shipped file with one edit, each without its pointer."""
    text = SHIPPED.read_text()
    assert text.count(old) >= 1, old
    (tmp_path / "data_layer.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_data_layer(tmp_path)
    return [f"{problem.message} → {problem.hint}" for problem in caught.value.problems]


def test_the_shipped_example_is_fine() -> None:
    """The example loads without a mistake or a warning."""
    assert load_data_layer(SHIPPED).warnings == ()


def test_three_vendors_names_of_one_address_are_one_identifier() -> None:
    """`email_address`, `Visitor_Email__c` and `traits.email`, each spelled its own way, name the same guest."""
    told = {
        "tickets": {"email_address": "Kim@Example.org "},
        "crm": {"Visitor_Email__c": "mailto:kim@example.org"},
        "app": {"traits": {"email": "KIM@EXAMPLE.ORG"}},
    }
    for source, record in told.items():
        reading = LAYER.read(source, record)
        assert reading.ids == (KIM,)
        assert reading.values == {"email": KIM.value}
        assert reading.refused == reading.unmapped == ()


def test_identifiers_come_strongest_first() -> None:
    """Whatever the order of a record's fields, the ticket outranks the address, and a badge comes last."""
    record = {"badge": "01042", "email_address": "kim@example.org", "ticket_no": "T7"}
    for fields in (record, dict(reversed(record.items()))):
        assert LAYER.read("tickets", fields).ids == (
            Identifier("registration", "T7"),
            KIM,
            Identifier("badge", "1042"),
        )


def test_a_field_nobody_mapped_is_listed_and_its_value_is_not_kept() -> None:
    """An unmapped field is listed by name alone; a field the file ignores is not."""
    reading = LAYER.read("app", {"traits": {"shoe": {"size": 43}}, "context": {"ip": "10.0.0.1"}})
    assert reading.unmapped == ("traits.shoe.size",)
    assert reading.values == {}


def test_a_value_that_is_none_is_refused_without_being_quoted() -> None:
    """A refusal names the field and what is wanted, never the value: refusals end in reports and on screens."""
    reading = LAYER.read("tickets", {"email_address": "kim at home", "colour": "bleu", "first_name": "Kim"})
    assert reading.values == {"first_name": "Kim"}
    assert [refusal.field for refusal in reading.refused] == ["email_address", "colour"]
    assert not any("kim" in refusal.why or "bleu" in refusal.why for refusal in reading.refused)


def test_an_empty_list_is_a_word() -> None:
    """Who agrees to nothing any more has said so."""
    assert LAYER.read("app", {"traits": {"consent": [], "bands": []}}).values == {"consent": (), "bands": ()}


@pytest.mark.parametrize("nothing", [None, "", "  ", "\u00a0"])
def test_an_empty_field_says_nothing(nothing: object) -> None:
    """A vendor's empty field is neither a value nor a mistake: unknown is not false."""
    reading = LAYER.read("tickets", {"first_name": nothing, "email_address": nothing})
    assert (reading.values, reading.refused, reading.unmapped) == ({}, (), ())


@given(source=some.sampled_from(sorted(LAYER.settings.sources)), record=records)
def test_every_field_is_accounted_for(source: str, record: dict[str, object]) -> None:
    """Whatever arrives, reading it never raises, and each field is read, refused, ignored, empty or listed."""
    reading = LAYER.read(source, record)
    described = LAYER.settings.sources[source]
    listed = {*reading.unmapped, *(refusal.field for refusal in reading.refused)}
    for field, value in flattened(record):
        mapped = described.fields.get(field)
        ignored = any(
            field == name or (name.endswith(".*") and field.startswith(name[:-1])) for name in described.ignore
        )
        if mapped is None:
            assert ignored or field in listed
        else:
            blank = value is None or (isinstance(value, str) and not value.strip())
            assert blank or field in listed or mapped in reading.values


@given(kind=some.sampled_from(["text", "list", "number", "day", "colour", "consent", "badge"]), raw=json_values)
def test_an_official_value_read_again_is_itself(kind: str, raw: object) -> None:
    """Official values are a fixed point of reading, so a record may pass the data layer twice."""
    try:
        value = typed(kind, raw, SCHEME)
    except Refused:
        return
    assert typed(kind, value, SCHEME) == value


@given(how=some.sampled_from(["lower", "email", "phone", "digits"]), text=some.text(max_size=30) | some.emails())
def test_a_normalised_spelling_stays(how: str, text: str) -> None:
    """Normalising twice changes nothing more."""
    try:
        once = normalised(how, text)
    except Refused:
        return
    assert normalised(how, once) == once


def test_a_time_without_its_zone_is_refused() -> None:
    """Two systems would mean two moments by it."""
    with pytest.raises(Refused, match="time zone"):
        typed("time", "2026-11-23T18:00:00", SCHEME)
    assert typed("time", "2026-11-23T18:00:00Z", SCHEME) == typed("time", 1795456800, SCHEME)
    assert typed("time", 1795456800123, SCHEME) == 1795456800123000


def test_a_record_has_a_key_of_its_own() -> None:
    """A record is known by its key field, else by all that is in it, in any order."""
    assert record_key({"order_no": 7, "total": 3}, "order_no") == "7"
    assert record_key({"a": 1, "b": 2}, None) == record_key({"b": 2, "a": 1}, None)
    assert record_key({"a": 1}, None) != record_key({"a": 2}, None)
    assert record_key({"order_no": ""}, "order_no") != record_key({"order_no": None}, "order_no")


def test_a_misspelt_variable_is_told_with_the_right_one(tmp_path: Path) -> None:
    """A source that fills an unknown variable is a mistake with a hint."""
    assert mistakes(tmp_path, "Visitor_Email__c: email", "Visitor_Email__c: emial") == [
        'there is no variable called "emial" → Did you mean "email"?'
    ]


def test_nobody_speaks_in_the_name_of_the_hub_itself(tmp_path: Path) -> None:
    """A source is not called as the hub calls its own doors: their facts could be kept out by its keys."""
    [mistake] = mistakes(tmp_path, "  crm:\n    name: CRM", "  stamps:\n    name: CRM")
    assert mistake.startswith('"stamps" is what the hub calls somebody else')


def test_a_field_is_not_both_read_and_ignored(tmp_path: Path) -> None:
    """What is ignored for good cannot be read as well."""
    assert mistakes(tmp_path, "ignore: [row_id, seat]", "ignore: [row_id, badge]") == [
        '"badge" is both read and ignored → Keep it in one of the two.'
    ]


def test_only_text_is_normalised(tmp_path: Path) -> None:
    """A number has no spelling to normalise."""
    assert mistakes(tmp_path, "unit: USD", "normalise: lower") == [
        'only text is normalised, and "spend" is number → Leave normalise out.'
    ]


def test_a_variable_nobody_fills_is_a_warning(tmp_path: Path) -> None:
    """It may be filled later, but today it is a broken link."""
    (tmp_path / "data_layer.yaml").write_text(SHIPPED.read_text().replace("      MobilePhone: phone\n", "", 1))
    [warning] = load_data_layer(tmp_path).warnings
    assert (warning.severity, warning.message) == ("warning", 'no source fills "phone"')


def test_config_check_looks_at_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`edgehub config check` on a hub's folder names a mistake of data_layer.yaml, and exits 2."""
    from edgehub.cli import main

    for file in SHIPPED.parent.glob("*.*"):
        shutil.copy(file, tmp_path)
    shutil.copy(SHIPPED.parent / "secrets.yaml.example", tmp_path / "secrets.yaml")
    (tmp_path / "secrets.yaml").chmod(0o600)
    assert main(["config", "check", "--config", str(tmp_path)]) == 0
    (tmp_path / "data_layer.yaml").write_text(SHIPPED.read_text().replace("used_for: [music]", "used_for: [musik]"))
    capsys.readouterr()
    assert main(["config", "check", "--config", str(tmp_path)]) == 2
    assert "data_layer.yaml:42:16" in capsys.readouterr().out
