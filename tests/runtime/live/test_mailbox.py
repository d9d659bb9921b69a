"""One place between two threads."""

from __future__ import annotations

import threading

from nitido.live.mailbox import Mailbox
from support.waiting import WAIT


def test_the_newest_item_wins_and_putting_never_waits() -> None:
    box: Mailbox[int] = Mailbox()
    assert all(box.put(i) for i in range(5))
    assert (box.take(), box.dropped) == (4, 4)
    assert box.take(timeout=0) is None
    box.put(7)
    box.close()
    assert not box.put(8)
    assert not box.over and box.take() == 7 and box.over and box.take() is None


def test_a_lossless_mailbox_waits_until_the_place_is_free_or_closed() -> None:
    box: Mailbox[int] = Mailbox(lossless=True)
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.extend(box.put(i) for i in range(4)), daemon=True)
    thread.start()
    assert [box.take(WAIT) for _ in range(3)] == [0, 1, 2]
    thread.join(WAIT)
    assert box.take(WAIT) == 3 and box.dropped == 0
    box.put(0)
    waiting = threading.Thread(target=lambda: results.append(box.put(1)), daemon=True)
    waiting.start()
    box.close()
    waiting.join(WAIT)
    assert results == [True] * 4 + [False]
