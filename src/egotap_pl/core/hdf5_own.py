"""An HDF5 file that each process opens for itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from egotap_pl.core.hdf5 import Hdf5File


class OwnHdf5File:
    """An HDF5 file that is opened when it is needed, once in each process; HDF5's state must not go through a fork.

    Args:
        path: the file.
        remedy: see `Hdf5File`.
    """

    def __init__(self, path: Path, remedy: str) -> None:
        self.path, self.remedy = path, remedy
        self._file: Hdf5File | None = None
        self._owner = -1

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None, "_owner": -1}

    def open(self) -> Hdf5File:
        """The file, open in this process. As long as it stays open, it is the same object.

        Raises:
            EgotapError: see `Hdf5File`.
        """
        if self._file is None or not self._file.is_open or self._owner != os.getpid():
            self._file, self._owner = Hdf5File(self.path, self.remedy), os.getpid()
        return self._file

    def close(self) -> None:
        """Closes the file. The next call of `open` opens it again."""
        if self._file is not None and self._owner == os.getpid():
            self._file.close()
        self._file = None
