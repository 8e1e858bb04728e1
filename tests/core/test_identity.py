"""Who is who: stories of the desk, and laws that hold whatever is claimed."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.core.profile import BadgeBinding
from edgehub.hub.claim import Claim, ClaimKind, IdentityRules, KindRule
from edgehub.hub.fact import Fact, Identifier
from edgehub.hub.identity import Cluster, Resolution, resolve

RULES = IdentityRules(
    KindRule("crm", most=1),
    KindRule("email", most=5, blocked=("test@example.com", "*@venue.example")),
    KindRule("app"),
    KindRule("tablet", shared=True),
)
KEYS = map(str, count())


def claim(at: int, *ids: str, kind: ClaimKind = "same", source: str = "crm", worn: bool = True) -> Claim:
    """A claim in short: "crm:A" and so on."""
    names = tuple(map(Identifier.parse, ids))
    return Claim(ids=names, at_us=at, source=source, key=next(KEYS), kind=kind, worn=worn)


def merge(at: int, *ids: str) -> Claim:
    return claim(at, *ids, kind="merge", source="staff")


def unmerge(at: int, *ids: str) -> Claim:
    return claim(at, *ids, kind="unmerge", source="staff")


def guests(*claims: Claim) -> list[str]:
    """Who is who, readable: the names of each guest."""
    return [" ".join(map(str, cluster.ids)) for cluster in resolve(claims, RULES).clusters]


def guest(resolution: Resolution, name: str) -> Cluster:
    """The guest with a name."""
    found = resolution.of(Identifier.parse(name))
    assert found is not None
    return found


# --- one guest through many doors


def test_one_guest_through_three_systems_is_one() -> None:
    """Ticket system, CRM and app know Kim by different ids; what they share makes one guest of them."""
    told = (
        claim(1, "person:k1", "crm:A"),
        claim(2, "crm:A", "email:kim@example.org"),
        claim(3, "app:phone", "email:kim@example.org", source="app"),
    )
    assert guests(*told) == ["app:phone crm:A email:kim@example.org person:k1"]


def test_the_oldest_person_id_is_the_guest_and_the_others_still_lead_there() -> None:
    """Gateways hold both ids; each names the one guest, and what fired for one has fired for both."""
    found = resolve(
        (
            claim(5, "person:k2", "app:phone"),
            claim(1, "person:k1", "crm:A"),
            claim(9, "crm:A", "app:phone"),
        ),
        RULES,
    )
    assert guest(found, "person:k2").person == "k1"
    assert guest(found, "app:phone").persons == ("k1", "k2")


def test_two_registrations_are_two_guests() -> None:
    """A couple shares one e-mail address: the second registration is refused it, visibly, and stays a guest of its own."""
    told = claim(1, "crm:A", "email:us@example.org"), claim(2, "crm:B", "email:us@example.org")
    assert guests(*told) == ["crm:A email:us@example.org", "crm:B"]
    (refused,) = resolve(told, RULES).refused
    assert (str(refused.a), str(refused.b), refused.why) == ("crm:B", "email:us@example.org", "limit")
    assert guests(*told, merge(3, "crm:A", "crm:B")) == ["crm:A crm:B email:us@example.org"]
    assert resolve((*told, merge(3, "crm:A", "crm:B")), RULES).refused == ()


def test_one_bad_identifier_does_not_spoil_the_others() -> None:
    """The address is somebody else's; the phone in the same message is not."""
    told = claim(1, "crm:A", "email:us@example.org"), claim(2, "crm:B", "email:us@example.org", "app:phone")
    assert guests(*told) == ["app:phone crm:B", "crm:A email:us@example.org"]


def test_a_shared_tablet_and_a_blocked_address_make_nobody_the_same() -> None:
    """Everybody registers at the tablet; the desk types test@example.com when somebody has no address."""
    told = (
        claim(1, "crm:A", "tablet:desk", "email:test@example.com"),
        claim(2, "crm:B", "tablet:desk", "email:test@example.com"),
        claim(3, "crm:C", "email:info@venue.example"),
    )
    assert guests(*told) == ["crm:A", "crm:B", "crm:C"]
    assert {one.why for one in resolve(told, RULES).refused} == {"shared", "blocked"}


def test_a_shared_tablet_alone_names_nobody() -> None:
    """What comes from it without another name is about no guest."""
    assert RULES.subject([Identifier("tablet", "desk")]) is None
    assert RULES.subject([Identifier("tablet", "desk"), Identifier("badge", "7")]) == Identifier("badge", "7")
    assert RULES.subject([Identifier("badge", "7"), Identifier("app", "x"), Identifier("crm", "A")]) == Identifier(
        "crm", "A"
    )


# --- the staff's word


KIM_AND_LEE = (
    claim(1, "person:k", "crm:A", "email:kim@example.org"),
    claim(2, "person:l", "app:phone"),
)


def test_merge_unmerge_merge_again() -> None:
    """A merge is undone without a trace, and done again with the same result."""
    apart = guests(*KIM_AND_LEE)
    assert apart == ["app:phone person:l", "crm:A email:kim@example.org person:k"]
    once = (*KIM_AND_LEE, merge(3, "person:k", "person:l"))
    assert guests(*once) == ["app:phone crm:A email:kim@example.org person:k person:l"]
    undone = (*once, unmerge(4, "person:k", "person:l"))
    assert guests(*undone) == apart
    assert guests(*undone, merge(5, "person:l", "person:k")) == guests(*once)


def test_what_a_merge_kept_out_stays_out_when_it_is_made_again() -> None:
    """A second registration came while they were one guest, and was refused; their parting for a while lets it in no more."""
    once = (*KIM_AND_LEE, merge(3, "person:k", "person:l"), claim(4, "person:l", "crm:B"))
    assert guests(*once) == ["app:phone crm:A email:kim@example.org person:k person:l", "crm:B"]
    undone = (*once, unmerge(5, "person:k", "person:l"))
    assert "app:phone crm:B person:l" in guests(*undone)
    assert guests(*undone, merge(6, "person:k", "person:l")) == guests(*once)


def test_a_cut_holds_against_what_sources_claim_later() -> None:
    """The app says again and again what the staff found to be wrong."""
    told = (
        *KIM_AND_LEE,
        unmerge(3, "person:k", "person:l"),
        claim(4, "app:phone", "email:kim@example.org", source="app"),
    )
    assert guests(*told) == guests(*KIM_AND_LEE)
    assert [one.why for one in resolve(told, RULES).refused] == ["cut"]


def test_a_younger_cut_undoes_a_merge_whichever_names_it_uses() -> None:
    """Merged by person id, cut by e-mail and phone: each keeps what is theirs, also what came after the merge."""
    told = (*KIM_AND_LEE, merge(3, "person:k", "person:l"), claim(4, "person:l", "email:lee@example.org"))
    cut = unmerge(5, "email:kim@example.org", "email:lee@example.org")
    assert guests(*told, cut) == ["app:phone email:lee@example.org person:l", "crm:A email:kim@example.org person:k"]


def test_a_merge_lifts_older_cuts_between_its_sides() -> None:
    """Cut by person id, merged by e-mail and phone: the last word counts."""
    told = (*KIM_AND_LEE, unmerge(3, "person:k", "person:l"), merge(4, "email:kim@example.org", "app:phone"))
    assert len(guests(*told)) == 1
    assert resolve(told, RULES).cuts == ()


def test_a_cut_through_a_chain_leaves_the_middle_with_the_older_tie() -> None:
    """Two guests were joined by an address that only one of them has: the one who had it first keeps it."""
    told = claim(1, "person:k", "email:us@example.org"), claim(2, "person:l", "email:us@example.org")
    assert guests(*told, unmerge(3, "person:k", "person:l")) == ["email:us@example.org person:k", "person:l"]


def test_why_are_these_two_one_guest() -> None:
    """The staff ask; the answer is the shortest chain of claims, each with who made it."""
    told = (*KIM_AND_LEE, claim(6, "app:phone", "email:kim@example.org", source="app"))
    chain = resolve(told, RULES).why(Identifier.parse("crm:A"), Identifier.parse("person:l"))
    assert [(str(link.a), str(link.b), link.claim.source) for link in chain] == [
        ("person:k", "crm:A", "crm"),
        ("person:k", "email:kim@example.org", "crm"),
        ("email:kim@example.org", "app:phone", "app"),
        ("person:l", "app:phone", "crm"),
    ]


def test_why_are_these_two_not_one_guest() -> None:
    """The answer names the cut, and the claim that was refused because of it."""
    told = (
        *KIM_AND_LEE,
        unmerge(3, "person:k", "person:l"),
        claim(4, "app:phone", "email:kim@example.org", source="app"),
    )
    found = resolve(told, RULES)
    reasons = found.why_not(Identifier.parse("email:kim@example.org"), Identifier.parse("person:l"))
    assert [one.claim.source for one in reasons] == ["staff", "app"]
    assert found.why_not(Identifier.parse("person:k"), Identifier.parse("crm:A")) == ()


# --- badges


def test_a_lost_badge_is_swapped_and_its_past_stays() -> None:
    """The desk gives Kim another badge; the old one's past is still hers, and what it does from now on is not."""
    found = resolve((claim(1, "crm:A", "badge:7"), claim(50, "crm:A", "badge:8", source="staff")), RULES)
    kim = guest(found, "crm:A")
    assert kim.badges == (BadgeBinding("7", 1, 50), BadgeBinding("8", 50, None))
    assert [kim.wore("7", at) for at in (0, 1, 49, 50)] == [False, True, True, False]


def test_a_registration_that_repeats_itself_swaps_nothing_back() -> None:
    """The ticket system exports the first badge every hour, also after the desk has swapped it."""
    told = (
        claim(1, "crm:A", "badge:7", source="tickets"),
        claim(50, "crm:A", "badge:8", source="staff"),
        claim(60, "crm:A", "badge:7", source="tickets"),
    )
    assert [one.badge for one in guest(resolve(told, RULES), "crm:A").badges if one.until_us is None] == ["8"]


def test_a_badge_handed_to_another_guest_the_next_day() -> None:
    """What was heard on the first day is Kim's, on the second day Lee's; nobody becomes anybody else."""
    found = resolve((claim(1, "crm:A", "badge:7"), claim(50, "crm:B", "badge:7")), RULES)
    kim, lee = guest(found, "crm:A"), guest(found, "crm:B")
    assert (kim.badges, lee.badges) == ((BadgeBinding("7", 1, 50),), (BadgeBinding("7", 50, None),))
    badge = Identifier("badge", "7")
    assert [(kim.owns(badge, at), lee.owns(badge, at)) for at in (49, 50)] == [(True, False), (False, True)]


def test_a_badge_handed_on_by_claims_that_are_not_loaded() -> None:
    """Badges do not connect guests, so the other wearers are told of by hand-overs alone; the answer is the same."""
    ours, theirs = claim(1, "crm:A", "badge:7"), claim(50, "crm:B", "badge:7")
    elsewhere = resolve((theirs,), RULES).handings
    whole, part = resolve((ours, theirs), RULES), resolve((ours,), RULES, elsewhere)
    assert guest(part, "crm:A") == guest(whole, "crm:A")


def test_a_badge_given_back_is_nobodys() -> None:
    """Until it is handed out again."""
    told = claim(1, "crm:A", "badge:7"), claim(50, "crm:A", "badge:7", source="staff", worn=False)
    assert guest(resolve(told, RULES), "crm:A").badges == (BadgeBinding("7", 1, 50),)


def test_a_badge_and_a_sticker_at_a_time_where_the_venue_says_so() -> None:
    """With `most: 2` the third takes the place of the one worn longest."""
    two = IdentityRules(KindRule("crm", most=1), KindRule("badge", most=2))
    told = [claim(at, "crm:A", f"badge:{at}") for at in (1, 2, 3)]
    assert guest(resolve(told, two), "crm:A").badges == (
        BadgeBinding("1", 1, 3),
        BadgeBinding("2", 2, None),
        BadgeBinding("3", 3, None),
    )


def test_a_merge_makes_a_swap_of_two_badges_and_its_undoing_unmakes_it() -> None:
    """Kim lost her badge and queued as somebody new: merged, the second badge took the first one's place when handed out."""
    told = claim(1, "person:k", "badge:7"), claim(50, "person:l", "badge:8")
    merged = resolve((*told, merge(90, "person:k", "person:l")), RULES)
    assert guest(merged, "person:k").badges == (BadgeBinding("7", 1, 50), BadgeBinding("8", 50, None))
    undone = resolve((*told, merge(90, "person:k", "person:l"), unmerge(91, "person:k", "person:l")), RULES)
    assert guest(undone, "person:k").badges == (BadgeBinding("7", 1, None),)


def test_an_app_does_not_hand_out_badges() -> None:
    """A guest may type any number into it; that takes nobody's badge away."""
    desks = IdentityRules(KindRule("crm", most=1), desks={"crm", "staff"})
    found = resolve((claim(1, "crm:A", "badge:7"), claim(50, "app:x", "badge:7", source="app")), desks)
    assert guest(found, "crm:A").badges == (BadgeBinding("7", 1, None),)
    assert guest(found, "app:x").badges == ()


# --- what facts claim


@pytest.mark.parametrize(
    ("kind", "ids", "claimed"),
    [
        ("identify", "crm:A email:k@x.org badge:7", "crm:A email:k@x.org badge:7"),
        ("badge", "person:k badge:7", "person:k badge:7"),
        ("track", "app:x email:k@x.org badge:7", "app:x email:k@x.org"),
        ("stamp", "badge:7", None),
        ("store.shed", "", None),
    ],
)
def test_what_a_fact_claims(kind: str, ids: str, claimed: str | None) -> None:
    """All its ids are one guest; but only a registration or the desk hands out a badge."""
    fact = Fact(source="s", key="k", type=kind, at_us=1, received_us=2, ids=tuple(map(Identifier.parse, ids.split())))
    found = Claim.of(fact)
    assert (None if found is None else " ".join(map(str, found.ids))) == claimed


def test_what_needs_to_be_kept_once() -> None:
    """A source may claim the same with every click; a badge, a merge and a cut are news each time."""
    assert claim(1, "crm:A", "email:k@x.org").says == claim(2, "email:k@x.org", "crm:A", source="app").says
    assert claim(1, "crm:A", "badge:7").says != claim(2, "crm:A", "badge:7").says
    assert merge(1, "crm:A", "app:x").says != merge(2, "crm:A", "app:x").says


# --- laws

NAMES = [f"{kind}:{name}" for kind in ("person", "crm", "email", "app") for name in "abc"] + [
    "tablet:desk",
    "badge:1",
    "badge:2",
]
CLAIMS = st.lists(
    st.builds(
        lambda at, ids, kind, source: claim(at, *ids, kind=kind, source=source if kind == "same" else "staff"),
        st.integers(0, 30),
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
        st.sampled_from(["same", "same", "same", "merge", "unmerge"]),
        st.sampled_from(["crm", "app"]),
    ),
    max_size=14,
)
NAMED = st.sampled_from([name for name in NAMES if name[:3] in {"per", "crm", "ema", "app"}])
PAIRS = st.tuples(NAMED, NAMED).filter(lambda pair: pair[0] != pair[1])


@given(CLAIMS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(told: list[Claim], chance: object) -> None:
    """Late news, and news that come twice, end in the same answer."""
    mixed = [*told, *told[: len(told) // 2]]
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert resolve(mixed, RULES) == resolve(told, RULES)


@given(CLAIMS, PAIRS)
def test_merging_again_after_an_unmerge_is_as_if_nothing_had_been(told: list[Claim], pair: tuple[str, str]) -> None:
    """Whatever else was claimed, by whomever."""
    once = [*told, merge(40, *pair)]
    undone = [*once, unmerge(41, *pair)]
    again = [*undone, merge(42, *pair)]
    assert not set(guest(resolve(undone, RULES), pair[0]).ids) & {Identifier.parse(pair[1])}
    assert resolve(again, RULES).clusters == resolve(once, RULES).clusters


@given(CLAIMS, PAIRS)
def test_unmerging_what_was_two_guests_undoes_the_merge(told: list[Claim], pair: tuple[str, str]) -> None:
    """The guests are those of before, to the last badge, when the staff had no word about the two before."""
    names = set(map(Identifier.parse, pair))
    told = [one for one in told if one.kind == "same" or not names <= set(one.ids)]
    before = [*told, claim(39, pair[0]), claim(39, pair[1])]
    a, b = (guest(resolve(before, RULES), name) for name in pair)
    if a == b:
        return
    after = [*before, merge(40, *pair), unmerge(41, *pair)]
    assert resolve(after, RULES).clusters == resolve(before, RULES).clusters


@given(CLAIMS)
def test_each_name_is_one_guests_and_each_badge_one_guests_at_a_time(told: list[Claim]) -> None:
    """Nobody is two people, and no badge is on two people."""
    clusters = resolve(told, RULES).clusters
    names = [name for cluster in clusters for name in cluster.ids]
    assert len(names) == len(set(names))
    for at in range(32):
        worn = [badge for cluster in clusters for badge in ("1", "2") if cluster.wore(badge, at)]
        assert len(worn) == len(set(worn))
        assert all(sum(cluster.wore(badge, at) for badge in ("1", "2")) <= 1 for cluster in clusters)


@given(CLAIMS)
def test_limits_bind_every_source(told: list[Claim]) -> None:
    """Without a merge by the staff, no guest has two registrations."""
    told = [one for one in told if one.kind != "merge"]
    for cluster in resolve(told, RULES).clusters:
        assert sum(one.kind == "crm" for one in cluster.ids) <= 1


@given(CLAIMS)
def test_what_is_cut_stays_apart_and_what_is_one_has_a_chain(told: list[Claim]) -> None:
    """Every answer can be explained from claims; no cut in force runs through a guest."""
    found = resolve(told, RULES)
    assert all(found.of(cut.a) is not found.of(cut.b) for cut in found.cuts)
    for cluster in found.clusters:
        for name in cluster.ids[1:]:
            chain = found.why(cluster.ids[0], name)
            assert chain
            assert {cluster.ids[0], name} <= {end for link in chain for end in (link.a, link.b)}
    assert all(found.of(one.a) is not found.of(one.b) for one in found.refused if found.of(one.b) is not None)
