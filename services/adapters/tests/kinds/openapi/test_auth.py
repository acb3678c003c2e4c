"""How an API authenticates, as its description says."""

import pytest
from services.adapters.tests.kinds.openapi.describing import Json, OpenApi, one

from executor_shared.contracts.vocabulary import AuthMethod, Placement

BEARER = Placement(carrier="header", name="Authorization", value="{token}", prefix="Bearer ")


async def methods(openapi: OpenApi, schemes: Json, **more: object) -> tuple[AuthMethod, ...]:
    description = one(components={"securitySchemes": schemes}) | more
    return (await openapi(description).discover()).auth


@pytest.mark.parametrize(
    ("scheme", "kind", "place"),
    [
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, "api_key", Placement(carrier="header", name="X-Key")),
        ({"type": "apiKey", "in": "query", "name": "key"}, "api_key", Placement(carrier="query", name="key")),
        ({"type": "apiKey", "in": "cookie", "name": "sid"}, "api_key", Placement(carrier="cookie", name="sid")),
        ({"type": "http", "scheme": "Bearer"}, "bearer", BEARER),
        ({"type": "oauth2", "flows": {}}, "bearer", BEARER),
        ({"type": "openIdConnect", "openIdConnectUrl": "https://x"}, "bearer", BEARER),
        (
            {"type": "http", "scheme": "basic"},
            "basic",
            Placement(
                carrier="header", name="Authorization", value="{username}:{password}", prefix="Basic ", base64=True
            ),
        ),
    ],
    ids=str,
)  # fmt: skip
async def test_a_scheme_becomes_a_method(scheme: Json, kind: str, place: Placement, openapi: OpenApi) -> None:
    (method,) = await methods(openapi, {"mine": scheme}, security=[{"mine": []}])
    assert (method.name, method.type, method.placements) == ("mine", kind, (place,))


async def test_schemes_that_are_needed_together_are_one_method(openapi: OpenApi) -> None:
    schemes = {
        "X-Auth-Key": {"type": "apiKey", "in": "header", "name": "X-Auth-Key"},
        "X-Auth-Email": {"type": "apiKey", "in": "header", "name": "X-Auth-Email"},
    }
    (method,) = await methods(openapi, schemes, security=[{"X-Auth-Key": [], "X-Auth-Email": []}])
    assert (method.type, method.inputs) == ("custom", ("x_auth_key", "x_auth_email"))
    assert [(place.name, place.value) for place in method.placements] == [
        ("X-Auth-Key", "{x_auth_key}"),
        ("X-Auth-Email", "{x_auth_email}"),
    ]


async def test_alternatives_are_methods_side_by_side(openapi: OpenApi) -> None:
    schemes = {
        "token": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "K"},
    }
    found = await methods(openapi, schemes, security=[{"key": []}, {"token": []}])
    assert [method.name for method in found] == ["key", "token"]


async def test_a_description_that_says_nothing_is_offered_a_bearer_token(openapi: OpenApi) -> None:
    (method,) = await methods(openapi, {})
    assert (method.name, method.placements) == (
        "bearer",
        (Placement(carrier="header", name="Authorization", prefix="Bearer "),),
    )


async def test_schemes_that_nobody_can_send_are_left_out(openapi: OpenApi) -> None:
    schemes = {"m": {"type": "mutualTLS"}, "d": {"type": "http", "scheme": "digest"}, "x": {"type": "apiKey"}}
    assert [method.name for method in await methods(openapi, schemes)] == ["bearer"]


async def test_the_administrators_methods_win(openapi: OpenApi) -> None:
    mine = AuthMethod(name="mine", type="api_key", placements=(Placement(carrier="header", name="K"),))
    assert (await openapi(one(), auth=(mine,)).discover()).auth == (mine,)
