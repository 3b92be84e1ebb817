"""Run another program quietly."""

import os
import shutil
import subprocess
from collections.abc import Sequence


def run(command: Sequence[str], **environment: str) -> None:
    """Run a command; its output is shown only if it fails.

    Parameters
    ----------
    command : sequence of str
    **environment : str
        Variables to set in addition to those of this process.

    Raises
    ------
    OSError
        The program is not installed or failed; the message has the last line that it printed.
    """
    if shutil.which(command[0]) is None:
        raise OSError(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise OSError(f"{' '.join(command[:4])} failed: {''.join(last)}")
