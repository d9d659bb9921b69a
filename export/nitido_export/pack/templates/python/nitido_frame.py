"""Runs a Nítido model on a camera, a video or pictures.

    python nitido_frame.py MODEL IN OUT [IN OUT ...] [--strength 0..1] [--noise N] [--cut N] [--threads N]

IN: the number of a camera, a video, a picture, or numbered pictures such as in/%04d.png.
OUT: a video (.avi, .mp4), a picture, numbered pictures such as out/%04d.png (lossless), or - for raw BGR24 frames on
standard output.
Several pairs are several streams; their frames take turns. --cut N: a new scene begins with frame N, counted from 0;
repeatable. Ctrl-C ends a camera.
"""

import argparse
import sys

import cv2
from nitido_stream import Stream, open_session


class Sink:
    """Takes frames for a place."""

    def __init__(self, place: str, fps: float) -> None:
        self.place, self.fps, self.count, self.video = place, fps or 30.0, 0, None

    def write(self, image) -> None:
        if self.place == "-":
            sys.stdout.buffer.write(image.tobytes())
            sys.stdout.buffer.flush()
        elif self.place.endswith((".avi", ".mp4")):
            if self.video is None:
                code = cv2.VideoWriter.fourcc(*("mp4v" if self.place.endswith(".mp4") else "MJPG"))
                self.video = cv2.VideoWriter(self.place, code, self.fps, image.shape[1::-1])
                if not self.video.isOpened():
                    sys.exit(f"cannot write {self.place}")
            self.video.write(image)
        elif not cv2.imwrite(self.place % self.count if "%" in self.place else self.place, image):
            sys.exit(f"cannot write {self.place}")
        self.count += 1

    def close(self) -> None:
        if self.video is not None:
            self.video.release()


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a model on a camera, a video or pictures.")
    parser.add_argument("model")
    parser.add_argument("places", nargs="+", metavar="IN OUT")
    parser.add_argument("--strength", type=float)
    parser.add_argument("--noise", type=float)
    parser.add_argument("--cut", type=int, action="append", default=[])
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    if len(given.places) % 2:
        parser.error("expected pairs of IN and OUT")
    session = open_session(given.model, given.threads)
    settings = {n: v for n, v in (("strength", given.strength), ("noise", given.noise)) if v is not None}
    streams = []
    for source, place in zip(given.places[::2], given.places[1::2], strict=True):
        capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
        if not capture.isOpened():
            sys.exit(f"cannot read {source}")
        try:
            stream = Stream(session, **settings)
        except ValueError as error:
            sys.exit(str(error))
        streams.append((capture, stream, Sink(place, capture.get(cv2.CAP_PROP_FPS))))
    number = 0
    try:
        while streams:
            for entry in list(streams):
                capture, stream, sink = entry
                there, frame = capture.read()
                if not there:
                    sink.close()
                    streams.remove(entry)
                    continue
                if number in given.cut:
                    stream.reset()
                sink.write(stream(frame))
            number += 1
    except KeyboardInterrupt:
        for _, _, sink in streams:
            sink.close()


if __name__ == "__main__":
    main()
