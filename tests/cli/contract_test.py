"""What predict and score want of a table, and what they do with one that differs from training."""
import os
import signal
import subprocess
import time
import unittest

import cli_case
from cli_case import ASSAY, CliCase


def levels_table(rows=300):
    """x and a level decide y; 'MISSING' and '-' stand for no number, None is a level like others."""
    lines = ['x,edu,y']
    for i in range(rows):
        x = ('MISSING', '-')[i % 2] if i % 9 == 0 else str((i * 37) % 100)
        edu = ('None', 'school', 'college')[i % 3]
        lines.append(f'{x},{edu},{"p" if edu == "None" else "n"}')
    return '\n'.join(lines) + '\n'


class ContractTest(CliCase):
    def read(self, name):
        with open(self.path(name), 'rb') as handle:
            return handle.read()

    def train(self, name, target='y', *extra, trials=3, data=None):
        self.assay('run', '--data', data or f'{name}.csv', '--target', target, '--trials', trials,
                   '--name', name, '--quiet', *extra)

    def test_missing_tokens_of_training_are_those_of_predicting(self):
        self.write('t.csv', levels_table())
        self.write('c.yaml', 'experiment: m\ndata: {train: t.csv, target: y, '
                             'missing_tokens: [MISSING, "-"]}\nbudget: {trials: 3}\n'
                             'learners: [constant, gbt]\n')
        self.assay('run', 'c.yaml', '--quiet')
        self.write('new.csv', 'x,edu\nMISSING,None\n-,school\n5,None\n')
        self.assay('predict', 'm', '--data', 'new.csv', '--out', 'p.csv')
        self.assertEqual([row['prediction'] for row in cli_case.read_csv(self.path('p.csv'))],
                         ['p', 'n', 'p'])
        score = self.assay_json('score', 'm', '--data', 't.csv', '--metric', 'accuracy')
        self.assertEqual(score['score'], 1.0)
        shown = self.assay_json('models', 'show', 'm')
        self.assertIn('MISSING', str(shown['input_contract']))
        # The file knows it too, wherever it goes.
        self.assay('models', 'export', 'm', '--out', 'm.assay')
        self.assay('predict', './m.assay', '--data', 'new.csv', '--out', 'p2.csv')
        self.assertEqual(cli_case.read_csv(self.path('p2.csv')),
                         cli_case.read_csv(self.path('p.csv')))

    def test_what_training_did_not_have_is_predicted_and_counted(self):
        rows = [f'{i},{("yes", "no")[i % 2]},{("a", "b", "c")[i % 3]},{(i % 2 + i % 3) % 2}'
                for i in range(120)]
        self.write('t.csv', '\n'.join(['n,flag,kind,y', *rows]) + '\n')
        self.train('t')
        self.write('new.csv', 'n,flag,kind\n1,yes,a\n2,maybe,d\n,no,\n4,No internet service,d\n'
                              '5,,e\n')
        process = self.assay('predict', 't', '--data', 'new.csv', '--out', 'p.csv')
        self.assertEqual(len(cli_case.read_csv(self.path('p.csv'))), 5)
        self.assertIn("'kind' 3 (such as 'd'), 'flag' 2 (such as 'maybe')",
                      process.stderr)
        self.assertIn("missing cells: 'kind' 1, 'flag' 1, 'n' 1", process.stderr)
        answer = self.assay_json('predict', 't', '--data', 'new.csv', '--out', 'p2.csv')
        self.assertEqual({c['column']: (c['missing'], c['unseen']) for c in answer['columns']},
                         {'kind': (1, 3), 'flag': (1, 2), 'n': (1, 0)})
        clean = self.assay('predict', 't', '--data', 't.csv', '--out', 'p3.csv')
        self.assertNotIn('missing', clean.stderr)
        self.assertNotIn('training did not have', clean.stderr)

    def test_labels_alone_are_the_same_labels(self):
        rows = [f'{(i * 37) % 101},{(i * 53) % 97},{("a", "b", "c")[i % 3]},'
                f'{("low", "mid", "high")[((i * 37) % 101 > 50) + ((i * 53) % 97 > 60)]}'
                for i in range(600)]
        self.write('t.csv', '\n'.join(['x,z,kind,y', *rows]) + '\n')
        for seed, learner in enumerate(('gbt', 'random_forest')):
            name = f't{seed}'
            self.write('c.yaml', f'experiment: {name}\ndata: {{train: t.csv, target: y}}\n'
                                 f'budget: {{trials: 2}}\nlearners: [{learner}]\n')
            self.assay('run', 'c.yaml', '--quiet')
            self.assay('predict', name, '--data', 't.csv', '--out', 'all.csv', '--force')
            self.assay('predict', name, '--data', 't.csv', '--out', 'labels.csv', '--labels-only',
                       '--force')
            labels = cli_case.read_csv(self.path('labels.csv'))
            self.assertEqual(labels, [{'prediction': row['prediction']}
                                      for row in cli_case.read_csv(self.path('all.csv'))])
            self.assertEqual(len(labels), 600)

    def test_numbers_have_no_labels(self):
        self.write('t.csv', 'x,y\n' + ''.join(f'{i},{i * 0.37}\n' for i in range(90)))
        self.train('t')
        self.fails(2, 'predict', 't', '--data', 't.csv', '--labels-only', says='no labels')

    def test_the_header_is_known_by_the_target(self):
        rows = [f'{"ab"[i % 2]},{"xy"[i % 2]},{"ny"[i % 2]}' for i in range(60)]
        self.write('t.csv', '\n'.join(['a,b,y', *rows]) + '\n')
        self.train('t')
        self.assertIn("'a'", str(self.assay_json('models', 'show', 't')['input_contract']))
        self.fails(3, 'run', '--data', 't.csv', '--target', 'z', '--trials', 1,
                   says=['the first line (a, b, y) was read as data', 'header'])

    def test_codes_keep_their_zeros(self):
        rows = [f'{(i * 37) % 100},{1 + (i * 37) % 100 // 34:02d}' for i in range(300)]
        self.write('t.csv', '\n'.join(['x,y', *rows]) + '\n')
        self.train('t')
        self.assay('predict', 't', '--data', 't.csv', '--out', 'p.csv')
        predicted = cli_case.read_csv(self.path('p.csv'))
        self.assertEqual({row['prediction'] for row in predicted}, {'01', '02', '03'})
        self.assertIn('proba_01', predicted[0])

    def test_numbers_in_other_spellings_are_pointed_out(self):
        rows = [f'"{i % 7},{i % 10}",{i * 3 % 50}%,{i % 2}' for i in range(100)]
        self.write('t.csv', '\n'.join(['comma,share,y', *rows]) + '\n')
        for arguments in (('data', 'describe', '--data', 't.csv'),
                          ('run', '--data', 't.csv', '--target', 'y', '--trials', 1)):
            text = self.assay(*arguments).stderr
            self.assertIn("'comma' looks like numbers with a decimal comma", text)
            self.assertIn("'share' looks like numbers with a percent sign", text)

    def test_output_is_never_the_input(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        before = self.read('t.csv')
        self.train('t', 'default', '--picture', 'p.svg', trials=2)
        self.assay('models', 'export', 't', '--out', 't.assay')
        os.link(self.path('t.csv'), self.path('hard.csv'))
        os.symlink('t.csv', self.path('soft.csv'))
        for out in ('t.csv', './t.csv', 'hard.csv', 'soft.csv'):
            self.fails(2, 'predict', 't', '--data', 't.csv', '--out', out, '--force', says='--data')
        self.fails(2, 'predict', './t.assay', '--data', 't.csv', '--out', 't.assay', '--force',
                   says='model')
        self.fails(2, 'run', '--data', 't.csv', '--target', 'default', '--picture', 't.csv',
                   '--force', says='overwritten')
        self.fails(2, 'config', 'init', 't.csv', '--target', 'default', '--out', 't.csv', '--force',
                   says='overwritten')
        self.assertEqual(self.read('t.csv'), before)

    def test_a_table_that_does_not_fit_leaves_no_output(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        self.train('t', 'default', trials=2)
        self.write('lacks.csv', 'income\n1\n')
        self.write('wrong.csv', 'income,age,city,noise\n1,2,Bern,soon\n')
        for table, word in (('lacks.csv', 'lacks'), ('wrong.csv', "'soon'")):
            process = self.fails(3, 'predict', 't', '--data', table, says=word)
            self.assertEqual(process.stdout, '')
            self.fails(3, 'predict', 't', '--data', table, '--out', 'p.csv')
        self.assertEqual([name for name in os.listdir(self.folder) if 'p.csv' in name], [])
        self.write('empty.csv', 'income,age,city,noise\n')
        self.assertEqual(self.assay('predict', 't', '--data', 'empty.csv').stdout,
                         'prediction,proba_no,proba_yes\n')

    def test_a_bare_name_is_the_registered_model(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        self.train('t', 'default', trials=2)
        self.write('t', 'no model')
        process = self.assay('predict', 't', '--data', 't.csv', '--out', 'p.csv')
        self.assertIn('registered model t:1', process.stderr)
        self.assertIn('./t', process.stderr)
        self.fails(3, 'predict', './t', '--data', 't.csv', says='not a model file')
        self.assay('models', 'export', 't', '--out', 'exported')
        self.assay('predict', 'exported', '--data', 't.csv', '--out', 'p2.csv')
        self.assertEqual(cli_case.read_csv(self.path('p.csv')),
                         cli_case.read_csv(self.path('p2.csv')))
        self.fails(2, 'predict', './nowhere', '--data', 't.csv', says="no model file './nowhere'")
        # A file that is registered is meant as a file, whatever models there are.
        self.assay('models', 'register', 'exported', '--name', 'exported')
        self.assay('models', 'register', 'exported', '--name', 'exported')

    def test_tables_come_through_pipes(self):
        path = cli_case.binary_table(self.path('t.csv'), rows=120)
        text = self.read(path)

        def piped(*arguments, name='-'):
            process = subprocess.run([ASSAY, *(name if a is None else a for a in arguments)],
                                     cwd=self.folder, input=text, capture_output=True, check=False)
            self.assertEqual(process.returncode, 0, process.stderr)
            return process.stdout

        piped('run', '--data', None, '--target', 'default', '--trials', '2', '--name', 'piped',
              '--seed', '1')
        self.train('t', 'default', '--seed', '1', trials=2)
        expected = self.assay('predict', 't', '--data', 't.csv').stdout
        for name in ('-', '/dev/stdin'):
            self.assertEqual(piped('predict', 'piped', '--data', None, name=name).decode(), expected)
        self.assertIn(b'roc_auc', piped('score', 't', '--data', None))
        self.assertIn(b'income', piped('data', 'describe', '--data', None))
        os.mkfifo(self.path('pipe'))
        with subprocess.Popen(['sh', '-c', 'gzip -c t.csv > pipe'], cwd=self.folder):
            self.assertEqual(self.assay('predict', 't', '--data', 'pipe').stdout, expected)
        self.fails(5, 'predict', 't', '--data', '/dev/null', says='neither a file nor a pipe')
        # A pipe that nobody writes to does not keep a run beyond its time.
        self.fails(6, 'run', '--data', 'pipe', '--target', 'default', '--time', '1s',
                   says=['budget.time=1 s', 'reading pipe'])

    def test_interrupted_prediction_says_so_and_leaves_nothing(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        self.train('t', 'default', trials=2)
        with open(self.path('t.csv'), 'rb') as handle:
            header = handle.readline()
        for out in ([], ['--out', 'p.csv']):
            with subprocess.Popen([ASSAY, 'predict', 't', '--data', '-', *out], cwd=self.folder,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE) as process:
                process.stdin.write(header + b'1,2,Bern,0,no\n' * 300000)
                process.stdin.flush()
                process.send_signal(signal.SIGINT)
                process.stdin.close()
                errors = process.stderr.read()
                process.stdout.read()
                self.assertEqual(process.wait(), 130, errors)
            self.assertIn(b'interrupted: ', errors)
            self.assertIn(b"'p.csv' was not written" if out else b'rows were written', errors)
        self.assertEqual([name for name in os.listdir(self.folder) if 'p.csv' in name], [])


if __name__ == '__main__':
    unittest.main()
