"""Machine code in this process: of the image, else built for this processor."""

import ctypes
import threading
from functools import lru_cache

from dayahead.errors import MachineCodeError
from dayahead.machine_code import prebuilt

_loading = threading.Lock()


def address_of(name: str) -> int:
    """Where a function of dayahead/machine_code/entries.py lies in this process.

    Raises:
        MachineCodeError: no machine code was built before, and it could not be built now.
    """
    with _loading:
        if library := _library():
            return int(ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0)
        try:
            from dayahead.machine_code.this_processor import engine  # noqa: PLC0415 - an image has no LLVM
        except ModuleNotFoundError as error:
            raise MachineCodeError(
                f"no machine code was built for this installation, and {error.name}, which builds it, is missing: "
                "pip install 'dayahead[compiler]'"
            ) from error
        return int(engine().get_function_address(name))


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    file = prebuilt.library()
    return None if file is None else ctypes.CDLL(str(file))
