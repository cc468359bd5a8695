import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, '../../..')
BENCH = os.path.join(TOP, 'bench/portfolio')
sys.path[:0] = [BENCH, os.path.join(TOP, 'bench/automl'), os.path.join(HERE, '..')]

import cells
import ranks
from program_case import ProgramCase

A, B, C, D = (('x', i) for i in range(4))
CATALOG = 'name\tfile\ttask\ttarget\tmetric\tnotes\none\td.csv\tbinary\ty\tauc\t\n'


def row(name, setting, error, params='rate=1', learner='x'):
    return {'set': name, 'task': 'binary', 'metric': 'roc_auc', 'rows': '10', 'learner': learner,
            'setting': str(setting), 'params': params, 'error': str(error), 'seconds': '1'}


class Ranks(unittest.TestCase):
    def test_equal_errors_share_a_rank_and_missing_ones_are_last(self):
        self.assertEqual(ranks.ranks_of({A: 0.3, B: 0.1, C: 0.3}, [A, B, C, D]),
                         {A: 2.5, B: 1, C: 2.5, D: 4})

    def test_greedy_adds_what_lowers_the_mean_best_rank(self):
        # By itself C is best (mean 2); with it A helps on the first set and B on the second.
        table = {'s': {A: 1, B: 4, C: 2, D: 3}, 't': {A: 4, B: 1, C: 2, D: 3},
                 'u': {A: 3, B: 4, C: 2, D: 1}}
        self.assertEqual(ranks.greedy(table, [], [A, B, C, D], 3)[0], C)
        # After D, which leaves 3, 3, 1: A or B gains 2 on one set, C 1 on two; C is better alone.
        self.assertEqual(ranks.greedy(table, [D], [A, B, C, D], 2)[0], C)
        self.assertEqual(len(ranks.greedy(table, [D], [A, B, C, D], 9)), 3)

    def test_greedy_prefers_complements_to_runners_up(self):
        # B is second everywhere A is first; C is good where both are bad.
        table = {'s': {A: 1, B: 2, C: 3}, 't': {A: 1, B: 2, C: 3}, 'u': {A: 3, B: 2, C: 1}}
        self.assertEqual(ranks.greedy(table, [], [A, B, C], 2), [A, C])

    def test_regret_is_0_at_the_best_and_1_at_the_median(self):
        errors = {A: 1, B: 2, C: 4}
        self.assertEqual([ranks.regret(errors, [one]) for one in (A, B, C, D)], [0, 1, 3, 1])
        self.assertEqual(ranks.regret(errors, [C, B]), 1)
        self.assertEqual(ranks.regret({A: 0.1, B: 0.1}, [B]), 0)

    def test_a_setting_is_the_same_on_all_sets(self):
        matrix, params = ranks.matrix_of([row('s', 0, 0.5), row('t', 0, 0.25)])
        self.assertEqual(matrix, {'s': {A: 0.5}, 't': {A: 0.25}})
        self.assertEqual(params, {A: 'rate=1'})
        for rows, words in (([row('s', 0, 1), row('t', 0, 1, 'rate=2')], 'is another one'),
                            ([row('s', 0, 1), row('s', 0, 1)], 'stands twice'),
                            ([row('s', 0, 'much')], "error 'much'")):
            with self.assertRaisesRegex(ranks.BadMatrix, words):
                ranks.matrix_of(rows)


class Programs(ProgramCase):
    programs = BENCH

    def program(self, name, *arguments, code=0, mode=''):
        return super().program(name, *arguments, code=code,
                               env={'FAKE_LOG': self.path('log'), 'FAKE_MODE': mode})

    def fill(self, *arguments, **more):
        self.write('d.csv', 'x,y\n' + ''.join(f'{i},{i % 2}\n' for i in range(50)))
        catalog = self.write('c.tsv', CATALOG)
        return self.program('fill', '--catalog', catalog, '--rows', '20', '--learners', 'linear',
                            '--assay', os.path.join(HERE, 'fake_assay'), '--work',
                            self.path('work'), '--matrix', self.path('m.tsv'), *arguments, **more)

    def test_fill_adds_what_ended_and_tries_no_cell_twice(self):
        self.fill()
        rows = cells.read(self.path('m.tsv'), ranks.COLUMNS)
        self.assertEqual([(one['learner'], one['setting'], one['params'], one['error'],
                           one['seconds'], one['rows']) for one in rows],
                         [('linear', '0', 'rate=0.25 leaves=6', '0.11', '0.1', '20'),
                          ('linear', '1', 'rate=0.5 leaves=5', '0.12', '0.2', '20'),
                          ('linear', '2', 'rate=0.75 leaves=4', '0.13', '0.3', '20')])
        self.assertIn('portfolio: false', self.read('log'))
        # The setting that did not end is tried again, the others keep their rows.
        self.fill()
        self.assertEqual(cells.read(self.path('m.tsv'), ranks.COLUMNS), rows)
        cells.append(self.path('m.tsv'), {**rows[0], 'setting': '3'}, ranks.COLUMNS)
        tries = self.read('log')
        self.fill()
        self.assertEqual(self.read('log'), tries)

    def test_fill_goes_on_after_a_failure_and_says_what_is_unknown(self):
        done = self.fill(mode='fail')
        self.assertIn('one, linear: exit code 4: error: the disk is full', done.stderr)
        self.assertFalse(os.path.exists(self.path('m.tsv')))
        self.assertIn("unknown 'two'", self.fill('--only', 'two', code=2).stderr)
        self.assertIn('--rows must be', self.fill('--rows', '0', code=2).stderr)
        self.assertFalse(os.path.exists(self.path('log')))

    def test_pick_writes_the_settings_and_the_command(self):
        for name in ('s', 't', 'u'):
            for i, error in enumerate((0.5, 0.4, 0.1 if name == 'u' else 0.6, 0.7)):
                cells.append(self.path('m.tsv'), row(name, i, error, f'rate={i}', 'gbt'),
                             ranks.COLUMNS)
        out = self.path('p.txt')
        done = self.program('pick', '--matrix', self.path('m.tsv'), '--size', '2', '--out', out)
        lines = self.read('p.txt').splitlines()
        self.assertEqual([line for line in lines if line[0] != '#'], ['gbt rate=1', 'gbt rate=2'])
        head = ' '.join(line[2:] for line in lines if line[0] == '#')
        self.assertIn('`bench/portfolio/pick --size 2 --out FILE` of m.tsv: 4 settings on 3 sets, '
                      's, t, u.', head)
        self.assertIn('| portfolio |', done.stdout)

    def test_pick_needs_two_sets(self):
        cells.append(self.path('m.tsv'), row('s', 0, 1), ranks.COLUMNS)
        done = self.program('pick', '--matrix', self.path('m.tsv'), code=2)
        self.assertIn('has 1 sets', done.stderr)


if __name__ == '__main__':
    unittest.main()
