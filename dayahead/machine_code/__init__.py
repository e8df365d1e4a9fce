"""Rules of the hot path, written as plain Python and run as machine code.

A function marked `compiled` is ordinary Python wherever it is imported. Numba translates it in a process of its own
(`python -m dayahead.machine_code.build`); what comes out is kept on disk, and every process after that loads it through
llvmlite alone: without Numba, whose import takes a second and 110 MB. An image carries libraries for all processors of
its kind and has neither (prebuilt.py). See docs/decisions.
"""

from dayahead.machine_code.function import MachineFunction
from dayahead.machine_code.marking import compiled

__all__ = ["MachineFunction", "compiled"]
