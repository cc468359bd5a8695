"""How the program treats what belongs to others: files, terminals, signals, and who reads JSON."""
import errno
import fcntl
import json
import os
import pty
import signal
import stat
import struct
import subprocess
import sys
import termios
import unittest

import cli_case
from cli_case import ASSAY, CliCase

F_GETPIPE_SZ = 1032  # fcntl has it from Python 3.10 on


class FilesTest(CliCase):
    def setUp(self):
        super().setUp()
        cli_case.binary_table(self.path('t.csv'), rows=60)
        self.assay('run', '--data', 't.csv', '--target', 'default', '--trials', 2, '--name', 'm',
                   '--quiet')

    def read(self, name):
        with open(self.path(name), 'rb') as handle:
            return handle.read()

    def test_no_file_is_replaced_without_force(self):
        writers = {
            'p.csv': ('predict', 'm', '--data', 't.csv', '--out'),
            'shap.csv': ('explain', 'm', '--data', 't.csv', '--out'),
            'r.html': ('report', 'RUN', '--out'),
            'm.assay': ('models', 'export', 'm', '--out'),
            'c.yaml': ('config', 'init', 't.csv', '--target', 'default', '--out'),
            'p.svg': ('run', '--data', 't.csv', '--target', 'default', '--trials', 1, '--picture'),
            'all.h5': ('workspace', 'export', '--one-file'),
        }
        made_anew = ('p.csv', 'shap.csv', 'p.svg', 'r.html')  # of those an older one of the kind is replaced
        run = self.assay_json('runs', 'list')[0]['run_id']
        for name, command in writers.items():
            command = [run if word == 'RUN' else word for word in command]
            with self.subTest(name):
                self.assay(*command, name)
                made = self.read(name)
                if name in made_anew:
                    self.assay(*command, name)
                else:
                    self.fails(2, *command, name, says=[f"'{name}' is there already", '--force'])
                    self.assertEqual(self.read(name), made)
                self.write(name, 'something else')
                self.fails(2, *command, name, says='there already')
                self.assertEqual(self.read(name), b'something else')
                self.assay(*command, name, '--force')
                self.assertNotEqual(self.read(name), b'something else')
                os.symlink('nowhere', self.path('link-' + name))
                self.fails(2, *command, 'link-' + name, says='there already')
        left = [name for name in os.listdir(self.folder) if '.tmp' in name or '.part' in name]
        self.assertEqual(left, [])

    def test_nothing_is_written_into_a_workspace(self):
        run = self.assay_json('runs', 'list')[0]['run_id']
        [blob] = {m['sha256'] for m in self.assay_json('models', 'list')}
        os.symlink('.assay', self.path('link'))
        os.symlink('.assay/WORKSPACE', self.path('file-link'))
        self.assay('workspace', 'create', 'other')
        places = ('.assay/WORKSPACE', f'.assay/blobs/{blob[:2]}/{blob}', 'link/runs/new', 'file-link',
                  '.assay/models/m/versions/1.json', '.assay/new', '.assay/tmp/../WORKSPACE',
                  'other/WORKSPACE', 'other/runs/evil.h5')
        before = {place: self.read(place) for place in places if os.path.isfile(self.path(place))}
        self.assertEqual(len(before), 5)
        for command in (('predict', 'm', '--data', 't.csv', '--out'),
                        ('explain', 'm', '--data', 't.csv', '--out'), ('report', run, '--out'),
                        ('report', run, '--out', 'r.html', '--markdown'),
                        ('models', 'export', 'm', '--out'), ('workspace', 'export', '--one-file'),
                        ('config', 'init', 't.csv', '--target', 'default', '--out')):
            for place in places:
                for force in ((), ('--force',)):
                    process = self.fails(2, *command, place, *force, says=place)
                    self.assertRegex(process.stderr, 'lies in the workspace|is the file of the model')
        self.fails(2, 'run', '--data', 't.csv', '--target', 'default', '--trials', 1, '--picture',
                   '.assay/p.svg', says='lies in the workspace')
        self.fails(2, 'runs', 'export', run, '--out', '.assay/new', says='lies in the workspace')
        self.assertFalse(os.path.exists(self.path('.assay/new')))
        self.write('.assay/WORKSPACE', 'damaged')
        self.fails(2, 'config', 'init', 't.csv', '--target', 'default', '--out', '.assay/WORKSPACE',
                   '--force', says='lies in the workspace')
        self.write('.assay/WORKSPACE', before['.assay/WORKSPACE'])
        for place, content in before.items():
            self.assertEqual(self.read(place), content, place)
        self.assertEqual(self.assay_json('fsck', '--thorough')['problems'], [])
        # The file of that name of another program makes no workspace.
        self.write('WORKSPACE', 'workspace(name = "shop")')
        self.assay('predict', 'm', '--data', 't.csv', '--out', 'p.csv')

    def test_a_device_is_never_replaced_by_a_file(self):
        os.mkfifo(self.path('pipe'))
        for force in ((), ('--force',)):
            self.fails(2, 'workspace', 'export', '--one-file', 'pipe', *force, says='device or pipe')
            self.fails(2, 'workspace', 'export', '--one-file', '/dev/null', *force,
                       says='device or pipe')
        self.assertTrue(stat.S_ISFIFO(os.stat(self.path('pipe')).st_mode))
        self.assertTrue(stat.S_ISCHR(os.stat('/dev/null').st_mode))

    def test_a_run_is_not_begun_for_a_picture_that_cannot_be_written(self):
        self.write('p.svg', 'mine')
        before = self.assay_json('runs', 'list')
        self.fails(2, 'run', '--data', 't.csv', '--target', 'default', '--trials', 1, '--picture',
                   'p.svg', says='p.svg')
        self.assertEqual(self.assay_json('runs', 'list'), before)

    def test_places_that_cannot_be_made_are_failures_of_writing(self):
        self.write('file', 'x')
        for place in ('/proc/none/ws', self.path('file/ws')):
            self.fails(5, '--workspace', place, 'run', '--data', 't.csv', '--target', 'default',
                       '--trials', 1, says=os.path.dirname(place))
            self.fails(5, 'workspace', 'create', place, says=os.path.dirname(place))
        for command in (('config', 'init', 't.csv', '--target', 'default', '--out'),
                        ('models', 'export', 'm', '--out'), ('workspace', 'export', '--one-file'),
                        ('predict', 'm', '--data', 't.csv', '--out')):
            self.fails(5, *command, '/proc/none', says='/proc/none')

    def test_a_registered_file_keeps_its_lineage(self):
        self.assay('models', 'tag', 'm', 'team=fraud', 'kind=a')
        self.assay('models', 'describe', 'm', 'the first')
        self.assay('models', 'promote', 'm', '--stage', 'production')
        before = self.assay_json('models', 'show', 'm')
        self.assay('models', 'export', 'm', '--out', 'm.assay')
        there = ('--workspace', self.path('there'))
        model = self.assay_json('models', 'register', 'm.assay', '--name', 'other', *there)
        for key in ('task', 'metric', 'score', 'sha256', 'run_id', 'dataset', 'code_commit',
                    'input_contract', 'description', 'tags'):
            self.assertEqual(model[key], before[key], key)
        self.assertEqual((model['name'], model['stage']), ('other', 'none'))
        self.assertEqual(model['origin']['name'], 'm')
        model = self.assay_json('models', 'register', 'm.assay', '--name', 'other', '--stage',
                                'Staging', '--description', 'the second', '--tag', 'kind=b', *there)
        self.assertEqual((model['version'], model['stage'], model['description'], model['tags']),
                         (2, 'staging', 'the second', {'team': 'fraud', 'kind': 'b'}))
        self.fails(2, 'models', 'register', 'm.assay', '--name', 'x', '--stage', 'prod',
                   says="did you mean 'production'")

    def test_cells_that_do_not_fit_are_named_by_their_place(self):
        rows = ['income,age,city,noise,default', '1,2,Bern,0.5,yes', '',
                '3,4,"Os\nlo",0.5,no', '5,6,Lima,0.5,weird', '7,8,Lima,0.5,other']
        self.write('new.csv', '\n'.join(rows) + '\n')
        self.fails(3, 'score', 'm', '--data', 'new.csv',
                   says=["new.csv:6: column 'default': class 'weird' was not there in training"])
        rows[-1] = '7,nine,Lima,0.5,other'
        self.write('new.csv', '\n'.join(rows).replace('5,6,', '5,six,') + '\n')
        self.fails(3, 'predict', 'm', '--data', 'new.csv', '--out', 'p.csv',
                   says="new.csv:6: column 'age': 'six'")
        self.assertFalse(os.path.exists(self.path('p.csv')))

    def test_a_run_says_where_its_file_is(self):
        run = self.assay_json('runs', 'list')[0]['run_id']
        path = self.assay_json('runs', 'show', run)['file']
        self.assertTrue(os.path.isfile(path), path)
        self.assertIn(path, self.assay('runs', 'show', run).stdout)


class TerminalTest(CliCase):
    def setUp(self):
        super().setUp()
        cli_case.binary_table(self.path('t.csv'), rows=80)

    def on_terminal(self, *arguments, columns=80, **variables):
        """What the program writes to a terminal of so many columns."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
        environment = {**os.environ, 'TERM': 'xterm', **variables}
        with subprocess.Popen([ASSAY, *map(str, arguments)], cwd=self.folder, env=environment,
                              stdin=slave, stdout=slave, stderr=slave) as process:
            os.close(slave)
            written = b''
            while True:
                try:
                    part = os.read(master, 65536)
                except OSError as error:  # what a terminal says at its end
                    self.assertEqual(error.errno, errno.EIO)
                    break
                if not part:
                    break
                written += part
        os.close(master)
        self.assertEqual(process.returncode, 0, written)
        return written.decode().replace('\r\n', '\n')

    def test_there_are_no_escape_sequences_and_dumb_terminals_get_plain_lines(self):
        run = ('run', '--data', 't.csv', '--target', 'default', '--trials', 3)
        for variables in ({}, {'NO_COLOR': '1'}, {'TERM': 'dumb'}):
            written = self.on_terminal(*run, **variables)
            self.assertNotIn('\x1b', written)
            self.assertEqual('\r' in written, variables.get('TERM') != 'dumb', variables)
            self.assertIn('best so far\n', written)
        # What is drawn over is gone: nothing but blanks is left before a line.
        for line in written.split('\n'):
            self.assertLess(len(line.split('\r')[-1].rstrip()), 200)

    def test_tables_fit_the_terminal_and_pipes_get_all(self):
        self.assay('run', '--data', 't.csv', '--target', 'default', '--trials', 8, '--name',
                   'a-name-that-is-rather-long-for-a-model', '--experiment', 'an-experiment-' * 3)
        model = 'a-name-that-is-rather-long-for-a-model'
        run = self.assay_json('runs', 'list')[0]['run_id']
        for columns in (80, 100):
            for command in (('runs', 'list', '--all'), ('models', 'list'), ('models', 'show', model),
                            ('runs', 'show', run), ('data', 'describe', 't.csv'),
                            ('models', 'history', model)):
                # A command to copy (next: ...) is never cut.
                written = self.on_terminal(*command, '--quiet', columns=columns)
                with self.subTest(command=command, columns=columns):
                    self.assertLessEqual(max(map(len, written.splitlines())), columns, written)
        for command in (('runs', 'list', '--all'), ('experiments', 'list'), ('models', 'list'),
                        ('experiments', 'show', 'an-experiment-' * 3), ('workspace', 'list'),
                        ('runs', 'search', 'score > 0'), ('data', 'list')):
            written = self.on_terminal(*command, '--quiet', columns=40)
            with self.subTest(command=command, columns=40):
                table = written.rpartition('\n\n')[2] if 'show' in command else written
                self.assertLessEqual(max(map(len, table.splitlines())), 40, written)
        self.assertIn(run, self.on_terminal('models', 'list', columns=110))
        self.assertNotIn('...', self.assay('models', 'list').stdout)
        piped = self.assay('runs', 'show', run).stdout
        self.assertIn(f'{ASSAY} run --data t.csv --target default --trials 8', piped)

    def test_members_are_shown_one_a_line_with_their_parameters(self):
        self.assay('run', '--data', 't.csv', '--target', 'default', '--trials', 6, '--name', 'm')
        text = self.assay('models', 'show', 'm').stdout
        self.assertNotIn('{"', text)
        members = text.partition('\nmembers\n')[2].partition('\n\n')[0].splitlines()
        self.assertEqual(members[0].split()[:3], ['weight', 'learner', 'trial'])
        settings = text.partition('\nparameters of the members\n')[2].partition('\n\n')[0]
        for line in members[2:]:
            self.assertIn(f'trial {line.split()[2]}, {line.split()[1]}:', settings)
        self.assertLessEqual(max(map(len, settings.splitlines())), 100)

    def test_curves_are_ascii_where_nothing_else_can_be_shown(self):
        self.assay('run', '--data', 't.csv', '--target', 'default', '--trials', 3)
        self.assertFalse(self.on_terminal('runs', 'list', '--all', columns=120).isascii())
        self.assertTrue(self.on_terminal('runs', 'list', '--all', columns=120, LC_ALL='C').isascii())
        self.assertTrue(self.on_terminal('runs', 'list', '--all', columns=120,
                                         TERM='dumb').isascii())


class SignalTest(CliCase):
    def sweep(self, ignored):
        """A sweep that is sent SIGINT, SIGTERM and SIGHUP once it searches; its exit code."""
        cli_case.binary_table(self.path('t.csv'), rows=400)

        def prepare():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)

        with subprocess.Popen([ASSAY, 'run', '--data', 't.csv', '--target', 'default', '--trials',
                               '8' if ignored else '100000'], cwd=self.folder, preexec_fn=prepare,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            while b'trial 1 ' not in (line := process.stderr.readline()):
                self.assertNotEqual(line, b'')
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if ignored else \
                    (signal.SIGINT,):
                process.send_signal(number)
            process.stderr.read()
        return process.returncode

    def test_what_was_ignored_when_the_program_started_stays_ignored(self):
        self.assertEqual(self.sweep(ignored=True), 0)
        self.assertEqual(self.assay_json('runs', 'list')[0]['status'], 'completed')

    def test_else_an_interrupt_ends_the_run_with_a_model(self):
        self.assertEqual(self.sweep(ignored=False), 130)
        self.assertEqual(self.assay_json('runs', 'list')[0]['status'], 'interrupted')

    def test_a_later_signal_leaves_at_once_and_says_that_there_is_no_model(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        self.assay('workspace', 'create', 'w')
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        # Room for the first lines only: the run is held up where it says what it does.
        size = fcntl.fcntl(writer, F_GETPIPE_SZ)
        os.write(writer, b' ' * (size - 4096))
        with subprocess.Popen([ASSAY, 'run', '--data', 't.csv', '--target', 'default', '--trials',
                               '100000', '-w', 'w'], cwd=self.folder, stdout=subprocess.DEVNULL,
                              stderr=writer) as process:
            os.close(writer)
            while int.from_bytes(fcntl.ioctl(reader, termios.FIONREAD, bytes(4)),
                                 sys.byteorder) < size - 200:
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            with self.assertRaises(subprocess.TimeoutExpired):
                process.wait(timeout=0.6)
            process.send_signal(signal.SIGINT)
            written = b''
            while block := os.read(reader, 1 << 16):
                written += block
        self.assertEqual(process.returncode, 130)
        self.assertIn(b'left at once; no model was registered', written)


    def test_an_interrupt_while_nobody_reads_is_one(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        size = fcntl.fcntl(writer, F_GETPIPE_SZ)
        os.write(writer, b' ' * size)
        with subprocess.Popen([ASSAY, 'config', 'schema'], cwd=self.folder, stdout=writer,
                              stderr=subprocess.PIPE) as process:
            os.close(writer)
            while 'pipe' not in (place := self.place_of(process)):
                self.assertIsNone(process.poll())
                if place == 'S 0':
                    process.kill()
                    self.skipTest('the kernel does not tell where a process sleeps')
            process.send_signal(signal.SIGINT)
            self.assertIn(b'interrupted while standard output', process.stderr.read())
        self.assertEqual(process.returncode, 130)

    @staticmethod
    def place_of(process):
        """Its state, and the kernel's function in which it sleeps: 'S pipe_write'."""
        with open(f'/proc/{process.pid}/stat', encoding='ascii') as stat, \
                open(f'/proc/{process.pid}/wchan', encoding='ascii') as wchan:
            return stat.read().rpartition(')')[2].split()[0] + ' ' + wchan.read()


class FurtherSignalTest(CliCase):
    def setUp(self):
        super().setUp()
        cli_case.binary_table(self.path('t.csv'), rows=400)
        self.process = subprocess.Popen(
            [ASSAY, 'run', '--data', 't.csv', '--target', 'default', '--trials', '100000'],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.process.stderr.close)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        while b'trial 1 ' not in (line := self.process.stderr.readline()):
            self.assertNotEqual(line, b'')

    def test_two_signals_in_a_row_are_one_wish(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            self.process.send_signal(number)
        written = self.process.stderr.read()
        self.assertEqual(self.process.wait(), 130)
        self.assertNotIn(b'left at once', written)
        self.assertEqual(self.assay_json('runs', 'list')[0]['status'], 'interrupted')
        self.assertEqual(len(self.assay_json('models', 'list')), 1)


class HintTest(CliCase):
    def test_numbers_that_could_not_be_read_are_hinted_at_although_nothing_is_left(self):
        self.write('comma.csv', 'x;y\n' + ''.join(f'{k},5;{k % 2}\n' for k in range(60)))
        self.fails(3, 'run', '--data', 'comma.csv', '--target', 'y', '--trials', 1,
                   says=['no column can be used', 'decimal comma'])
        dashes = ''.join(f'{k if k % 5 else "-"},{"ab"[k % 2]}\n' for k in range(60))
        self.write('dash.csv', 'x,y\n' + dashes)
        self.fails(3, 'run', '--data', 'dash.csv', '--target', 'y', '--trials', 1,
                   says=["'x' would be numeric but for '-'", 'missing_tokens'])
        self.assertIn("but for '-'", self.assay('data', 'describe', 'dash.csv').stderr)
        self.assay('run', '--data', 'dash.csv', '--target', 'y', '--trials', 1,
                   '--missing-tokens', '-')

    def test_json_of_names_that_are_no_utf8(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        name = os.fsdecode(b'c\xff.yaml')
        told = self.assay_json('config', 'init', 't.csv', '--target', 'default', '--out', name)
        self.assertEqual(told['out'], 'c\ufffd.yaml')
        self.assertEqual(self.assay_json('config', 'check', name)['config'], 'c\ufffd.yaml')

    def test_mistakes_of_a_config_come_by_line(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        self.write('c.yaml', 'data:\n  train: t.csv\n  target: default\n  drop: [nois]\n'
                             '  weight: wight\n  column_types: {cty: categorical}\n'
                             '  group: grup\nbudget: {trials: 1}\n')
        text = self.fails(2, 'config', 'check', 'c.yaml').stderr
        lines = [int(line.rpartition('c.yaml:')[2].partition(':')[0])
                 for line in text.splitlines() if 'c.yaml:' in line]
        self.assertEqual(lines, [4, 5, 6, 7])
        self.write('nul.yaml', b'data:\n  train: a\0b\n')
        self.fails(2, 'config', 'check', 'nul.yaml', says='nul.yaml:2: a NUL byte')

    def test_amounts_of_memory_have_units_and_devices_other_names(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        base = ('run', '--data', 't.csv', '--target', 'default', '--trials', 1)
        text = self.fails(2, *base, '--memory', '1000TiB', says='budget.memory=1000TiB').stderr
        self.assertRegex(text, r'use \d+[MG]iB at most')
        self.fails(2, *base, '--device', 'gpu', says="did you mean 'cuda:0'")
        self.assertIn('(64 slots asked for', self.assay(*base, '--slots', 64).stderr)


class JsonTest(CliCase):
    # What each command needs to succeed; RUN, TRIAL and OLD stand for runs of the set-up.
    NEEDS = {
        'run': ['--data', 't.csv', '--target', 'default', '--trials', '1', '--name', 'again'],
        'predict': ['m', '--data', 't.csv', '--out', 'p.csv'],
        'score': ['m', '--data', 't.csv'], 'explain': ['m', '--data', 't.csv'],
        'report': ['RUN'], 'resume': ['RUN', '--trials', '3'],
        'runs list': [], 'runs search': ['score > 0'], 'runs show': ['RUN'],
        'runs compare': ['RUN', 'OLD'], 'runs tail': ['RUN'],
        'runs export': ['RUN', '--out', 'files'], 'runs checkout': ['RUN', '--out', 'source'],
        'runs tag': ['RUN', 'a=b'], 'runs delete': ['OLD', '--force'], 'runs restore': ['OLD'],
        'runs trash': [],
        'experiments list': [], 'experiments show': ['t'],
        'experiments rename': ['t', 'u'], 'experiments delete': ['u', '--force'],
        'models list': [], 'models show': ['m'], 'models history': ['m'],
        'models diff': ['m:1', 'm:2'], 'models register': ['m.assay', '--name', 'r'],
        'models import': ['m.assay', '--name', 'i'], 'models export': ['m', '--out', 'e.assay'],
        'models promote': ['m', '--stage', 'staging'], 'models tag': ['m', 'a=b'],
        'models describe': ['m', 'text'], 'models alias set': ['m', 'best'],
        'models alias remove': ['m', 'best'], 'models delete': ['m:1'], 'models restore': ['m:1'],
        'workspace create': ['other'], 'workspace list': [], 'workspace info': [],
        'workspace verify': [], 'workspace copy': ['copied'], 'workspace move': ['moved'],
        'workspace export': ['--one-file', 'all.h5'],
        'gc': ['--dry-run'], 'fsck': [],
        'data describe': ['t.csv'], 'data list': [], 'data show': ['t.csv'],
        'config init': ['t.csv', '--target', 'default'],
        'config schema': [], 'config check': ['c.yaml'],
        'devices': [], 'version': [], 'completion bash': [], 'help': ['runs', 'list'],
    }
    # The others need what these take away.
    LAST = ['experiments rename', 'experiments delete', 'workspace move']

    def test_stdout_of_every_command_is_one_value(self):
        cli_case.binary_table(self.path('t.csv'), rows=60)
        self.write('c.yaml', 'data: {train: t.csv, target: default}\nbudget: {trials: 2}\n'
                             'model: {name: m}\n')
        old, run = (self.assay_json('run', 'c.yaml', '--seed', seed)['run_id'] for seed in (1, 2))
        self.assay('models', 'export', 'm', '--out', 'm.assay')
        known = [' '.join(command) for command, _ in cli_case.leaf_commands(self)]
        self.assertLessEqual(set(known), set(self.NEEDS), 'say here what a new command needs')
        for command in [c for c in self.NEEDS if c not in self.LAST] + self.LAST:
            if command not in known:
                continue
            words = [{'RUN': run, 'OLD': old}.get(word, word) for word in self.NEEDS[command]]
            with self.subTest(command):
                process = self.assay(*command.split(), *words, '--json')
                # What comes as it happens is a value a line.
                lines = command == 'runs tail'
                for value in process.stdout.splitlines() if lines else [process.stdout]:
                    json.loads(value)
                failed = self.assay(*command.split(), *words, '--json', '--no-such-option', code=2)
                self.assertIn('no-such-option', json.loads(failed.stdout)['error']['message'])


if __name__ == '__main__':
    unittest.main()
