"""Wrong guesses cost time: pure timelines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.web import backoff
from edgehub.web.backoff import Backoff
from edgehub.web.listen import Listen, ListenError
from edgehub.web.secrecy import hash_password, password_matches

ADDRESS = "192.0.2.7"


def test_a_typing_mistake_is_free_and_guessing_is_not() -> None:
    """Three wrong guesses cost nothing; then 1 s, 2 s, 4 s, up to five minutes."""
    guesses, now, waits = Backoff(), 0.0, []
    for _ in range(15):
        guesses.wrong(ADDRESS, now)
        waits.append(guesses.wait_s(ADDRESS, now))
        now += waits[-1]
    assert waits[:6] == [0, 0, 0, 1, 2, 4]
    assert waits[-1] == backoff.LONGEST_S


def test_who_knows_the_secret_is_forgiven() -> None:
    """A right guess forgets the wrong ones; other addresses never wait for this one's."""
    guesses = Backoff()
    for _ in range(6):
        guesses.wrong(ADDRESS, 0.0)
    assert guesses.wait_s("192.0.2.8", 0.0) == 0
    guesses.right(ADDRESS)
    assert guesses.wait_s(ADDRESS, 0.0) == 0


def test_a_household_of_ipv6_is_one_guesser() -> None:
    """2^64 addresses of one network wait together."""
    guesses = Backoff()
    for number in range(1, 6):
        guesses.wrong(f"2001:db8::{number}", 0.0)
    assert guesses.wait_s("2001:db8::ffff", 0.0) > 0


@given(st.lists(st.tuples(st.integers(0, 30_000), st.floats(0, 1e6)), max_size=60))
def test_the_table_of_guessers_is_bounded(told: list[tuple[int, float]]) -> None:
    """However many addresses guess, only so many are remembered."""
    guesses = Backoff()
    for number, now in told:
        guesses.wrong(f"10.{number >> 8}.{number & 255}.1", now)
    assert len(guesses._known) <= min(len(told), backoff.MOST_KNOWN)


def test_a_kept_password_proves_itself_and_no_other() -> None:
    """The right one matches, another does not, and two users with one password look different."""
    kept = hash_password("correct horse")
    assert password_matches("correct horse", kept)
    assert not password_matches("correct horsf", kept)
    assert "correct" not in kept
    assert kept != hash_password("correct horse")


def test_only_loopback_or_tls_listens_without_a_warning() -> None:
    """A sentence with the way out, when the network can listen in."""
    assert Listen.parse("127.0.0.1:8080").warning("the page") is None
    assert Listen.parse(":8080").host == "127.0.0.1"
    assert Listen.parse("[::1]:0").warning("the page") is None
    warning = Listen.parse("0.0.0.0:8080").warning("the page")
    assert warning is not None
    assert "--tls-cert" in warning
    for wrong in ("host", "host:", "host:99999", "host:٣"):
        with pytest.raises(ListenError, match="is not HOST:PORT"):
            Listen.parse(wrong)
