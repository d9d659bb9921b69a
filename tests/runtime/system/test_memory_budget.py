"""How much memory pictures in work may take."""

from __future__ import annotations

import threading

from nitido.system.memory_budget import MemoryBudget


def test_a_budget_is_never_exceeded_and_every_request_is_served() -> None:
    budget, most, lock = MemoryBudget(100), 0, threading.Lock()
    done: list[int] = []

    def use(amount: int) -> None:
        nonlocal most
        for _ in range(50):
            with budget.reserve(amount), lock:
                most = max(most, budget.used)
        done.append(amount)

    threads = [threading.Thread(target=use, args=(amount,)) for amount in (10, 20, 60, 100, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == [10, 20, 60, 100, 500]
    assert 0 < most <= 100 and budget.used == 0
