"""Arrow's functions on columns, typed as what they are here: a column may be of any type."""

from typing import Any

import pyarrow.compute
from numpy.typing import NDArray

compute: Any = pyarrow.compute


def as_numpy(column: Any) -> NDArray[Any]:
    """A column as a NumPy array, copied where Arrow stores it otherwise."""
    array: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return array
