"""One module a kind of source; every module of this folder is looked through for a `SourceKind`."""
