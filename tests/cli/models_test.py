"""assay models: what people do with registered models after a sweep."""
import json
import os
import unittest

import cli_case
from cli_case import CliCase


class ModelsTest(CliCase):
    def setUp(self):
        super().setUp()
        self.train = cli_case.binary_table(self.path('train.csv'), rows=200, seed=1)
        for seed in (1, 2):
            self.assay('run', '--data', self.train, '--target', 'default', '--trials', 2, '--seed',
                       seed, '--name', 'churn', '--quiet')

    def show(self, reference):
        return self.assay_json('models', 'show', reference)

    def test_promote_tag_and_describe(self):
        model = self.assay_json('models', 'promote', 'churn:1', '--stage', 'production', '--alias',
                                'Champion', '--reason', 'first')
        self.assertEqual((model['version'], model['stage'], model['aliases']),
                         (1, 'production', ['champion']))
        self.assay('models', 'promote', 'churn', '--stage', 'production', '--archive-others')
        self.assertEqual(self.show('churn:1')['stage'], 'archived')
        self.assertEqual(self.show('churn')['stage'], 'production')
        self.assay('models', 'tag', 'churn@champion', 'team=fraud', 'note=a=b', '--reason', 'x')
        self.assay('models', 'tag', 'churn:1', '--remove', 'team')
        self.assay('models', 'describe', 'churn:1', 'größer & "better"')
        model = self.show('churn:1')
        self.assertEqual(model['tags'], {'note': 'a=b'})
        self.assertEqual(model['description'], 'größer & "better"')
        self.assertIn('production', self.assay('models', 'list').stdout)
        story = self.assay_json('models', 'history', 'churn')
        self.assertEqual([c['what'] for e in story for c in e['changes']],
                         ['registered', 'registered', 'stage', 'alias', 'stage', 'stage', 'tag',
                          'tag', 'tag', 'description'])
        self.assertEqual(story[2]['reason'], 'first')
        text = self.assay('models', 'history', 'churn').stdout
        self.assertIn('churn:1 stage none -> production', text)
        self.assertIn('alias champion -> churn:1', text)

    def test_a_trial_on_the_front_is_registered_later(self):
        answer = self.assay_json('run', '--data', self.train, '--target', 'default', '--trials', 5,
                                 '--seed', 3, '--name', 'whole', '--quiet')
        run = answer['run_id']
        front = [point for point in answer['front'] if point['trial'] is not None]
        self.assertTrue(front)
        point = front[-1]
        model = self.assay_json('models', 'register', run, '--trial', point['trial'], '--name',
                                'quick', '--tag', 'team=fraud')
        self.assertEqual((model['name'], model['version'], model['run_id']), ('quick', 1, run))
        self.assertEqual(model['tags'], {'trial': str(point['trial']), 'team': 'fraud'})
        self.assertEqual(model['score'], point['score'])
        self.assertEqual(model['dataset'], self.show('whole')['dataset'])
        rows = self.assay_json('predict', 'quick', '--data', self.train, '--out', 'p.csv')['rows']
        self.assertEqual(rows, 200)
        # By a trial's own run, too.
        trial = next(row for row in answer['leaderboard'] if row['trial'] == point['trial'])
        again = self.assay_json('models', 'register', trial['run_id'], '--trial', point['trial'],
                                '--name', 'quick')
        self.assertEqual((again['version'], again['sha256']), (2, model['sha256']))
        self.fails(2, 'models', 'register', run, '--trial', 999, '--name', 'x',
                   says=['no model of trial 999', 'here trial', str(point['trial'])])
        self.fails(2, 'models', 'register', 'nothing', '--trial', 1, '--name', 'x', says='nothing')
        self.fails(2, 'models', 'register', run, '--trial', -1, '--name', 'x', says='-1')

    def test_bad_input_names_the_nearest(self):
        self.fails(2, 'models', 'promote', 'churn', says=['--stage', '--alias'])
        self.fails(2, 'models', 'promote', 'churn', '--stage', 'prodution',
                   says="did you mean 'production'")
        self.fails(2, 'models', 'promote', 'chrun', '--stage', 'staging', says="mean 'churn'")
        self.fails(2, 'models', 'promote', 'churn:9', '--stage', 'staging', says='1 to 2')
        self.fails(2, 'models', 'promote', 'churn', '--alias', 'latest', says='latest')
        self.fails(2, 'models', 'promote', 'churn', '--alias', '../x', says='../x')
        self.fails(2, 'models', 'promote', 'churn', '--stage', 'archived', '--archive-others',
                   says='archived')
        self.fails(2, 'models', 'tag', 'churn', says='KEY=VALUE')
        self.fails(2, 'models', 'tag', 'churn', '=x', says='KEY=VALUE')
        self.fails(2, 'models', 'tag', 'churn', '--remove', 'none', says='none')
        self.fails(2, 'models', 'alias', 'remove', 'churn', 'champ', says='champ')
        self.fails(2, 'models', 'alias', 'remove', 'churn', 'latest', says='latest')
        self.fails(2, 'models', 'restore', 'churn', says='MODEL:VERSION')
        self.fails(2, 'models', 'restore', 'churn:7', says='version 7')
        self.fails(2, 'models', 'history', 'nothing', says='nothing')
        self.fails(2, 'models', 'list', '--deleted', says='name')

    def test_a_damaged_change_disables_nothing_and_is_put_away(self):
        self.assay('models', 'alias', 'set', 'churn:1', 'champion')
        self.assay('models', 'alias', 'set', 'churn:2', 'champion')
        self.assay('models', 'tag', 'churn:1', 'team=fraud')
        self.assay('models', 'tag', 'churn:1', 'tier=1')
        self.write('.assay/models/churn/changes/2.json', '{"record_version": 1, "numb')
        os.remove(self.path('.assay/models/churn/changes/3.json'))
        with open(self.train, encoding='utf-8') as handle:
            self.write('batch.csv', ''.join(handle.readlines()[:20]))
        for command in (['models', 'list'], ['models', 'list', 'churn'],
                        ['models', 'show', 'churn@champion'], ['models', 'history', 'churn'],
                        ['models', 'diff', 'churn:1', 'churn:2'],
                        ['models', 'describe', 'churn:1', 'the first'],
                        ['models', 'promote', 'churn:1', '--stage', 'staging'],
                        ['models', 'export', 'churn', '--out', 'churn.assay'],
                        ['predict', 'churn@champion', '--data', 'batch.csv', '--out', 'p.csv'],
                        ['score', 'churn', '--data', self.train],
                        ['run', '--data', self.train, '--target', 'default', '--trials', 1,
                         '--name', 'churn']):
            process = self.assay(*command, '--quiet', code=3)
            for damaged in ('changes/2.json', 'changes/3.json'):
                self.assertEqual(process.stderr.count(damaged), 1, (command, process.stderr))
        self.assertEqual(len(cli_case.read_csv(self.path('p.csv'))), 19)
        self.assertEqual(self.assay_json('models', 'show', 'churn:1', code=3)['aliases'],
                         ['champion'])
        self.fails(3, 'models', 'delete', 'churn:2', says='--quarantine')
        report = self.assay_json('fsck', code=3)
        self.assertEqual(len(report['problems']), 2)
        report = self.assay_json('fsck', '--quarantine')
        self.assertEqual({os.path.basename(f['path']) for f in report['quarantine']['files']},
                         {'2.json', '3.json'})
        self.assertIn('change 2 is lost', self.assay('models', 'history', 'churn').stdout)
        lost = [e['lost_to'] for e in self.assay_json('models', 'history', 'churn')]
        self.assertEqual([number for number in lost if number], [2, 3])
        self.assay('models', 'alias', 'set', 'churn:2', 'champion')
        self.assertEqual(self.show('churn@champion')['version'], 2)
        self.assay('models', 'promote', 'churn:2', '--stage', 'production')
        self.assay('models', 'export', 'churn@champion', '--out', 'again.assay')
        self.assay('predict', 'churn@champion', '--data', self.train, '--out', 'q.csv')
        self.assay('models', 'delete', 'churn:3')
        self.assay('gc')

    def test_a_model_without_its_bytes_is_not_promoted(self):
        model = self.show('churn:1')
        sha256 = model['sha256']
        os.rename(self.path(f'.assay/blobs/{sha256[:2]}/{sha256}'), self.path('bytes'))
        for command in (['promote', 'churn:1', '--stage', 'production'],
                        ['promote', 'churn:1', '--alias', 'champion'],
                        ['alias', 'set', 'churn:1', 'champion']):
            self.fails(3, 'models', *command, says=['churn:1', sha256, 'models import'])
        self.assertEqual(self.show('churn:1'), model)
        self.assay('models', 'promote', 'churn:1', '--stage', 'archived')
        os.rename(self.path('bytes'), self.path(f'.assay/blobs/{sha256[:2]}/{sha256}'))
        self.assay('models', 'promote', 'churn:1', '--stage', 'production', '--alias', 'champion')

    def test_delete_and_restore(self):
        self.assay('models', 'alias', 'set', 'churn:1', 'champion')
        self.fails(2, 'models', 'delete', 'churn:1', says=['in use', 'champion'])
        self.fails(2, 'models', 'delete', 'churn', says=['churn:2', '--all'])
        self.fails(2, 'models', 'delete', 'churn', '--all', says='champion')
        self.assertEqual(len(self.assay_json('models', 'list', 'churn')), 2)
        self.assay('models', 'alias', 'remove', 'churn', 'champion')
        self.assay('models', 'delete', 'churn:2', '--reason', 'worse')
        self.assertEqual(self.show('churn')['version'], 1)
        self.fails(2, 'models', 'show', 'churn:2', says='restore')
        self.fails(2, 'predict', 'churn:2', '--data', self.train, '--out', 'p.csv', says='restore')
        trash = self.assay_json('models', 'list', 'churn', '--deleted')
        self.assertEqual([m['version'] for m in trash], [2])
        self.assertTrue(trash[0]['deleted'])
        self.assay('run', '--data', self.train, '--target', 'default', '--trials', 1, '--name',
                   'churn', '--quiet')
        self.assertEqual(self.show('churn')['version'], 3, 'a number is never given out twice')
        self.assertEqual(self.assay_json('models', 'restore', 'churn:2')['version'], 2)
        self.assertIn('churn:2 was not deleted', self.assay('models', 'restore', 'churn:2').stderr)
        self.assay('models', 'delete', 'churn', '--all')
        self.fails(2, 'models', 'show', 'churn', says='all versions')
        self.assertEqual(self.assay_json('models', 'list'), [])

    def test_export_and_import_between_workspaces(self):
        self.assay('models', 'promote', 'churn:1', '--stage', 'production', '--alias', 'champion')
        self.assay('models', 'describe', 'churn:1', 'the one')
        before = self.show('churn:1')
        self.assay('models', 'export', 'churn@champion', '--out', 'churn.assay')
        self.assay('predict', 'churn:1', '--data', self.train, '--out', 'p1.csv')
        self.assay('predict', 'churn.assay', '--data', self.train, '--out', 'p2.csv')
        self.assertEqual(cli_case.read_csv(self.path('p1.csv')),
                         cli_case.read_csv(self.path('p2.csv')))
        there = ('--workspace', self.path('there'))
        model = self.assay_json('models', 'import', 'churn.assay', *there)
        for key in ('name', 'task', 'metric', 'score', 'sha256', 'run_id', 'dataset',
                    'code_commit', 'input_contract', 'description', 'tags'):
            self.assertEqual(model[key], before[key], key)
        self.assertEqual((model['version'], model['stage'], model['aliases']),
                         (1, 'none', ['latest']))
        self.assertEqual((model['origin']['name'], model['origin']['version']), ('churn', 1))
        self.assertEqual(model['origin']['created'], before['created'])
        other = self.assay_json('models', 'import', 'churn.assay', '--name', 'other', *there)
        self.assertEqual((other['name'], other['version']), ('other', 1))
        self.assay('score', 'other', '--data', self.train, *there)
        self.assertIn('imported', self.assay('models', 'show', 'other', *there).stdout)
        self.assertIn('not in this workspace',
                      self.assay('models', 'diff', 'churn', 'other', *there).stdout)

    def test_damaged_files_are_not_imported(self):
        self.assay('models', 'export', 'churn', '--out', 'good.assay')
        with open(self.path('good.assay'), 'rb') as handle:
            good = handle.read()
        self.fails(2, 'models', 'import', 'none.assay', says='none.assay')
        self.write('cut.assay', good[:len(good) // 2])
        self.fails(3, 'models', 'import', 'cut.assay', says='cut.assay')
        changed = bytearray(good)
        changed[-200] ^= 1
        self.write('changed.assay', bytes(changed))
        self.fails(3, 'models', 'import', 'changed.assay', says='card')
        self.fails(3, 'predict', 'changed.assay', '--data', self.train, '--out', 'p.csv',
                   says='card')
        size = self.show('churn')['size']
        self.write('bare.assay', good[:size])
        self.fails(3, 'models', 'import', 'bare.assay', says='models register')
        self.assay('models', 'register', 'bare.assay', '--name', 'bare')
        self.assay('models', 'register', 'good.assay', '--name', 'good')
        self.assertEqual(self.show('good')['sha256'], self.show('bare')['sha256'])
        self.assertEqual(self.show('good')['sha256'], self.show('churn')['sha256'])

    def test_diff_tells_what_changed(self):
        wide = self.path('wide.csv')
        with open(self.train, encoding='utf-8') as source, open(wide, 'w',
                                                                encoding='utf-8') as target:
            for number, line in enumerate(source):
                fields = line.rstrip('\n').rsplit(',', 1)
                extra = 'more' if number == 0 else str(number % 7)
                target.write(f'{fields[0]},{extra},{fields[1]}\n')
        self.assay('run', '--data', wide, '--target', 'default', '--trials', 2, '--name', 'churn',
                   '--seed', 5, '--drop', 'noise', '--quiet')
        answer = self.assay_json('models', 'diff', 'churn:1', 'churn:3')
        rows = {(r['section'], r['name']): (r['a'], r['b']) for r in answer['differences']}
        self.assertEqual(rows['data', 'name'], ('train.csv', 'wide.csv'))
        self.assertEqual(rows['input', 'column more'], (None, 'numeric'))
        self.assertEqual(rows['input', 'column noise'], ('numeric', None))
        self.assertEqual(rows['params', 'seed'], (1, 5))
        self.assertNotIn(('input', 'column city'), rows)
        one, three = self.show('churn:1'), self.show('churn:3')
        self.assertEqual(rows['model', 'size'], (one['size'], three['size']))
        self.assertAlmostEqual(answer['score_change'], three['score'] - one['score'])
        text = self.assay('models', 'diff', 'churn:1', 'churn:3').stdout
        self.assertIn('wide.csv', text)
        self.assertIn('column more', text)
        same = self.assay_json('models', 'diff', 'churn:1', 'churn:1')
        self.assertEqual((same['differences'], same['score_change']), ([], 0))
        self.fails(2, 'models', 'diff', 'churn:1', 'chrun', says="mean 'churn'")

    def test_a_pinned_run_keeps_its_model(self):
        run = self.show('churn:1')['run_id']
        self.assay('runs', 'tag', run, 'pinned=true', 'team=fraud', 'tier=2', 'code=007')
        tags = self.assay_json('runs', 'show', run)['tags']
        self.assertEqual([tags[k] for k in ('pinned', 'team', 'tier', 'code')],
                         [True, 'fraud', 2, '007'])
        self.fails(2, 'models', 'delete', 'churn:1', says=['in use', run, 'pinned'])
        self.fails(2, 'runs', 'tag', run, says='KEY=VALUE')
        self.fails(2, 'runs', 'tag', run, '--remove', 'taem', says="mean 'team'")
        self.fails(2, 'runs', 'tag', 'nothing', 'a=b', says='nothing')
        record = self.assay_json('runs', 'tag', run, 'pinned=false', '--remove', 'team')
        self.assertNotIn('team', record['tags'])
        self.assay('models', 'delete', 'churn:1')

    def test_a_damaged_model_hides_no_other(self):
        self.assay('models', 'export', 'churn:1', '--out', 'm.assay')
        self.assay('models', 'import', 'm.assay', '--name', 'other')
        with open(self.path('.assay/models/churn/versions/2.json'), 'w', encoding='utf-8') as file:
            file.write('{')
        process = self.assay('models', 'list', '--json', code=3)
        self.assertEqual([(m['name'], m['version']) for m in json.loads(process.stdout)],
                         [('churn', 1), ('other', 1)])
        self.assertIn('2.json', process.stderr)
        self.fails(3, 'models', 'show', 'churn', says='2.json')
        self.assertEqual(self.show('churn:1')['version'], 1)
        self.assay('models', 'delete', 'churn:2')
        self.assertEqual(self.show('churn')['version'], 1)
        self.assertTrue(os.path.exists(self.path('.assay/models/churn/changes/1.json')))


if __name__ == '__main__':
    unittest.main()
