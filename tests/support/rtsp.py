"""A network camera on this machine: RTSP with H.264 over the same TCP connection."""

from __future__ import annotations

import base64
import socket
import socketserver
import struct
import threading
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np

_RATE = 25
_SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=camera
t=0 0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;sprop-parameter-sets={}
a=control:track
"""


class RtspCamera:
    """Serves ``url`` until it is closed; frames of 64×48 come 25 times a second.

    silent: while set, no frames come and every connection stays open.
    playing: set as soon as a client has asked for frames.
    """

    def __init__(self, port: int = 0) -> None:
        self.silent, self.playing, self.closed = threading.Event(), threading.Event(), threading.Event()
        self.pictures = encoded_pictures(2 * _RATE)
        self.connections: list[socket.socket] = []
        self._server = _Server(("127.0.0.1", port), _Connection)
        self._server.camera = self
        self.port = int(self._server.server_address[1])
        self.url = f"rtsp://127.0.0.1:{self.port}/camera"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Goes away, as a camera without power does."""
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> RtspCamera:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.closed.is_set():
            self.close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    camera: RtspCamera

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that went away


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        camera: RtspCamera = self.server.camera  # type: ignore[attr-defined]
        camera.connections.append(self.connection)
        while first := self.rfile.read(1):
            if first == b"$":  # a report on what was received
                _channel, size = struct.unpack(">BH", self.rfile.read(3))
                self.rfile.read(size)
                continue
            method = (first + self.rfile.readline()).split()[0].decode()
            headers = dict(line.decode().strip().split(": ", 1) for line in iter(self.rfile.readline, b"\r\n") if line)
            self._answer(method, headers["CSeq"], camera)

    def _answer(self, method: str, number: str, camera: RtspCamera) -> None:
        head, body = [f"CSeq: {number}", "Session: 1"], ""
        if method == "OPTIONS":
            head.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN")
        elif method == "DESCRIBE":
            sets = [base64.b64encode(unit).decode() for unit in camera.pictures[0] if unit[0] & 31 in (7, 8)]
            body = _SDP.format(",".join(sets)).replace("\n", "\r\n")
            head += [f"Content-Base: {camera.url}/", "Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        elif method == "SETUP":
            head.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        self.wfile.write("\r\n".join(["RTSP/1.0 200 OK", *head, "", body]).encode())
        if method == "PLAY":
            threading.Thread(target=self._play, args=(camera,), daemon=True).start()
            camera.playing.set()

    def _play(self, camera: RtspCamera) -> None:
        sequence = number = 0
        with suppress(OSError, ValueError):  # the client went away
            while not camera.closed.wait(1 / _RATE):
                if camera.silent.is_set():
                    continue
                units = camera.pictures[number % len(camera.pictures)]
                for unit in units:
                    marker = 128 if unit is units[-1] else 0
                    stamp = number * 90_000 // _RATE
                    packet = struct.pack(">BBHII", 128, 96 | marker, sequence & 0xFFFF, stamp, 1) + unit
                    self.wfile.write(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
                    sequence += 1
                number += 1


def encoded_pictures(count: int) -> list[list[bytes]]:
    """The NAL units of each picture; the first picture stands for itself."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"  # type: ignore[attr-defined]
    encoder.time_base = Fraction(1, _RATE)
    encoder.options = {"tune": "zerolatency", "preset": "ultrafast", "g": "10", "x264-params": "slices=1"}
    pictures: list[list[bytes]] = []
    for index in range(count):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * index, np.uint8), format="bgr24")
        frame.pts = index
        data = b"".join(bytes(packet) for packet in encoder.encode(frame))  # type: ignore[attr-defined]
        units = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
        pictures.append([unit for unit in units if unit])
    return pictures
