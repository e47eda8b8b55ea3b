from __future__ import annotations

import socket
import time
from dataclasses import replace

import pytest

from polly_api.words import Misconfigured, Unavailable
from polly_client.cli import up
from polly_client.cli.servers import Child, end_all, reserve


def test_used_port_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Unavailable, match=str(port)) as caught:
            reserve("127.0.0.1", port, "POLLY_API_PORT")
    assert caught.value.code == "port_in_use" and "POLLY_API_PORT" in caught.value.hint


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "db.example.org", "::"])
def test_no_open_server_without_a_key(settings, host):
    with pytest.raises(Misconfigured) as caught:
        up.serve(replace(settings, api_host=host), ui=False, on_ready=print)
    assert caught.value.code == "key_required"
    assert not settings.home.exists()


def test_missing_interface_is_named(settings, monkeypatch):
    monkeypatch.setattr(up, "find_spec", lambda name: None)
    with pytest.raises(Misconfigured) as caught:
        up.serve(settings, ui=True, on_ready=print)
    assert "polly-open[ui]" in caught.value.hint


def child(folder, code):
    (folder / "m.py").write_text(code)
    env = {"PYTHONPATH": str(folder)}
    return Child("worker", ["m"], env, folder / "logs" / "worker.log")


def test_dead_child_is_reported_with_its_last_words(tmp_path):
    dying = child(tmp_path, "print('so long'); raise SystemExit(7)")
    end = time.monotonic() + 30
    with pytest.raises(Unavailable, match="code 7") as caught:
        while time.monotonic() < end:
            dying.check()
            time.sleep(0.02)
    assert "so long" in caught.value.message
    assert caught.value.file == str(tmp_path / "logs" / "worker.log")
    end_all([dying])


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
code = "import time; print('grandchild', flush=True); time.sleep(60)"
subprocess.Popen([sys.executable, "-c", code])
time.sleep(60)
"""


def test_stragglers_are_killed_with_what_they_started(tmp_path, monkeypatch):
    monkeypatch.setattr("polly_client.cli.servers.GRACE_SECONDS", 0.2)
    stubborn = child(tmp_path, STUBBORN)
    end = time.monotonic() + 30
    while "grandchild" not in stubborn.log.read_text() and time.monotonic() < end:
        time.sleep(0.02)
    stubborn.check()
    end_all([stubborn])
    with pytest.raises(Unavailable, match="code -9"):
        stubborn.check()
