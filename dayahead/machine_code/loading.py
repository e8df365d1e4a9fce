"""Machine code in this process: loaded from a kept file, without the compiler.

Where no file is kept, `dayahead.machine_code.building` is imported and builds one.
"""

import threading
from functools import lru_cache
from pathlib import Path

import llvmlite.binding as llvm

from dayahead.machine_code import kept
from dayahead.machine_code.key import file_name

_loading = threading.Lock()


def address_of(name: str) -> int:
    """Where a function of dayahead/machine_code/entries.py lies in this process.

    Raises:
        MachineCodeError: it was not kept, and could not be built.
    """
    with _loading:
        return int(_engine().get_function_address(name))


@lru_cache(maxsize=1)
def _engine() -> llvm.ExecutionEngine:
    """What keeps the loaded code alive: as long as the process."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(machine_code()))
    engine.finalize_object()
    return engine


def machine_code(folders: tuple[Path, ...] | None = None) -> bytes:
    """The object code of this processor, from the first of some folders that has it; else it is built.

    Args:
        folders: by default those of `kept.default_folders`.

    Raises:
        MachineCodeError: it was not kept, and could not be built.
    """
    name = file_name()
    folders = kept.default_folders() if folders is None else folders
    for folder in folders:
        try:
            code = kept.read(folder / name)
        except OSError:
            continue
        if code is not None:
            return code
    from dayahead.machine_code.building import build_and_keep  # noqa: PLC0415 - a process that finds code only loads

    return build_and_keep([folder / name for folder in folders])
