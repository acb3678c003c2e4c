"""Cutting leased secrets out of whatever an upstream sends back, in every form in which it may echo them."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

MARK = b"[redacted]"
_SHORTEST = 4
_BASE64_SKIP = ((0, 0), (1, 2), (2, 3))
"""Where a secret may stand within the three bytes of a base64 group, and the letters it shares there."""

_RUN = re.compile(r"[A-Za-z0-9_.~-]+")  # what JSON, percent-encoding and HTML all leave as it is
# A string, closed or not, or whatever else stands between the marks of JSON. Each letter is looked at once.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+\\?(?:"|\Z)|((?:[^\s,:{}\[\]"]++|\[redacted\])++)', re.DOTALL)
_SHORT_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_ENTITIES = {"<": "lt", ">": "gt", '"': "quot", "'": "apos"}
# Escapes within escapes: text within JSON within JSON, a percent sign that was encoded again. Bounded, and
# possessive, so that no answer can make the search slow.
_SLASHES = r"\\{1,32}+"
_PERCENT = "%(?:25){0,8}+"
_AMPERSAND = r"(?:&|\\{1,32}+u0026|%26)(?:amp;){0,8}+"
_ITSELF = {"&": _AMPERSAND, "%": _PERCENT}


class Redactor:
    """Knows the secrets of one lease."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take the raw values; those shorter than four characters cannot be told from other text."""
        texts = {text for secret in secrets if len(secret) >= _SHORTEST for text in _texts(secret)}
        self._needles = tuple(_needle(text) for text in sorted(texts, key=len, reverse=True))

    def clean(self, text: bytes) -> bytes:
        """The text without them; the very same object where there was none."""
        for needle in self._needles:
            if needle.anchor in text:
                text = needle.cut(text)
        return text

    def clean_json(self, text: bytes) -> bytes | None:
        """As `clean`, for JSON, which it stays; None where what is left cannot be read as JSON any more.

        A number that was a secret becomes a string.
        """
        clean = self.clean(text)
        if clean is text or _readable(clean):
            return clean
        quoted = _TOKEN.sub(_quoted, clean)
        return quoted if _readable(quoted) else None


def _readable(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _quoted(token: "re.Match[bytes]") -> bytes:
    return b'"' + MARK + b'"' if MARK in (token[1] or b"") else token[0]


@dataclass(frozen=True, slots=True)
class _Needle:
    """One text to find, however it is escaped.

    Attributes:
        anchor: its longest part that no escaping changes: where that is missing, nothing more is looked for.

    """

    text: str
    anchor: bytes

    def cut(self, text: bytes) -> bytes:
        if len(self.anchor) == len(self.text):
            return text.replace(self.anchor, MARK)
        found, count = re.subn(_pattern(self.text), MARK, text)
        re.purge()  # the module would keep the pattern, and with it the secret, beyond the lease
        return found if count else text


def _needle(text: str) -> _Needle:
    runs = _RUN.findall(text)
    return _Needle(text, max(runs, key=len, default="").encode())


def _texts(secret: str) -> set[str]:
    raw = secret.encode()
    found = {secret, secret[::-1], raw.hex(), raw.hex().upper(), *_base64_cores(raw)}
    return {text for text in found if len(text) >= _SHORTEST}


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


def _pattern(text: str) -> bytes:
    """What matches a text through JSON, percent-encoding, HTML, and these within each other."""
    # A run of backslashes is tried from its beginning only, so that a long one costs no more than its length.
    start = b"" if _RUN.match(text) else rb"(?<!\\)"
    return start + b"".join(
        re.escape(letter.encode()) if _RUN.fullmatch(letter) else b"(?:" + b"|".join(_escapes(letter)) + b")"
        for letter in re.sub(r"\\+", r"\\", text)
    )


def _escapes(letter: str) -> list[bytes]:
    """The forms of one letter, the longer before those that begin them."""
    utf16, utf8 = letter.encode("utf-16-be"), letter.encode()
    units = [utf16[at : at + 2].hex() for at in range(0, len(utf16), 2)]
    forms = [
        "".join(f"{_SLASHES}u{_any_case(unit)}" for unit in units),
        "".join(f"{_PERCENT}{_any_case(f'{byte:02x}')}" for byte in utf8),
        f"{_AMPERSAND}#(?:0{{0,4}}+{ord(letter)}|[xX]0{{0,4}}+{_any_case(f'{ord(letter):x}')});",
    ]
    if letter in _ITSELF:
        forms.append(_ITSELF[letter])
    elif letter in _ENTITIES:
        forms.append(f"{_AMPERSAND}{_ENTITIES[letter]};")
    if letter in _SHORT_ESCAPES:
        forms.append(_SLASHES + _SHORT_ESCAPES[letter])
    if letter == " ":
        forms.append(r"\+")
    return [*(form.encode() for form in forms), _bare(letter)]


def _bare(letter: str) -> bytes:
    """The letter itself, behind any number of backslashes; a backslash is itself one or more."""
    return rb"\\{1,32}" if letter == "\\" else rb"\\{0,32}+" + re.escape(letter.encode())


def _any_case(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)
