"""Write the table of backends into docs/backends.md, from the outcomes of the contract suites.

    python scripts/backends.py [--check]

Reads what `make test` and `make test-servers` left in `.outcomes`. With `--check` nothing is
written, and the exit code is 1 where the page differs from what was seen.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "backends.md"
OUTCOMES = [ROOT / ".outcomes" / f"{name}.json" for name in ("embedded", "servers")]
START, END = "<!-- outcomes -->\n", "<!-- end -->"
WORDS = {"never": "never", "notyet": "not yet"}


def main() -> int:
    """Write or check; the exit code."""
    missing = [path.name for path in OUTCOMES if not path.exists()]
    if missing:
        print(f"no outcomes ({', '.join(missing)}): run make test and make test-servers first")
        return 1
    seen: dict[str, dict[str, Any]] = {}
    for path in OUTCOMES:
        for capability, backends in json.loads(path.read_text()).items():
            seen.setdefault(capability, {}).update(backends)
    page = PAGE.read_text()
    before, _, rest = page.partition(START)
    after = rest[rest.index(END) :]
    made = before + START + "\n".join(table(seen)) + "\n" + after
    if "--check" in sys.argv:
        if made != page:
            print("docs/backends.md does not say what the suites said: run make backends")
        return int(made != page)
    PAGE.write_text(made)
    return 0


def table(seen: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The lines of the table."""
    yield "| capability | backend | tested on | contract | gaps |"
    yield "|---|---|---|---|---|"
    for capability, backends in sorted(seen.items()):
        for label, outcome in sorted(backends.items()):
            backend, _, server = label.partition(" on ")
            failed = outcome["failed"]
            state = f"fails {len(failed)} tests" if failed else "passes"
            gaps = "; ".join(
                f"`{name}` {WORDS[kind]}: {reason}"
                for name, (kind, reason) in sorted(outcome["gaps"].items())
            )
            yield f"| {capability} | {backend} | {server or 'this process'} | {state} | {gaps} |"


if __name__ == "__main__":
    sys.exit(main())
