"""Text for a terminal: what it would obey is escaped, and what is ours may be coloured."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from xent.lint.finding import Severity

#: Controls, marks that turn the direction of writing or take no room, and halves of characters.
_OBEYED = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_SGR = {"error": "1;31", "warning": "1;33", "info": "1;36"}


def printable(text: str) -> str:
    r"""Return text that no terminal obeys: an escape character reads ``\x1b``, a line feed ``\n``."""
    return _OBEYED.sub(lambda match: _escaped(match[0]), text)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode() if letter != "\x7f" else r"\x7f"


def cells(letter: str) -> int:
    """Return how many columns of a terminal a printable letter takes."""
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def width(text: str) -> int:
    """Return how many columns of a terminal a printable text takes."""
    return len(text) if text.isascii() else sum(map(cells, text))


@dataclass(frozen=True, slots=True)
class Style:
    """Colours, or none."""

    colour: bool

    def bold(self, text: str) -> str:
        """Return the text in bold."""
        return self._sgr("1", text)

    def dim(self, text: str) -> str:
        """Return the text in a faint colour."""
        return self._sgr("2", text)

    def severity(self, text: str, severity: Severity) -> str:
        """Return the text in the colour of a severity."""
        return self._sgr(_SGR[severity], text)

    def _sgr(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text
