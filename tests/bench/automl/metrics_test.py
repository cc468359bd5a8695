"""Expected values were computed by hand."""
import math
import unittest

from bench_case import BenchCase

import metrics


class Formulas(unittest.TestCase):
    def test_auc_is_the_share_of_pairs_in_order(self):
        # Pairs (.35, .1), (.35, .4), (.8, .1), (.8, .4): three of four in order.
        self.assertEqual(metrics.roc_auc([False, False, True, True], [.1, .4, .35, .8]), 0.75)

    def test_auc_counts_ties_half(self):
        # (.5, .5) half; (.5, .2), (.7, .5), (.7, .2) whole.
        self.assertEqual(metrics.roc_auc([False, True, True, False], [.5, .5, .7, .2]), 3.5 / 4)

    def test_auc_of_one_value_is_a_half(self):
        self.assertEqual(metrics.roc_auc([True, False, False], [.3, .3, .3]), 0.5)

    def test_auc_without_one_of_the_classes_is_no_number(self):
        self.assertTrue(math.isnan(metrics.roc_auc([True, True], [.1, .2])))

    def test_log_loss_is_the_mean_of_minus_log(self):
        found = metrics.log_loss([0, 1], [[.8, .2], [.75, .25]])
        self.assertAlmostEqual(found, (0.2231435513 + 1.3862943611) / 2, places=9)

    def test_log_loss_scales_rows_to_one(self):
        self.assertAlmostEqual(metrics.log_loss([1], [[2, 2]]), 0.6931471806, places=9)

    def test_log_loss_of_a_certain_error_is_finite(self):
        self.assertAlmostEqual(metrics.log_loss([0], [[0, 1]]), 34.538776, places=5)
        self.assertAlmostEqual(metrics.log_loss([-1], [[.5, .5]]), 34.538776, places=5)
        self.assertAlmostEqual(metrics.log_loss([0], [[0, 0]]), 34.538776, places=5)

    def test_accuracy_takes_the_first_of_equals(self):
        self.assertEqual(metrics.accuracy([0, 1, 1, -1], [[.5, .5], [.5, .5], [.1, .9], [1, 0]]),
                         0.5)

    def test_rmse(self):
        self.assertAlmostEqual(metrics.rmse([1, 2, 4], [1, 4, 1]), 2.0816659995, places=9)

    def test_names_of_the_catalog_are_known(self):
        self.assertEqual(metrics.canonical('auc', 'binary'), 'roc_auc')
        self.assertEqual(metrics.canonical('logloss', 'multiclass'), 'log_loss')
        with self.assertRaisesRegex(ValueError, "'auc' does not fit regression.*rmse"):
            metrics.canonical('auc', 'regression')


class Files(BenchCase):
    def scores(self, task, labels, text):
        return metrics.of_predictions(task, labels, self.write('p.csv', text))

    def refuses(self, message, task, labels, text):
        with self.assertRaisesRegex(metrics.BadPredictions, message):
            self.scores(task, labels, text)

    def test_classes_may_stand_in_any_order(self):
        for text in ('no,yes\n.9,.1\n.2,.8\n.6,.4\n', 'yes,no\n.1,.9\n.8,.2\n.4,.6\n'):
            found = self.scores('binary', ['no', 'yes', 'yes'], text)
            self.assertEqual(found['roc_auc'], 1)
            self.assertAlmostEqual(found['accuracy'], 2 / 3)
            self.assertAlmostEqual(found['log_loss'],
                                   (0.1053605157 + 0.2231435513 + 0.9162907319) / 3, places=9)

    def test_more_classes_have_no_auc(self):
        found = self.scores('multiclass', ['b', 'a'], '"a",b,c\n.2,.5,.3\n1,0,0\n')
        self.assertEqual(set(found), {'log_loss', 'accuracy'})
        self.assertAlmostEqual(found['log_loss'], 0.6931471806 / 2, places=9)

    def test_numbers(self):
        self.assertEqual(self.scores('regression', ['1', '3'], 'prediction\n1\n5\n'),
                         {'rmse': 2 ** .5})

    def test_bad_files_are_refused(self):
        two = ['a', 'b']
        self.refuses('1 predictions for 2 test rows', 'binary', two, 'a,b\n1,0\n')
        self.refuses('row 2 .* has 1 fields', 'binary', two, 'a,b\n1,0\n1\n')
        self.refuses('row 1 .*could not convert', 'binary', two, 'a,b\nx,0\n1,0\n')
        self.refuses('no finite numbers', 'binary', two, 'a,b\n1,0\nnan,0\n')
        self.refuses('below 0', 'binary', two, 'a,b\n1,0\n-1,2\n')
        self.refuses('names a class twice', 'binary', two, 'a,a\n1,0\n0,1\n')
        self.refuses("classes 0, 1 .*'a' in the test", 'binary', two, '0,1\n1,0\n0,1\n')
        self.refuses('3 columns', 'binary', two, 'a,b,c\n1,0,0\n0,1,0\n')
        self.refuses("no single column 'prediction'", 'regression', ['1'], 'y\n1\n')
        self.refuses('0 predictions', 'binary', two, '')
        with self.assertRaisesRegex(metrics.BadPredictions, 'No such file'):
            metrics.of_predictions('binary', two, self.path('absent.csv'))

    def test_constant_model_knows_only_the_training_target(self):
        found = metrics.of_constant('binary', ['a', 'a', 'a', 'b'], ['a', 'b'])
        self.assertAlmostEqual(found['log_loss'], (0.2876820725 + 1.3862943611) / 2, places=9)
        self.assertEqual((found['roc_auc'], found['accuracy']), (0.5, 0.5))
        self.assertEqual(metrics.of_constant('regression', ['1', '3'], ['2', '4'])['rmse'], 2 ** .5)


if __name__ == '__main__':
    unittest.main()
