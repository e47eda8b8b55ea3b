"""Which compiled modules there are.

Owns the one way to get at them. Keep out: what they do.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from polly_resources.settings import native_wanted


def compiled(name: str) -> Any | None:
    """The module `polly_assets.native.<name>`.

    None where it was not built, or where POLLY_NATIVE is 0 (asked at every call, so that tests
    can go both ways).
    """
    if not native_wanted():
        return None
    try:
        return import_module(f"polly_assets.native.{name}")
    except ImportError:
        return None
