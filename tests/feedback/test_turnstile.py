import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from prefgym.feedback.turnstile import Turnstile


def test_one_thread_at_a_time_is_in_and_all_get_in():
    turnstile, inside, most = Turnstile(), [], []

    def pass_through(number):
        for _ in range(200):
            with turnstile:
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(pass_through, range(8)))
    assert len(most) == 1600
    assert max(most) == 1


def test_threads_are_served_in_the_order_in_which_they_came():
    turnstile, order = Turnstile(), []

    def pass_through(number):
        with turnstile:
            order.append(number)

    with turnstile:
        threads = []
        for number in range(10):
            threads.append(threading.Thread(target=pass_through, args=(number,)))
            threads[-1].start()
            while len(turnstile._waiting) < number + 2:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(10))


def test_who_fails_inside_lets_the_next_in():
    turnstile = Turnstile()
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"), turnstile:
            raise ValueError("inside")


def test_who_is_interrupted_while_waiting_lets_the_next_in():
    turnstile, leave = Turnstile(), threading.Event()

    def stay():
        with turnstile:
            leave.wait()

    def interrupt(*_):
        raise TimeoutError

    holder = threading.Thread(target=stay)
    holder.start()
    while not turnstile._waiting:
        time.sleep(0.001)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(TimeoutError), turnstile:
            pass
    finally:
        signal.signal(signal.SIGALRM, before)
    leave.set()
    holder.join()
    with turnstile:
        assert len(turnstile._waiting) == 1
