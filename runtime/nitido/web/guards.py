"""Who a server on this machine answers to: pure functions, for whatever server asks."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer says."""
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
"""Separates a page from others, which gives it threads in WebAssembly and precise clocks."""
COMPUTING_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content policy of pages that compute in the browser: nothing from elsewhere, no scripts in the page itself."""


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine, for this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_for_us(bound: str, given: str) -> bool:
    """Whether a request is for a server bound to the address ``bound``, by its ``Host`` header.

    On loopback, a page of another name that resolves to this machine must not read what is served here.
    """
    host = given.partition("]")[0].strip("[") if given.startswith("[") else given.partition(":")[0]
    return not is_loopback(bound) or is_loopback(host)


def is_own_origin(origin: str | None, given: str) -> bool:
    """Whether a request comes from a page of the server itself, by its ``Origin`` and ``Host`` headers. Programs send
    no origin and may ask."""
    return origin is None or urlsplit(origin).netloc.lower() == given.lower()
