"""Which sequence numbers arrived: right under duplicates, gaps and any order; and the hub that relies on it."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edgehub.core.sequence import Received
from edgehub.core.wire import Ack, Epoch

EPOCH = Epoch(1, "0123456789abcdef")


@given(st.lists(st.integers(1, 40)))
def test_it_is_a_set_whatever_the_order(seqs: list[int]) -> None:
    """Each number is new exactly once, and membership is that of a set."""
    got, model = Received(), set[int]()
    for seq in seqs:
        assert got.add(seq) is (seq not in model)
        model.add(seq)
    assert {seq for seq in range(1, 45) if seq in got} == model


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 6))))
def test_its_ranges_are_apart_and_above_the_watermark(pairs: list[tuple[int, int]]) -> None:
    """Ranges are in order, never touch, and the watermark has no gap below it."""
    got, model = Received(), set[int]()
    for low, length in pairs:
        got.add_range(low, low + length)
        model |= set(range(low, low + length + 1))
    edge = got.watermark + 1
    assert set(range(1, got.watermark + 1)) <= model
    assert edge not in model
    for low, high in got.ranges:
        assert edge < low <= high
        edge = high + 1
    assert set(range(1, got.watermark + 1)).union(*(range(low, high + 1) for low, high in got.ranges)) == model


@given(st.sets(st.integers(1, 40)))
def test_an_acknowledgement_covers_what_arrived_and_nothing_else(seqs: set[int]) -> None:
    """A gateway never forgets an event the hub does not have."""
    got = Received()
    for seq in seqs:
        got.add(seq)
    ack = Ack(EPOCH, 0, got.watermark, got.ranges, "g")
    assert {seq for seq in range(1, 45) if ack.covers(seq)} == seqs


@given(st.lists(st.integers(1, 20)), st.lists(st.integers(1, 20)))
def test_a_copy_is_independent(first: list[int], second: list[int]) -> None:
    """What a transaction that fails did to its copy is forgotten with it."""
    got = Received()
    for seq in first:
        got.add(seq)
    before = got.watermark, got.ranges
    copy = got.copy()
    for seq in second:
        copy.add(seq)
    assert (got.watermark, got.ranges) == before


class Hub:
    """A hub of a few lines: effect, dedupe and watermark in one step, then the acknowledgement."""

    def __init__(self, *, dedupe: bool = True) -> None:
        self.dedupe = dedupe
        self.received = Received()
        self.applied: list[int] = []

    def take(self, seqs: list[int]) -> Ack:
        """A batch arrives."""
        for seq in seqs:
            if self.received.add(seq) or not self.dedupe:
                self.applied.append(seq)
        return Ack(EPOCH, 0, self.received.watermark, self.received.ranges, "g")

    def doubled(self) -> bool:
        """True when something was applied twice."""
        return len(self.applied) != len(set(self.applied))


class OutboxAndHub(RuleBasedStateMachine):
    """An outbox and a hub with a wire between them that loses, doubles and reorders."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted = 0
        self.outbox: set[int] = set()
        self.wire: list[int] = []
        self.acks: list[Ack] = []
        self.hub = Hub()

    @rule()
    def accept(self) -> None:
        """An event is written down."""
        self.accepted += 1
        self.outbox.add(self.accepted)

    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """Some of the outbox goes out; what was sent before may go again."""
        if self.outbox:
            self.wire += data.draw(st.lists(st.sampled_from(sorted(self.outbox)), max_size=5))

    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        """Some of it arrives, in any order, some of it again."""
        if self.wire:
            self.acks.append(self.hub.take(data.draw(st.lists(st.sampled_from(self.wire), max_size=5))))

    @rule()
    def lose_the_wire(self) -> None:
        """The broker is killed: whatever was under way is gone."""
        self.wire.clear()
        self.acks.clear()

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """An acknowledgement arrives, perhaps late, perhaps again."""
        if self.acks:
            ack = data.draw(st.sampled_from(self.acks))
            self.outbox = {seq for seq in self.outbox if not ack.covers(seq)}

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        """Every accepted event is in the outbox or applied, and applied once."""
        assert self.outbox | set(self.hub.applied) == set(range(1, self.accepted + 1))
        assert not self.hub.doubled()


TestOutboxAndHub = OutboxAndHub.TestCase
TestOutboxAndHub.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


@given(st.lists(st.integers(1, 5), min_size=6))
def test_a_hub_that_does_not_dedupe_is_found_out(seqs: list[int]) -> None:
    """The negative control: of six sends of five events one is a second one; without dedupe the judge sees it."""
    careful, careless = Hub(), Hub(dedupe=False)
    careful.take(seqs)
    careless.take(seqs)
    assert not careful.doubled()
    assert careless.doubled()
