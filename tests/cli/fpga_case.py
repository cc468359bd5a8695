"""What the tests of the emulated card share: its processes, and what it says that it does."""
import os
import subprocess
import time

from cli_case import ASSAY, CliCase, binary_table


def processes():
    """Those that have not ended: number, parent and session."""
    for name in os.listdir('/proc'):
        try:
            with open(f'/proc/{name}/stat', encoding='utf-8', errors='replace') as handle:
                fields = handle.read().rpartition(')')[2].split()
        except OSError:
            continue
        if name.isdigit() and fields[0] != 'Z':
            yield int(name), int(fields[1]), int(fields[3])


class Worker:
    """The process that a program has started for its card, with all of its session."""

    def __init__(self, number):
        self.number = number
        self.folder = os.readlink(f'/proc/{number}/cwd')

    def members(self):
        return [process for process, _, session in processes() if session == self.number]

    def model(self):
        """The process that is the emulated card."""
        for process in self.members():
            with open(f'/proc/{process}/comm', encoding='utf-8') as handle:
                if handle.read().startswith('genericpcie'):
                    return process
        return None

    def is_gone(self):
        return not self.members() and not os.path.exists(self.folder)


def workers_of(program):
    """Those that are in their run folders already."""
    found = []
    for process, parent, _ in processes():
        if parent == program:
            try:
                found.append(Worker(process))
            except OSError:
                continue
    return [worker for worker in found if worker.folder.startswith('/tmp/assay-fpga-')]


class FpgaCase(CliCase):
    """With a table of 600 rows."""

    def setUp(self):
        super().setUp()
        self.table = self.path('train.csv')
        binary_table(self.table, rows=600)

    def begin(self, *arguments, env=None):
        """Starts the program, and gives it with its worker as soon as the card's model runs."""
        # Killed and reaped by the tests, unless they fail.
        program = subprocess.Popen(  # pylint: disable=consider-using-with
            [ASSAY, *map(str, arguments)], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        self.wait_for(lambda: any(len(w.members()) == 3 for w in workers_of(program.pid)),
                      lambda: program.poll() is None)
        return program, workers_of(program.pid)[0]

    def wait_for(self, holds, may_wait=lambda: True):
        for _ in range(12_000):
            if holds():
                return
            self.assertTrue(may_wait())
            time.sleep(0.01)
        self.fail('it did not come to be')
