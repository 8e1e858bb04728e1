"""The file drop: every row is taken or told of, nothing is taken twice, and nothing of a guest stays lying about."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from edgehub.config.data_layer import load_data_layer
from edgehub.core.venue import BadgeScheme
from edgehub.hub.data_layer import DataLayer
from edgehub.hub.doors.drop import Drop, Report
from edgehub.hub.fact import Fact, Identifier, Taken

SHIPPED = Path(__file__).parents[2] / "config" / "data_layer.yaml"
NOW_US = 1_795_456_800_000_000


class Log:
    """Keeps facts as the hub's log promises to."""

    def __init__(self) -> None:
        self.facts: dict[tuple[str, str], Fact] = {}
        self.commits = 0

    async def take(self, facts: Sequence[Fact]) -> Sequence[Taken]:
        self.commits += 1
        return [self._take(fact) for fact in facts]

    def _take(self, fact: Fact) -> Taken:
        known = self.facts.setdefault((fact.source, fact.key), fact)
        if known is fact:
            return "new"
        return "again" if (known.ids, known.values, known.at_us) == (fact.ids, fact.values, fact.at_us) else "conflict"


class Place:
    """A drop folder and where its facts end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = Log()
        layer = DataLayer(load_data_layer(SHIPPED), BadgeScheme("f7826da6-4fa2-4e98-8024-bc5b71e0893e", 1))
        self.drop = Drop(root, layer, self.log.take, wall_us=lambda: NOW_US)

    def put(self, name: str, text: str | bytes, at_s: int = 1_795_000_000) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        os.utime(path, (at_s, at_s))
        return path

    async def read(self) -> Report:
        """Look twice, since a file that may still be written is left alone at first."""
        assert await self.drop.look() == []
        [report] = await self.drop.look()
        return report


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.asyncio
async def test_rows_become_facts_and_the_file_goes(place: Place) -> None:
    """A CRM's file ends as facts with official names, and nothing of it is left but a report."""
    path = place.put(
        "crm/contacts.csv",
        "Contact_Id,Visitor_Email__c,Member_Since__c,LastModifiedDate,OwnerId\n"
        "003A,Kim@Example.org,2019-04-01,2026-11-20T10:00:00Z,7\n",
    )
    report = await place.read()
    [fact] = place.log.facts.values()
    assert fact.ids == (Identifier("crm", "003A"), Identifier("email", "kim@example.org"))
    assert fact.values["member_since"] == "2019-04-01"
    assert (fact.type, fact.at_us) == ("identify", 1_795_168_800_000_000)
    assert report.outcomes == {"new": 1}
    assert not path.exists()
    left = [file for file in place.root.rglob("*") if file.is_file()]
    assert [file.name for file in left] == ["contacts.csv.txt"]
    assert "kim" not in left[0].read_text().lower()


@pytest.mark.asyncio
async def test_the_same_file_again_changes_nothing(place: Place) -> None:
    """A nightly export that did not change is all known; one purchase never counts twice, whatever the file's date."""
    text = "order_no,ordered_at,visitor_email,total,article\n1,2026-11-23T18:00:00Z,kim@example.org,12.50,sunscreen\n"
    place.put("shop/a.csv", text)
    assert (await place.read()).outcomes == {"new": 1}
    place.put("shop/b.csv", text, at_s=1_795_100_000)
    assert (await place.read()).outcomes == {"again": 1}
    assert len(place.log.facts) == 1


@pytest.mark.asyncio
async def test_a_purchase_told_otherwise_is_a_conflict(place: Place) -> None:
    """The first word stays, and the report names the line."""
    head = "order_no,ordered_at,visitor_email,total\n"
    place.put("shop/a.csv", f"{head}1,2026-11-23T18:00:00Z,kim@example.org,12\n")
    await place.read()
    place.put("shop/b.csv", f"{head}1,2026-11-23T18:00:00Z,kim@example.org,99\n")
    report = await place.read()
    assert report.outcomes == {"conflict": 1}
    assert "line 2" in report.text()
    assert [fact.values["spend"] for fact in place.log.facts.values()] == [12]


@pytest.mark.asyncio
async def test_every_rejected_row_is_told_and_kept_to_be_mended(place: Place) -> None:
    """The good rows are taken; each bad one is told by line and field without its value, and waits as a file."""
    place.put(
        "tickets/day1.csv",
        "ticket_no;email_address;colour;shoe\n"
        "T1;kim@example.org;teal;43\n"
        ";;red;44\n"
        "T2;not an address;bleu;\n"
        "T3;x@example.org;red;41;too;many\n",
    )
    report = await place.read()
    assert report.outcomes == {"new": 2, "rejected": 2}
    assert report.problems == [
        "line 3: rejected: it names no guest",
        "line 4: email_address is not an e-mail address",
        "line 4: colour is not a colour: a CSS name like teal, or #rrggbb",
        "line 5: rejected: it has 6 cells, and the first line 4",
    ]
    assert report.unmapped == {"shoe": 3}
    assert "not an address" not in report.text()
    rejected = (place.root / "tickets/rejected/day1.csv").read_text()
    assert rejected == "ticket_no;email_address;colour;shoe\n;;red;44\nT3;x@example.org;red;41;too;many\n"


@pytest.mark.asyncio
async def test_a_rejected_file_mended_and_dropped_again_is_taken(place: Place) -> None:
    """What waits in `rejected` is a file of its own, heading and all."""
    place.put("tickets/day1.csv", "ticket_no,colour\nT1,teal\n,red\n")
    await place.read()
    waiting = place.root / "tickets/rejected/day1.csv"
    place.put("tickets/day1.csv", waiting.read_text().replace(",red", "T2,red"))
    assert (await place.read()).outcomes == {"new": 1}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("bad.csv", b"ticket_no\n\xff\xfe\n", "line 2 is not written in UTF-8"),
        ("twice.csv", b"a,a\n1,2\n", "must name each column once"),
        ("empty.csv", b"", "must name each column once"),
        ("bad.json", b"[{]", "does not read as JSON"),
        ("deep.json", b"[" * 100_000, "nested too deeply"),
        ("text.json", b'"hello"', "holds no list of records"),
    ],
)
async def test_an_unreadable_file_is_kept_and_told(place: Place, name: str, text: bytes, why: str) -> None:
    """Nothing of it is taken, nothing of it is lost."""
    place.put(f"tickets/{name}", text)
    report = await place.read()
    assert why in report.text()
    assert (place.root / "tickets" / "rejected" / name).read_bytes() == text
    assert place.log.facts == {}


@pytest.mark.asyncio
async def test_json_and_json_lines_are_read_too(place: Place) -> None:
    """A list, a vendor's envelope around one, and one object a line tell the same."""
    row = {"Contact_Id": "003A", "LastModifiedDate": "2026-11-20T10:00:00Z"}
    for name, text in {
        "a.json": json.dumps([row]),
        "b.json": json.dumps({"totalSize": 1, "records": [row]}),
        "c.jsonl": json.dumps(row) + "\n\n",
    }.items():
        place.put(f"crm/{name}", text)
        await place.read()
    assert len(place.log.facts) == 1


@pytest.mark.asyncio
async def test_a_file_still_being_written_is_left_alone(place: Place) -> None:
    """Half a file is half the guests."""
    path = place.put("crm/a.csv", "Contact_Id\n003A\n", at_s=1)
    assert await place.drop.look() == []
    place.put("crm/a.csv", "Contact_Id\n003A\n003B\n", at_s=2)
    assert await place.drop.look() == []
    [report] = await place.drop.look()
    assert (report.rows, path.exists()) == (2, False)


@pytest.mark.asyncio
async def test_a_large_file_is_committed_in_parts(place: Place) -> None:
    """So that the gateways' events are taken in between."""
    place.put("crm/a.csv", "Contact_Id\n" + "".join(f"C{n}\n" for n in range(1_200)))
    assert (await place.read()).outcomes == {"new": 1_200}
    assert place.log.commits == 3


@pytest.mark.asyncio
async def test_a_file_that_could_not_be_kept_stays(place: Place) -> None:
    """When the hub's disk is full the file is read again later."""

    async def full(_: Sequence[Fact]) -> Sequence[Taken]:
        raise OSError(28, "No space left on device")

    path = place.put("crm/a.csv", "Contact_Id\n003A\n")
    place.drop._take = full
    await place.drop.look()
    with pytest.raises(OSError, match="No space"):
        await place.drop.look()
    assert path.exists()
    place.drop._take = place.log.take
    [report] = await place.drop.look()
    assert report.outcomes == {"new": 1}


@pytest.mark.asyncio
async def test_what_cannot_be_read_keeps_no_other_waiting(place: Place) -> None:
    """A folder named like a file, and a link to nowhere, are passed over; an ending in capitals is an ending."""
    (place.root / "crm" / "folder.csv").mkdir(parents=True)
    (place.root / "crm" / "gone.csv").symlink_to("nowhere")
    place.put("tickets/EXPORT.CSV", "ticket_no\nT1\n")
    await place.drop.look()
    [report] = await place.drop.look()
    assert (report.file, report.outcomes) == ("EXPORT.CSV", {"new": 1})


@pytest.mark.asyncio
async def test_blanks_name_nobody(place: Place) -> None:
    """A cell of blanks is an empty cell: a row of one names nobody, and beside a name it says nothing."""
    place.put("tickets/a.csv", "ticket_no,email_address,shoe\n   ,kim@example.org,\n\u00a0,,43\n")
    report = await place.read()
    assert report.outcomes == {"new": 1, "rejected": 1}
    [fact] = place.log.facts.values()
    assert fact.ids == (Identifier("email", "kim@example.org"),)
