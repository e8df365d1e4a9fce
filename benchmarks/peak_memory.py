"""The peak memory of a process, measured by itself."""

import resource
from pathlib import Path


def peak_mb() -> float:
    """Peak resident memory of this process so far, in MB.

    Linux reports it for the program alone in /proc; `getrusage` there also remembers the process that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peaks = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(peaks[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
