"""The text of a file that holds JSON, read piece by piece, and the place of a mistake in it."""

import json
import re
from codecs import getincrementaldecoder
from typing import IO, NoReturn

LONGEST_RECORD = 64 * 1024  # bytes of a line, characters of a member
PIECE_BYTES = 256 * 1024

CUT_OFF = "the file ends here, before its end: it was cut off"
BYTE_ORDER_MARK = "a byte-order mark: save the file as UTF-8 without it"

_SPACE = re.compile(r"[ \t\n\r]*")  # RFC 8259, section 2


class DoubledFields(dict[str, object]):
    """An object with two fields of one name."""


class UnreadableError(ValueError):
    """Text behind which a reader does not find its way. The message is one line."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


class Window:
    """A part of a file's text, which is taken token by token.

    Attributes:
        offset: How many bytes of the file are taken.
        line: The number of the line that is taken next.
        is_utf8: Whether all is UTF-8 that was taken since this was last set.
    """

    def __init__(self, file: IO[bytes], offset: int, line: int) -> None:
        file.seek(offset)
        self.offset = offset
        self.line = line
        self.is_utf8 = True
        self._file = file
        self._decoder = getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0
        self._is_last = False

    def token(self) -> str:
        """The next character that is no white space, which is not taken; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._take(match.end() if match else self._at)
            if self._at < len(self._text) or self._is_last:
                return self._text[self._at : self._at + 1]
            self._read_on()

    def take(self, character: str) -> None:
        """Take a character.

        Raises:
            UnreadableError: Another one stands there.
        """
        token = self.token()
        if token != character:
            self._refuse(f"{character} should stand here", self._at)
        self._take(self._at + 1)

    def value(self) -> object:
        """Take a JSON value.

        Raises:
            UnreadableError: There is none, or it is too long.
        """
        self.token()
        while True:
            problem, position = "", len(self._text)
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                problem = error.msg
                position = len(self._text) if "Unterminated" in error.msg else error.pos
            except (ValueError, RecursionError) as error:
                self._refuse(told(error), self._at)
            else:
                if end < len(self._text) or self._is_last:  # else a number may go on
                    self._take(end)
                    return value
            if self._is_last or len(self._text) - self._at > LONGEST_RECORD:
                self._refuse(problem, position)
            self._read_on()

    def _refuse(self, problem: str, position: int) -> NoReturn:
        line = self.line + self._text.count("\n", self._at, position)
        if position < len(self._text):
            character = self._text[position]
            if character == "\ufeff":
                problem = BYTE_ORDER_MARK
            elif "\udc80" <= character <= "\udcff":  # what surrogateescape makes of such bytes
                problem = "not UTF-8"
        elif not self._is_last:
            problem = f"a customer longer than {LONGEST_RECORD} characters"
        elif self.offset or self._text:
            problem = CUT_OFF
        else:
            problem = "the file is empty"
        raise UnreadableError(problem, line)

    def _take(self, end: int) -> None:
        taken = self._text[self._at : end]
        try:
            self.offset += len(taken.encode())
        except UnicodeEncodeError:
            self.offset += len(taken.encode(errors="surrogateescape"))
            self.is_utf8 = False
        self.line += taken.count("\n")
        self._at = end

    def _read_on(self) -> None:
        piece = self._file.read(PIECE_BYTES)
        self._is_last = not piece
        self._text = self._text[self._at :] + self._decoder.decode(piece, final=self._is_last)
        self._at = 0


def _fields(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else DoubledFields(fields)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def told(error: Exception) -> str:
    """What is wrong, by an error of the decoder."""
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


# Whole numbers as `float`, as a long one would not become an `int`.
DECODER = json.JSONDecoder(
    object_pairs_hook=_fields, parse_int=float, parse_constant=_refuse_constant
)
