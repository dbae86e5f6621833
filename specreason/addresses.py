"""Addresses of servers, read in one way before several libraries read them in several.

SQLAlchemy, libpq, kombu and redis-py split a URL differently where a character with a meaning in URLs stands in a
password as it is, and one of them would connect to another server. So such a character is refused by name. Neither
message nor address shows a password.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from specreason.errors import InvalidField

BROKER_SCHEMES = ("redis://", "rediss://", "redis+socket://")
BROKER_EXAMPLE = "redis://host:6379/0"
DEFAULT_PORT = 6379
# How the certificate of the server is checked; the first is the default of rediss://.
CERTIFICATES = ("required", "optional", "none")
TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
MASK = "***"
# Characters that begin or end a part of a URL. kombu takes what a semicolon separates for several brokers.
_MARKS = "@/?#[];\\"
# The marks that have no meaning anywhere in the address of a server.
_NOWHERE = "#;\\"
_NO_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"[^\s,%@:\[\]/?#;\\]*|\[[0-9A-Fa-f:.]+\]")
_PASSWORDS = re.compile(r"(?<![^&])([^&=]*passw(?:or)?d[^&=]*|[^&=]*%[^&=]*)=[^&]*", re.IGNORECASE)
_KINDS = {" ": "a space", "\t": "a tab", "\n": "a line break", "\r": "a line break"}


def check_address(name: str, url: str) -> None:
    """Raise InvalidField if `url` has a character as it is that two readers could take differently. `name` is the
    setting's."""
    if url != url.strip():
        raise InvalidField(name, "begins or ends with white space: remove it")
    _, found, rest = url.partition("://")
    if not found:
        return  # it is no URL, as whoever connects will say
    credentials, _, place = rest.rpartition("@")
    if marks := _unencoded(credentials, _MARKS):
        raise InvalidField(
            name,
            f"has {_listed(marks)} before its last '@', which makes another address of it: in a user name or a "
            f"password write {_encoded(marks)}; an '@' after the host is %40",
        )
    if marks := _unencoded(place, _NOWHERE):
        raise InvalidField(
            name, f"has {_listed(marks)}, which means nothing in an address: write {_encoded(marks)}"
        )
    try:
        decoded = unquote(rest, errors="strict")
    except UnicodeDecodeError:
        raise InvalidField(name, "has a %XX that is no UTF-8: encode the characters as UTF-8") from None
    # A library in C would read the address up to here, and take the rest from its defaults.
    if "\0" in decoded:
        raise InvalidField(name, "has %00, at which an address would end: remove it")


def hide_password(url: str) -> str:
    """The URL without the password before its host and without those among its parameters."""
    scheme, found, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    path, mark, query = place.partition("?")
    shown = f"{user}:{MASK}" if colon else credentials
    hidden = _PASSWORDS.sub(rf"\1={MASK}", query)
    return f"{scheme}{found}{shown}{at}{path}{mark}{hidden}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is: at a host and port, or at a unix socket. `tls` has the options of the connection if it is
    encrypted, by redis-py's names; None if it is not."""

    user: str | None
    password: str | None = field(repr=False)
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    socket: str | None = None
    db: int = 0
    tls: Mapping[str, str] | None = None

    @classmethod
    def parse(cls, name: str, url: str) -> BrokerAddress:
        """Read a URL of one of BROKER_SCHEMES. Raises InvalidField with the setting's `name`."""
        check_address(name, url)
        scheme = next((each for each in BROKER_SCHEMES if url.lower().startswith(each)), None)
        if scheme is None:
            raise InvalidField(name, f"must begin with one of {', '.join(BROKER_SCHEMES)}")
        try:
            parts = urlsplit(f"http://{url[len(scheme) :]}")
            port = parts.port
        except ValueError:  # it may repeat a part of the password
            raise InvalidField(
                name, f"is not a URL such as {BROKER_EXAMPLE}: host or port is wrong"
            ) from None
        credentials, _, place = parts.netloc.rpartition("@")
        if port == 0 or not _HOST.fullmatch(place.removesuffix(f":{port}")):
            raise InvalidField(name, f"is not a URL such as {BROKER_EXAMPLE}: host or port is wrong")
        if port is not None and not parts.hostname and not credentials:
            raise InvalidField(name, f"names no host: a URL such as {BROKER_EXAMPLE} is needed")
        options = _options(name, scheme, parts.query)
        path = unquote(parts.path)
        is_socket = scheme == "redis+socket://"
        if is_socket and (parts.hostname or len(path) < 2):
            raise InvalidField(
                name, "must name the socket by its whole path, such as redis+socket:///run/redis.sock"
            )
        db = options.pop("virtual_host", None) or options.pop("db", None)
        return cls(
            user=unquote(parts.username or "") or None,
            password=unquote(parts.password or "") or None,
            host=parts.hostname or "127.0.0.1",
            port=port or DEFAULT_PORT,
            socket=path if is_socket else None,
            db=_number(name, db if db is not None or is_socket else path.strip("/")),
            tls=_tls(name, options) if scheme == "rediss://" else None,
        )

    @property
    def for_celery(self) -> str:
        """As kombu reads it."""
        if self.socket is not None:
            return f"redis+socket://{self._credentials}{quote(self.socket)}?virtual_host={self.db}"
        return self._by_host

    @property
    def for_redis(self) -> str:
        """As redis-py reads it."""
        if self.socket is not None:
            return f"unix://{self._credentials}{quote(self.socket)}?db={self.db}"
        return self._by_host

    @property
    def _by_host(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "redis" if self.tls is None else "rediss"
        query = f"?{urlencode(self.tls)}" if self.tls else ""
        return f"{scheme}://{self._credentials}{host}:{self.port}/{self.db}{query}"

    @property
    def _credentials(self) -> str:
        if self.user is None and self.password is None:
            return ""
        return f"{quote(self.user or '', safe='')}:{quote(self.password or '', safe='')}@"


def _options(name: str, scheme: str, query: str) -> dict[str, str]:
    """The parameters of a broker's URL. Raises InvalidField for one that the libraries would not understand alike."""
    known: tuple[str, ...] = ("db", "virtual_host")
    if scheme == "rediss://":
        known += ("ssl_cert_reqs", "ssl_check_hostname", *TLS_FILES)
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := next((option for option in options if option not in known), None):
        why = " without rediss://" if unknown.startswith("ssl_") else ""
        raise InvalidField(
            name, f"has the parameter {unknown!r}, which means nothing{why}; there are {', '.join(known)}"
        )
    return options


def _tls(name: str, options: Mapping[str, str]) -> dict[str, str]:
    """The options of an encrypted connection. Unless they say otherwise, the server must prove who it is."""
    check = options.get("ssl_cert_reqs", CERTIFICATES[0]).lower().removeprefix("cert_")
    if check not in CERTIFICATES:
        raise InvalidField(name, f"ssl_cert_reqs must be one of {', '.join(CERTIFICATES)}")
    checks_host = check != "none" and options.get("ssl_check_hostname", "true").lower() not in (
        "false",
        "0",
        "no",
    )
    files = {option: options[option] for option in TLS_FILES if options.get(option)}
    return {"ssl_cert_reqs": check, "ssl_check_hostname": "true" if checks_host else "false", **files}


def _number(name: str, db: str | None) -> int:
    if not db:
        return 0
    if not re.fullmatch(r"[0-9]{1,6}", db):
        raise InvalidField(name, "names a database that is not a number: write /0 after the port")
    return int(db)


def _unencoded(text: str, marks: str) -> list[str]:
    """The characters of `text` that are to be encoded, each once: `marks`, a bare %, white space, control characters,
    and those that Unicode takes for a mark. Parameters may hold a space."""
    found = [
        character
        for character in text
        if character in marks
        or (character.isspace() and (character != " " or marks == _MARKS))
        or unicodedata.category(character) in ("Cc", "Cs")
        or (
            not character.isascii()
            and any(mark in unicodedata.normalize("NFKC", character) for mark in "/?#@:")
        )
    ]
    return list(dict.fromkeys([*found, *("%" for _ in _NO_PERCENT.finditer(text))]))


def _listed(characters: list[str]) -> str:
    return " and ".join(dict.fromkeys(_KINDS.get(each, repr(each)) for each in characters))


def _encoded(characters: list[str]) -> str:
    encoded = [quote(each.encode("utf-8", "surrogatepass"), safe="") for each in characters]
    return f"{' and '.join(encoded)} for {'it' if len(encoded) == 1 else 'them'}"
