"""The hash that pins a tool: everything an agent is shown, and everything a worker will do."""

from executor_shared.canonical import digest_bytes

_DOMAIN = b"executor/definition/v1"


def definition_hash(public_digest: str, binding: bytes, target: bytes) -> str:
    """Hash of a whole tool definition.

    The public part (name, description, schemas, annotations, icons, `_meta`) enters by its own digest, so
    a worker that only gets binding and target can still recompute the hash that stands in its grant.

    Args:
        public_digest: `canonical.digest` of the tool object shown to agents.
        binding: canonical JSON of how the kind performs it (method, path template, operation, …).
        target: canonical JSON of where it goes (see `Target`).

    """
    return digest_bytes(_DOMAIN, public_digest.encode(), binding, target)
