"""Expected values were computed by hand."""
import unittest

import bench_case  # noqa: F401  (finds the modules under test)

import tally


def rows_of(text):
    """Lines of `set system seed score`; `-` is a failed cell. AUC unless the set begins with r."""
    rows = []
    for line in text.strip().splitlines():
        name, system, seed, score = line.split()
        metric = 'rmse' if name[0] == 'r' else 'roc_auc'
        rows.append({'set': name, 'system': system, 'seed': seed, 'budget_s': '10', 'threads': '2',
                     'machine': 'm', 'version': '1', 'metric': metric,
                     'status': 'failed' if score == '-' else 'ok',
                     'score': '' if score == '-' else score, 'foreign_cpus': '0.1'})
    return rows


def budget_of(text):
    return tally.Budget(10, rows_of(text), ['own'])


class Ranks(unittest.TestCase):
    def test_equal_errors_share_their_ranks_and_failures_are_last(self):
        self.assertEqual(tally.ranks([.2, .1, .2, None]), [2.5, 1, 2.5, 4])
        self.assertEqual(tally.ranks([None, .3, None]), [2.5, 1, 2.5])

    def test_normalised_scores_span_worst_to_best(self):
        self.assertEqual(tally.normalised([4, 2, 3, None]), [0, 1, .5, 0])
        self.assertEqual(tally.normalised([2, 2, None]), [1, 1, 0])
        self.assertEqual(tally.normalised([None, None]), [0, 0])

    def test_standings_are_means_over_seeds_then_sets(self):
        # On a: own is first, then second (1.5); on r, with one seed, second.
        budget = budget_of('''
            a own 1 .9
            a x 1 .8
            a own 2 .7
            a x 2 .8
            r own 1 3
            r x 1 2''')
        standing, sets = budget.standings()
        self.assertEqual(sets, 2)
        self.assertEqual(standing['own'], (1.75, 0.25))
        self.assertEqual(standing['x'], (1.25, 0.75))

    def test_only_what_all_have_is_ranked(self):
        budget = budget_of('''
            a own 1 .9
            a x 1 .8
            b own 1 .9
            b x 1 .95
            c own 1 .9
            b seldom 1 .99''')
        # `seldom` has one of three cells: it is not ranked. c was not measured with x.
        standing, sets = budget.standings()
        self.assertEqual(set(standing), {'own', 'x'})
        self.assertEqual((standing['own'][0], sets), (1.5, 2))

    def test_who_has_fewer_seeds_is_ranked(self):
        budget = budget_of('''
            a own 1 .9
            a own 2 .9
            a own 3 .9
            a x 1 .95''')
        standing, sets = budget.standings()
        self.assertEqual(({name: both[0] for name, both in standing.items()}, sets),
                         ({'own': 2, 'x': 1}, 1))

    def test_scores_are_compared_on_the_seeds_that_all_have(self):
        budget = budget_of('''
            a own 1 .9
            a own 2 .7
            a x 1 .8
            b own 1 -
            b x 2 .6
            c own 1 -''')
        self.assertEqual({name: [row['score'] for row in rows]
                          for name, rows in budget.compared('a').items()},
                         {'own': ['.9'], 'x': ['.8']})
        self.assertEqual(budget.best('a'), ['own'])
        self.assertEqual(len(budget.compared('b')['x']), 1)  # none in common: each its own
        self.assertEqual(budget.best('b'), ['x'])
        self.assertEqual(budget.best('c'), [])

    def test_without_common_ground_there_is_no_standing(self):
        self.assertEqual(budget_of('a own 1 .9\nb x 1 .8').standings(), ({}, 0))

    def test_own_system_comes_first(self):
        self.assertEqual(budget_of('a b 1 .9\na a 1 .8\na own 1 .7').systems, ['own', 'a', 'b'])


class Duels(unittest.TestCase):
    def test_a_difference_is_clear_if_all_seeds_agree_and_it_is_no_trifle(self):
        self.assertTrue(tally.is_clear([.2, .3], [.1, .2]))
        self.assertFalse(tally.is_clear([.2, .1], [.1, .3]))
        self.assertFalse(tally.is_clear([1.004, 1.004], [1, 1]))
        self.assertTrue(tally.is_clear([None, .1], [.1, .1]))
        self.assertFalse(tally.is_clear([None], [None]))

    def test_duels_use_the_common_seeds(self):
        budget = budget_of('''
            a own 1 .9
            a own 2 .5
            a x 1 .8
            b x 1 .8''')
        (name, mine, theirs, clear), = budget.duels('own', 'x')
        self.assertEqual((name, clear), ('a', True))
        self.assertAlmostEqual(mine, .1)
        self.assertAlmostEqual(theirs, .2)
        self.assertEqual(tally.outcome(mine, theirs), 1)

    def test_losses_name_the_best_other_and_begin_with_the_worst(self):
        budget = budget_of('''
            a own 1 .9
            a x 1 .92
            a y 1 .91
            r own 1 4
            r x 1 2
            s own 1 .9
            s x 1 .8
            t own 1 -
            t y 1 .5''')
        found = tally.losses(budget, 'own')
        self.assertEqual([(one[0], one[2]) for one in found], [('t', 'y'), ('r', 'x'), ('a', 'x')])
        self.assertIsNone(found[0][1])
        self.assertEqual(tally.excess(found[1][1], found[1][3]), 1)
        self.assertAlmostEqual(tally.excess(found[2][1], found[2][3]), .25)


class Rows(unittest.TestCase):
    def test_the_last_row_of_a_cell_counts(self):
        rows = rows_of('a own 1 .9\na own 2 .8\na own 1 .7')
        self.assertEqual([row['score'] for row in tally.newest(rows)], ['.7', '.8'])

    def test_rows_of_the_machine_that_had_the_own_system_last_count(self):
        rows = rows_of('a own 1 .9\na own 2 .8\na peer 1 .6\na own 1 .7\na peer 2 .5')
        for row in rows[2:4]:
            row['machine'] = 'other'
        self.assertEqual(len(tally.newest(rows)), 5, 'of each machine')
        self.assertEqual([row['score'] for row in tally.one_machine(rows, 'own')], ['.6', '.7'])
        self.assertEqual([row['score'] for row in tally.one_machine(rows, 'another')],
                         ['.9', '.8', '.5'])

    def test_load_is_what_others_took(self):
        self.assertFalse(tally.is_loaded({'foreign_cpus': '0.2'}))
        self.assertTrue(tally.is_loaded({'foreign_cpus': '0.3'}))
        self.assertFalse(tally.is_loaded({'foreign_cpus': ''}))


if __name__ == '__main__':
    unittest.main()
