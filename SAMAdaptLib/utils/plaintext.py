"""Text that strangers wrote, in names and notes: one line of plain characters, or it is refused, cleaned or shown so.

A terminal obeys control codes, a reader is misled by characters that turn the direction of writing, and half a
surrogate pair cannot be written into any file. Markup is no matter of the text: who shows it escapes it.
"""

from __future__ import annotations

import unicodedata

LONGEST_NAME = 255
"""Characters of a name that is also a file's."""

LONGEST_TEXT = 4096
"""Characters of a name or a note in a file; longer ones are damage or malice."""

_UNWANTED = ("Cc", "Cs", "Zl", "Zp")
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates of the direction of writing."""


def _harmless(sign: str) -> bool:
    return sign.isprintable() or not (unicodedata.category(sign) in _UNWANTED or sign in _TURNS)


def is_plain(text: str) -> bool:
    """Whether the text is one line without control codes, turns of direction and halves of surrogate pairs."""
    return text.isprintable() or all(map(_harmless, text))


def cleaned(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text made plain: what may not be in it becomes a question mark; cut to ``longest`` characters."""
    text = text[:longest]
    return text if is_plain(text) else "".join(sign if _harmless(sign) else "?" for sign in text)


def shown(text: str) -> str:
    """The text as a terminal may have it: lines stay, and what else is not plain is written out, as in ``\\x1b``."""
    return "\n".join(line if is_plain(line) else "".join(map(_visible, line)) for line in text.split("\n"))


def _visible(sign: str) -> str:
    return sign if _harmless(sign) or sign == "\t" else ascii(sign)[1:-1]
