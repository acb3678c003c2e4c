"""Finding the tools of connections: once per connection, or once per integration where its kind says so."""

from collections.abc import Mapping
from dataclasses import dataclass

from executor_catalog.domain.asking import Asking
from executor_catalog.domain.registration import Offer, offer_of
from executor_catalog.domain.together import together
from executor_shared.contracts.adapters import Discovered
from executor_shared.contracts.catalog import IntegrationSpec


@dataclass(frozen=True, slots=True)
class Wish:
    """A connection (by key) whose tools are wanted.

    Attributes:
        grant: of purpose `discover`, where the upstream must be asked with the credential.
        optional: nobody gave a grant for it and it has a credential: it is only asked about where an answer
            for another connection serves for it too.

    """

    connection: str
    grant: str | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class FoundTools:
    """Offers by connection key, and one of the answers (for the target it names)."""

    offers: Mapping[str, Offer]
    answer: Discovered | None = None


async def find_tools(
    asking: Asking, spec: IntegrationSpec, digest: str, wishes: list[Wish], *, shared: bool | None
) -> FoundTools:
    """Ask for the tools of an integration's connections.

    Args:
        asking: how to ask.
        spec: the integration, with the text of its description.
        digest: of that text.
        wishes: the connections.
        shared: what the kind said about sharing, if it was asked already.

    Raises:
        ExecutorError: one of them could not be had.

    """
    ordered = sorted(wishes, key=lambda wish: (wish.optional, wish.connection))
    if not ordered or (ordered[0].optional and not shared):
        return FoundTools({})
    first = ordered[0]
    answer = await asking.tools(spec, digest, first.connection, first.grant)
    offer = await offer_of(answer)
    if answer.shared:
        return FoundTools({wish.connection: offer for wish in ordered}, answer)
    rest = [wish for wish in ordered[1:] if not wish.optional]
    answers = await together(asking.tools(spec, digest, w.connection, w.grant) for w in rest)
    offers = {wish.connection: await offer_of(found) for wish, found in zip(rest, answers, strict=True)}
    return FoundTools({first.connection: offer, **offers}, answer)
