"""`python -m dayahead.machine_code`: build the machine code of this processor now, so that no service waits for it."""

from dayahead.machine_code.this_processor import machine_code

machine_code()
