"""Arguments of a call: read once, made canonical, digested."""

import asyncio
import hashlib
from dataclasses import dataclass

import msgspec

from executor_shared.canonical import canonical, check_unambiguous
from executor_shared.errors import Code, ExecutorError

_OFF_LOOP_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Arguments:
    """What is sent with a call."""

    values: dict[str, object]
    canonical: bytes
    digest: str


def read_arguments(raw: bytes) -> Arguments:
    """Parse and digest.

    Raises:
        ExecutorError: `invalid_tool_arguments`: no JSON object, or a key twice in an object, or numbers
            or strings without a canonical form.

    """
    try:
        values = msgspec.json.decode(raw, type=dict[str, object])
        form = canonical(values)
        check_unambiguous(raw)
    except (ValueError, RecursionError) as error:
        raise ExecutorError(
            "The arguments must be one JSON object of ordinary depth, with no key twice in an object, "
            "integers within 2^53 and whole Unicode strings.",
            code=Code.INVALID_TOOL_ARGUMENTS,
            details={"field": "arguments"},
        ) from error
    return Arguments(values, form, hashlib.sha256(form).hexdigest())


async def arguments_of(raw: bytes) -> Arguments | ExecutorError:
    """`read_arguments`, in a thread where they are large: a canonical form of megabytes takes seconds.

    An error is returned, to be told once it is known that the tool is there for the caller.
    """
    try:
        if len(raw) <= _OFF_LOOP_BYTES:
            return read_arguments(raw)
        return await asyncio.to_thread(read_arguments, raw)
    except ExecutorError as error:
        return error
