"""Checks whose requests a server on this machine answers: pure functions for all servers."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every answer."""
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
"""Isolates a page from others, so that it gets threads in WebAssembly and precise clocks."""
COMPUTING_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content policy of pages that compute in the browser: nothing from other servers, no inline scripts."""


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine and is only reachable on it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_for_us(bound: str, given: str) -> bool:
    """Whether a request is for a server bound to the address ``bound``, by its ``Host`` header.

    On loopback, a page of another host name that resolves to this machine must not read the answers.
    """
    host = given.partition("]")[0].strip("[") if given.startswith("[") else given.partition(":")[0]
    return not is_loopback(bound) or is_loopback(host)


def is_own_origin(origin: str | None, given: str) -> bool:
    """Whether a request comes from a page of the server itself, by its ``Origin`` and ``Host`` headers. Programs do not
    send an origin and are allowed."""
    return origin is None or urlsplit(origin).netloc.lower() == given.lower()
