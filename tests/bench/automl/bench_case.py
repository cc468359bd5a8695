"""What the tests of bench/automl share: the modules under test, a folder, and a small catalog."""
import os
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(HERE, '../../../bench/automl')
sys.path[:0] = [BENCH]
# A job in the background inherits SIGINT as ignored, and so would what is started here.
signal.signal(signal.SIGINT, signal.default_int_handler)

FAKE = os.path.join(HERE, 'fake_system')
CATALOG = 'name\tfile\ttask\ttarget\tmetric\tnotes\n'


class BenchCase(unittest.TestCase):
    """Each test has an empty folder of its own."""

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
        """Runs bench/automl/NAME to its end and checks its exit code."""
        process = subprocess.run([sys.executable, '-B', os.path.join(BENCH, name), *arguments],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, check=False, timeout=120,
                                 env={**os.environ, **(env or {})})
        self.assertEqual(process.returncode, code, f'{process.stdout}\n{process.stderr}')
        return process
