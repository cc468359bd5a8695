"""What the tests of bench/automl share: the modules under test, a folder, and a small catalog."""
import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(HERE, '../../../bench/automl')
sys.path[:0] = [BENCH, os.path.join(HERE, '..')]
from program_case import ProgramCase

# A job in the background inherits SIGINT as ignored, and so would what is started here.
signal.signal(signal.SIGINT, signal.default_int_handler)

FAKE = os.path.join(HERE, 'fake_system')
CATALOG = 'name\tfile\ttask\ttarget\tmetric\tnotes\n'


class BenchCase(ProgramCase):
    programs = BENCH
