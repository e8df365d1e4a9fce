"""Trees answered by LightGBM's own library, through its C interface.

The Python package `lightgbm` imports SciPy, 140 MB that a service which only asks for answers does without: its folder
is found and its library loaded, the package itself is never imported. The C interface is LightGBM's public one
(https://lightgbm.readthedocs.io/en/stable/C-API.html), the library is the one that the package would load.
"""

import ctypes
import weakref
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ANSWERS, CONTRIBUTIONS = 0, 3
"""C_API_PREDICT_NORMAL and C_API_PREDICT_CONTRIB."""
FLOAT32 = 0
"""C_API_DTYPE_FLOAT32."""
ALL_TREES = -1
ONE_THREAD = b"num_threads=1"


class LightGbmTrees:
    """Trees as LightGBM itself evaluates them, on one thread.

    Attributes:
        text: LightGBM's own model text.

    Raises:
        ValueError: LightGBM cannot read the text.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._model = ctypes.c_void_p()
        trees = ctypes.c_int()
        try:
            _ask("LGBM_BoosterLoadModelFromString", text.encode(), ctypes.byref(trees), ctypes.byref(self._model))
        except ValueError as error:
            raise ValueError(f"LightGBM cannot read the trees: {error}") from error
        weakref.finalize(self, _library().LGBM_BoosterFree, self._model)

    def __reduce__(self) -> tuple[type["LightGbmTrees"], tuple[str]]:
        """Travel to another process as text: the model is memory of this one."""
        return LightGbmTrees, (self.text,)

    @property
    def features(self) -> int:
        """Columns that a row has."""
        count = ctypes.c_int()
        _ask("LGBM_BoosterGetNumFeature", self._model, ctypes.byref(count))
        return count.value

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Answers of float32 [n, features] rows; float64 [n].

        Raises:
            ValueError: LightGBM cannot evaluate the rows.
        """
        return self._evaluate(features, ANSWERS, 1)[:, 0]

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each feature adds to the answers of float32 [n, features] rows (TreeSHAP).

        Returns:
            float64 [n, features + 1]; the last column is what the trees answer on average. A row's sum is its answer.

        Raises:
            ValueError: LightGBM cannot evaluate the rows.
        """
        return self._evaluate(features, CONTRIBUTIONS, features.shape[1] + 1)

    def _evaluate(self, features: NDArray[np.float32], kind: int, columns: int) -> NDArray[np.float64]:
        by_column = features.flags.f_contiguous and not features.flags.c_contiguous
        rows = features if by_column else np.ascontiguousarray(features)
        if rows.dtype != np.float32:
            raise ValueError(f"rows for LightGBM are float32, not {rows.dtype}")
        answers = np.empty((len(rows), columns))
        written = ctypes.c_int64()
        try:
            _ask(
                "LGBM_BoosterPredictForMat",
                self._model,
                ctypes.c_void_p(rows.ctypes.data),
                ctypes.c_int(FLOAT32),
                ctypes.c_int32(rows.shape[0]),
                ctypes.c_int32(rows.shape[1]),
                ctypes.c_int(not by_column),
                ctypes.c_int(kind),
                ctypes.c_int(0),
                ctypes.c_int(ALL_TREES),
                ONE_THREAD,
                ctypes.byref(written),
                ctypes.c_void_p(answers.ctypes.data),
            )
        except ValueError as error:
            raise ValueError(f"LightGBM cannot evaluate the trees: {error}") from error
        return answers


def _ask(name: str, *arguments: object) -> None:
    """Call a function of the library.

    Raises:
        ValueError: it failed; with LightGBM's own words.
    """
    library = _library()
    if getattr(library, name)(*arguments) != 0:
        raise ValueError(library.LGBM_GetLastError().decode(errors="replace"))


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    found = find_spec("lightgbm")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'lightgbm'", name="lightgbm")
    (file,) = (Path(found.origin).parent / "lib").glob("lib_lightgbm.*")
    library = ctypes.CDLL(str(file))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library
