"""What `polly up` does: everything of one instance on this machine, until it is told to end.

Owns which servers there are and their order. Keep out: processes (`servers`) and options.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from ipaddress import ip_address
from socket import socket
from urllib.error import URLError
from urllib.request import urlopen

from polly_api.words import Misconfigured, Settings, Unavailable, environment
from polly_client.cli.servers import ApiThread, Child, end_all, reserve

DEFINITIONS = "polly_assets.definitions"
START_SECONDS = 120.0
LOOK_SECONDS = 0.3


def serve(settings: Settings, *, ui: bool, on_ready: Callable[[dict[str, str]], None]) -> None:
    """Run the UI, the daemon and the API until SIGINT or SIGTERM, then end them all.

    Args:
        settings: The instance, with addresses and ports.
        ui: Whether to run the web interface.
        on_ready: Called with the addresses once all answer.

    Raises:
        Misconfigured: The extra `ui` is missing, or the API would be open to others.
        Unavailable: A port is in use, or a server ended or did not start.
    """
    _check(settings, ui)
    with ExitStack() as stack:
        stop = stack.enter_context(_signals())
        bound = stack.enter_context(reserve(settings.api_host, settings.api_port, "POLLY_API_PORT"))
        if ui:
            reserve("127.0.0.1", settings.ui_port, "POLLY_UI_PORT").close()
        children: list[Child] = []
        stack.callback(end_all, children)
        _start_children(settings, ui, children)
        api = _start_api(settings, bound)
        stack.callback(api.end)
        addresses = _addresses(settings, ui)
        deadline = time.monotonic() + START_SECONDS
        ready = False
        while not stop.wait(LOOK_SECONDS):
            api.check()
            for child in children:
                child.check()
            if ready:
                continue
            ready = api.answers and (not ui or _answers(addresses["ui"] + "/server_info"))
            if ready:
                on_ready(addresses)
            elif time.monotonic() > deadline:
                raise Unavailable(
                    "slow_start",
                    f"not all servers answered within {START_SECONDS:.0f} s",
                    file=str(settings.home / "logs"),
                    hint="read the logs there",
                )


def _check(settings: Settings, ui: bool) -> None:
    if ui and find_spec("dagster_webserver") is None:
        raise Misconfigured(
            "missing_package",
            "the web interface is not installed",
            hint="pip install 'polly-open[ui]', or use --no-ui",
        )
    if settings.api_key is None and not _loopback(settings.api_host):
        raise Misconfigured(
            "key_required",
            f"the API would be open to others on {settings.api_host}, without a key",
            hint="set POLLY_API_KEY, or POLLY_API_HOST to 127.0.0.1",
        )


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _start_children(settings: Settings, ui: bool, children: list[Child]) -> None:
    from polly_api.open import prepare_home

    prepare_home(settings)
    env = environment(settings) | {
        "DAGSTER_HOME": str(settings.home),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }
    module = ("-m", DEFINITIONS)
    port = str(settings.ui_port)
    commands: dict[str, tuple[str, ...]] = {"daemon": ("dagster._daemon", "run", *module)}
    if ui:
        commands["ui"] = ("dagster_webserver", "-h", "127.0.0.1", "-p", port, *module)
    for name, arguments in commands.items():
        children.append(Child(name, arguments, env, settings.home / "logs" / f"{name}.log"))


def _start_api(settings: Settings, bound: socket) -> ApiThread:
    from polly_api.http.app import create_app
    from polly_api.open import open_door

    return ApiThread(create_app(open_door(settings), api_key=settings.api_key), bound)


def _addresses(settings: Settings, ui: bool) -> dict[str, str]:
    host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
    addresses = {"api": f"http://{host}:{settings.api_port}"}
    return addresses | ({"ui": f"http://127.0.0.1:{settings.ui_port}"} if ui else {})


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as reply:  # noqa: S310 - our own address
            return bool(reply.status == 200)
    except (URLError, OSError):
        return False


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
