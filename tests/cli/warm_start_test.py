"""model.init: a run that goes on from a registered model."""
import unittest

import cli_case
from cli_case import CliCase


class WarmStartTest(CliCase):
    def run_gbt(self, name, rounds, init='', code=0, says=(), more='', learners=None, table='t.csv'):
        learners = learners or f'{{gbt: {{rounds: {rounds}, early_stopping: false}}}}'
        self.write('c.yaml', f'data: {{train: {table}, target: price}}\n'
                             f'budget: {{trials: 2}}\nensemble: {{enabled: false}}\n'
                             f'model: {{name: {name}{init}}}\nlearners: {learners}\n{more}')
        if code:
            return self.fails(code, 'run', 'c.yaml', says=says)
        return self.assay('run', 'c.yaml')

    def file_of(self, name):
        self.assay('models', 'export', name, '--out', name + '.assay')
        with open(self.path(name + '.assay'), 'rb') as handle:
            return handle.read()

    def predictions(self, name):
        self.assay('predict', name, '--data', 't.csv', '--out', name + '.csv')
        return [row['prediction'] for row in cli_case.read_csv(self.path(name + '.csv'))]

    def test_rounds_in_two_runs_are_the_rounds_of_one(self):
        cli_case.regression_table(self.path('t.csv'))
        self.run_gbt('whole', 50)
        self.run_gbt('first', 30)
        process = self.run_gbt('second', 20, ', init: first')
        self.assertIn('going on from first:1', process.stderr)
        self.assertNotEqual(self.predictions('first'), self.predictions('whole'))
        self.assertEqual(self.predictions('second'), self.predictions('whole'))

    def test_goes_on_with_a_version_on_a_grown_table(self):
        cli_case.regression_table(self.path('t.csv'), rows=200)
        self.run_gbt('m', 10)
        cli_case.regression_table(self.path('more.csv'), rows=900)
        self.run_gbt('m', 60, ', init: "m:1"', table='more.csv')
        before = self.assay_json('score', 'm:1', '--data', 'more.csv')['score']
        after = self.assay_json('score', 'm:2', '--data', 'more.csv')['score']
        self.assertLess(after, 0.7 * before)

    def test_models_that_cannot_be_gone_on_with_are_named(self):
        cli_case.regression_table(self.path('t.csv'))
        self.run_gbt('g', 5)
        self.run_gbt('lin', 0, learners='[linear]')
        self.run_gbt('x', 5, ', init: gg', 2, ["'gg'", "'g'"])
        self.run_gbt('x', 5, ', init: lin', 2, ['lin:1', 'gbt'])
        self.run_gbt('x', 5, ', init: g', 2, ['goes on'], learners='[linear]')
        self.run_gbt('x', 5, ', init: g', 2, ['folds'],
                     more='validation: {method: kfold, folds: 3}\n')
        with open(self.path('other.csv'), 'w', encoding='utf-8') as handle:
            handle.write('a,price\n' + ''.join(f'{i},{"yn"[i % 2]}\n' for i in range(100)))
        self.run_gbt('x', 5, ', init: g', 3, ["'b'"], table='other.csv')


if __name__ == '__main__':
    unittest.main()
