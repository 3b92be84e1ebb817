"""The repository's address in the metadata of both packages: what the environment variable REPOSITORY holds.

``make packages REPOSITORY=https://host/owner/name``. Hatchling loads this file as a metadata hook (``pyproject.toml``).
"""

import os
import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")
"""A Markdown link or picture whose target is a file of the repository."""


def repository() -> str:
    """Return the address, or an empty string where none is given.

    Raises
    ------
    ValueError
        It is not a web address.
    """
    address = os.environ.get("REPOSITORY", "").removesuffix("/").removesuffix(".git")
    if address and not address.startswith("https://"):
        raise ValueError(f"REPOSITORY must be an address that begins with https://, not {address!r}")
    return address


def absolute(text: str, address: str) -> str:
    """Make the links and pictures of the README work on a registry's page, which has only that file."""

    def target(link: re.Match) -> str:
        view = "raw" if link[1] else "blob"
        return f"{link[1]}[{link[2]}]({address}/{view}/HEAD/{link[3]})"

    return _RELATIVE.sub(target, text) if address else text


class MetadataHook(MetadataHookInterface):
    """Fill in ``project.urls`` and ``project.readme``."""

    def update(self, metadata: dict) -> None:
        """Add the addresses of source, issues and changes, if they are known, and the README with links that work."""
        pages = {"Source": "", "Issues": "/issues", "Changes": "/blob/HEAD/.github/CHANGELOG.md"}
        address = repository()
        metadata["urls"] = {name: address + page for name, page in pages.items()} if address else {}
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, address)}
