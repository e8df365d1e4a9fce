"""`dayahead sources inspect`: looks at a file without a description, and proposes its source file.

What a guess would get wrong without an error (unit, zone, start or end, energy or power) is asked where nothing in the
file says it.
"""
