"""Opens data files: text with columns, Excel workbooks and Parquet, as tables of records."""
