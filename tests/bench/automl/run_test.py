import os
import signal
import subprocess
import sys
import unittest

from bench_case import BENCH, CATALOG, FAKE, BenchCase

import cells


class Run(BenchCase):
    def setUp(self):
        super().setUp()
        self.write('numbers.csv', 'x,y\n' + ''.join(f'{i},{7 + i % 2}\n' for i in range(20)))
        self.write('classes.csv', 'x,y\n' + ''.join(f'{i},{"ab"[i % 2]}\n' for i in range(20)))
        self.catalog = self.write('c.tsv', CATALOG + 'numbers\tnumbers.csv\tregression\ty\trmse\t\n'
                                  'classes\tclasses.csv\tbinary\ty\tauc\t\n')
        self.results = self.path('r.tsv')

    def arguments(self, *more):
        return ['--catalog', self.catalog, '--results', self.results, '--work', self.path('work'),
                '--peers', self.path('peers'), '--add', f'fake={FAKE}', '--budget', '1',
                '--threads', '1', '--machine', 'm', *more]

    def measure(self, *more, mode='', code=0, **env):
        if '--systems' not in more:
            more += ('--systems', 'fake')
        return self.program('run', *self.arguments(*more), code=code,
                            env={'FAKE_MODE': mode, **env})

    def rows(self):
        return cells.read(self.results)

    def test_each_set_and_seed_becomes_a_row(self):
        self.measure('--seeds', '1,2')
        rows = self.rows()
        self.assertEqual([(row['set'], row['seed'], row['status']) for row in rows],
                         [('numbers', '1', 'ok'), ('classes', '1', 'ok'),
                          ('numbers', '2', 'ok'), ('classes', '2', 'ok')])
        self.assertEqual((rows[1]['metric'], rows[1]['score']), ('roc_auc', '0.5'))
        self.assertEqual((rows[1]['train_rows'], rows[1]['test_rows']), ('16', '4'))
        # The target is 7 or 8 and 7 is predicted: errors of 0 and 1.
        self.assertIn(rows[0]['score'], ('0', '0.5', '0.7071068', '0.8660254', '1'))
        self.assertEqual(rows[0]['predict_rows_per_s'], '2000')
        self.assertRegex(rows[0]['details'], '^data [0-9a-f]{12}; 1 threads on 1 processors$')
        self.assertEqual((rows[0]['version'], rows[0]['machine'], rows[0]['threads']),
                         ('1.0', 'm', '1'))
        for name in ('wall_s', 'start_s', 'overshoot_s', 'peak_mib', 'load1', 'date', 'constant'):
            self.assertTrue(rows[0][name], name)

    def test_what_has_a_row_is_left_out(self):
        self.measure('--only', 'numbers')
        process = self.measure()
        self.assertIn('1 of 2 cells are missing', process.stdout)
        self.assertEqual([row['set'] for row in self.rows()], ['numbers', 'classes'])
        self.assertIn('0 of 2 cells are missing', self.measure().stdout)
        self.assertIn('2 of 2 cells are missing', self.measure(FAKE_VERSION='2.0').stdout)
        self.assertEqual([row['version'] for row in self.rows()], ['1.0', '1.0', '2.0', '2.0'])

    def test_a_dry_run_lists_and_measures_nothing(self):
        process = self.measure('--dry-run', '--budget', '10,60', '--only', 'classes')
        self.assertEqual(process.stdout.splitlines(),
                         ['classes, fake, 10 s, seed 1', 'classes, fake, 60 s, seed 1',
                          '2 of 2 cells are missing, at most 1 minutes of fits'])
        self.assertEqual(self.rows(), [])

    def test_a_system_that_fails_is_a_row_and_stops_nothing(self):
        for mode, error in (('raise', 'ValueError: the first line'),
                            ('die', 'ended without an answer (signal 9): the last words'),
                            ('short', '3 predictions for 4 test rows')):
            with self.subTest(mode):
                if os.path.exists(self.results):
                    os.remove(self.results)
                self.measure(mode=mode)
                self.assertEqual([(row['status'], row['error'], row['score'])
                                  for row in self.rows()], [('failed', error, '')] * 2)
                self.assertTrue(all(row['wall_s'] for row in self.rows()))
                self.assertIn('0 of 2 cells', self.measure(mode=mode).stdout)

    def test_a_system_that_is_not_there_is_named_and_the_others_go_on(self):
        process = self.measure('--systems', 'flaml,assay,fake', '--assay', self.path('none'))
        self.assertIn('flaml is left out: not installed', process.stdout)
        self.assertIn('assay is left out: ', process.stdout)
        self.assertEqual([row['system'] for row in self.rows()], ['fake', 'fake'])

    def test_orphans_are_ended_with_their_system(self):
        self.measure('--only', 'classes', mode='orphan', FAKE_FILE=self.path('pid'))
        with self.assertRaises(ProcessLookupError):
            os.kill(int(self.read('pid')), 0)
        self.assertEqual(self.rows()[0]['status'], 'ok')

    def test_what_a_system_leaves_behind_is_removed_and_its_log_kept(self):
        self.measure('--only', 'classes')
        for place in (self.path('work'), os.getcwd(), self.path('work/cell')):
            self.assertFalse(os.path.exists(os.path.join(place, 'left_behind')))
        self.assertIn('what libraries print', self.read('work/classes-fake.log'))

    def test_an_interrupt_keeps_what_was_measured(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                fifo = self.path(f'fifo{number}')
                os.mkfifo(fifo)
                process = subprocess.Popen(
                    [sys.executable, '-B', os.path.join(BENCH, 'run'),
                     *self.arguments('--systems', 'fake', '--seeds', '1,2', '--only', 'classes',
                                     '--results', self.path(f'r{number}.tsv'))],
                    env={**os.environ, 'FAKE_MODE': 'hang', 'FAKE_FILE': fifo},
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                with open(fifo, encoding='utf-8') as handle:
                    system = int(handle.read())  # the second cell is in its fit
                process.send_signal(number)
                _, errors = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 130, errors)
                self.assertIn('interrupted: what was measured is in', errors)
                self.assertEqual([row['seed'] for row in cells.read(self.path(f'r{number}.tsv'))],
                                 ['1'])
                with self.assertRaises(ProcessLookupError):
                    os.kill(system, 0)

    def test_the_standard_suite_names_its_sets(self):
        with open(os.path.join(BENCH, 'standard.tsv'), encoding='utf-8') as handle:
            names = sorted({line.split('\t')[2] for line in handle
                            if not line.startswith(('#', 'budget_s'))})
        lines = ''.join(f'{name}\tclasses.csv\tbinary\ty\tauc\t\n' for name in names)
        self.write('c.tsv', CATALOG + lines)
        arguments = self.arguments('--suite', 'standard', '--systems', 'fake', '--dry-run')
        at = arguments.index('--budget')
        process = self.program('run', *arguments[:at], *arguments[at + 2:])
        self.assertIn('49 of 49 cells', process.stdout)  # 10 x 3 + 8 x 2 + 3
        self.assertEqual(len(names), 10)

    def test_mistakes_are_named_with_the_nearest_name(self):
        for more, message in ((('--systems', 'flmal'), "system 'flmal' (did you mean 'flaml'?)"),
                              (('--only', 'clases'), "set 'clases' (did you mean 'classes'?)"),
                              (('--suite', 'standrad'), "(did you mean 'standard'?)"),
                              (('--budget', 'ten'), "--budget 'ten' (must be numbers above 0"),
                              (('--seeds', '0'), "--seeds '0'"),
                              (('--threads', '100000'), '--threads=100000 (must be 1..'),
                              (('--add', 'name'), "--add 'name' (must be NAME=PROGRAM)")):
            self.assertIn(message, self.measure(*more, code=2).stderr)
        self.assertIn('--catalog FILE is missing', self.program('run', code=2).stderr)
        self.assertIn('--budget SECONDS or --suite',
                      self.program('run', '--catalog', self.catalog, code=2).stderr)
        self.write('c.tsv', CATALOG + 'd\td.csv\tranking\ty\tauc\t\n')
        self.assertIn("unknown task 'ranking'", self.measure('--only', 'd', code=1).stderr)

    def test_a_set_that_cannot_be_read_is_named_and_the_others_go_on(self):
        with open(self.catalog, 'a', encoding='utf-8') as handle:
            handle.write('gone\tgone.csv\tbinary\ty\tauc\t\nodd\td.csv\tranking\ty\tauc\t\n')
        said = self.measure(code=1).stdout
        self.assertIn('odd is left out: odd: unknown task', said)
        self.assertIn('gone is left out: ', said)
        self.assertEqual([row['set'] for row in self.rows()], ['numbers', 'classes'])

    def test_another_table_of_the_same_name_does_not_count_as_measured(self):
        self.measure('--only', 'classes')
        self.write('classes.csv', 'x,y\n' + ''.join(f'{i},{"ba"[i % 2]}\n' for i in range(20)))
        error = self.measure('--only', 'classes', code=1).stderr
        self.assertIn("another table named 'classes'", error)
        self.assertIn('--results FILE', error)
        self.assertEqual(len(self.rows()), 1)


if __name__ == '__main__':
    unittest.main()
