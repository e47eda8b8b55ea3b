"""s3rver: a small S3 server that ignores the conditions of puts, so that writers lose rows.

The negative control: a test that finds no loss here would find none anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from tests.servers.base import AWS, HOST, cache, installing, run
from tests.servers.s3 import S3Server

_VERSION = "3.7.1"

# Its own command knows one pair of keys, which is not ours.
_START = """
const S3rver = require("s3rver");
const { DUMMY_ACCOUNT } = require("s3rver/lib/models/account");
const [address, port, directory] = process.argv.slice(2);
DUMMY_ACCOUNT.createKeyPair(process.env.ACCESS, process.env.SECRET);
new S3rver({ address, port: Number(port), directory, silent: true }).run();
"""
# Node trusts its own list alone, and a registry's mirror may be trusted by the machine's.
_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


class S3rver(S3Server):
    """s3rver over a folder; whoever has keys may do everything."""

    name: ClassVar[str] = "s3rver"
    needs: ClassVar[tuple[str, ...]] = ("node", "npm")

    @classmethod
    def install(cls) -> None:
        """Bring its package and a start of our own."""
        with installing(_folder().name) as folder:
            if folder is not None:
                quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
                run(
                    *("npm", "install", "--prefix", folder, *quiet, f"s3rver@{_VERSION}"),
                    NODE_EXTRA_CA_CERTS=os.environ.get("NODE_EXTRA_CA_CERTS", _AUTHORITIES),
                )
                (folder / "start.js").write_text(_START)

    def command(self) -> Sequence[str | Path]:
        """An empty folder, and the command."""
        files = self.data / "files"
        files.mkdir(exist_ok=True)
        return ["node", _folder() / "start.js", HOST, str(self.port), files]

    def environment(self) -> Mapping[str, str]:
        """The keys that it lets in."""
        return {"ACCESS": AWS["AWS_ACCESS_KEY_ID"], "SECRET": AWS["AWS_SECRET_ACCESS_KEY"]}

    def ready(self) -> bool:
        """Whether it answers."""
        self.client().list_buckets()
        return True

    def make_bucket(self, name: str) -> None:
        """See `S3Server.make_bucket`."""
        self.client().create_bucket(Bucket=name)


def _folder() -> Path:
    return cache() / f"s3rver-{_VERSION}"
