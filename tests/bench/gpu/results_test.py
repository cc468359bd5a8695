"""bench/gpu: what is measured with a program in kernel_bench's place, and the page of figures made by
hand."""
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, '..', '..', '..')
PROGRAMS = os.path.join(TOP, 'bench', 'gpu')
sys.path[:0] = [os.path.dirname(HERE), PROGRAMS]

import report  # noqa: E402
from program_case import ProgramCase  # noqa: E402

# Does what its folder's plan.json says for a group: figures, an end with an error, or no end.
FAKE = '''#!/usr/bin/env python3
import json, os, sys, time
plan = json.load(open(os.path.join(os.path.dirname(sys.argv[0]), 'plan.json')))
options = dict(argument[2:].split('=', 1) for argument in sys.argv[1:])
wanted = options['benchmark_filter'].lstrip('^').split('/')[0]
act = plan.get(wanted, [])
if act == 'fails':
    sys.exit('it is broken')
device = os.environ['ASSAY_BENCH_DEVICE']
print(f"device {device} ({plan['name']}), 4 threads; triad 1.0 GB/s, FMA 2 GFLOP/s")
json.dump({'context': {}, 'benchmarks': act}, open(options['benchmark_out'], 'w'))
'''


def run(name, milliseconds, **counters):
    return {'name': name, 'run_name': name, 'run_type': 'iteration', 'real_time': milliseconds,
            'time_unit': 'ms', **counters}


BINNING = 'bin_columns/rows:8/features:2/edges:3/real_time'
CEILINGS = {'gpu': 'G1', 'multiprocessors': 2, 'runs': 7, 'copy_bytes_per_s': 2e12, 'launch_s': 2.5e-6}


class Measure(ProgramCase):
    programs = PROGRAMS

    def setUp(self):
        super().setUp()
        os.chmod(self.write('kernel_bench', FAKE), 0o755)
        self.write('ceilings.json', json.dumps(CEILINGS))

    def measure(self, plan, *options, code=0):
        self.write('plan.json', json.dumps({'name': 'Card One', **plan}))
        return self.program('measure.py', '--bench', self.path('kernel_bench'), '--out',
                            self.path('results.json'), '--ceilings', self.path('ceilings.json'),
                            *options, code=code)

    def results(self):
        return json.loads(self.read('results.json'))

    def test_keeps_figures_with_their_command_and_the_name_of_the_device(self):
        self.measure({'bin_columns': [run(BINNING, 2)]}, '--only', 'bin_columns')
        results = self.results()
        device = results['devices']['cuda:0']
        self.assertEqual((device['name'], device['threads']), ('Card One', 4))
        group = device['groups']['bin_columns']
        self.assertEqual(group['command'], 'ASSAY_BENCH_DEVICE=cuda:0 kernel_bench '
                                           '--benchmark_filter=^bin_columns/ --benchmark_repetitions=5')
        self.assertEqual(group['benchmarks'][0]['real_time'], 2)
        self.assertEqual(results['ceilings'], CEILINGS)

    def test_adds_groups_and_devices_to_what_is_there(self):
        self.measure({'bin_columns': [run(BINNING, 2)]}, '--only', 'bin_columns')
        self.measure({'gemm(_bf16|_bf16_any_order|_int8)?': [run('gemm/m:1', 3)]}, '--only', 'gemm',
                     '--device', 'cuda:0,cpu')
        groups = {name: sorted(device['groups']) for name, device in self.results()['devices'].items()}
        self.assertEqual(groups, {'cuda:0': ['bin_columns', 'gemm'], 'cpu': ['gemm']})

    def test_measures_the_other_groups_where_one_fails(self):
        said = self.measure({'grow_trees_batch': 'fails', 'bin_columns': [run(BINNING, 2)]}, '--only',
                            'batch,bin_columns', code=1)
        self.assertIn('cuda:0 batch: ended with 1: it is broken', said.stderr)
        self.assertEqual(list(self.results()['devices']['cuda:0']['groups']), ['bin_columns'])

    def test_leaves_out_what_the_device_does_not_have_but_no_failure(self):
        lacks = {'name': 'a', 'error_occurred': True, 'error_message': 'no implementation takes this'}
        breaks = {'name': 'b', 'error_occurred': True, 'error_message': 'out of memory'}
        self.measure({'bin_columns': [lacks, run(BINNING, 2)]}, '--only', 'bin_columns')
        self.assertEqual(len(self.results()['devices']['cuda:0']['groups']['bin_columns']['benchmarks']), 1)
        said = self.measure({'bin_columns': [breaks]}, '--only', 'bin_columns', code=1)
        self.assertIn('b: out of memory', said.stderr)

    def test_does_not_mix_machines(self):
        self.measure({'bin_columns': [run(BINNING, 2)]}, '--only', 'bin_columns')
        said = self.measure({'name': 'Card Two', 'bin_columns': [run(BINNING, 9)]}, '--only',
                            'bin_columns', code=1)
        self.assertIn('the file has figures of Card One with 4 threads, and cuda:0 is Card Two',
                      said.stderr)
        device = self.results()['devices']['cuda:0']
        self.assertEqual(device['groups']['bin_columns']['benchmarks'][0]['real_time'], 2)

    def test_names_the_group_that_was_meant(self):
        said = self.measure({}, '--only', 'bin_colums', code=2)
        self.assertIn("unknown group 'bin_colums' (did you mean 'bin_columns'?)", said.stderr)

    def test_leaves_large_tables_to_gpus_and_out_of_quick_runs(self):
        self.measure({})
        self.assertIn('higgs', self.results()['devices']['cuda:0']['groups'])
        os.remove(self.path('results.json'))
        self.measure({}, '--quick', '--device', 'cuda:0,cpu')
        for device in self.results()['devices'].values():
            self.assertFalse({'higgs', 'airline'} & set(device['groups']))
            self.assertIn('boosting', device['groups'])

    def test_refuses_another_file(self):
        self.write('results.json', '[]')
        self.assertIn('is no file of results', self.measure({}, code=2).stderr)


def results_of(gpu, cpu=None, ceilings=None):
    devices = {'cuda:0': {'name': 'Card One', 'threads': 4, 'groups': gpu}}
    if cpu is not None:
        devices['cpu'] = {'name': 'Chip', 'threads': 4, 'groups': cpu}
    return {'devices': devices, 'ceilings': ceilings}


def group(*runs):
    return {'command': 'measure this', 'benchmarks': list(runs)}


class Page(unittest.TestCase):
    def rows(self, results, begin):
        return [line for line in report.page(results).splitlines() if line.startswith(f'| {begin}')]

    def test_sets_the_cpu_beside_the_median_of_the_gpu(self):
        gpu = group(*(run(BINNING, time, **{'GB/s': 500.0}) for time in (9, 2, 4)))
        results = results_of({'bin_columns': gpu}, {'bin_columns': group(run(BINNING, 0.06e3))}, CEILINGS)
        self.assertEqual(self.rows(results, 'bin_columns'),
                         ['| bin_columns, rows 8, features 2, edges 3 | 4.00 | 500 GB/s | 25 % | 60.0 | '
                          '15.0 |'])

    def test_names_the_command_of_every_table(self):
        text = report.page(results_of({'bin_columns': group(run(BINNING, 1)),
                                       'gemm': group(run('gemm/m:1', 1))}))
        self.assertEqual(text.count('    measure this'), text.count('\n## '))

    def test_boosting_tells_the_parts_of_a_tree(self):
        higgs = run('boosting/krows:10500/airline:0/rounds:500/iterations:1/real_time', 25e3,
                    s_gradients=.001, s_grow=.04, s_predict=.002, bytes_moved=1234.0)
        self.assertEqual(self.rows(results_of({'higgs': group(higgs)}), 'higgs'),
                         ['| higgs, 10,500,000 x 28 | 500 | 25.0 | 1.00, 40.0, 2.00 | 1,230 | 7.35 | - | - |'])

    def test_a_batch_pairs_one_call_with_many(self):
        def batch(together, time):
            return run(f'grow_trees_batch/folds:8/configs:8/together:{together}/real_time', time,
                       leaves_a_tree=30.0)
        results = results_of({'batch': group(batch(0, 100), batch(1, 10))},
                             {'batch': group(batch(0, 60), batch(1, 40))})
        self.assertEqual(self.rows(results, '8 x 8'),
                         ['| 8 x 8 | 30.0 | 10.0 | 100 | 10.0 | 40.0 | 60.0 | 4.00 |'])

    def test_ceilings_have_their_units(self):
        results = results_of({}, ceilings=CEILINGS)
        self.assertEqual(self.rows(results, 'copying'),
                         ['| copying within the memory, reads and writes counted | 2,000 GB/s |'])
        self.assertEqual(self.rows(results, 'a launch of'), ['| a launch of many behind each other | 2.50 us |'])

    def test_notes_stand_before_the_tables(self):
        text = report.page(results_of({'gemm': group(run('gemm/m:1', 1))}), 'Read this.\n')
        self.assertLess(text.index('Read this.'), text.index('## Matrix'))

    def test_needs_figures_of_a_gpu(self):
        with self.assertRaisesRegex(report.ReportError, 'no figures of a GPU'):
            report.page({'devices': {'cpu': {'name': 'x', 'threads': 1, 'groups': {}}}})

    def test_numbers_have_three_digits_and_no_exponent(self):
        values = (0, 0.00123, 24.56, 999.6, 1234.5, 12345678)
        self.assertEqual([report.number(value) for value in values],
                         ['0', '0.00123', '24.6', '1,000', '1,230', '12,300,000'])


if __name__ == '__main__':
    unittest.main()
