"""What a contract is: data from which permissions, schemas, the reference page and tests are made."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec


class ServiceName(StrEnum):
    """Folder, queue group, image, chart component and `service.name` of each deployable."""

    GATEWAY = "gateway"
    CATALOG = "catalog"
    POLICY = "policy"
    VAULT_BROKER = "vault-broker"
    ADAPTERS = "adapters"


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Anything that crosses the bus: immutable, unknown fields ignored, JSON on the wire.

    Within a version of a subject fields are only added, with defaults; they are never renamed, retyped
    or removed. A breaking change is a new subject beside the old one.

    An optional `msgspec.Raw` is written `Raw | UnsetType = UNSET`: msgspec cannot decode `Raw | None`.
    """


class Nothing(Message, frozen=True, kw_only=True):
    """An answer or question without content."""


Asks = TypeVar("Asks", bound=Message)
Answers = TypeVar("Answers", bound=Message)
Says = TypeVar("Says", bound=Message)

_SUBJECT = re.compile(r"executor\.[a-z-]+\.v[0-9]+\.[a-z]+\.[a-z]+")


def _check_subject(subject: str, owner: ServiceName) -> None:
    if not _SUBJECT.fullmatch(subject) or subject.split(".")[1] != owner:
        raise ValueError(f"{subject!r} is not executor.{owner}.v<N>.<noun>.<verb>")


@dataclass(frozen=True, slots=True)
class Request(Generic[Asks, Answers]):
    """A question that one service answers.

    Attributes:
        subject: `executor.<owner>.v<N>.<noun>.<verb>`.
        owner: who answers (queue group = the owner's name).
        callers: who may ask; nobody else has the permission.
        asks: type of the question.
        answers: type of the answer.
        timeout: seconds; the wait is the smaller of this and what the call's deadline leaves.
        routed: how many tokens the caller appends to the subject (pool and kind of adapters).

    """

    subject: str
    owner: ServiceName
    callers: frozenset[ServiceName]
    asks: type[Asks]
    answers: type[Answers]
    timeout: float
    routed: int = 0

    def __post_init__(self) -> None:
        _check_subject(self.subject, self.owner)


@dataclass(frozen=True, slots=True)
class Event(Generic[Says]):
    """Something that happened. A hint: whoever needs certainty asks, since a message may be lost.

    Attributes:
        subject: `executor.<owner>.v<N>.<noun>.<participle>`; the owner defines its meaning.
        owner: whose noun it is.
        speakers: who may say it.
        hearers: who may hear it.
        says: type of the content.

    """

    subject: str
    owner: ServiceName
    speakers: frozenset[ServiceName]
    hearers: frozenset[ServiceName]
    says: type[Says]

    def __post_init__(self) -> None:
        _check_subject(self.subject, self.owner)
