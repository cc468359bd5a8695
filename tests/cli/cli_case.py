"""What the command line tests share: running the program, and small seeded tables."""
import csv
import json
import os
import random
import re
import signal
import subprocess
import tempfile
import unittest

ASSAY = os.environ['ASSAY_BIN']
# A job in the background inherits SIGINT as ignored, and the program would leave it so.
signal.signal(signal.SIGINT, signal.default_int_handler)


class CliCase(unittest.TestCase):
    """Each test has an empty folder of its own, which is also the current one of the program."""

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix='assay-cli-')
        self.addCleanup(self._folder.cleanup)
        self.folder = self._folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        data = text if isinstance(text, bytes) else text.encode()
        with open(self.path(name), 'wb') as handle:
            handle.write(data)
        return self.path(name)

    def assay(self, *arguments, code=0, timeout=120, env=None):
        """Runs the program and checks its exit code (or one of several). Returns the process."""
        environment = {k: v for k, v in os.environ.items() if k != 'ASSAY_WORKSPACE'}
        environment.update(env or {})
        process = subprocess.run([ASSAY, *map(str, arguments)], cwd=self.folder, env=environment,
                                 stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                                 check=False)
        process.stdout = process.stdout.decode(errors='replace')
        process.stderr = process.stderr.decode(errors='replace')
        self.assertIn(process.returncode, code if isinstance(code, tuple) else (code,),
                      f'{arguments}\nstdout: {process.stdout}\nstderr: {process.stderr}')
        return process

    def assay_json(self, *arguments, code=0, **options):
        """The last line of the program's output, as JSON."""
        process = self.assay(*arguments, '--json', code=code, **options)
        return json.loads(process.stdout.strip().splitlines()[-1])

    def fails(self, code, *arguments, says=(), **options):
        """The program must fail with this code and a message that holds all of `says`."""
        process = self.assay(*arguments, code=code, **options)
        self.assertIn('assay: error: ', process.stderr)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text.lower(), process.stderr.lower())
        return process


def leaf_commands(case):
    """Every command there is with its help, found through the help of those above it."""
    found, waiting = [], [[]]
    while waiting:
        command = waiting.pop()
        text = case.assay(*command, '--help').stdout
        below = text.partition('\nSubcommands:\n')[2].partition('\n\n')[0]
        names = re.findall(r'^  ([a-z-]+) ', below, re.MULTILINE)
        waiting += [command + [name] for name in names]
        if not names:
            found.append((command, text))
    return found


def binary_table(path, rows=400, seed=1, missing=0.05):
    """Two numbers and a category decide a noisy yes/no."""
    draw = random.Random(seed)
    with open(path, 'w', newline='', encoding='utf-8') as handle:
        writer = csv.writer(handle, lineterminator='\n')
        writer.writerow(['income', 'age', 'city', 'noise', 'default'])
        for _ in range(rows):
            income, age = draw.gauss(50, 15), draw.randint(18, 80)
            city = draw.choice(['Bern', 'Lima', 'Oslo', 'Quito, Sur'])
            z = 0.08 * (50 - income) + 0.03 * (45 - age) + {'Bern': -1, 'Oslo': 1}.get(city, 0)
            label = 'yes' if z + draw.gauss(0, 0.7) > 0 else 'no'
            row = [f'{income:.3f}', age, city, f'{draw.random():.4f}', label]
            for k in range(4):
                if draw.random() < missing:
                    row[k] = ''
            writer.writerow(row)
    return path


def multiclass_table(path, rows=300, seed=2):
    draw = random.Random(seed)
    with open(path, 'w', newline='', encoding='utf-8') as handle:
        handle.write('x,y,kind\n')
        for _ in range(rows):
            x, y = draw.uniform(-1, 1), draw.uniform(-1, 1)
            kind = 'a' if x > 0.2 else 'b' if y > 0 else 'c'
            handle.write(f'{x:.5f},{y:.5f},{kind}\n')
    return path


def regression_table(path, rows=300, seed=3):
    draw = random.Random(seed)
    with open(path, 'w', newline='', encoding='utf-8') as handle:
        handle.write('a,b,day,price\n')
        for k in range(rows):
            a, b = draw.uniform(0, 10), draw.choice(['flat', 'house'])
            price = 3.5 * a + (20 if b == 'house' else 0) + draw.gauss(0, 1)
            handle.write(f'{a:.4f},{b},2024-{1 + k % 12:02d}-{1 + k % 28:02d},{price:.3f}\n')
    return path


def read_csv(path):
    with open(path, newline='', encoding='utf-8') as handle:
        return list(csv.DictReader(handle))


def auc(labels, scores):
    """Area under the ROC curve by pairs; labels are 0 or 1."""
    positive = [s for s, y in zip(scores, labels) if y]
    negative = [s for s, y in zip(scores, labels) if not y]
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))
