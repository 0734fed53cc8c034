# SPDX-License-Identifier: MPL-2.0
"""A thread that repeats one step until it is told to stop, with numbers that follow from the seed of the round."""
import collections
import http.client
import random
import threading
import time
import traceback

import psycopg2

from lab import check


class Unavailable(Exception):
    """The service answered 503: the request may be repeated."""


# Failures that a fault of the network, of a server or of the database explains.
OUTAGES = (OSError, http.client.HTTPException, psycopg2.OperationalError, psycopg2.InterfaceError, Unavailable)


class Actor(threading.Thread):
    """Subclasses define step(). A failure that no fault explains ends the thread and makes the round fail."""

    pause = 0.02  # seconds between two steps, on average

    def __init__(self, scene, name):
        super().__init__(name=name, daemon=True)
        self.scene = scene
        self.random = random.Random(f"{scene.seed}/{name}")
        self.stopped = threading.Event()
        self.counts = collections.Counter()
        self.problems = []
        self.last_outage = None

    def step(self):
        raise NotImplementedError

    def run(self):
        while not self.stopped.is_set():
            try:
                self.step()
            except OUTAGES as outage:
                self.counts["outages"] += 1
                self.last_outage = repr(outage)
                self.stopped.wait(0.1)
            except Exception:  # reported at the end of the round
                self.problems.append(f"{self.name}: {traceback.format_exc()}")
                return
            self.stopped.wait(self.pause * 2 * self.random.random())

    def close(self):
        """Called once, at the end of the round."""

    def expect(self, condition, what):
        """Notes a violation and goes on, so that one round shows as much as possible."""
        if not condition and len(self.problems) < 5:
            self.problems.append(f"{self.name}: {what}")


def stop(actors, seconds=180):
    """Ends the threads of actors. Those that were not started are left out."""
    for actor in actors:
        actor.stopped.set()
    deadline = time.monotonic() + seconds
    for actor in (one for one in actors if one.ident is not None):
        actor.join(max(0, deadline - time.monotonic()))
        check(not actor.is_alive(), f"{actor.name} did not end")


class Connection:
    """A kept connection to one of the servers, chosen anew after each failure."""

    def __init__(self, scene, token=None):
        self.scene, self.token, self.link = scene, token, None

    def ask(self, method, target, body=None, headers=None):
        """Returns the status, the response and its text."""
        answer = self.open(method, target, body, headers)
        try:
            return answer.status, answer, answer.read().decode()
        except OUTAGES:
            self.close()
            raise

    def open(self, method, target, body=None, headers=None):
        """Returns the response before its body was read."""
        if self.link is None:
            self.link = self.scene.service.connection()
        headers = {"Authorization": f"Bearer {self.token or self.scene.service.token}", "Content-Type": "application/json", **(headers or {})}
        try:
            self.link.request(method, target, body, headers)
            return self.link.getresponse()
        except OUTAGES:
            self.close()
            raise

    def close(self):
        if self.link is not None:
            self.link.close()
        self.link = None
