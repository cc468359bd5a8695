"""assay explain: contributions of rows and columns, permutation importance."""
import csv
import os
import unittest

import cli_case
from cli_case import CliCase


class ExplainTest(CliCase):
    def train(self, table, target, *more):
        self.assay('run', '--data', table, '--target', target, '--trials', 6, '--name', 'm',
                   '--quiet', *more)

    def rows_of(self, name):
        with open(self.path(name), newline='', encoding='utf-8') as handle:
            return list(csv.DictReader(handle))

    def check_sums(self, rows, columns):
        for row in rows:
            parts = [float(row[name]) for name in ['base_value'] + columns]
            self.assertAlmostEqual(sum(parts), float(row['prediction']), delta=1e-4)

    def test_contributions_sum_to_predictions_of_two_classes(self):
        table = cli_case.binary_table(self.path('t.csv'))
        self.train(table, 'default')
        found = self.assay_json('explain', 'm', '--data', table, '--out', self.path('shap.csv'))
        rows = self.rows_of('shap.csv')
        columns = ['income', 'age', 'city', 'noise']
        self.assertEqual(list(rows[0]), ['row', 'prediction', 'base_value'] + columns)
        self.assertEqual([row['row'] for row in rows], [str(i + 1) for i in range(400)])
        self.check_sums(rows, columns)
        self.assay('predict', 'm', '--data', table, '--out', self.path('p.csv'))
        for row, predicted in zip(rows, self.rows_of('p.csv')):
            self.assertEqual(row['prediction'], predicted['proba_yes'])
        self.assertEqual(found['rows'], 400)
        self.assertEqual(len(found['base_values']), 1)
        sizes = {item['name']: item['importance'] for item in found['importance']}
        for name in columns:
            mean = sum(abs(float(row[name])) for row in rows) / 400
            self.assertAlmostEqual(sizes[name], mean, delta=1e-9)
        self.assertGreater(sizes['income'], sizes['noise'])
        order = [item['importance'] for item in found['importance']]
        self.assertEqual(order, sorted(order, reverse=True))

    def test_contributions_of_several_classes_have_a_line_each(self):
        table = cli_case.multiclass_table(self.path('t.csv'))
        self.train(table, 'kind')
        self.assay('explain', 'm', '--data', table, '--out', self.path('shap.csv'))
        rows = self.rows_of('shap.csv')
        labels = sorted({row['class'] for row in rows})
        self.assertGreater(len(labels), 2)
        self.assertEqual(len(rows), 300 * len(labels))
        self.check_sums(rows, ['x', 'y'])

    def test_one_learner_has_scores(self):
        table = cli_case.binary_table(self.path('t.csv'))
        self.write('c.yaml', 'data: {train: t.csv, target: default}\nbudget: {trials: 2}\n'
                             'learners: {gbt: {rounds: 20}}\nensemble: {enabled: false}\n'
                             'model: {name: g}\n')
        self.assay('run', 'c.yaml', '--quiet')
        self.assay('explain', 'g', '--data', table, '--scale', 'score', '--out', 's.csv')
        for row in self.rows_of('s.csv'):
            parts = sum(float(row[name])
                        for name in ['base_value', 'income', 'age', 'city', 'noise'])
            self.assertAlmostEqual(parts, float(row['score']), delta=1e-9)

    def test_bytes_do_not_depend_on_threads(self):
        table = cli_case.binary_table(self.path('t.csv'))
        self.train(table, 'default')
        for threads in (1, 2, 5):
            self.assay('explain', 'm', '--data', table, '--threads', threads, '--out',
                       self.path(f'{threads}.csv'))
        first = self.rows_of('1.csv')
        self.assertEqual(first, self.rows_of('2.csv'))
        self.assertEqual(first, self.rows_of('5.csv'))

    def test_permutation_finds_the_columns_that_matter(self):
        table = cli_case.binary_table(self.path('t.csv'))
        self.train(table, 'default')
        found = self.assay_json('explain', 'm', '--data', table, '--method', 'permutation',
                                '--metric', 'log_loss', '--repeats', 3)
        score = self.assay_json('score', 'm', '--data', table, '--metric', 'log_loss')
        self.assertEqual(found['score'], score['score'])
        sizes = {item['name']: item['importance'] for item in found['importance']}
        self.assertGreater(sizes['income'], 5 * abs(sizes['noise']))
        again = self.assay_json('explain', 'm', '--data', table, '--method', 'permutation',
                                '--metric', 'log_loss', '--repeats', 3, '--threads', 1)
        self.assertEqual(found['importance'], again['importance'])
        text = self.assay('explain', 'm', '--data', table, '--method', 'permutation').stdout
        self.assertIn('income', text.splitlines()[2])

    def test_mistakes_are_named(self):
        table = cli_case.binary_table(self.path('t.csv'))
        self.train(table, 'default')
        self.fails(2, 'explain', 'm', '--data', table, '--method', 'shpa', says="'shap'")
        self.fails(2, 'explain', 'm', '--data', table, '--method', 'permutation', '--out', 'x.csv',
                   says='needs --method shap')
        self.fails(2, 'explain', 'm', '--data', table, '--out', table, says='--data')
        self.fails((2, 5), 'explain', 'nobody', '--data', table, says='nobody')
        self.write('none.csv', 'income,age,city,noise\n')
        for more in ((), ('--out', 'none_out.csv')):
            self.fails(3, 'explain', 'm', '--data', 'none.csv', *more, says='no row to explain')
        self.assertFalse(os.path.exists(self.path('none_out.csv')))
        self.write('less.csv', 'income,age\n1,2\n')
        self.fails(3, 'explain', 'm', '--data', 'less.csv', says='city')


class ObjectiveTest(CliCase):
    def config(self, gbt, more=''):
        self.write('c.yaml', 'data: {train: t.csv, target: y, task: regression}\n'
                             'budget: {trials: 2}\nensemble: {enabled: false}\n'
                             f'model: {{name: g}}\nlearners: {{gbt: {gbt}}}\n{more}')

    def counts(self, low=0):
        lines = [f'{i % 7},{(i * i) % 5 % 3 + i % 7 // 3 + low}' for i in range(300)]
        self.write('t.csv', 'x,y\n' + '\n'.join(lines) + '\n')

    def assert_no_runs(self):
        self.assertEqual(self.assay_json('runs', 'list'), [])

    def test_metrics_that_do_not_fit_the_target_are_refused_before_a_run(self):
        self.counts()
        self.write('c.yaml', 'data:\n  train: t.csv\n  target: y\n  task: regression\n'
                             '  metric: mape\nbudget: {trials: 2}\n')
        for command in (('run',), ('config', 'check')):
            self.fails(3, *command, 'c.yaml', says=['c.yaml:5: data.metric: mape is undefined',
                                                    'row 1 is 0', 'must not be 0'])
            self.fails(2, *command, self.write('d.yaml', 'data: {train: t.csv, target: y, task: '
                                               'regression,\n  metric: f1}\n'),
                       says=['d.yaml:2: data.metric', "'f1' does not apply to regression"])
        self.fails(3, 'run', 'c.yaml', '--metric', 'mape', says='--metric: mape is undefined')
        self.assert_no_runs()
        # Mistakes of options, columns and device come in one go.
        self.write('c.yaml', 'data:\n  train: t.csv\n  target: y\n  weight: w\n'
                             'budget: {trils: 2}\ndevice: gpu9\n')
        text = self.fails(2, 'config', 'check', 'c.yaml').stderr
        self.assertEqual([line for line in (4, 5, 6) if f'c.yaml:{line}:' in text], [4, 5, 6])

    def test_poisson_predicts_positive_numbers(self):
        self.counts()
        self.config('{rounds: 30, objective: poisson}')
        self.assay('run', 'c.yaml', '--quiet')
        self.assay('predict', 'g', '--data', 't.csv', '--out', 'p.csv')
        with open(self.path('p.csv'), encoding='utf-8') as handle:
            values = [float(line) for line in handle.read().split()[1:]]
        self.assertEqual(len(values), 300)
        self.assertGreater(min(values), 0)

    def test_targets_that_do_not_fit_end_the_run(self):
        self.counts(low=-1)
        self.config('{objective: poisson}')
        for command in (('run',), ('config', 'check')):
            self.fails(3, *command, 'c.yaml', says=['c.yaml:5: learners.gbt.objective=poisson',
                                                    'the target of row 1 is -1', '>= 0',
                                                    ', in '])
        self.assert_no_runs()

    def test_objectives_of_other_tasks_are_refused(self):
        self.counts()
        self.config('{objective: logistic}')
        for command in (('run',), ('config', 'check')):
            self.fails(2, *command, 'c.yaml',
                       says=['c.yaml:5: learners.gbt.objective=logistic', 'tweedie'])
        self.assert_no_runs()
        self.config('{objective: poison}')
        self.fails(2, 'run', 'c.yaml', says=["poison", "poisson"])


class ConstraintTest(CliCase):
    def run_with(self, data, code=0, says=(), learners=''):
        self.write('c.yaml', f'data: {{train: t.csv, target: price, {data}}}\n'
                             f'budget: {{trials: 4}}\nmodel: {{name: g}}\n{learners}')
        if code:
            return self.fails(code, 'run', 'c.yaml', says=says)
        return self.assay('run', 'c.yaml')

    def test_predictions_rise_with_the_column_and_other_learners_are_left_out(self):
        cli_case.regression_table(self.path('t.csv'))
        process = self.run_with('monotone: {a: increasing}')
        self.assertIn("learner 'linear' does not keep to data.monotone", process.stderr)
        self.write('grid.csv', 'a,b,day\n' + ''.join(f'{i / 4},flat,2024-03-03\n'
                                                     for i in range(40)))
        self.assay('predict', 'g', '--data', 'grid.csv', '--out', 'p.csv')
        values = [float(row['prediction']) for row in cli_case.read_csv(self.path('p.csv'))]
        self.assertEqual(values, sorted(values))
        self.assertGreater(values[-1], values[0] + 10)

    def test_mistakes_are_named(self):
        cli_case.regression_table(self.path('t.csv'))
        self.run_with('monotone: {aa: increasing}', 2, ["'aa'", "'a'"])
        self.run_with('monotone: {a: rising}', 2, ['rising', 'increasing'])
        self.run_with('monotone: {b: increasing}', 2, ["'b'", 'categorical', 'numeric'])
        self.run_with('interactions: {prise: x}', 2, ["'prise'", "'price'"])
        self.run_with('interactions: {g1: a}', 2, ["'g1'", 'COLUMN: GROUP, here a: g1'])
        self.run_with('monotone: {a: increasing}', 2, ['no learner'], 'learners: [linear]\n')


if __name__ == '__main__':
    unittest.main()
