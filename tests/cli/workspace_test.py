"""assay workspace and assay experiments."""
import hashlib
import os
import unittest

import cli_case
from cli_case import CliCase


class WorkspaceTest(CliCase):
    def test_create_list_and_info(self):
        made = self.assay_json('workspace', 'create', '--name', 'credit')
        self.assertEqual((made['name'], made['created']), ('credit', True))
        self.assertEqual(made['path'], os.path.realpath(self.path('.assay')))
        again = self.assay_json('workspace', 'create')
        self.assertEqual((again['uuid'], again['created']), (made['uuid'], False))
        self.fails(2, 'workspace', 'create', '--name', 'other', says="named 'credit'")
        self.fails(2, 'workspace', 'create', 'new', '--name', '../x', says='../x')
        self.assertFalse(os.path.exists(self.path('new')))
        os.mkdir(self.path('full'))
        self.write('full/x', '')
        self.fails(2, 'workspace', 'create', 'full', says='other things')
        second = self.assay_json('workspace', 'create', 'far/away')
        self.assertEqual(second['name'], 'away')
        listed = self.assay_json('workspace', 'list', env={'ASSAY_WORKSPACE': 'far/away'})
        self.assertEqual([(w['name'], w['used']) for w in listed],
                         [('away', True), ('credit', False)])
        self.assertIn('credit', self.assay('workspace', 'list').stdout)
        info = self.assay_json('workspace', 'info', '--workspace', 'far/away')
        self.assertEqual((info['uuid'], info['runs'], info['models'], info['blobs']),
                         (second['uuid'], 0, 0, 0))

    def test_without_a_workspace(self):
        self.assertEqual(self.assay_json('workspace', 'list'), [])
        self.fails(2, 'workspace', 'info', says='no workspace')
        self.fails(2, 'experiments', 'list', says='no workspace')
        self.assertFalse(os.path.exists(self.path('.assay')))

    def test_experiments_count_runs_and_know_the_best(self):
        cli_case.binary_table(self.path('a.csv'), rows=120, seed=1)
        cli_case.regression_table(self.path('b.csv'), rows=80)
        scores = []
        for seed in (1, 2):
            scores.append(self.assay_json('run', '--data', 'a.csv', '--target', 'default',
                                          '--trials', 3, '--seed', seed, '--experiment',
                                          'Churn' if seed == 2 else 'churn'))
        errors = [self.assay_json('run', '--data', 'b.csv', '--target', 'price', '--trials', n,
                                  '--experiment', 'homes') for n in (1, 3)]
        listed = self.assay_json('experiments', 'list')
        self.assertEqual([(e['name'], e['runs'], e['trials'], e['metric']) for e in listed],
                         [('homes', 2, 4, 'rmse'), ('Churn', 2, 6, 'roc_auc')])
        best = max(scores, key=lambda s: s['validation_score'])
        self.assertEqual((listed[1]['best_score'], listed[1]['best_run']),
                         (best['validation_score'], best['run_id']))
        self.assertEqual(listed[0]['best_score'], min(e['validation_score'] for e in errors))
        self.assertEqual(listed[0]['status'], {'completed': 2})
        shown = self.assay_json('experiments', 'show', 'CHURN')
        self.assertEqual([r['run_id'] for r in shown['run_list']],
                         [s['run_id'] for s in reversed(scores)])
        self.assertIn(best['run_id'], self.assay('experiments', 'show', 'churn').stdout)
        self.assertIn('homes', self.assay('experiments', 'list').stdout)
        self.fails(2, 'experiments', 'show', 'chrun', says="mean 'churn'")
        self.datasets_and_their_versions(scores)
        info = self.assay_json('workspace', 'info')
        self.assertEqual(info['runs_by_kind'], {'sweep': 4, 'trial': 10})
        self.assertGreater(info['bytes'], info['run_bytes'] + info['blob_bytes'])
        self.assertIn('4 sweep, 10 trial', self.assay('workspace', 'info').stdout)
        self.experiments_change_names_and_go(scores, errors)

    def datasets_and_their_versions(self, scores):
        listed = self.assay_json('data', 'list')
        self.assertEqual([d['name'] for d in listed], ['b.csv', 'a.csv'])
        [version] = listed[1]['versions']
        with open(self.path('a.csv'), 'rb') as handle:
            content = hashlib.sha256(handle.read()).hexdigest()
        self.assertEqual((version['version'], version['content_hash'], version['runs'],
                          version['rows'], version['roles']), (1, content, 2, 120, ['train']))
        self.assertIn(content[:12], self.assay('data', 'list').stdout)
        [shown] = self.assay_json('data', 'show', content[:8])['versions']
        self.assertEqual(shown['run_ids'], [s['run_id'] for s in reversed(scores)])
        self.assertEqual(len(shown['models']), 2)
        text = self.assay('data', 'show', 'a.csv').stdout
        for part in (content, scores[0]['run_id'], shown['models'][0]):
            self.assertIn(part, text)
        self.fails(2, 'data', 'show', 'c.csv', says="no run recorded a data set 'c.csv'")

    def experiments_change_names_and_go(self, scores, errors):
        self.fails(2, 'experiments', 'rename', 'homes', 'churn', says=['Churn', '--merge'])
        self.fails(2, 'experiments', 'rename', 'hoems', 'x', says="mean 'homes'")
        renamed = self.assay_json('experiments', 'rename', 'homes', 'houses')
        self.assertEqual(renamed, {'from': 'homes', 'to': 'houses', 'runs': 6, 'damaged': []})
        shown = self.assay_json('runs', 'show', errors[0]['run_id'])
        self.assertEqual(shown['experiment'], 'houses')
        self.fails(2, 'experiments', 'delete', 'churn', says='force')
        deleted = self.assay_json('experiments', 'delete', 'churn', '--force')
        self.assertEqual(len(deleted), 8)
        self.assertEqual([e['name'] for e in self.assay_json('experiments', 'list')], ['houses'])
        self.assay('runs', 'restore', scores[0]['run_id'])
        self.assertEqual(len(self.assay_json('experiments', 'list')), 2)


if __name__ == '__main__':
    unittest.main()
