"""Texts from outside: what can be kept, and what cannot."""

from executor_shared.errors import InvalidRequestError

MAX_TEXT = 256


def keepable(text: str, most: int = MAX_TEXT) -> bool:
    """Whether a text can be an id, a name or a cursor: printable, not empty, not long."""
    return 0 < len(text) <= most and text.isprintable()


def kept(text: str) -> str:
    """A text for the record: cut to length, unprintable characters replaced."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:MAX_TEXT])


def check_prose(text: str, most: int, field: str) -> None:
    """Refuse a text that cannot be stored; line breaks are fine.

    Raises:
        InvalidRequestError: names `field`.

    """
    if len(text) > most or not all(c.isprintable() or c in "\n\t\r" for c in text):
        raise InvalidRequestError(
            f"{field}: at most {most} printable characters are accepted.", details={"field": field}
        )
