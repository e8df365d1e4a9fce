"""Translate the marked rules into object code of this processor or of a level, on standard output.

Neither fastmath, which takes NaN for impossible and adds in any order, nor parallel loops, whose results depend on the
number of threads: what is computed is what Python would compute, to the last bit.
"""

import sys

import llvmlite.binding as llvm
import numba

from dayahead.machine_code.marking import translate_with

WANTED = {"memset", "memcpy", "memmove"}
"""What the code may ask of the process that loads it. Anything else is of Numba's runtime, which that one lacks: a rule
that allocates, or that may raise."""


def main(level: str | None = None) -> None:
    """Write the object code of all entries.

    Args:
        level: processors that it is for, to be linked into a library; by default this one, to be loaded by LLVM.

    Raises:
        ValueError: a rule needs more than the process that loads it has.
    """
    translate_with(numba.njit(error_model="numpy"))
    from dayahead.machine_code.entries import ENTRIES  # noqa: PLC0415 - rules are translated where they are defined

    whole, *others = [_by_its_name(*entry) for entry in ENTRIES]
    for other in others:
        whole.link_in(other)
    machine = _machine_of(level) if level else _this_machine()
    _optimize(whole, machine)
    asked = {one.name for one in whole.functions if one.is_declaration and not one.name.startswith("llvm.")} - WANTED
    if asked:
        raise ValueError(f"a rule asks for {sorted(asked)}: rules must neither allocate nor raise")
    sys.stdout.buffer.write(machine.emit_object(whole))


def _this_machine() -> llvm.TargetMachine:
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, reloc="pic", jit=True
    )


def _machine_of(level: str) -> llvm.TargetMachine:
    return llvm.Target.from_default_triple().create_target_machine(cpu=level, opt=3, reloc="pic", codemodel="small")


def _by_its_name(name: str, native_name: str, code: str) -> llvm.ModuleRef:
    """The code of an entry, under the name by which it is called; all else in it is private."""
    module = llvm.parse_assembly(code)
    for function in module.functions:
        if not function.is_declaration:
            function.linkage = "internal"
    for variable in module.global_variables:
        if not variable.is_declaration:
            variable.linkage = "internal"
    found = module.get_function(native_name)
    found.linkage = "external"
    found.name = name
    return module


def _optimize(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    """Once more, as a whole: it turns out that no rule fails, and what would report it goes."""
    options = llvm.PipelineTuningOptions(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


if __name__ == "__main__":
    main(*sys.argv[1:2])
