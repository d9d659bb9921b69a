"""The middleware in front of all routes of the app: it checks requests and adds headers to answers."""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nitido.web.guards import COMPUTING_POLICY, HEADERS, ISOLATION, is_for_us, is_own_origin

_ALWAYS = {
    **HEADERS,
    **ISOLATION,
    "Content-Security-Policy": f"{COMPUTING_POLICY}; worker-src 'self' blob:; object-src 'none'",
    "Referrer-Policy": "no-referrer",  # the address contains the token
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


class Gate:
    """Middleware. It passes on requests for this server that come from its own page or from a program and whose path
    begins with the token, and removes the token from the path. All other requests get 403 or 404.

    bound: the address that the server listens on. token: the first part of every path.
    """

    def __init__(self, app: ASGIApp, bound: str, token: str) -> None:
        self._app, self._bound, self._token = app, bound, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers[name] = value
            await send(message)

        await self._choose(scope)(scope, receive, send_guarded)

    def _choose(self, scope: Scope) -> ASGIApp:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not is_for_us(self._bound, host) or not is_own_origin(headers.get("origin"), host):
            return PlainTextResponse("this page answers to its own address only\n", 403)
        token, slash, rest = scope["path"].removeprefix("/").partition("/")
        if not slash or not secrets.compare_digest(token.encode(), self._token.encode()):
            return PlainTextResponse("not here; open the address that nitido app printed\n", 404)
        scope["path"], scope["root_path"] = f"/{rest}", ""
        scope["raw_path"] = scope["path"].encode()
        return self._app
