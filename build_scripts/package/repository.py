"""The repository's address in the metadata of both packages: what the environment variable REPOSITORY holds.

``make packages REPOSITORY=https://host/owner/name``. Hatchling loads this file as a metadata hook (``pyproject.toml``).
"""

import os

from hatchling.metadata.plugin.interface import MetadataHookInterface


def repository() -> str:
    """Return the address, or an empty string where none is given.

    Raises
    ------
    ValueError
        It is no address on the web.
    """
    address = os.environ.get("REPOSITORY", "").removesuffix("/").removesuffix(".git")
    if address and not address.startswith("https://"):
        raise ValueError(f"REPOSITORY is {address!r}: give an address that begins with https://")
    return address


class MetadataHook(MetadataHookInterface):
    """Fill in ``project.urls``."""

    def update(self, metadata: dict) -> None:
        """Add the addresses of source, issues and changes, if they are known."""
        pages = {"Source": "", "Issues": "/issues", "Changes": "/blob/HEAD/.github/CHANGELOG.md"}
        address = repository()
        metadata["urls"] = {name: address + page for name, page in pages.items()} if address else {}
