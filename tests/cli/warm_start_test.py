"""model.init: a run that goes on from a registered model."""
import unittest

import cli_case
from cli_case import CliCase


class WarmStartTest(CliCase):
    def run_gbt(self, name, rounds, init='', code=0, says=(), more='', learners=None, table='t.csv',
                data=''):
        learners = learners or f'{{gbt: {{rounds: {rounds}, early_stopping: false}}}}'
        # What is fitted on all rows at the end is no start for another.
        more = more or 'validation: {refit: false}\n'
        self.write('c.yaml', f'data: {{train: {table}, target: price{data}}}\n'
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

    def run_count(self):
        return len(self.assay_json('runs', 'list', '--all'))

    def test_a_run_that_is_not_as_that_of_the_model_is_refused_before_it_begins(self):
        cli_case.regression_table(self.path('t.csv'))
        cli_case.regression_table(self.path('more.csv'), rows=900)
        self.run_gbt('g', 5)
        before = self.run_count()
        for says, more, data in (
                (['seed is 1 there and 2 here'], 'seed: 2\n', ''),
                (['validation.folds is 5 there and 3 here'], 'validation: {folds: 3}\n', ''),
                (['data.monotone', 'increasing'], '', ', monotone: {a: increasing}'),
                (['data.interactions', 'g1'], '', ', interactions: {a: g1}'),
                (['data.drop', "b"], '', ', drop: [b]'),
                (['data.metric is rmse there and mae here'], '', ', metric: mae')):
            with self.subTest(says):
                self.write('c.yaml', f'data: {{train: t.csv, target: price{data}}}\n'
                                     'budget: {trials: 2}\nmodel: {name: x, init: g}\n'
                                     f'learners: [gbt]\n{more}')
                self.fails(2, 'run', 'c.yaml', says=['model.init', 'g:1', *says])
        self.run_gbt('x', 5, ', init: g', 2, ['g:1', 'data.train is ', '900 rows'],
                     table='more.csv')
        self.run_gbt('x', 5, ', init: g', 2, ['g:1', "'log'", "'identity'"],
                     learners='{gbt: {objective: poisson}}', data=', metric: rmse')
        self.assertEqual(self.run_count(), before)

    def test_folds_that_were_chosen_are_chosen_again(self):
        cli_case.regression_table(self.path('t.csv'))
        self.run_gbt('k', 5, more='validation: {method: kfold, refit: false}\n')
        self.run_gbt('x', 5, ', init: k')
        self.run_gbt('r', 5, more='validation: {method: holdout}\n')
        self.run_gbt('h', 5, more='validation: {method: holdout, refit: false}\n')
        before = self.run_count()
        self.run_gbt('x', 5, ', init: h', 2,
                     ['h:1', 'validation.method is holdout there and auto here'])
        self.run_gbt('x', 5, ', init: r', 2, ['r:1', 'all rows', 'validation.refit: false'],
                     more='validation: {method: holdout}\n')
        self.assertEqual(self.run_count(), before)
        self.run_gbt('x', 5, ', init: h', more='validation: {method: holdout}\n')

    def test_constraints_that_the_model_keeps_go_on(self):
        cli_case.regression_table(self.path('t.csv'))
        monotone = ', monotone: {a: increasing}'
        self.run_gbt('g', 5, data=monotone)
        self.run_gbt('x', 5, ', init: g', data=monotone)
        self.run_gbt('y', 5, ', init: g', 2, ['data.monotone'])

    def test_the_version_that_was_gone_on_from_is_told(self):
        cli_case.regression_table(self.path('t.csv'))
        self.run_gbt('g', 5)
        self.run_gbt('x', 5, ', init: g')
        self.run_gbt('g', 6)
        self.assertRegex(self.assay('models', 'show', 'x').stdout, r'\n  continues +g:1\n')
        self.assertNotIn('continues', self.assay('models', 'show', 'g').stdout)
        run = self.assay_json('models', 'show', 'x')['run_id']
        self.assay('report', run, '--out', 'r.html')
        with open(self.path('r.html'), encoding='utf-8') as handle:
            page = handle.read()
        self.assertRegex(page, r'continues(<[^>]*>)+g:1')

    def test_a_model_whose_run_is_gone_is_refused(self):
        cli_case.regression_table(self.path('t.csv'))
        self.run_gbt('g', 5)
        self.assay('models', 'export', 'g', '--out', 'g.assay')
        self.assay('models', 'import', 'g.assay', '--name', 'i', '--workspace', 'other')
        self.assay('workspace', 'info', '--workspace', 'other')
        self.write('c.yaml', 'data: {train: t.csv, target: price}\nbudget: {trials: 2}\n'
                             'model: {name: x, init: i}\nlearners: [gbt]\n')
        self.fails(2, 'run', 'c.yaml', '--workspace', 'other',
                   says=['model.init', 'i:1', 'not to be read here'])

    def test_models_that_cannot_be_gone_on_with_are_named(self):
        cli_case.regression_table(self.path('t.csv'))
        self.run_gbt('g', 5)
        self.run_gbt('lin', 0, learners='[linear]')
        self.run_gbt('x', 5, ', init: gg', 2, ["'gg'", "'g'"])
        self.run_gbt('x', 5, ', init: lin', 2, ['lin:1', 'gbt'])
        self.run_gbt('x', 5, ', init: g', 2, ['goes on'], learners='[linear]')
        self.run_gbt('x', 5, ', init: g', 2, ['categorical=ordered'],
                     learners='{gbt: {categorical: ordered}}')


if __name__ == '__main__':
    unittest.main()
