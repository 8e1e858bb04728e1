"""Which of the hub's commands are obeyed."""

from edgehub.core.wire import At, Command
from edgehub.gateway.sync.orders import Orders

NOON_US = 12 * 3600 * 1_000_000


def orders() -> Orders:
    """At noon."""
    return Orders(lambda: At("boot", 0, NOON_US, "ntp"))


def command(name: str = "a", *, do: str = "rebirth", not_after_us: int = NOON_US) -> Command:
    """One in time."""
    return Command(id=name, do=do, not_after_us=not_after_us)


def test_a_command_is_obeyed_once() -> None:
    """A repetition has no effect, and is no mistake of anybody."""
    taking = orders()
    assert taking.take(command(), retained=False)
    assert not taking.take(command(), retained=False)
    assert taking.take(command("b"), retained=False)
    assert taking.refused == {}


def test_what_is_late_kept_or_unknown_has_no_effect_and_is_counted() -> None:
    """By the reason."""
    taking = orders()
    assert not taking.take(command("a", not_after_us=NOON_US - 1), retained=False)
    assert not taking.take(command("b"), retained=True)
    assert not taking.take(command("c", do="dance"), retained=False)
    assert taking.refused == {"late": 1, "retained": 1, "unknown": 1}


def test_without_a_clock_nothing_is_late() -> None:
    """Nobody can say so."""
    assert Orders(None).take(command(not_after_us=0), retained=False)


def test_what_was_refused_may_come_again_in_time() -> None:
    """A refusal is not remembered as obedience."""
    taking = orders()
    assert not taking.take(command(), retained=True)
    assert taking.take(command(), retained=False)
