"""Wall time counts waiting; compute time counts every thread's work and no waiting."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cvlib.training.clock import Clock, Seconds


def test_waiting_is_wall_time_and_costs_no_compute():
    clock = Clock("cpu")
    time.sleep(0.2)
    spent = clock.lap()
    assert spent.wall >= 0.2 and spent.compute < 0.1


def test_the_work_of_all_threads_is_counted():
    def work(_: int) -> float:
        started = time.thread_time()
        while time.thread_time() - started < 0.1:
            np.random.default_rng(0).random(1000).sort()
        return time.thread_time() - started

    clock = Clock("cpu")
    with ThreadPoolExecutor(3) as pool:
        done = sum(pool.map(work, range(3)))
    assert clock.lap().compute >= done >= 0.3


def test_a_lap_starts_anew_and_laps_add_up():
    clock = Clock("cpu")
    time.sleep(0.1)
    clock.lap()
    assert clock.wall < 0.1
    assert Seconds(1.0, 2.0) + Seconds(0.5, 0.25) == Seconds(1.5, 2.25)
