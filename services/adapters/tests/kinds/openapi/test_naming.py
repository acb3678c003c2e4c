"""Names of tools: readable, unique, and the same whatever stands beside them."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_adapters.kinds.openapi.naming import camel, tool_name, unique


@pytest.mark.parametrize(
    ("method", "path", "operation_id", "tags", "name"),
    [
        ("get", "/repos/{owner}", "repos/list-for-org", ["repos"], "repos.listForOrg"),
        ("get", "/customers", "customers.list", ["customers"], "customers.list"),
        ("post", "/v1/pets", "createPet", [], "pets.createPet"),
        ("get", "/api/v2.1/pets/{id}", None, [], "pets.getApiV21PetsById"),
        ("get", "/", None, [], "api.get"),
        ("get", "/x", "petsList", ["Pets"], "pets.list"),
        ("get", "/x", "list_all things", ["Store Front"], "storeFront.listAllThings"),
        ("get", "/x", "日本", ["日本"], "x.getX"),
    ],
)
def test_a_name_is_group_and_leaf(
    method: str, path: str, operation_id: str | None, tags: list[str], name: str
) -> None:
    assert tool_name(method, path, operation_id, tags) == name


def test_camel_keeps_the_humps_of_a_name() -> None:
    assert camel("list-repos for_User") == "listReposForUser"
    assert camel("getHTTPInfo") == "getHttpinfo"


operations = st.lists(
    st.tuples(
        st.sampled_from(["do.it", "do.It", "do.other"]),
        st.one_of(st.none(), st.sampled_from(["it", "other", ""])),
        st.sampled_from(["get", "post"]),
        st.sampled_from(["/a", "/b", "/c", "/d"]),
    ),
    max_size=8,
    unique_by=lambda each: (each[2], each[3]),
)


@given(operations)
def test_no_two_operations_share_a_name(wanted: list[tuple[str, str | None, str, str]]) -> None:
    names = unique(wanted)
    assert len({name.lower() for name in names}) == len(wanted)


@given(operations, st.randoms())
def test_the_order_of_a_description_changes_no_name(
    wanted: list[tuple[str, str | None, str, str]], random: Random
) -> None:
    names = dict(zip(wanted, unique(wanted), strict=True))
    shuffled = list(wanted)
    random.shuffle(shuffled)
    assert dict(zip(shuffled, unique(shuffled), strict=True)) == names
