"""The command line itself: help, suggestions, options given twice, completion."""
import json
import re
import subprocess
import unittest

import cli_case
from cli_case import CliCase


class HelpTest(CliCase):
    def test_every_command_has_groups_values_and_its_own_examples(self):
        commands = cli_case.leaf_commands(self)
        self.assertGreater(len(commands), 12)
        for command, text in commands:
            with self.subTest(command):
                self.assertIn('\nExample', text)
                self.assertIn('  assay ' + ' '.join(command), text.partition('\nExample')[2])
                self.assertIn('\nGeneral:\n', text)
                self.assertNotRegex(text, r'--[a-z-]+ (TEXT|INT|UINT)(?![,\w])')
                self.assertLessEqual(max(map(len, text.splitlines())), 100)

    def test_run_explains_its_values(self):
        text = self.assay('run', '--help').stdout
        groups = re.findall(r'^([A-Z][a-z]+):$', text, re.MULTILINE)
        self.assertEqual(groups[:-1], ['Positionals', 'Data', 'Budget', 'Validation', 'Search', 'Constraints',
                                       'Compute', 'Output', 'General'])
        for part in ('--time TIME', '30s, 5m or 1h30m', '--memory SIZE', '4GiB', '--seed N',
                     '--drop NAME,NAME', '--data FILE', '--class-weight none|balanced',
                     '--target COLUMN', 'One of auto, holdout, kfold, group, time. [auto]'):
            self.assertIn(part, ' '.join(text.split()))

    def test_help_is_a_command_too(self):
        for command in ([], ['run'], ['runs', 'list'], ['config', 'init']):
            self.assertEqual(self.assay('help', *command).stdout,
                             self.assay(*command, '--help').stdout)
        self.fails(2, 'help', 'rnu', says=["'rnu'", "did you mean 'run'"])
        self.fails(2, 'help', 'runs', 'lst', says=['assay runs', "did you mean 'list'"])


class MistakeTest(CliCase):
    def test_unknown_options_name_the_nearest(self):
        self.fails(2, 'run', '--metrc', 'auc', says=["'--metrc'", "did you mean '--metric'",
                                                     'assay run --help'])
        self.fails(2, 'run', '--metrc=auc', says=["'--metrc'", "'--metric'"])
        self.fails(2, 'run', '-metric', 'auc', says="'--metric'")
        self.fails(2, 'run', '--time_column', 'day', says="'--time-column'")
        self.fails(2, 'predict', '--dta', 't.csv', says="'--data'")
        self.fails(2, '--jsn', 'version', says="'--json'")
        self.fails(2, 'version', 'twice', says="unexpected argument 'twice'")

    def test_commands_without_their_second_word_list_it(self):
        self.fails(2, 'runs', says=['list', 'show', 'assay runs --help'])
        self.fails(2, 'models', says=['list', 'show', 'register', 'export'])
        self.fails(2, 'data', says='describe')
        self.fails(2, 'config', says=['init', 'check', 'schema'])
        self.fails(2, 'runs', 'lst', says=["'lst'", "did you mean 'list'"])
        # The options that came with it are not to blame.
        self.fails(2, 'runs', 'lst', '-w', 'here', says=["'lst'", "did you mean 'list'"])
        self.fails(2, 'runs', 'lst', '--limit', 3, '--json', says=["'lst'", "did you mean 'list'"])
        self.fails(2, 'experiments', 'lst', '--csv', says="did you mean 'list'")
        self.fails(2, 'models', '-w', 'here', 'shw', 'm', says="did you mean 'show'")
        self.fails(2, 'rusn', 'list', '-w', 'here', says="did you mean 'runs'")
        self.fails(2, 'runs', '--limit', 3, says="'--limit' stands after a command: list, search")
        self.fails(2, 'runs', '--limit', 3, 'list',
                   says="'--limit' stands after the command: assay runs list --limit")
        self.fails(2, 'completion', says='bash')

    def test_general_options_may_come_first(self):
        answer = json.loads(self.assay('--json', 'version').stdout)
        self.assertEqual(answer, self.assay_json('version'))
        cli_case.binary_table(self.path('t.csv'), rows=60)
        self.assay('--quiet', '-w', 'here', 'run', '--data', 't.csv', '--target', 'default',
                   '--trials', 1)
        runs = json.loads(self.assay('--json', '--workspace', 'here', 'runs', 'list').stdout)
        self.assertEqual({run['experiment'] for run in runs}, {'t'})
        between = json.loads(self.assay('runs', '-w', 'here', '--json', 'list').stdout)
        self.assertEqual(between, runs)

    def test_lists_add_up_and_single_values_do_not(self):
        cli_case.binary_table(self.path('t.csv'), rows=80)
        base = ('run', '--data', 't.csv', '--target', 'default', '--trials', 3)
        self.assay(*base, '--drop', 'noise', '--drop', 'city, age', '--learners', 'Linear',
                   '--learners', 'gbt', '--name', 'm')
        contract = self.assay_json('models', 'show', 'm')['input_contract']
        self.assertEqual([c['name'] for c in contract['columns']], ['income'])
        trials = self.assay_json('runs', 'list', '--kind', 'trial')
        learners = {run['name'].rstrip('0123456789-') for run in trials}
        self.assertEqual(learners - {'constant'}, {'linear', 'gbt'})
        self.fails(2, *base, '--metric', 'auc', '--metric', 'acc',
                   says=['--metric', 'more than once', 'auc, acc'])
        self.fails(2, *base, '--trials', 4, says=['--trials', 'more than once'])
        self.fails(2, *base, '--seed', says=['--seed wants a value: N'])

    def test_any_option_of_the_config_can_be_set(self):
        cli_case.binary_table(self.path('t.csv'), rows=80)
        base = ('run', '--data', 't.csv', '--target', 'default', '--trials', 3)
        self.assay(*base, '--folds', 4, '--set', 'validation.folds=3', '--set', 'seed=7',
                   '--set', 'data.drop=noise, city')
        summary = self.assay_json('runs', 'list', '--kind', 'sweep')[0]
        params = self.assay_json('runs', 'show', summary['run_id'])['params']
        self.assertEqual((params['validation.folds'], params['seed']), (3, 7))
        contract = self.assay_json('models', 'show', 't')['input_contract']
        self.assertEqual([c['name'] for c in contract['columns']], ['income', 'age'])
        for setting, says in (('validation.fold=3', "did you mean 'folds'"),
                              ('validaton.folds=3', "did you mean 'validation'"),
                              ('validation.folds=many', 'folds=many (must be a whole number, 2..100)'),
                              ('sede=3', "did you mean 'seed'"),
                              ('seed', 'SECTION.OPTION=VALUE'),
                              ('learners.gbt.trees=3', 'config file')):
            self.fails(2, *base, '--set', setting, says=['--set', says])

    def test_an_empty_value_takes_no_other_argument(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        self.assay('run', '--data', 't.csv', '--target', 'default', '--trials', 2)
        every = self.assay('runs', 'list', '--all', '--json').stdout
        self.assertEqual(self.assay('runs', 'list', '--experiment=', '--all', '--json').stdout,
                         every)
        run = self.assay_json('run', '--name=', '--data', 't.csv', '--target', 'default',
                              '--trials', 1)
        self.assertEqual(run['model']['name'], 't', 'as if it had not been given')

    def test_numbers_out_of_their_range_name_it(self):
        for value in ('-3', 'ten'):
            self.fails(2, 'runs', 'list', f'--limit={value}',
                       says=f'--limit={value} (must be a number from 0 to 1000000000)')

    def test_values_of_options_are_checked_in_any_case(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        base = ('run', '--data', 't.csv', '--target', 'default', '--trials', 1)
        self.fails(2, *base, '--learners', 'lin', says="did you mean 'linear'")
        self.fails(2, *base, '--learners', 'gbt,,linear', says=["'gbt,,linear'", 'empty name'])
        self.fails(2, *base, '--metric', 'foo', says='must be one of auto, roc_auc')
        self.fails(2, 'data', 'describe', '--data', 't.csv', '--delimiter', 'comm',
                   says=['--delimiter', "did you mean 'comma'"])
        described = self.assay_json('data', 'describe', '--data', 't.csv', '--delimiter', 'COMMA',
                                    '--target', 'default', '--task', 'Binary')
        self.assertEqual(described['target']['task'], 'binary')
        self.fails(2, 'predict', 'm', '--data', 't.csv', '--threads', 'many',
                   says=['--threads', 'many', '0 to 4096'])
        for value in ('-1', '', '999999999999'):
            for command in ('predict', 'score', 'explain'):
                self.fails(2, command, 'm', '--data', 't.csv', f'--threads={value}',
                           says='--threads')


class InputTest(CliCase):
    def test_a_table_where_a_config_is_wanted(self):
        cli_case.binary_table(self.path('train.csv'), rows=60)
        for command in (('run',), ('config', 'check')):
            self.fails(2, *command, 'train.csv',
                       says=['assay run --data train.csv --target', 'assay config init train.csv'])
        self.fails(2, 'run', 'train.parquet', says='CSV')

    def test_tables_are_named_with_and_without_data(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        self.assertEqual(self.assay('data', 'describe', 't.csv').stdout,
                         self.assay('data', 'describe', '--data', 't.csv').stdout)
        self.assertEqual(self.assay('config', 'init', 't.csv', '--target', 'default').stdout,
                         self.assay('config', 'init', '--data', 't.csv', '--target',
                                    'default').stdout)
        self.fails(2, 'data', 'describe', says='--data')

    def test_missing_tokens_are_a_flag(self):
        rows = ''.join(f'{"-" if k % 4 == 0 else k},{"pq"[k % 2]}\n' for k in range(80))
        self.write('t.csv', 'x,y\n' + rows)
        base = ('run', '--data', 't.csv', '--target', 'y', '--trials', 2)
        self.assay(*base, '--name', 'm', '--missing-tokens', '-', '--missing-tokens', 'NA')
        column = self.assay_json('models', 'show', 'm')['input_contract']['columns'][0]
        self.assertEqual((column['type'], column['had_missing']), ('numeric', True))

    def test_describe_is_readable(self):
        long = 'x' * 5000
        rows = ''.join(f'2024-{1 + k % 12:02d}-01,{1000000000000000 + k},{"ab"[k % 2] + long}\n'
                       for k in range(40))
        self.write('t.csv', 'day,big,label\n' + rows)
        text = self.assay('data', 'describe', 't.csv').stdout
        self.assertIn('2024-01-01 .. 2024-12-01', text)
        self.assertIn('1000000000000000', text)
        self.assertNotIn('1e+15 .. 1e+15', text)
        self.assertLess(max(map(len, text.splitlines())), 200)
        day = self.assay_json('data', 'describe', 't.csv')['columns'][0]
        self.assertEqual((day['type'], day['min'], day['max']),
                         ('datetime', '2024-01-01', '2024-12-01'))

    def test_describe_warns_of_columns_by_name(self):
        rows = ''.join(f'{k},same,{k * 7 % 13},{k * 7 % 13},{"ab"[k % 3 == 0]},{"uv"[k % 3 == 0]}\n'
                       for k in range(90))
        self.write('t.csv', 'row,c,x,twin,told,y\n' + rows)
        described = self.assay('data', 'describe', 't.csv', '--target', 'y')
        for text in ("column 'row' numbers the rows", "column 'c' is constant",
                     "column 'twin' says the same as 'x'",
                     "column 'told' alone tells the target (100 % of the rows right"):
            self.assertIn('warning: ' + text, described.stderr)
        notes = self.assay_json('data', 'describe', 't.csv')['notes']
        self.assertEqual(len(notes), 4)
        self.assertIn("column 'y' says the same as 'told'", notes[-1])

    def test_config_init_suggests_what_to_leave_out(self):
        rows = ''.join(f'{k + 1},same,2024-01-{1 + k % 28:02d},{k % 7},{"yn"[k % 2]}\n'
                       for k in range(56))
        self.write('t.csv', 'row,c,day,x,y\n' + rows)
        text = self.assay('config', 'init', 't.csv', '--target', 'y').stdout
        self.assertIn('\n#  drop: [row, c]', text)
        self.assertIn('row numbers the rows', text)
        self.assertIn('c is constant', text)
        self.assertIn('\n#  time_column: day', text)
        self.write('made.yaml', text)
        self.assay('config', 'check', 'made.yaml')
        self.write('taken.yaml', text.replace('#  drop', '  drop').replace('#  time', '  time'))
        self.assay('config', 'check', 'taken.yaml')

    def test_names_come_from_the_data_file(self):
        cli_case.binary_table(self.path('my größe (1).csv'), rows=60)
        self.write('c.yaml', 'data: {train: "my größe (1).csv", target: default}\n'
                             'budget: {trials: 1}\n')
        summary = self.assay_json('run', 'c.yaml')
        self.assertEqual(summary['model']['name'], 'my-grose-1')


class OutcomeTest(CliCase):
    def setUp(self):
        super().setUp()
        cli_case.binary_table(self.path('t.csv'), rows=120)
        self.base = ('run', '--data', 't.csv', '--target', 'default')

    def test_too_little_memory_is_no_defect(self):
        self.fails(6, *self.base, '--trials', 2, '--memory', '1MiB', says='memory')

    def test_a_file_size_limit_is_a_failed_write(self):
        command = f'ulimit -f 8; exec "{cli_case.ASSAY}" "$@"'
        process = subprocess.run(['bash', '-c', command, 'bash', *self.base, '--trials', '3'],
                                 cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(process.returncode, 5, process.stderr)
        self.assertIn('cannot write', process.stderr)

    def test_what_was_printed_first_comes_first(self):
        process = subprocess.run([cli_case.ASSAY, *self.base, '--trials', '3'], cwd=self.folder,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 check=True)
        self.assertLess(process.stdout.index('model t:1'), process.stdout.index('next: assay'))

    def test_a_constant_model_is_warned_of(self):
        self.assertNotIn('constant baseline', self.assay(*self.base, '--trials', 4).stderr)
        process = self.assay(*self.base, '--trials', 1)
        self.assertIn('only the constant baseline', process.stderr)
        self.assertIn('t:1 is the version before', process.stderr)

    def test_the_record_says_what_was_asked_by_default(self):
        self.assay(*self.base, '--trials', 3, '--name', 'm')
        summary = self.assay_json('runs', 'list', '--kind', 'sweep')[0]
        params = self.assay_json('runs', 'show', summary['run_id'])['params']
        self.assertEqual((params['experiment'], params['budget.time']), ('t', 0))
        text = self.assay('models', 'show', 'm').stdout
        for part in ('members', 'feature importance', 'validation', 'seed', 'income', '%',
                     'column', 'levels'):
            self.assertIn(part, text)
        self.assertNotIn('{"columns"', text)
        self.assertIn('next: assay predict m', self.assay('models', 'show', 'm').stderr)

    def test_a_column_that_holds_the_answer_is_named(self):
        self.assertNotIn('does it hold', self.assay(*self.base, '--trials', 4).stderr)
        with open(self.path('t.csv'), encoding='utf-8') as table:
            lines = table.read().splitlines()
        leaked = [lines[0] + ',later'] + [line + ',' + ('in' if line.endswith('yes') else 'out')
                                          for line in lines[1:]]
        self.write('leak.csv', '\n'.join(leaked) + '\n')
        process = self.assay('run', '--data', 'leak.csv', '--target', 'default', '--trials', 4,
                             '--learners', 'gbt')
        self.assertIn("from column 'later' alone", process.stderr)

    def test_a_sweep_shows_its_leaderboard_and_features(self):
        summary = self.assay_json(*self.base, '--trials', 5)
        text = self.assay('runs', 'show', summary['run_id']).stdout
        for part in ('feature importance', 'leaderboard', 'rank', 'income', 'runs list --parent'):
            self.assertIn(part, text)
        trial = summary['leaderboard'][-1]['run_id'] or summary['leaderboard'][0]['run_id']
        self.assertNotIn('leaderboard', self.assay('runs', 'show', trial).stdout)

    def test_empty_file_names_are_refused(self):
        self.assay(*self.base, '--trials', 1, '--name', 'm')
        self.fails(2, 'models', 'export', 'm', '--out', '', says='empty')


class CompletionTest(CliCase):
    def complete(self, *words):
        """What bash offers for the last of the words."""
        script = self.write('completion.bash', self.assay('completion', 'bash').stdout)
        command = f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _assay; ' \
                  'printf "%s\\n" "${COMPREPLY[@]}"'
        process = subprocess.run(['bash', '-c', command, 'bash', 'assay', *words], cwd=self.folder,
                                 capture_output=True, text=True, check=True)
        return process.stdout.split()

    def test_bash_completes_commands_options_and_values(self):
        self.assertEqual(self.complete('pre'), ['predict'])
        self.assertEqual(self.complete('config', ''), ['init', 'schema', 'check'])
        self.assertEqual(self.complete('run', '--val'), ['--validation'])
        self.assertEqual(self.complete('runs', 'list', '--kind', 'tr'), ['trial'])
        self.assertEqual(self.complete('run', '--class-weight', ''), ['none', 'balanced'])
        self.assertEqual(self.complete('run', '--validation', '=', 'k'), ['kfold'])
        self.assertEqual(self.complete('run', '--seed', ''), [])
        self.write('train.csv', 'a,b\n')
        self.assertIn('train.csv', self.complete('run', '--data', 'tr'))
        self.assertIn('train.csv', self.complete('data', 'describe', 'tr'))

    def test_help_and_completion_as_json(self):
        answer = self.assay_json('help', 'runs', 'list')
        self.assertEqual(answer['command'], 'assay runs list')
        self.assertEqual(answer['help'], self.assay('help', 'runs', 'list').stdout)
        self.assertIn('complete', self.assay_json('completion', 'bash')['bash'])

    def test_what_completes_is_what_help_shows(self):
        text = self.assay('run', '--help').stdout
        shown = set(re.findall(r'(--[a-z-]+)', text.partition('\nFlags override')[0]))
        self.assertLessEqual(set(self.complete('run', '--')), shown)
        self.assertIn('--time-column', self.complete('run', '--'))


if __name__ == '__main__':
    unittest.main()
