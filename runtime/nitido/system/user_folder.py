"""Where a user's system keeps files that can be had again."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def user_folder() -> Path:
    """Where this system keeps what a program of the user can fetch again."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "nitido" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "nitido"
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if Path(given).is_absolute() else home / ".cache") / "nitido"
