"""The addresses of the app: the pictures, and the files of its pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from nitido.app.choices import Choice, offered
from nitido.app.downloads import archive, preview
from nitido.app.queue import Queue
from nitido.app.shelf import MOST_BYTES, Item, Shelf
from nitido.errors import NitidoError, SourceUnavailable
from nitido.web.files import Served
from nitido.web.server import KINDS

_MOST_JSON = 1 << 20  # bytes


class Routes:
    """Handlers. shelf, queue: the pictures. files: the only static files, by address."""

    def __init__(self, shelf: Shelf, queue: Queue, files: Mapping[str, Served]) -> None:
        self._shelf, self._queue, self._files = shelf, queue, files

    def app(self) -> Starlette:
        """The application, to be put behind the gate."""
        one = "/api/pictures/{id}"
        return Starlette(
            routes=[
                Route("/api/offered", self._offered),
                Route("/api/pictures", self._list, methods=["GET"]),
                Route("/api/pictures", self._upload, methods=["POST"]),
                Route("/api/pictures", self._clear, methods=["DELETE"]),
                Route("/api/start", self._start, methods=["POST"]),
                Route("/api/stop", self._stop, methods=["POST"]),
                Route(one, self._remove, methods=["DELETE"]),
                Route(f"{one}/{{side}}.jpg", self._preview),
                Route(f"{one}/result", self._result),
                Route("/api/results.zip", self._archive),
                Route("/{path:path}", self._file),
            ],
            exception_handlers={NitidoError: _as_problem},
        )

    async def _offered(self, _: Request) -> Response:
        return JSONResponse(offered())

    async def _list(self, _: Request) -> Response:
        return JSONResponse([item.facts() for item in self._shelf.items()])

    async def _upload(self, request: Request) -> Response:
        """The body is the file; ``name`` in the query is its name."""
        room = self._shelf.room()
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > room:
            return _problem(413, f"the file is too large: expected at most {room >> 20} MB")
        item = self._shelf.draft(request.query_params.get("name", ""))
        try:
            with item.source.open("xb") as file:
                async for part in request.stream():
                    item.bytes += len(part)
                    if item.bytes > MOST_BYTES or self._shelf.room() == 0:
                        self._shelf.drop(item)
                        return _problem(413, f"the file is too large: expected at most {room >> 20} MB")
                    await run_in_threadpool(file.write, part)
        except (OSError, ClientDisconnect) as error:
            self._shelf.drop(item)
            reason = error.strerror if isinstance(error, OSError) else "the connection ended"
            return _problem(507, f"the upload could not be kept: {reason}")
        self._shelf.add(item)
        return JSONResponse(item.facts(), 201)

    async def _start(self, request: Request) -> Response:
        given = await _json(request)
        ids = given.pop("ids", None)
        choice = Choice.of(given)
        if not isinstance(ids, list | None):
            raise NitidoError("expected ids as a list, or none for all pictures")
        items = [item for item in self._shelf.items() if ids is None or item.id in ids]
        return JSONResponse({"queued": sum(self._queue.ask(item, choice) for item in items)}, 202)

    async def _stop(self, _: Request) -> Response:
        self._queue.stop()
        return Response(status_code=204)

    async def _clear(self, _: Request) -> Response:
        self._queue.stop()
        for item in self._shelf.items():
            await run_in_threadpool(self._shelf.drop, item)
        return Response(status_code=204)

    async def _remove(self, request: Request) -> Response:
        if (item := self._item(request)) is None:
            return _missing()
        await run_in_threadpool(self._shelf.drop, item)
        return Response(status_code=204)

    async def _preview(self, request: Request) -> Response:
        item, side = self._item(request), request.path_params["side"]
        path = {"before": item.source, "after": item.result}.get(side) if item else None
        if path is None:
            return _missing()
        try:
            return Response(await run_in_threadpool(preview, path), media_type="image/jpeg")
        except SourceUnavailable:  # the list gives the reason; a browser would blame the page for an error code
            return Response(status_code=204)

    async def _result(self, request: Request) -> Response:
        item = self._item(request)
        if item is None or item.result is None:
            return _missing()
        return FileResponse(item.result, media_type="application/octet-stream", filename=_last(item))

    async def _archive(self, _: Request) -> Response:
        items = [item for item in self._shelf.items() if item.result]
        if not items:
            return _missing()
        headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote('nitido.zip')}"}
        return StreamingResponse(archive(items), media_type="application/zip", headers=headers)

    async def _file(self, request: Request) -> Response:
        file = self._files.get(request.path_params["path"] or "index.html")
        if file is None:
            return _missing()
        kind = KINDS.get(f".{file.name.rpartition('.')[2]}", "text/plain; charset=utf-8")
        return Response(await run_in_threadpool(file.read_bytes), media_type=kind)

    def _item(self, request: Request) -> Item | None:
        return self._shelf.find(request.path_params["id"])


def _last(item: Item) -> str:
    return item.result_name.rpartition("/")[2]


async def _json(request: Request) -> dict[str, Any]:
    """An object. Raises ``NitidoError``."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > _MOST_JSON:
            raise NitidoError("the request is too long")
    try:
        given = json.loads(content)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise NitidoError("expected a JSON object")
    return given


def _as_problem(_: Request, error: Exception) -> Response:
    return _problem(400, str(error))


def _problem(status: int, text: str) -> Response:
    return JSONResponse({"problem": text}, status)


def _missing() -> Response:
    return PlainTextResponse("not here\n", 404)
