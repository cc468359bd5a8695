"""assay runs export and checkout: what a run leaves behind for people without Assay."""
import csv
import hashlib
import json
import os
import stat
import unittest

import cli_case
from cli_case import CliCase


class RunsFilesTest(CliCase):
    def setUp(self):
        super().setUp()
        cli_case.binary_table(self.path('train.csv'), rows=120, seed=1)
        os.makedirs(self.path('src/lib'))
        self.write('exp.yaml', 'data: {train: train.csv, target: default}\nscripts: src\n'
                               'budget: {trials: 2}\n')
        self.write('src/prepare.py', 'print("größe")\n')
        self.write('src/lib/a.py', 'a = 1\n')
        self.write('src/run.sh', '#!/bin/sh\n')
        os.chmod(self.path('src/run.sh'), 0o755)
        os.symlink('lib/a.py', self.path('src/link.py'))
        self.write('src/.gitignore', '*.py\n')
        self.write('src/.amlignore', '*.log\n')
        self.write('src/noise.log', 'noise')

    def run_config(self, *extra):
        return self.assay_json('run', 'exp.yaml', '--name', 'm', '--quiet', *extra)

    def read(self, name):
        with open(self.path(name), 'rb') as handle:
            return handle.read()

    def test_checkout_gives_the_scripts_back(self):
        run = self.run_config()['run_id']
        trial = self.assay_json('runs', 'list', '--parent', run)[0]['run_id']
        for reference, folder in ((run, 'one'), (trial, 'two')):
            answer = self.assay_json('runs', 'checkout', reference, '--out', folder)
            self.assertEqual((answer['written'], answer['left_out']), (7, []))
            for name in ('exp.yaml', 'src/prepare.py', 'src/lib/a.py', 'src/run.sh',
                         'src/.gitignore', 'src/.amlignore'):
                self.assertEqual(self.read(f'{folder}/{name}'), self.read(name), name)
            self.assertEqual(os.readlink(self.path(f'{folder}/src/link.py')), 'lib/a.py')
            self.assertTrue(os.stat(self.path(f'{folder}/src/run.sh')).st_mode & stat.S_IXUSR)
            self.assertFalse(os.stat(self.path(f'{folder}/src/lib/a.py')).st_mode & stat.S_IXUSR)
            self.assertFalse(os.path.exists(self.path(f'{folder}/src/noise.log')))
        self.write('one/src/prepare.py', 'mine')
        self.fails(2, 'runs', 'checkout', run, '--out', 'one', says=['prepare.py', '--force'])
        self.assertEqual(self.read('one/src/prepare.py'), b'mine')
        answer = self.assay_json('runs', 'checkout', run, '--out', 'one', '--force')
        self.assertEqual((answer['written'], answer['unchanged']), (1, 6))
        # By default into a folder with the run's name.
        answer = self.assay_json('runs', 'checkout', run)
        self.assertTrue(os.path.exists(self.path(answer['out'] + '/exp.yaml')))

    def blob(self, sha256):
        return self.path(f'.assay/blobs/{sha256[:2]}/{sha256}')

    def test_what_scripts_differ_is_shown(self):
        first = self.run_config()['run_id']
        self.write('src/prepare.py', 'print("other")\n')
        self.write('src/new.py', '')
        os.remove(self.path('src/lib/a.py'))
        second = self.run_config()['run_id']
        code = self.assay_json('runs', 'compare', first, second)['code']
        self.assertEqual(sorted(code), ['file src/lib/a.py', 'file src/new.py',
                                        'file src/prepare.py'])
        new = hashlib.sha256(b'print("other")\n').hexdigest()
        self.assertEqual(code['file src/prepare.py'][1], new)
        self.assertIsNone(code['file src/new.py'][0])
        self.assertIsNone(code['file src/lib/a.py'][1])
        table = self.assay('runs', 'compare', first, second).stdout
        self.assertRegex(table, r'code.file src/prepare.py +\w{12} +' + new[:12])
        rows = self.assay_json('models', 'diff', 'm:1', 'm:2')['differences']
        shown = {row['name']: row['b'] for row in rows if row['section'] == 'code'}
        self.assertEqual(shown, {name: values[1] for name, values in code.items()})

    def test_export_leaves_out_only_what_is_damaged(self):
        run = self.run_config()['run_id']
        with open(self.path('src/prepare.py'), 'rb') as handle:
            sha256 = hashlib.sha256(handle.read()).hexdigest()
        with open(self.blob(sha256), 'r+b') as handle:
            handle.write(b'X')
        process = self.assay('runs', 'export', run, '--out', 'files', code=3)
        self.assertIn('damaged: source/files/src/prepare.py', process.stderr)
        self.assertEqual(self.read('files/source/files/src/lib/a.py'), b'a = 1\n')
        self.assertFalse(os.path.exists(self.path('files/source/files/src/prepare.py')))
        report = self.assay_json('runs', 'export', run, '--out', 'again', code=3)
        self.assertEqual(len(report['damaged']), 1)
        # Whoever runs the same scripts again does not end with the damaged one.
        again = self.run_config()['run_id']
        self.assay('runs', 'export', again, '--out', 'more')
        self.assay('workspace', 'verify')

    def test_export_is_readable_without_assay(self):
        summary = self.run_config('--keep-predictions')
        run = summary['run_id']
        self.assay('runs', 'export', run, '--out', 'files')
        with open(self.path('files/run.json'), encoding='utf-8') as handle:
            record = json.load(handle)
        shown = self.assay_json('runs', 'show', run)
        self.assertTrue(shown.pop('file').endswith('.h5'), 'and the export is no place of a store')
        self.assertEqual(record, shown)
        with open(self.path('files/metrics.csv'), newline='', encoding='utf-8') as handle:
            rows = list(csv.DictReader(handle))
        points = [(key, str(p['step']), p['value']) for key, values in record['metrics'].items()
                  for p in values]
        self.assertEqual([(r['metric'], r['step'], float(r['value'])) for r in rows], points)
        for name, table in record['tables'].items():
            exported = cli_case.read_csv(self.path(f'files/tables/{name}.csv'))
            self.assertEqual(list(exported[0]), list(table))
            for column, values in table.items():
                kind = type(values[0])
                self.assertEqual([kind(row[column]) for row in exported], values, column)
        model = self.read(f'files/models/m-{summary["model"]["version"]}.assay')
        self.assertEqual(hashlib.sha256(model).hexdigest(), summary['model']['sha256'])
        predictions = cli_case.read_csv(self.path('files/predictions/oof.csv'))
        self.assertEqual(len(predictions), 120)
        self.assertEqual(self.read('files/source/files/src/lib/a.py'), b'a = 1\n')
        self.assertEqual(self.read('files/source/config'), self.read('exp.yaml'))
        with open(self.path('files/source/manifest.json'), encoding='utf-8') as handle:
            manifest = json.load(handle)
        self.assertEqual(manifest['ignore'], '.amlignore')
        self.assertNotIn(self.folder, json.dumps(manifest['files']))
        self.fails(2, 'runs', 'export', run, '--out', 'files', says='there already')
        self.fails(2, 'runs', 'export', 'nothing', '--out', 'other', says='nothing')
        self.assertFalse(os.path.exists(self.path('other')))

    def test_scripts_by_flag_and_bad_folders(self):
        base = ('run', '--data', 'train.csv', '--target', 'default', '--trials', 1, '--quiet')
        run = self.assay_json(*base, '--scripts', 'src')['run_id']
        self.assay('runs', 'checkout', run, '--out', 'out')
        self.assertEqual(self.read('out/lib/a.py'), b'a = 1\n')
        self.fails(2, *base, '--scripts', 'scr', says="no folder 'scr'")
        self.fails(2, *base, '--scripts', 'train.csv', says="no folder 'train.csv'")
        self.fails(2, *base, '--scripts', '.assay', says='workspace')
        plain = self.assay_json(*base)['run_id']
        self.fails(2, 'runs', 'checkout', plain, '--out', 'none', says='nothing to check out')
        self.assertFalse(os.path.exists(self.path('none')))

    def test_too_large_a_folder_names_what_is_large(self):
        os.makedirs(self.path('src/data'))
        for k in range(2001):
            self.write(f'src/data/{k}', '')
        process = self.fails(2, 'run', 'exp.yaml', says=['data/', 'at most 2000 files', '.amlignore'])
        self.assertIn('2001 files', process.stderr)
        self.write('src/.amlignore', 'data/\n')
        self.run_config()


if __name__ == '__main__':
    unittest.main()
