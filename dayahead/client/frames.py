"""Tables as data frames; pandas and polars are needed only by those who ask for their frames."""

from typing import TYPE_CHECKING

import pyarrow as pa

from dayahead.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def pandas_of(table: pa.Table) -> "pd.DataFrame":
    """Return a table as a pandas data frame.

    Raises:
        SettingsError: pandas is not installed.
    """
    try:
        import pandas  # noqa: F401, PLC0415 - pyarrow uses it
    except ImportError as error:
        raise SettingsError("pandas is not installed: pip install pandas, or use Client.arrow") from error
    return table.to_pandas()


def polars_of(table: pa.Table) -> "pl.DataFrame":
    """Return a table as a polars data frame.

    Raises:
        SettingsError: polars is not installed.
    """
    try:
        import polars  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError("polars is not installed: pip install polars, or use Client.arrow") from error
    frame = polars.from_arrow(table)
    assert isinstance(frame, polars.DataFrame)
    return frame
