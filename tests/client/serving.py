"""A real server on a loopback port, in a thread, for a door."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager

import uvicorn

from polly_api.http.app import create_app
from polly_api.words import JobFilter, JobStatus


@contextmanager
def serving(door, api_key=None):
    """The address of a server for `door`."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            create_app(door, api_key=api_key), log_level="critical", lifespan="off"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def working(door):
    """A thread that works on queued jobs, as the daemon does beside a server."""
    stop = threading.Event()

    def work():
        while not stop.wait(0.05):
            queued = door.jobs(JobFilter(statuses=(JobStatus.QUEUED,)))
            if queued:
                door.wait([job.job_id for job in reversed(queued)])

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
