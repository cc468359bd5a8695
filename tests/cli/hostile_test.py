"""Bad input of every kind ends in a clear message and the right exit code, and writes nothing."""
import gzip
import json
import os
import subprocess
import unittest

import cli_case
from cli_case import CliCase


class HostileDataTest(CliCase):
    def run_on(self, text, code, says, target='y', extra=()):
        self.write('data.csv', text)
        process = self.fails(code, 'run', '--data', 'data.csv', '--target', target, '--trials', 2,
                             *extra, says=says)
        self.assertNotIn('internal', process.stderr)

    def test_files_that_hold_no_table(self):
        self.run_on('', 3, 'data.csv')
        self.run_on('a,y\n', 3, 'data.csv')
        self.run_on('a,y\n1,2\n', 3, 'data.csv')
        self.fails(2, 'run', '--data', 'nowhere.csv', '--target', 'y', says='nowhere.csv')
        os.mkdir(self.path('folder.csv'))
        self.fails(5, 'run', '--data', 'folder.csv', '--target', 'y', says='folder')

    def test_targets_that_cannot_be_learned(self):
        rows = ''.join(f'{k},1\n' for k in range(30))
        self.run_on('a,y\n' + rows, 3, 'y')
        self.run_on('a,b\n' + rows, 3, ["'y'", 'data.csv'])
        self.run_on('a,yy\n' + rows, 3, 'yy')
        self.run_on('a,y\n' + ''.join(f'{k},\n' for k in range(30)), 3, 'y')

    def test_broken_text(self):
        good = ''.join(f'{k},{k % 2}\n' for k in range(30))
        self.run_on('a,y\n' + good + '1,2,3\n', 3, ['data.csv', '32'])
        self.run_on('a,a,y\n' + ''.join(f'{k},1,{k % 2}\n' for k in range(30)), 3, "'a'")
        self.run_on(b'a,y\n' + b'\xff\xfe,1\n' * 30, 3, ['utf-8', 'data.csv:2'])
        self.run_on(b'a,y\nx\x00y,1\n' * 30, 3, 'nul')
        self.run_on('a,y\n"open,1\n' + good, 3, 'quote')
        self.run_on('a,y\n' + good + '"1"x,1\n', 3, ['data.csv:32', "column 'a'", 'quote'])

    def test_truncated_gzip(self):
        packed = gzip.compress(('a,y\n' + ''.join(f'{k},{k % 2}\n' for k in range(9000))).encode())
        self.write('cut.csv.gz', packed[:len(packed) // 2])
        self.fails(3, 'run', '--data', 'cut.csv.gz', '--target', 'y', says='cut.csv.gz')

    def test_odd_but_usable_tables(self):
        tables = {
            'all_missing': 'a,b,y\n' + ''.join(f'{k},,{k % 2}\n' for k in range(60)),
            'huge': 'a,y\n' + ''.join(f'{1e308 if k % 3 else -1e308},{k % 2}\n' for k in range(60)),
            'mixed': 'a,y\n' + ''.join(f'{k % 9 if k % 5 else "x"},{k % 2}\n' for k in range(60)),
            'rare_class': 'a,y\n' + ''.join(f'{k},{"rare" if k == 7 else "pq"[k % 2]}\n'
                                            for k in range(60)),
        }
        for name, text in tables.items():
            with self.subTest(name):
                self.write(name + '.csv', text)
                summary = self.assay_json('run', '--data', name + '.csv', '--target', 'y',
                                          '--trials', 3)
                self.assertEqual(summary['status'], 'completed')
                self.assay('predict', summary['model']['name'], '--data', name + '.csv', '--out',
                           name + '_p.csv')

    def test_huge_regression_targets(self):
        self.write('big.csv', 'a,y\n' + ''.join(f'{k},{(k + 0.5) * 1e300}\n' for k in range(60)))
        self.assay('run', '--data', 'big.csv', '--target', 'y', '--trials', 2, code=(0, 3))

    def test_ten_thousand_columns(self):
        width = 10_000
        header = ','.join(f'c{k}' for k in range(width)) + ',y\n'
        rows = ''.join(','.join(str((r * 31 + k * 7) % 101) for k in range(width)) + f',{r % 2}\n'
                       for r in range(40))
        self.write('wide.csv', header + rows)
        summary = self.assay_json('run', '--data', 'wide.csv', '--target', 'y', '--trials', 3,
                                  '--learners', 'constant,linear,gbt', timeout=100)
        self.assertEqual(summary['status'], 'completed')


class HostileUseTest(CliCase):
    def test_usage_errors_name_the_nearest(self):
        self.fails(2, 'rum', says="did you mean 'run'")
        self.fails(2, 'run', says='--data')
        self.fails(2, 'run', '--nonsense', says='--nonsense')
        self.fails(2, 'models', says='--help')
        self.fails(2, 'score', 'nothing', '--data', 'x.csv', says='workspace')
        self.assertEqual(self.assay('--help').stderr, '')
        for command in ('run', 'predict', 'score', 'devices', 'version'):
            self.assertIn('--json', self.assay(command, '--help').stdout)

    def test_options_are_checked(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        base = ('run', '--data', 't.csv', '--target', 'default')
        self.fails(2, *base, '--metric', 'roc_acu', says="did you mean 'roc_auc'")
        self.fails(2, *base, '--metric', 'rmse', says='rmse')
        self.fails(2, *base, '--time', 'soon', says='--time')
        self.fails(2, *base, '--time', '-3s', says='--time')
        self.fails(2, *base, '--trials', '0.5', says='--trials')
        self.fails(2, *base, '--memory', '12 parsecs', says='--memory')
        self.fails(2, *base, '--name', '../evil', says='../evil')
        self.fails(2, *base, '--device', 'gpu9', says='gpu9')
        self.fails(4, *base, '--device', 'cuda:0', says='cuda')
        self.fails(2, *base, '--threads', '100000', says='--threads')
        self.assertIn('may be used here', self.assay(*base, '--threads', 4000, '--trials',
                                                     1).stderr)
        self.fails(2, *base, '--learners', 'gbm', says="gbt")
        self.fails(2, *base, '--drop', 'incme', '--trials', 2, says='income')
        self.fails(6, *base, '--time', '0.01s', says='budget')
        self.fails(6, *base, '--memory', '10MiB', says=['budget.memory=10.0 MiB', 'too small'])
        self.assertFalse(os.path.exists(self.path('.assay/models/evil')))

    def test_errors_are_json_too(self):
        process = self.assay('run', '--data', 'no.csv', '--target', 'y', '--json', code=2)
        self.assertIn('no.csv', json.loads(process.stdout)['error']['message'])

    def test_configs_with_every_kind_of_mistake(self):
        cases = {
            'data: {train: t.csv, target: y}\nbugdet: {time: 30s}\n': ['bad.yaml:2', 'budget'],
            'data: {train: t.csv, target: y}\nseed: 1e400\n': ['bad.yaml:2'],
            'data: {train: t.csv, target: y}\nseed: 1\nseed: 2\n': ['bad.yaml:3', 'seed'],
            'data: &a {train: t.csv, target: y}\nbudget: *a\n': ['bad.yaml'],
            'data: [1, 2]\n': ['bad.yaml:1', 'data'],
            'data: {train: t.csv}\n': ['target'],
            'data: {train: t.csv, target: y}\nlearners: {gbt: {learning_rate: -1}}\n':
                ['learning_rate', '-1'],
            'data: {train: t.csv, target: y}\nlearners: {gbtt: {}}\n': ["did you mean 'gbt'"],
            'data: {train: t.csv, target: y\n': ['bad.yaml'],
            '\tdata: x\n': ['bad.yaml'],
            '': ['bad.yaml', 'data'],
        }
        for text, says in cases.items():
            with self.subTest(text):
                self.write('bad.yaml', text)
                self.fails(2, 'config', 'check', 'bad.yaml', says=says)
                self.fails(2, 'run', 'bad.yaml', says=says)
        self.fails(2, 'run', 'missing.yaml', says='missing.yaml')

    def test_configs_that_do_not_fit_the_table(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        base = 'data:\n  train: t.csv\n  target: default\n'
        cases = {
            'data:\n  train: t.csv\n  target: defualt\n':
                (3, ['bad.yaml:3', 'data.target', "did you mean 'default'"]),
            base + '  drop:\n    - age\n    - nois\n':
                (2, ['bad.yaml:6', 'data.drop', "did you mean 'noise'"]),
            base + '  column_types: {cty: categorical}\n':
                (2, ['bad.yaml:4', 'data.column_types', "did you mean 'city'"]),
            base + '  weight: wieght\n': (3, ['bad.yaml:4', 'data.weight', 'income']),
            base + '  group: cit\n': (3, ['bad.yaml:4', 'data.group']),
            base + '  time_column: day\n': (3, ['bad.yaml:4', 'data.time_column']),
            base + 'constraints: {interpretable: true}\nlearners:\n  gbt: {max_leaves: 31}\n':
                (2, ['bad.yaml:6', 'max_leaves', 'interpretable']),
            base + 'device: gpu9\n': (2, ['bad.yaml:4', 'gpu9', 'there are: auto, cpu']),
            base + 'budget:\n  memory: 900TiB\n': (2, ['bad.yaml:5', 'budget.memory']),
        }
        for text, (code, says) in cases.items():
            with self.subTest(text):
                self.write('bad.yaml', text)
                self.fails(2, 'config', 'check', 'bad.yaml', says=says)
                self.fails(code, 'run', 'bad.yaml', says=says)
        self.write('bad.yaml', base + 'device: cuda:0\n')
        self.fails(4, 'config', 'check', 'bad.yaml', says=['bad.yaml:4', 'cuda'])
        # What only the data can tell names the line too, and a flag that overrides it the flag.
        self.write('bad.yaml', base + '  weight: city\n')
        self.fails(3, 'run', 'bad.yaml', says=['bad.yaml:4', 'data.weight', 'categorical'])
        self.write('bad.yaml', base + '  weight: income\n')
        self.fails(3, 'run', 'bad.yaml', '--weight', 'city', says='--weight: column')
        self.fails(3, 'run', 'bad.yaml', '--target', 'defult', says="--target: t.csv has no column")
        self.assertEqual(self.assay_json('models', 'list'), [])

    def test_damaged_model_files(self):
        cli_case.binary_table(self.path('t.csv'), rows=80)
        self.assay('run', '--data', 't.csv', '--target', 'default', '--trials', 2, '--name', 'm')
        self.assay('models', 'export', 'm', '--out', 'm.assay')
        with open(self.path('m.assay'), 'rb') as handle:
            whole = handle.read()
        damaged = {'empty': b'', 'cut': whole[:len(whole) // 2], 'text': b'hello' * 100,
                   'flipped': whole[:200] + bytes([whole[200] ^ 1]) + whole[201:]}
        for name, content in damaged.items():
            self.write(name + '.assay', content)
            self.fails(3, 'predict', name + '.assay', '--data', 't.csv', '--out', 'p.csv',
                       says=name + '.assay')
        self.fails(2, 'predict', 'mm', '--data', 't.csv', '--out', 'p.csv', says="'m'")
        self.fails(2, 'predict', 'm:9', '--data', 't.csv', '--out', 'p.csv', says='9')

    def test_a_stderr_that_cannot_be_written_loses_nothing(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        with open('/dev/full', 'wb') as full:
            process = subprocess.run(
                [cli_case.ASSAY, 'run', '--data', 't.csv', '--target', 'default', '--trials', '2',
                 '--json'], cwd=self.folder, stdout=subprocess.PIPE, stderr=full, check=False)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(json.loads(process.stdout)['status'], 'completed')

    def test_output_follows_links_and_writes_through_pipes(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        self.assay('run', '--data', 't.csv', '--target', 'default', '--trials', 2, '--name', 'm')
        self.write('target.csv', 'old')
        os.symlink('target.csv', self.path('link.csv'))
        self.assay('predict', 'm', '--data', 't.csv', '--out', 'link.csv', '--force')
        self.assertTrue(os.path.islink(self.path('link.csv')))
        self.assertEqual(len(cli_case.read_csv(self.path('target.csv'))), 60)
        os.mkfifo(self.path('pipe'))
        with subprocess.Popen(['cat', self.path('pipe')], stdout=subprocess.PIPE) as reader:
            self.assay('predict', 'm', '--data', 't.csv', '--out', 'pipe')
            self.assertEqual(len(reader.stdout.read().splitlines()), 61)
        self.assertFalse(os.path.isfile(self.path('pipe')))
        for command in (('predict', 'm', '--data', 't.csv'), ('models', 'export', 'm')):
            self.fails(5, *command, '--out', 'nowhere/x', says=["'nowhere/x'", "'nowhere'"])
            self.fails(5, *command, '--out', '.', says='folder')
        self.fails(5, 'run', '--data', 't.csv', '--target', 'default', '--trials', 1, '--picture',
                   'nowhere/p.svg', says='nowhere')

    def test_json_is_the_last_line_of_every_command(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        config = self.assay_json('config', 'init', 't.csv', '--target', 'default')['config']
        self.assertIn('target: default', config)
        self.assertIn('properties', self.assay_json('config', 'schema'))
        self.assertIn('markdown', self.assay_json('config', 'schema', '--markdown'))
        self.assertTrue(self.assay_json('devices')['devices'])
        self.assertTrue(self.assay_json('version')['assay_version'])
        self.assertEqual(self.assay_json('data', 'describe', '--data', 't.csv')['rows'], 60)
        self.fails(2, 'predict', 'm', '--data', 't.csv', '--json', says='--out')

    def test_unwritable_places(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        self.write('file', 'x')
        self.fails(5, 'run', '--data', 't.csv', '--target', 'default', '--trials', 1,
                   '--workspace', 'file/ws', says='file/ws')


if __name__ == '__main__':
    unittest.main()
