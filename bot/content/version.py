"""Which content is in use: a fingerprint, so that two assistants, or a copy and its original, can be compared."""

from __future__ import annotations

import hashlib
from pathlib import Path


def content_version(folder: Path) -> str:
    """Twelve hexadecimal digits that change with any byte of any file of content/, the directory included."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".yml", ".csv") and not path.name.startswith("."):
            digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
