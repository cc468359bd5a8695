"""What the tests of the benches' programs share: a folder for each test, and running a program."""
import os
import subprocess
import sys
import tempfile
import unittest


class ProgramCase(unittest.TestCase):
    """Each test has an empty folder of its own. `programs` is where the programs lie."""
    programs = ''

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='assay-bench-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as handle:
            handle.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding='utf-8') as handle:
            return handle.read()

    def program(self, name, *arguments, code=0, env=None):
        """Runs a program to its end and checks its exit code."""
        process = subprocess.run([sys.executable, '-B', os.path.join(self.programs, name), *arguments],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, check=False, timeout=120,
                                 env={**os.environ, **(env or {})})
        self.assertEqual(process.returncode, code, f'{process.stdout}\n{process.stderr}')
        return process
