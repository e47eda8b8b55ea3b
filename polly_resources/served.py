"""What every backend can say of itself, for `polly doctor`.

Keep out: the contracts, which say what a backend does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod


class Served(ABC):
    """Something that is served somewhere: here, on a server, by a cloud."""

    @abstractmethod
    def about(self) -> str:
        """What serves it, with its version where it tells one.

        Goes there and back, so it shows that the address, the rights and what the backend
        needs of the server are right. Raises PollyError where they are not.
        """
