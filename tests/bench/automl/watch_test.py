import os
import subprocess
import sys
import unittest

from bench_case import BenchCase

import watch

MIB = 1 << 20


class Watch(BenchCase):
    def run_lines(self, text, budget_s=10):
        """Runs a Python program."""
        return watch.run([sys.executable, '-c', text], dict(os.environ), 1, budget_s,
                         self.path('log'))

    def test_events_are_timed(self):
        seen = self.run_lines('''
import json
for event in ("fit_begin", "fit_end", "done"):
    print(json.dumps({"event": event, "rows": 3}), flush=True)''')
        self.assertIsNone(seen.error)
        self.assertEqual(seen.answer['rows'], 3)
        row = seen.figures(10)
        self.assertGreaterEqual(row['start_s'], 0)
        self.assertLess(row['overshoot_s'], 0)
        self.assertAlmostEqual(row['wall_s'], row['overshoot_s'] + 10, places=2)
        self.assertNotIn('overshoot_s', seen.figures(None))

    def test_an_end_without_an_answer_is_an_error_with_the_last_words(self):
        seen = self.run_lines('import sys; print("last words", file=sys.stderr); sys.exit(3)')
        self.assertEqual(seen.error, 'ended without an answer (exit code 3): last words')

    def test_the_signal_is_named(self):
        seen = self.run_lines('import os; os.kill(os.getpid(), 9)')
        self.assertEqual(seen.error, 'ended without an answer (signal 9): no message')

    def test_other_output_is_an_error(self):
        self.assertIn("printed no event: 'hello'", self.run_lines('print("hello")').error)
        self.assertIn('printed no event', self.run_lines('print("[1]")').error)

    def test_a_fit_that_does_not_end_is_stopped(self):
        kept, watch.fit_limit_s = watch.fit_limit_s, lambda budget: budget
        self.addCleanup(setattr, watch, 'fit_limit_s', kept)
        seen = self.run_lines('''
import time
print('{"event": "fit_begin"}', flush=True)
while True: time.sleep(60)''', budget_s=0)
        self.assertEqual(seen.error, 'stopped after 0 s of fitting')
        self.assertEqual(watch.descendants(), {})

    def test_work_counts_whose_parent_does_not_wait_for_it(self):
        own = watch.OwnSeconds()
        begin = own.totals()
        process = subprocess.Popen([sys.executable, '-c', '''
import os, signal, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    while time.process_time() < 0.3: pass
    print("burnt", flush=True)
    sys.stdin.read()
    os._exit(0)
try:
    os.wait()
except ChildProcessError:
    pass'''], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b'burnt\n')
        own.look()
        process.stdin.close()
        process.wait()
        process.stdout.close()
        waited, seen = (end - start for start, end in zip(begin, own.totals()))
        self.assertGreater(seen, 0.29)
        self.assertLess(waited, seen)

    def test_only_the_first_processors_are_used(self):
        seen = self.run_lines('''
import json, os
print(json.dumps({"event": "done", "count": len(os.sched_getaffinity(0))}))''')
        self.assertEqual(seen.answer['count'], 1)

    def holder(self, mib):
        """A process that holds so much memory until its input is closed."""
        text = (f'import sys; held = bytearray(b"x" * ({mib} << 20)); print("ready", flush=True); '
                'sys.stdin.read()')
        process = subprocess.Popen([sys.executable, '-c', text], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdin.close)
        self.assertEqual(process.stdout.readline(), b'ready\n')
        return process

    def test_memory_is_that_of_all_processes_below(self):
        first, second = self.holder(60), self.holder(40)
        seen = watch.Watched()
        seen.sample(first.pid)
        self.assertGreater(seen.peak_kib, 100 * 1024)
        self.assertLess(seen.peak_kib, 160 * 1024)
        # Only the second one counts if the first only starts it.
        other = watch.Watched()
        other.wrapper = True
        other.sample(first.pid)
        self.assertGreater(other.peak_kib, 40 * 1024)
        self.assertLess(other.peak_kib, 60 * 1024)
        self.assertEqual(set(watch.descendants()), {first.pid, second.pid})

    def test_processor_time_of_children_counts_as_own(self):
        clock = watch.OwnSeconds()
        before, machine = clock.totals()[0], watch.machine_seconds()
        subprocess.run([sys.executable, '-c', 'sum(range(10**7))'], check=True)
        own = clock.totals()[0] - before
        self.assertGreater(own, 0.02)
        self.assertGreaterEqual(watch.machine_seconds() - machine, 0.5 * own)


if __name__ == '__main__':
    unittest.main()
