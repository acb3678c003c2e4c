"""Properties of the names that MCP clients see."""

import re

from hypothesis import given
from hypothesis import strategies as st

from executor_catalog.domain.naming import MAX_LIMIT, MIN_LIMIT, Names, Wanted

SLUGS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)
OWNERS = st.one_of(st.just("org"), st.sampled_from(["team:a", "team:b", "user:alice", "user:bob"]))
WORDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)
OWN_NAMES = st.from_regex(r"[A-Za-z0-9_/-]{1,60}(\.[A-Za-z0-9_/-]{1,60})?", fullmatch=True)
WANTED = st.builds(Wanted, SLUGS, OWNERS, WORDS, OWN_NAMES)
#: few letters, so that names meet
CLOSE = st.builds(
    Wanted,
    st.sampled_from(["a", "a-b", "b"]),
    OWNERS,
    st.sampled_from(["b", "B", "c", "b__x"]),
    st.sampled_from(["x", "X", "x.y", "x/y", "x_y", "b__x", "_x", "x" * 70, "x" * 71, "X" * 70]),
)
LIMITS = st.integers(MIN_LIMIT, MAX_LIMIT)


@given(st.lists(st.one_of(WANTED, CLOSE), max_size=40, unique_by=lambda one: one.full), LIMITS)
def test_names_are_short_plain_and_unique_under_case_folding(wanted: list[Wanted], limit: int):
    names = list(Names({}, limit).give_all(wanted).values())
    assert all(re.fullmatch(rf"[A-Za-z0-9_-]{{1,{limit}}}", name) for name in names)
    assert len({name.casefold() for name in names}) == len(names)


@given(
    st.lists(CLOSE, max_size=40, unique_by=lambda one: one.full), st.randoms(use_true_random=False), LIMITS
)
def test_names_do_not_depend_on_the_order_of_discovery(wanted: list[Wanted], random: object, limit: int):
    shuffled = list(wanted)
    random.shuffle(shuffled)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    assert Names({}, limit).give_all(wanted) == Names({}, limit).give_all(shuffled)


@given(
    st.lists(CLOSE, max_size=20, unique_by=lambda one: one.full),
    st.lists(CLOSE, max_size=20, unique_by=lambda one: one.full),
    LIMITS,
)
def test_name_once_given_is_never_given_to_another(first: list[Wanted], later: list[Wanted], limit: int):
    given_names = Names({}, limit).give_all(first)
    known = {one.full for one in first}
    new = [one for one in later if one.full not in known]
    after = Names({name: one.full for one, name in given_names.items()}, limit).give_all(new)
    assert not {n.casefold() for n in given_names.values()} & {n.casefold() for n in after.values()}


def test_name_that_does_not_fit_is_cut_and_marked():
    name = Names({}, 46).give(Wanted("github", "org", "main", "repos.issues.comments." + "x" * 60))
    assert len(name) == 46
    assert re.fullmatch(r"github__repos_issues_comments_x{7}_[0-9a-f]{8}", name)


def test_plain_name_is_the_common_case():
    assert Names({}).give(Wanted("crm", "org", "main", "customers.get")) == "crm__customers_get"


def test_second_connection_gets_its_own_name_into_the_tool():
    names = Names({})
    first = names.give(Wanted("crm", "org", "main", "get"))
    second = names.give(Wanted("crm", "org", "spare", "get"))
    third = names.give(Wanted("crm", "user:alice", "spare", "get"))
    assert (first, second) == ("crm__get", "crm-spare__get")
    assert re.fullmatch(r"crm-spare__get_[0-9a-f]{8}", third)
