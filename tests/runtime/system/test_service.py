"""What is reported to systemd, and when."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from nitido.system.service import Service
from support.live_fakes import FakeClock
from support.systemd import Listener

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is on Linux")


def test_the_first_frame_makes_the_service_ready() -> None:
    with Listener() as systemd, Service({"NOTIFY_SOCKET": systemd.address}, FakeClock()) as service:
        service.alive()
        assert systemd.rest() == []
        service.working("12.0 fps")
        service.working("13.0 fps")
        service.ending()
        assert systemd.rest() == ["READY=1", "STATUS=12.0 fps", "STOPPING=1"]


def test_signs_of_life_come_twice_within_the_limit_and_the_status_every_five_seconds() -> None:
    clock = FakeClock()
    environment = {"WATCHDOG_USEC": "8000000"}
    with Listener() as systemd, Service(environment | {"NOTIFY_SOCKET": systemd.address}, clock) as service:
        service.working("a")
        assert systemd.rest() == ["READY=1", "STATUS=a", "WATCHDOG=1"]
        clock.seconds = 3.9
        service.working("b")
        assert systemd.rest() == []
        clock.seconds = 4.0
        service.alive()
        assert systemd.rest() == ["WATCHDOG=1"]
        clock.seconds = 5.0
        service.working("c")
        assert systemd.rest() == ["STATUS=c"]


def test_a_socket_in_the_file_system_is_reported_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # such names are at most 107 bytes long
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, Service({"NOTIFY_SOCKET": "notify"}) as service:
        systemd.bind("notify")
        service.working("a")
        assert systemd.recv(100) == b"READY=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "@nobody-is-here"}, {"NOTIFY_SOCKET": "/nowhere/x"}])
def test_without_systemd_nothing_happens(environment: dict[str, str]) -> None:
    with Service(environment | {"WATCHDOG_USEC": "1"}) as service:
        service.working("a")
        service.alive()
        service.ending()


def test_a_systemd_that_does_not_listen_is_not_waited_for() -> None:
    clock = FakeClock()
    with Listener() as systemd, Service({"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "2"}, clock) as service:
        for second in range(2000):  # more than a socket holds
            clock.seconds = float(second)
            service.working("a")
        assert len(systemd.rest()) < 2000
