"""The little of `valkey-cli` that the project uses, for where it is not installed.

Usage: valkey_cli.py [-e] [-h HOST] -p PORT [-x] COMMAND ARGUMENTS...; the password: REDISCLI_AUTH.
"""

import os
import socket
import sys
from getopt import getopt
from io import BufferedRWPair


def ask(server: BufferedRWPair, *words: str) -> list[str]:
    """Send a command; the lines of its answer, as a pipe gets them."""
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    server.write(f"*{len(parts)}\r\n{''.join(parts)}".encode())
    server.flush()
    return answer(server)


def answer(server: BufferedRWPair) -> list[str]:
    """The lines of the next answer. An error ends the program."""
    line = server.readline().decode().strip()
    kind, rest = line[:1], line[1:]
    match kind:
        case "-":
            sys.exit(rest)
        case "*":
            return [text for _ in range(int(rest)) for text in answer(server)]
        case "$":
            return [server.read(int(rest) + 2).decode()[:-2]]
        case _:
            return [rest]


given, command = getopt(sys.argv[1:], "eh:p:x")
options = dict(given)
if "-x" in options:
    command.append(sys.stdin.read())
address = (options.get("-h", "127.0.0.1"), int(options["-p"]))
with socket.create_connection(address, 5) as connection:
    stream = connection.makefile("rwb")
    if password := os.environ.get("REDISCLI_AUTH"):
        ask(stream, "AUTH", password)
    print(*ask(stream, *command), sep="\n")
