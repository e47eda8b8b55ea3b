"""The hand: the Python client and the `polly` command.

Owns what a user types; everything it does goes through the door, in process or over HTTP.
Keep out: storage, file formats and SQL parsing.
"""

from polly_client.client import Polly

__all__ = ["Polly"]
