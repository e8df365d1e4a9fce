"""A function of arrays that runs as machine code."""

import ctypes
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MachineFunction:
    """A function of arrays and whole numbers without a result: it writes into arrays that it is given.

    Other threads run while it does. The machine code is loaded, and built if need be, when it is first called.

    Attributes:
        name: of the function in dayahead/machine_code/entries.py.
        arguments: element type of each array, or int, in order.
    """

    name: str
    arguments: tuple[type[np.generic] | type[int], ...]

    def __call__(self, *values: NDArray[Any] | int) -> None:
        """Run it.

        Raises:
            TypeError: an argument is not of its type, or an array does not lie in one piece.
        """
        given = []
        for place, (value, wanted) in enumerate(zip(values, self.arguments, strict=True)):
            if isinstance(value, np.ndarray):
                if value.dtype != wanted or not value.flags.c_contiguous:
                    raise TypeError(f"argument {place} of {self.name} must be one piece of {wanted}, is {value.dtype}")
                given.append(value.ctypes.data)
            else:
                if wanted is not int:
                    raise TypeError(f"argument {place} of {self.name} must be an array of {wanted}, is {value!r}")
                given.append(int(value))
        self._machine_code(*given)

    @cached_property
    def _machine_code(self) -> Any:
        from dayahead.machine_code.loading import address_of  # noqa: PLC0415 - LLVM loads where it is needed

        kinds = [ctypes.c_int64 if kind is int else ctypes.c_void_p for kind in self.arguments]
        return ctypes.CFUNCTYPE(None, *kinds)(address_of(self.name))
