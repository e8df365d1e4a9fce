"""The kinds of weather sources, one module each."""
