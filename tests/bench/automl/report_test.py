import unittest
import xml.etree.ElementTree

from bench_case import BenchCase

import cells
import picture


def row(name, system, seed, score, **fields):
    ok = score is not None
    return {'set': name, 'system': system, 'seed': seed, 'budget_s': 10, 'threads': 2,
            'version': '1', 'machine': 'a machine', 'date': '2026-01-02T03:04Z', 'task': 'binary',
            'metric': 'roc_auc', 'status': 'ok' if ok else 'failed', 'score': score, 'wall_s': 9.5,
            'overshoot_s': -0.5, 'start_s': 1, 'peak_mib': 100, 'predict_rows_per_s': 12345,
            'cpus_used': 1.9, 'foreign_cpus': 0, 'error': '' if ok else 'no | memory',
            'details': 'chose x; lib 3', **fields}


class Report(BenchCase):
    def report(self, *rows, installs=(), code=0, more=()):
        for one in rows:
            cells.append(self.path('r.tsv'), one)
        for one in installs:
            cells.append(self.path('r_peers.tsv'), one, cells.INSTALL_COLUMNS)
        process = self.program('report', '--results', self.path('r.tsv'), '--out',
                               self.path('docs/page.md'), '--picture', self.path('docs/i/p.svg'),
                               *more, code=code)
        return self.read('docs/page.md') if code == 0 else process.stderr

    def test_tables_hold_the_figures(self):
        text = self.report(row('a', 'assay', 1, .9), row('a', 'assay', 2, .8),
                           row('a', 'flaml', 1, .85), row('a', 'flaml', 2, None, wall_s=3),
                           row('b', 'assay', 1, .5), row('b', 'flaml', 1, .75, foreign_cpus=1.5))
        lines = text.splitlines()
        self.assertIn('| a | roc_auc | **0.8500** (2) | 0.8500 (1), 1 failed |', lines)
        self.assertIn(r'| b | roc_auc | 0.5000 (1) | **0.7500**\* (1) |', lines)
        # Ranks: a 1 and 1, b 2 against 2, 2 and 1.
        self.assertIn('| 10 s | 2 | 1.50 | 1.50 |', lines)
        self.assertIn('| assay | 1.50 | 0.50 | 9.5 | -0.5 | 1.0 | 100 | 100 | 12.3 k | 1.90 | 0 | '
                      '0 of 3 |', lines)
        self.assertIn('| a | flaml | 10 | 2 | 3 | no \\| memory |', lines)
        self.assertIn('| 10 s | flaml | 2 | 1 (1) | 0 | 1 (1) | 1 |', lines)
        self.assertIn('| 10 s | b | flaml | 0.5 | 0.25 | 100.0 % | yes |', lines)
        self.assertIn('| flaml | 1 | 3 | lib 3 |', lines)
        self.assertIn('6 cells, measured on a machine, 2 threads, from 2026-01-02 to 2026-01-02; '
                      '1 of them under load (see below). Made by `bench/automl/report`.', lines)
        self.assertIn('No installation is on record.', lines)
        self.assertIn('![', text)
        self.assertIn('](i/p.svg)', text)

    def test_the_picture_is_svg_with_every_system(self):
        self.report(row('a', 'assay', 1, .9), row('a', 'x<y', 1, .8))
        tree = xml.etree.ElementTree.fromstring(self.read('docs/i/p.svg'))
        texts = [one.text for one in tree.iter('{http://www.w3.org/2000/svg}text')]
        self.assertIn('1.00 assay', texts)
        self.assertIn('2.00 x<y', texts)
        self.assertIn('10 s', texts)

    def test_names_at_the_lines_do_not_overlap(self):
        places = picture.spread([50, 51, 52, 200], 40, 210)
        order = sorted(places)
        self.assertTrue(all(b - a >= picture.GAP for a, b in zip(order, order[1:])))
        places = picture.spread([209, 210], 40, 210)
        self.assertEqual(places, [194, 210])

    def test_rows_of_other_machines_and_older_rows_are_counted_only(self):
        text = self.report(row('a', 'assay', 2, .1, machine='other'), row('a', 'assay', 1, .9),
                           row('a', 'assay', 1, .7, version='2'), row('a', 'flaml', 1, .8))
        self.assertIn('2 further rows are of other machines, replaced', text)
        self.assertIn('| a | roc_auc | 0.7000 (1) | **0.8000** (1) |', text)

    def test_what_was_not_installed_is_named_with_its_error(self):
        install = {'system': 'h2o', 'machine': 'a machine', 'packages': 'h2o==1', 'date': 'd'}
        text = self.report(row('a', 'assay', 1, .9), installs=[{**install, 'error': 'no wheel'}])
        self.assertIn('| h2o | h2o==1 | no wheel |', text)
        text = self.report(installs=[{**install, 'error': '', 'version': '1'}])
        self.assertNotIn('no wheel', text)

    def test_systems_without_common_sets_are_not_ranked(self):
        text = self.report(row('a', 'assay', 1, .9), row('b', 'flaml', 1, .8))
        self.assertIn('No budget has sets that all its systems were measured on.', text)
        self.assertNotIn('![', text)

    def test_rows_under_load_can_be_left_out(self):
        text = self.report(row('a', 'assay', 1, .9), row('b', 'assay', 1, .8, foreign_cpus=1),
                           more=['--without-load'])
        self.assertIn('1 further rows are of other machines, replaced by later ones, or left out.',
                      text)
        self.assertIn('| a | roc_auc |', text)
        self.assertNotIn('| b | roc_auc |', text)

    def test_rows_under_load_alone_are_an_error_without_them(self):
        self.assertIn('all 1 rows were measured under load',
                      self.report(row('b', 'assay', 1, .8, foreign_cpus=1), code=1,
                                  more=['--without-load']))

    def test_prediction_speed_is_a_ratio(self):
        text = self.report(row('a', 'assay', 1, .9), row('a', 'flaml', 1, .8,
                                                         predict_rows_per_s=1234.5))
        self.assertIn('| 10 s | flaml | 1 | 1 (1) | 0 | 0 (0) | 10 |', text)

    def test_no_rows_are_an_error(self):
        self.assertIn('has no rows', self.report(code=1))


if __name__ == '__main__':
    unittest.main()
