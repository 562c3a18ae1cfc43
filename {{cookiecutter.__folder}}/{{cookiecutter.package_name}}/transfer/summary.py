"""What tells whether two places hold the same customers."""

from dataclasses import dataclass
from hashlib import sha256

from msgspec.structs import astuple

from ..customers import Customer

_SIZE = 2**256


@dataclass(slots=True)
class Summary:
    """How many customers there are, and a checksum of all of them, in whatever order they come.

    The checksum is the sum, modulo 2^256, of each customer's SHA-256: of the fields in UTF-8 with a
    NUL between them, without empty ones at the end, as a big-endian number (the additive hash of
    Bellare and Micciancio, "A New Paradigm for Collision-Free Hashing", 1997). It finds accidents;
    it is no protection from somebody who makes customers up to fit it.
    """

    customers: int = 0
    total: int = 0

    def add(self, customer: Customer) -> None:
        """Count a customer."""
        # A field that is added later, and is empty, changes no checksum.
        text = "\0".join(astuple(customer)).rstrip("\0")
        self.customers += 1
        self.total = (self.total + int.from_bytes(sha256(text.encode()).digest())) % _SIZE

    @property
    def checksum(self) -> str:
        """The checksum as 64 hexadecimal digits."""
        return f"{self.total:064x}"

    def __str__(self) -> str:
        """For a person."""
        return f"{counted(self.customers)}, checksum {self.checksum}"


def counted(customers: int) -> str:
    """A number of customers, for a person."""
    return f"{customers:,} customer{'' if customers == 1 else 's'}"
