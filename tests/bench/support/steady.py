# SPDX-License-Identifier: MPL-2.0
"""Reads at fixed times, however long each takes: a read that waits does not keep the others from becoming due."""
import concurrent.futures
import http.client
import random
import time
from dataclasses import dataclass

from .contacts import id_of

RATE = 100  # reads per second
CONNECTIONS = 4
PATIENCE = 60  # seconds, for an answer, and for all reads after the last one became due


@dataclass
class Reads:
    p50: float       # milliseconds from when a read was due to its answer
    p99: float
    failed: int      # reads that were refused or got no answer


def summary(took, failed):
    """The Reads of these milliseconds."""
    took = sorted(took)
    return Reads(took[len(took) // 2], took[len(took) * 99 // 100], failed)


def read_one(link, token, contacts, numbers):
    """Returns whether the contact was read."""
    try:
        link.request("GET", "/ctms/" + id_of(numbers.randint(1, contacts)), headers={"Authorization": "Bearer " + token})
        answer = link.getresponse()
        answer.read()
        return answer.status == 200
    except (OSError, http.client.HTTPException):
        link.close()  # the next request opens it again
        return False


def read_in_order(port, token, contacts, seconds):
    """Reads on one of the connections. Returns the milliseconds of each read, and the number of reads that failed."""
    took, failed, numbers, pause = [], 0, random.Random(), CONNECTIONS / RATE
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    due, end = time.monotonic() + numbers.random() * pause, time.monotonic() + seconds
    while due < end:
        time.sleep(max(0, due - time.monotonic()))
        if time.monotonic() > end + PATIENCE or not read_one(link, token, contacts, numbers):
            failed += 1
        took.append(1000 * (time.monotonic() - due))
        due += pause
    link.close()
    return took, failed


def read(port, token, contacts, seconds):
    """Reads random contacts."""
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as threads:
        readers = [threads.submit(read_in_order, port, token, contacts, seconds) for _ in range(CONNECTIONS)]
        results = [one.result() for one in readers]
    return summary([value for took, _ in results for value in took], sum(failed for _, failed in results))
