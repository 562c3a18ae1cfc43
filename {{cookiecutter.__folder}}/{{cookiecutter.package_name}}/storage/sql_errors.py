"""The errors of databases: which pass by themselves, and what they mean for an operator."""

import re

from sqlalchemy import exc

# The codes are SQLSTATEs of PostgreSQL (https://www.postgresql.org/docs/current/errcodes-appendix.html),
# error numbers of MySQL and MariaDB (https://mariadb.com/docs/server/reference/error-codes), and
# names of SQLite (https://sqlite.org/rescode.html).
_TRANSIENT = re.compile(
    "08...|40001|40P01|53300|55P03|57014|57P0[1-3]"  # connection, conflict, limit, lock, time, stop
    "|1040|1053|1205|1213|1969|2003|2006|2013|3024"
    "|SQLITE_(BUSY|LOCKED|PROTOCOL).*"
)
# A server that has become a replica, while another one became the primary.
_READ_ONLY = re.compile("25006|1290|1836")

# PostgreSQL's refusals at the start of a connection have no code in the driver's error.
_REFUSED_CREDENTIALS = re.compile(
    'password authentication failed|no password supplied|role ".*" does not exist|no pg_hba.conf'
)
_UNKNOWN_DATABASE = re.compile('database ".*" does not exist')

# What is said of these is about the schema; other errors may quote data.
_ABOUT_THE_SCHEMA = re.compile("42...|10(50|51|54|60|61|68|72|91)|1146|SQLITE_ERROR")
_UPGRADE = "bring it up to date with `flask db upgrade`"
_REASONS = {
    "28P01|28000|1045|1698": "the database refuses the credentials in DATABASE_URL",
    "3D000|1049": "DATABASE_URL names a database that does not exist",
    "1044|42501|1142|1143": "the database does not permit this to the user in DATABASE_URL",
    "42P01|1146": f"the table is missing: {_UPGRADE}",
    "42703|1054": f"the table has other columns than the code expects: {_UPGRADE}",
    "25006|1290|1836|SQLITE_READONLY.*": "the database cannot be written to",
    "53100|1021|SQLITE_FULL": "the database's disk is full",
    "53300|1040": "the database has no connection left",
    "40001|40P01|1213": "the database ended the transaction, as it was in another one's way",
    "55P03|1205|SQLITE_(BUSY|LOCKED|PROTOCOL).*": "the database is locked by another process",
    "57014|1969|3024": "the database has not answered in time",
    "57P0.|08...|2006|2013|1053": "the database closed the connection",
    "1273": "the database is MariaDB: begin DATABASE_URL with mariadb+pymysql://",
    "SQLITE_CANTOPEN.*": "the file cannot be opened: its folder is missing, or may not be used",
    "SQLITE_CORRUPT.*|SQLITE_NOTADB": "the file is no SQLite database, or is damaged",
    "SQLITE_IOERR.*": "the file cannot be read or written",
}


def is_transient(error: Exception) -> bool:
    """Whether an error may be gone at the next attempt, as those of a restart are.

    A PostgreSQL that cannot be reached gives no code, and neither does a refusal in another
    language than English: those count as transient, and the deadline ends the retries.
    """
    if isinstance(error, exc.TimeoutError):  # no connection of the pool was free
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    code, text = code_of(error), str(error.orig)
    if error.connection_invalidated or _TRANSIENT.fullmatch(code):
        return True
    is_refused = _REFUSED_CREDENTIALS.search(text) or _UNKNOWN_DATABASE.search(text)
    return not code and isinstance(error, exc.OperationalError) and not is_refused


def is_read_only(error: BaseException | None) -> bool:
    """Whether a server refused a write because it is none that takes writes."""
    return isinstance(error, exc.DBAPIError) and bool(_READ_ONLY.fullmatch(code_of(error)))


def code_of(error: exc.DBAPIError) -> str:
    """The database's code for an error; empty if there is none."""
    orig: object = error.orig
    arguments = getattr(orig, "args", ())
    if arguments and isinstance(arguments[0], int):  # MySQL's number says more than its SQLSTATE
        return str(arguments[0] or "")
    code = getattr(orig, "sqlstate", None) or getattr(orig, "sqlite_errorname", None)
    return str(code or "")


def reason(error: exc.SQLAlchemyError) -> str:
    """Why something failed, in a few words without data."""
    if isinstance(error, exc.TimeoutError):
        return "all connections of DATABASE_POOL_SIZE are in use"
    if not isinstance(error, exc.DBAPIError):
        return f"the database cannot be used: {type(error).__name__}"
    code, text = code_of(error), str(error.orig)
    if "no such table" in text:
        code = "1146"
    elif "has no column named" in text or "no such column" in text:
        code = "1054"
    elif code == "2013" and "timed out" in text:  # its read_timeout
        code = "1969"
    elif _REFUSED_CREDENTIALS.search(text):
        code = "1045"
    elif _UNKNOWN_DATABASE.search(text):
        code = "1049"
    for codes, line in _REASONS.items():
        if re.fullmatch(codes, code):
            return line
    if code == "2003" or not code:
        return f"the database cannot be reached: {_connection_problem(text)}"
    told = f"the database refused a statement: {code}"
    if _ABOUT_THE_SCHEMA.fullmatch(code) and error.orig:
        told += f" ({str(error.orig.args[-1]).partition(chr(10))[0]})"
    return told


def _connection_problem(text: str) -> str:
    """What the driver says of a connection, without the address."""
    text = text.splitlines()[0]
    found = re.search(r"\[Errno -?\d+\] ([^)\"]*)", text) or re.search(r".*failed: (.*)", text)
    problem = (found[1] if found else text).strip()
    return re.sub(r"^FATAL: +", "", problem)
