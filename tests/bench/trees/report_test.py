"""bench/trees: which runs are planned, and the page of figures made by hand."""
import os
import sys
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, '..', '..', '..')
PROGRAMS = os.path.join(TOP, 'bench', 'trees')
sys.path[:0] = [os.path.dirname(HERE), PROGRAMS]

import compare  # noqa: E402
import goals  # noqa: E402
import medians  # noqa: E402
import rows  # noqa: E402
from program_case import ProgramCase  # noqa: E402


def row(system, total, seed=1, **fields):
    return {'set': 'adult', 'system': system, 'learner': 'gbt', 'growth': 'leaf_wise', 'leaves': 31,
            'threads': 1, 'rounds': 100, 'folds': 1, 'column_share': None, 'seed': seed,
            'wait': 'default', 'version': '1', 'machine': 'a machine', 'date': '2026-01-02T03:04Z',
            'binning_s': total / 4, 'train_s': 3 * total / 4, 'total_s': total, 'cpu_s': total,
            'rss_start_mib': 10, 'rss_peak_mib': 30, 'predict_rows_per_s': 2e6, 'wall_s': 10,
            'waited_s': 1, 'foreign_cpus': 0, 'task': 'binary', 'train_rows': 800, 'test_rows': 200,
            'features': 14, 'metric': 'auc', 'score': .9, **fields}


def own(total, **fields):
    return row('assay', total, **{'predict_one_us': 1.5, 'trees': 100, 'histogram_updates': 3e9,
                                  'sources': 'abc', **fields})


CEILINGS = {'system': 'ceilings', 'threads': 1, 'version': '1', 'machine': 'a machine',
            'triad_bytes_per_s': 10e9, 'histogram_updates_per_s': 2e9}


class Plan(unittest.TestCase):
    def case(self, known=(), **arguments):
        a = types.SimpleNamespace(**{
            'learner': 'gbt', 'rounds': 10, 'folds': 1, 'column_share': .5, 'systems': ['xgboost-lossguide'],
            'repeats': 3, 'seeds': [1, 2], 'version': '1', 'machine': 'm', **arguments})
        results = compare.Results('/nowhere/results.jsonl')
        for one in known:
            results.rows.append(one)
            results.count(one)
        return compare.Case(a, results, 'adult', 31, a.threads if 'threads' in arguments else 1)

    def test_repeats_take_the_seeds_in_turn_and_systems_take_turns(self):
        plan = [(one['system'], one['seed']) for one in self.case().planned()]
        self.assertEqual(plan, [('assay', 1), ('xgboost-lossguide', 1), ('assay', 2),
                                ('xgboost-lossguide', 2), ('assay', 1), ('xgboost-lossguide', 1)])

    def test_what_is_measured_is_left_out(self):
        everything = list(self.case().planned())
        self.assertEqual(list(self.case(everything).planned()), [])
        # One of the two runs with seed 1 is known, so the second one is still to come.
        self.assertEqual(list(self.case(everything[:1]).planned()), everything[1:])
        other = [{**one, 'version': '2'} for one in everything]
        self.assertEqual(list(self.case(other).planned()), everything)

    def test_both_ways_of_waiting_are_measured_on_two_threads(self):
        variants = list(self.case(threads=2, systems=['lightgbm-row', 'catboost']).variants())
        self.assertEqual(variants, [('assay', 'leaf_wise', 'default'), ('assay', 'symmetric', 'default'),
                                    ('lightgbm-row', 'leaf_wise', 'passive'),
                                    ('lightgbm-row', 'leaf_wise', 'default'),
                                    ('catboost', 'symmetric', 'default')])

    def test_a_clearly_slower_way_of_waiting_is_not_repeated(self):
        def second_turn(passive, default):
            case = self.case(threads=2, systems=['lightgbm-row'], repeats=2)
            turn = list(case.planned())[:3]
            totals = dict(zip(('assay', 'passive', 'default'), (1, passive, default)))
            known = [{**one, 'total_s': totals[one['wait'] if one['system'] != 'assay' else 'assay']}
                     for one in turn]
            case = self.case(known, threads=2, systems=['lightgbm-row'], repeats=2)
            return [one['wait'] for one in case.planned() if one['system'] != 'assay']
        self.assertEqual(second_turn(1, 1.2), ['passive'])
        self.assertEqual(second_turn(1.2, 1), ['default'])
        self.assertEqual(second_turn(1, 1.05), ['passive', 'default'])

    def test_forests_are_compared_with_the_forest(self):
        case = self.case(learner='random_forest', systems=['sklearn-forest'])
        self.assertEqual(list(case.variants()), [('assay', 'depth_wise', 'default'),
                                                 ('sklearn-forest', 'depth_wise', 'default')])
        self.assertEqual(next(case.planned())['column_share'], .5)


class Medians(unittest.TestCase):
    def cell(self, *measured):
        return medians.cells(medians.current(list(measured))[0])[0]

    def test_the_faster_waiting_counts(self):
        cell = self.cell(own(1), row('xgboost', 4), row('xgboost', 2, wait='passive'),
                         row('xgboost', 3, wait='passive'))
        self.assertEqual(cell.others['xgboost']['total_s'], 2.5)
        self.assertEqual(cell.ratio('total_s'), .4)

    def test_a_newer_version_and_the_machine_of_assay_replace_others(self):
        kept, ceilings = medians.current([own(1), own(2, version='2'), row('xgboost', 4),
                                          row('xgboost', 5, machine='other'), CEILINGS])
        self.assertEqual([one['total_s'] for one in kept], [2, 4])
        self.assertEqual(ceilings[1]['histogram_updates_per_s'], 2e9)

    def test_the_best_other_has_the_seeds_of_assay(self):
        cell = self.cell(own(1, seed=1, score=.90), own(1, seed=2, score=.92),
                         row('a', 1, seed=1, score=.91), row('a', 1, seed=2, score=.92),
                         row('b', 1, seed=1, score=.99))
        self.assertEqual(cell.scores.best_other(), 'a')
        worst, none = cell.scores.deficit('a')
        self.assertAlmostEqual(worst, .01)
        self.assertAlmostEqual(none, 0)

    def test_losses_are_relative(self):
        cell = self.cell(own(1, metric='logloss', score=.202), row('a', 1, metric='logloss', score=.2))
        self.assertAlmostEqual(cell.scores.deficit('a')[0], .01)
        # 1 % behind is five times what is tolerated.
        self.assertAlmostEqual(goals.share_of_tolerance(cell), 5)

    def test_a_system_that_failed_keeps_its_error(self):
        failed = {key: value for key, value in row('a', 1).items() if key != 'score'}
        cell = self.cell(own(1), {**failed, 'error': 'no memory'})
        self.assertEqual((cell.errors, cell.others, cell.ratio('total_s')), ({'a': 'no memory'}, {}, None))


class Report(ProgramCase):
    programs = PROGRAMS

    def report(self, *measured, code=0):
        for one in measured:
            rows.append(self.path('r.jsonl'), one)
        process = self.program('report', '--results', self.path('r.jsonl'), '--out',
                               self.path('page.md'), code=code)
        return self.read('page.md').splitlines() if code == 0 else process.stderr

    def test_tables_hold_the_figures(self):
        lines = self.report(
            CEILINGS, own(1, seed=1, score=.9), own(3, seed=2, score=.8, rss_peak_mib=34),
            row('lightgbm-row', 3, seed=1, score=.9), row('lightgbm-row', 5, seed=2, score=.802),
            row('xgboost-lossguide', 6, rss_peak_mib=20, predict_rows_per_s=4e6, waited_s=5))
        self.assertIn('| adult | 31 | 1 | 100 | 0.500 | 1.50 | 2.00 | 1.00 (lightgbm-row) | '
                      '3.00 (lightgbm-row) | 4.00 (lightgbm-row) | 2.00 | 10 % | 50 % | 0.00 |', lines)
        self.assertIn('| adult | 31 | 1 | 100 | 22 | 10 (xgboost-lossguide) | 2.20 | 2 M | '
                      '4 M (xgboost-lossguide) | 0.50 | 1.50 |', lines)
        self.assertIn('| adult | 31 | 100 | auc | 2 | 0.85000 (0.80000 to 0.90000) | 0.85100 (0.80200 to '
                      '0.90000) (lightgbm-row) | +0.00100 | +0.00000 to +0.00200 | no |', lines)
        self.assertIn('| adult | 31 | 1 | 100 | 2.00 | 100 % | 20 % |', lines)
        self.assertIn('### adult: 800 x 14, binary', lines)
        self.assertIn('| leaf wise | 31 | 1 | 100 | xgboost-lossguide | 1.50 | 4.50 | 6.00 | 6.00 | 10 | '
                      '0.90000 | 4 M | 50 % | 0.00 | 1 |', lines)

    def test_goals_say_what_is_reached_and_what_bounds_the_rest(self):
        lines = self.report(own(1), row('lightgbm-row', 3),
                            own(1, leaves=255), row('lightgbm-row', 1.5, leaves=255))
        start = 'Total of binning and training: '
        self.assertIn(f'| {start}on no set slower than the fastest peer | 1 | 2.25 | 2 of 2 | '
                      '1.50 (adult, 255 leaves) | yes | - |', lines)
        self.assertIn(f'| {start}2 times as fast as the fastest peer on the median set | 1 | 2.25 | '
                      '1 of 2 | 1.50 (adult, 255 leaves) | yes | - |', lines)
        self.assertIn("| Prediction of a batch: 5 times the fastest peer's rows/s | 1 | 1.00 | 0 of 2 | "
                      f"1.00 (adult, 31 leaves) | no | {goals.BOUNDS['prediction']} |", lines)
        self.assertIn('| One row, 100 trees of 31 leaves: less than 2 microseconds | 1 | 1.50 | 1 of 1 | '
                      '1.50 (adult, 31 leaves) | yes | - |', lines)
        self.assertIn('| Cross-validation of five folds: 3 times as fast as five fits of the fastest '
                      'peer | - | - | - | - | not measured | - |', lines)

    def test_cells_without_a_peer_show_a_dash(self):
        lines = self.report(own(2))
        self.assertIn('| adult | 31 | 1 | 100 | 0.500 | 1.50 | 2.00 | - | - | - | - | 10 % | 10 % | '
                      '0.00 |', lines)

    def test_a_line_that_was_cut_off_is_no_row(self):
        rows.append(self.path('r.jsonl'), own(1))
        with open(self.path('r.jsonl'), 'a', encoding='utf-8') as handle:
            handle.write('{"set": "ad')
        self.assertEqual(len(rows.read(self.path('r.jsonl'))), 1)
        rows.append(self.path('r.jsonl'), own(2))
        self.assertEqual([one['total_s'] for one in rows.read(self.path('r.jsonl'))], [1, 2])

    def test_what_is_no_file_of_results_is_named(self):
        self.write('r.jsonl', '{"system": 1}\nnonsense\n')
        self.assertIn('r.jsonl, line 2', self.report(code=1))
        self.write('r.jsonl', '')
        self.assertIn('no run of Assay', self.report(code=1))


if __name__ == '__main__':
    unittest.main()
