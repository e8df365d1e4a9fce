"""One module per kind of source; every module in this folder is searched for a `SourceKind`."""
