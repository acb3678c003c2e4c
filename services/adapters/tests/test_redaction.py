"""Whatever an upstream makes of a credential, it does not come back readable."""

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from executor_adapters.domain.redaction import Redactor

SECRET = "k3y+/=\"\\<é>&'~ end"
PLAIN = "ghp_abcDEF0123456789"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda secret: secret,
    "bearer": lambda secret: f"Bearer {secret}",
    "percent": lambda secret: quote(secret, safe=""),
    "percent, lower": lambda secret: _lower_percent(quote(secret, safe="")),
    "percent, path": quote,
    "form": quote_plus,
    "twice percent": lambda secret: quote(quote(secret, safe=""), safe=""),
    "html": html.escape,
    "json": lambda secret: json.dumps({"k": secret}),
    "json, unicode": lambda secret: json.dumps({"k": secret}, ensure_ascii=False),
    "json in json": lambda secret: json.dumps(json.dumps({"k": secret})),
    "json in json in json": lambda secret: json.dumps(json.dumps(json.dumps({"k": secret}))),
    "json for html": lambda secret: _html_safe(json.dumps({"k": secret})),
    "json, slashes": lambda secret: json.dumps({"k": secret}).replace("/", "\\/"),
    "base64": b64,
    "base64, url": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "basic": lambda secret: f"Basic {b64('alice:' + secret)}",
    "basic, as user": lambda secret: f"Basic {b64(secret + ':')}",
    "base64 of more": lambda secret: b64(f"x{secret}yz"),
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
    "reversed": lambda secret: secret[::-1],
}


def _lower_percent(text: str) -> str:
    parts = text.split("%")
    return parts[0] + "".join(f"%{part[:2].lower()}{part[2:]}" for part in parts[1:])


def _html_safe(text: str) -> str:
    for letter in "<>&'":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def marks(form: str, secret: str) -> bool:
    """Whether a form, as a result carries it (text within JSON), loses the secret."""
    for carried in (FORMS[form](secret), json.dumps({"text": FORMS[form](secret)}, ensure_ascii=False)):
        cleaned = Redactor((secret,)).clean(f"before {carried} after".encode())
        if b"[redacted]" not in cleaned or carried.encode() in cleaned:
            return False
    return True


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [PLAIN, SECRET], ids=["plain", "full of signs"])
def test_every_form_is_found(form: str, secret: str) -> None:
    assert marks(form, secret)


@settings(deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=8, max_size=40),
    st.sampled_from(list(FORMS)),
)
def test_any_secret_is_found_in_any_form(secret: str, form: str) -> None:
    assume(secret.strip() == secret)
    assert marks(form, secret)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_secret_within_longer_base64_cannot_be_read_back(before: bytes, after: bytes) -> None:
    sent = base64.b64encode(before + PLAIN.encode() + after)
    cleaned = Redactor((PLAIN,)).clean(sent)
    pieces = cleaned.split(b"[redacted]")
    assert len(pieces) == 2
    assert len(pieces[0]) <= len(before) * 4 / 3 + 4
    assert len(pieces[1]) <= len(after) * 4 / 3 + 6


def test_what_has_no_secret_stays_the_same_object() -> None:
    text = b'{"a": "nothing here"}'
    assert Redactor((PLAIN,)).clean(text) is text


def test_the_longest_form_goes_first() -> None:
    cleaned = Redactor(("abcd", "abcdefgh")).clean(b"x abcdefgh y abcd z")
    assert cleaned == b"x [redacted] y [redacted] z"


def test_what_is_too_short_to_be_told_from_other_text_is_left() -> None:
    assert Redactor(("ab",)).clean(b"about") == b"about"


def test_a_result_stays_readable_json() -> None:
    result = json.dumps({"content": [{"type": "text", "text": json.dumps({"k": SECRET})}]}).encode()
    cleaned = Redactor((SECRET,)).clean(result)
    assert json.loads(json.loads(cleaned)["content"][0]["text"]) == {"k": "[redacted]"}


@pytest.mark.parametrize("filler", [b"\\", b"%25", b"&amp;", b"amp;", b"\\u0026", b"k3y", b"%", b'"'])
def test_no_answer_makes_the_search_slow(filler: bytes) -> None:
    secrets = ('\\"k3y', 'k3y\\&"', '&"k3y', SECRET)
    text = b"k3y end" + filler * (1024 * 1024 // len(filler))
    began = time.process_time()
    Redactor(secrets).clean(text)
    assert time.process_time() - began < 5
