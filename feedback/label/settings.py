"""How the labelling page is served: where, to whom, and within which limits."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class LabelSettings:
    """How the page is served; the defaults are for the person at this machine.

    Beyond it, say so: `host` 0.0.0.0 with `invite` and a certificate, or a reverse proxy in front
    of 127.0.0.1 with its name in `allowed_hosts`.
    """

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8765
    """Port to listen on; another one where it is taken."""
    language: Literal["en", "zh"] = "en"
    """Language of the page until a person chooses another."""
    lease_seconds: float = 60.0
    """How long a question stays with a person without a sign of life."""
    repeat_share: float = 0.05
    """Share of questions asked again with the sides swapped, to see how steady a person is."""
    min_seconds: float = 1.0
    """How long a question must have been shown before an answer counts."""
    invite: int = 0
    """Print so many invitations for others."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names by which browsers may call this server, such as that of a reverse proxy."""
    certificate: Path | None = None
    """TLS certificate (PEM); needs --certificate-key."""
    certificate_key: Path | None = None
    """Private key of the certificate (PEM)."""
    plain_http: bool = False
    """Serve the network without TLS: who listens there can read along and answer for others."""
    max_body: int = 65_536
    """Largest form accepted [byte]."""
    requests_per_second: float = 20.0
    """Requests of one person in the long run; static files are free."""
    burst: int = 120
    """Requests of one person at once."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise ValueError(f"port must be in [0, 65535], got {self.port}")
        if self.lease_seconds <= 0 or self.min_seconds < 0:
            raise ValueError(
                "lease_seconds must be positive and min_seconds at least 0, "
                f"got {self.lease_seconds} and {self.min_seconds}"
            )
        if not 0 <= self.repeat_share < 1:
            raise ValueError(f"repeat_share must be in [0, 1), got {self.repeat_share}")
        if self.invite < 0 or self.max_body < 1 or self.burst < 1 or self.requests_per_second <= 0:
            raise ValueError(
                "invite must be at least 0 and the limits positive, got invite "
                f"{self.invite}, max_body {self.max_body}, burst {self.burst}, "
                f"requests_per_second {self.requests_per_second}"
            )
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("certificate and certificate_key go together, got one of them")

    @property
    def local(self) -> bool:
        """Whether only this machine can call."""
        return is_loopback(self.host)

    def require_invitations(self, num_people: int) -> None:
        """Refuse to open the page to the network by accident.

        Args:
            num_people: who can sign in already.

        Raises:
            ValueError: if nobody is invited, or answers would travel in the clear.
        """
        if self.local:
            return
        if not self.invite and not num_people:
            raise ValueError(
                f"host {self.host} is open to the network, where everyone needs an invitation: "
                "say how many to print (--invite 3), or stay on 127.0.0.1"
            )
        if self.certificate is None and not self.plain_http:
            raise ValueError(
                f"host {self.host} is open to the network: give --certificate and "
                "--certificate-key, or stay on 127.0.0.1 behind a reverse proxy with TLS and name "
                "it in --allowed-hosts, or, in a network you trust, say --plain-http"
            )

    def knows(self, host: str) -> bool:
        """Whether a browser may call the server by this name.

        A page of someone else can point a name of theirs at this address and would then count as
        ours (DNS rebinding); it cannot do so with an address.
        """
        if host in (*LOOPBACK_NAMES, *self.allowed_hosts) or host == self.host:
            return True
        return not self.local and _is_address(host)

    def wants_tls(self, host: str) -> bool:
        """Whether cookies of a page called by this name may travel only by TLS."""
        return not is_loopback(host) and not self.plain_http


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own."""
    return host in LOOPBACK_NAMES or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
