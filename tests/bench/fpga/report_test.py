"""bench/fpga/report.py on figures made by hand."""
import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', '..')
sys.path.insert(0, os.path.join(TOP, 'bench', 'fpga'))

import report  # noqa: E402

CARD = {'name': 'U0', 'source': 'DS0', 'memory': 'HBM2', 'memory_gb_s': 460, 'channel_gb_s': 14.375,
        'build_channels': 1,
        'link_gb_s': 15.75, 'dsp': 1000, 'bram': 200, 'uram': 100}
COSTS = {
    'clock_mhz': 300,
    'assumptions': {'burst_share': .8, 'scattered_share': .5, 'link_share': .8, 'launch_us': 50,
                    'sync_us': 25},
    'cards': [CARD],
    'kernels': [{'name': 'one', 'units': 2, 'dsp': 100, 'bram': 3, 'uram': 0},
                {'name': 'two', 'units': 1, 'dsp': 50, 'bram': 4, 'uram': 25}],
    'workloads': [
        {'name': 'a tree', 'cpu_bench': 'grow_tree/a', 'note': 'all of it', 'plans': [
            {'card': 'U0', 'kernels': .02, 'link': .0014, 'launches': .0031, 'syncs': .0002,
             'hidden': .0004,
             'still_hideable': .0415, 'total': .0241}]},
        {'name': 'points', 'cpu_bench': '', 'note': '', 'plans': [
            {'card': 'U0', 'kernels': 1.5, 'link': 0, 'launches': .00005, 'syncs': .0001,
             'hidden': 0,
             'still_hideable': 0, 'total': 1.50005}]}]}


def bench(*runs):
    return {'context': {'num_cpus': 2, 'mhz_per_cpu': 2600},
            'benchmarks': [dict(zip(('name', 'real_time', 'time_unit'), run)) for run in runs]}


class Report(unittest.TestCase):
    def row(self, begin):
        cpu = report.named_times(COSTS, report.cpu_times(bench(('grow_tree/a', 65, 'ms'))))
        text = report.report(COSTS, cpu, 'a machine')
        return next(line for line in text.splitlines() if line.startswith(f'| {begin}'))

    def test_sets_planned_beside_measured_milliseconds(self):
        self.assertEqual(self.row('a tree'),
                         '| a tree (all of it) | 65.0 | 24.1 | 20.0, 1.40, 3.10, 0.200 | 0.400 | 4.2 % |')

    def test_leaves_out_what_the_cpu_has_no_operation_for(self):
        self.assertEqual(self.row('points'), '| points | - | 1,500 | 1,500, 0.000, 0.050, 0.100 | 0.000 | 0.0 % |')

    def test_adds_units_and_gives_shares_of_the_card(self):
        self.assertEqual(self.row('one'), '| one | 2 | 200 | 6 | 0 |')
        self.assertEqual(self.row('all'), '| all | | 250 | 10 | 25 |')
        self.assertEqual(self.row('of U0'), '| of U0 | | 25 % | 5 % | 25 % |')

    def test_says_that_it_is_calculated(self):
        text = report.report(COSTS, [None, None], 'a machine')
        self.assertIn('**Calculated, not measured.**', text)
        self.assertIn('U0, calculated', text)

    def test_takes_the_median_of_repeated_runs_in_any_unit(self):
        times = report.cpu_times(bench(('x', 3, 'ms'), ('x', 1000, 'us'), ('x', 2e6, 'ns')))
        self.assertEqual(times, {'x': 2})

    def test_takes_cpu_time_if_asked(self):
        runs = bench(('x', 30, 'ms'))
        runs['benchmarks'][0]['cpu_time'] = 20
        self.assertEqual(report.cpu_times(runs, 'cpu_time'), {'x': 20})

    def test_names_what_was_not_measured(self):
        with self.assertRaisesRegex(report.ReportError, 'no figure for: grow_tree/a'):
            report.named_times(COSTS, {})

    def test_tells_of_a_bench_that_failed(self):
        failed = bench(('x', 0, 'ms'))
        failed['benchmarks'][0].update(error_occurred=True, error_message='no device')
        with self.assertRaisesRegex(report.ReportError, 'x: no device'):
            report.cpu_times(failed)


class Program(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name, text=None):
        path = os.path.join(self.folder.name, name)
        if text is not None:
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
            os.chmod(path, 0o755)
        return path

    def run_main(self, costs_script, cpu):
        costs = self.path('costs', f'#!/bin/sh\n{costs_script}\n')
        out = io.StringIO()
        with contextlib.redirect_stderr(out), contextlib.redirect_stdout(out):
            code = report.main(['--costs', costs, '--cpu', self.path('cpu.json', json.dumps(cpu)),
                                '--out', self.path('out.md')])
        return code, out.getvalue()

    def test_writes_the_page(self):
        self.path('costs.json', json.dumps(COSTS))
        code, _ = self.run_main(f"cat {self.path('costs.json')}", bench(('grow_tree/a', 65, 'ms')))
        self.assertEqual(code, 0)
        with open(self.path('out.md'), encoding='utf-8') as file:
            self.assertRegex(file.read(), '2 cores at 2.6 GHz, threads: .*; by the clock')

    def test_writes_nothing_if_a_program_fails(self):
        code, said = self.run_main('echo broken >&2; exit 3', bench())
        self.assertEqual(code, 1)
        self.assertIn('ended with 3: broken', said)
        self.assertFalse(os.path.exists(self.path('out.md')))


if __name__ == '__main__':
    unittest.main()
