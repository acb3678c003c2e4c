"""Cutting leased secrets out of whatever an upstream sends back, in every form in which it may echo them."""

import base64
import html
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MARK = b"[redacted]"
_SHORTEST = 4
_BASE64_SKIP = ((0, 0), (1, 2), (2, 3))
"""Where a secret may stand within the three bytes of a base64 group, and the letters it shares there."""


class Redactor:
    """Knows the secrets of one lease."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take the raw values; those shorter than four characters cannot be told from other text."""
        found = {needle for secret in secrets if len(secret) >= _SHORTEST for needle in _forms(secret)}
        self._needles = tuple(sorted(found, key=len, reverse=True))

    def clean(self, text: bytes) -> bytes:
        """The text without them; the very same object where there was none."""
        for needle in self._needles:
            if needle in text:
                text = text.replace(needle, MARK)
        return text


def _forms(secret: str) -> set[bytes]:
    raw = secret.encode()
    plain = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        html.escape(secret),
        secret[::-1],
    }
    plain |= {raw.hex(), raw.hex().upper(), *_base64_cores(raw)}
    as_json = {json.dumps(form)[1:-1] for form in plain} | {
        json.dumps(form, ensure_ascii=False)[1:-1] for form in plain
    }
    return {form.encode() for form in plain | as_json if len(form) >= _SHORTEST}


def _base64_cores(raw: bytes) -> set[str]:
    """What the secret always looks like inside longer base64, at each of the three alignments."""
    cores: set[str] = set()
    for before, skip in _BASE64_SKIP:
        padded = b"\0" * before + raw
        whole = base64.b64encode(padded).decode().rstrip("=")
        end = len(whole) if len(padded) % 3 == 0 else len(whole) - 1
        core = whole[skip:end]
        cores |= {core, core.replace("+", "-").replace("/", "_")}
    return cores
