"""assay gc, runs delete, restore and trash, workspace verify, copy, move and export."""
import csv
import glob
import io
import os
import signal
import subprocess
import tempfile
import threading
import unittest

import cli_case
from cli_case import CliCase


class UpkeepTest(CliCase):
    def setUp(self):
        super().setUp()
        cli_case.binary_table(self.path('train.csv'), rows=200, seed=1)
        for name in ('one', 'two'):
            self.assay('run', '--data', 'train.csv', '--target', 'default', '--trials', 2, '--name',
                       name, '--experiment', name, '--quiet')
        sweeps = self.assay_json('runs', 'list', '--kind', 'sweep')
        self.sweeps = {run['experiment']: run['run_id'] for run in sweeps}

    def run_ids(self):
        return {run['run_id'] for run in self.assay_json('runs', 'list', '--all', '--limit', 0)}

    def test_deleted_runs_come_back_until_they_are_collected(self):
        everything = self.run_ids()
        self.fails(2, 'runs', 'delete', self.sweeps['one'], says=['one:1', 'force'])
        deleted = self.assay_json('runs', 'delete', self.sweeps['one'], '--force')
        self.assertEqual(len(deleted), 3)
        self.assertEqual(len(self.run_ids()), 3)
        trash = self.assay_json('runs', 'trash')
        self.assertEqual({run['run_id'] for run in trash}, {run['run_id'] for run in deleted})
        self.assertIn(self.sweeps['one'], self.assay('runs', 'trash').stdout)
        self.assay('runs', 'restore', self.sweeps['one'])
        self.assertEqual(self.run_ids(), everything)
        self.fails(2, 'runs', 'restore', 'nothing', says='nothing')
        self.fails(2, 'runs', 'delete', 'nothing', says='nothing')
        self.fails(2, 'runs', 'delete', '--force', self.sweeps['one'], 'nothing', says='nothing')
        self.assertEqual(self.run_ids(), everything, 'all or none')

        self.assay('runs', 'delete', self.sweeps['one'], '--force')
        left = self.run_ids()
        self.fails(2, 'runs', 'restore', self.sweeps['one'], 'nothing', says='nothing')
        self.assertEqual(self.run_ids(), left, 'all or none')
        report = self.assay_json('gc')
        self.assertEqual((report['runs'], report['blobs']), (0, 0))
        dry = self.assay_json('gc', '--dry-run', '--keep-deleted', '0s', '--grace', '0s')
        self.assertEqual(dry['runs'], 3)
        self.assertGreater(dry['blobs'], 0)
        done = self.assay('gc', '--keep-deleted', '0s', '--grace', '0s')
        self.assertIn('would free', done.stderr)
        self.assertIn('freed', done.stdout)
        self.assertEqual(self.assay_json('runs', 'trash'), [])
        # The model of the deleted run is registered: its bytes are needed.
        self.assay('score', 'one', '--data', 'train.csv')
        self.assertEqual(self.assay_json('workspace', 'verify')['problems'], [])
        self.fails(2, 'gc', '--grace', 'soon', says=['--grace', 'soon'])

    def test_one_of_a_kind_is_counted_as_one(self):
        run = ('run', '--data', 'train.csv', '--target', 'default', '--trials', 1,
               '--experiment', 'e', '--name', 'm')
        said = []
        def says(*command, text):
            process = self.assay(*command, '-w', 'w')
            said.append(process.stdout + process.stderr)
            self.assertIn(text, said[-1])
        says(*run, text='1 trial finished')
        says('experiments', 'show', 'e', text='1 (1 completed), 1 trial\n')
        says('fsck', text='1 model version; all run files whole')
        trial = self.assay_json('runs', 'list', '--kind', 'trial', '-w', 'w')[0]['run_id']
        says('runs', 'search', 'limit 1 offset 5', text='2 runs fit, none beyond offset 5')
        says('models', 'delete', 'm', '--all', text='1 version of m is in the trash')
        says('runs', 'delete', trial, text='`assay runs restore RUN` brings it back')
        says('gc', '--dry-run', '--keep-deleted', '0s', text='1 run deleted long ago')
        says('gc', '--keep-deleted', '0s', text='gave up 1 deleted model version for good')
        says('runs', 'search', 'offset 5', text='1 run fits, none beyond offset 5')
        says('workspace', 'export', '--one-file', 'one.h5', text='one.h5: 1 run, 0 blobs')
        says('fsck', '--rebuild-catalog', text='catalog rebuilt from 1 run file\n')
        says('experiments', 'rename', 'e', 'f', text='experiment e is f now: 1 run changed')
        says('experiments', 'delete', 'f', text='with 1 run (`assay runs restore RUN` brings it back')
        for text in said:
            self.assertNotRegex(text, r'\b1 (model )?(runs|trials|blobs|files|versions|rows|columns)')

    def test_a_full_disk_is_said_and_how_to_make_room(self):
        if os.geteuid() != 0:
            self.skipTest('only root may mount a small disk')
        small = self.path('small')
        os.mkdir(small)
        mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest('mounting is not allowed here')
        self.addCleanup(subprocess.run, ['umount', small], check=False)
        workspace = os.path.join(small, 'w')
        self.assay('run', '--data', 'train.csv', '--target', 'default', '--trials', 1, '-w',
                   workspace, '--learners', 'linear', '--name', 'm')
        trial = self.assay_json('runs', 'list', '--kind', 'trial', '-w', workspace)[0]['run_id']
        sweep = self.assay_json('runs', 'list', '-w', workspace)[0]['run_id']
        self.assay('runs', 'delete', trial, '-w', workspace)
        self.assay('runs', 'restore', trial, '-w', workspace)
        def fill():
            with open(os.path.join(small, 'full'), 'ab', buffering=0) as handle:
                with self.assertRaises(OSError):
                    while True:
                        handle.write(bytes(4096))
        fill()
        self.fails(5, 'runs', 'tag', sweep, 'a=b', '-w', workspace,
                   says=['No space left on device', 'the disk is full: `assay gc` makes room'])
        self.fails(5, 'models', 'delete', 'm:1', '-w', workspace,
                   says=['No space left on device', 'assay runs delete'])
        self.assay('runs', 'delete', trial, '-w', workspace)
        self.assertEqual([r['run_id'] for r in self.assay_json('runs', 'trash', '-w', workspace)],
                         [trial])
        freed = self.assay_json('gc', '--keep-deleted', '0s', '--grace', '0s', '-w', workspace)
        self.assertEqual(freed['runs'], 1)
        self.assertEqual(self.assay_json('workspace', 'verify', '-w', workspace)['problems'], [])

    def test_tail_shows_the_end_and_follows_to_it(self):
        text = self.assay('runs', 'tail', self.sweeps['one'], '-n', 1).stdout
        self.assertEqual(text.count('\n'), 1)
        everything = self.assay('runs', 'tail', self.sweeps['one'], '-n', 1000, '-f').stdout
        self.assertTrue(everything.endswith(text))
        self.assertIn('trial 1', everything)
        self.assertEqual(self.assay('runs', 'tail', self.sweeps['one'], '-n', 0).stdout, '')
        metrics = self.assay('runs', 'tail', self.sweeps['one'], '--metrics').stdout
        self.assertIn('best_score step 1:', metrics)
        self.fails(2, 'runs', 'tail', 'nothing', says='nothing')

    def test_tail_follows_a_run_that_is_under_way(self):
        sweep = subprocess.Popen(
            [cli_case.ASSAY, 'run', '--data', 'train.csv', '--target', 'default', '--time', '60s',
             '--experiment', 'live', '--name', 'live'], cwd=self.folder, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        for line in sweep.stderr:
            if 'trial 3' in line:
                break
        [live] = self.assay_json('runs', 'list', '--experiment', 'live', '--kind', 'sweep')
        self.assertEqual(live['status'], 'running')
        tail = subprocess.Popen([cli_case.ASSAY, 'runs', 'tail', live['run_id'], '-f'],
                                cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)
        seen = [tail.stdout.readline() for _ in range(2)]
        self.assertTrue(all(seen), seen)
        sweep.send_signal(signal.SIGINT)
        sweep.communicate(timeout=60)
        out, err = tail.communicate(timeout=60)
        self.assertEqual(tail.returncode, 0, err)
        self.assertIn('interrupted', err)

    def test_verify_names_what_is_damaged(self):
        report = self.assay_json('workspace', 'verify')
        self.assertEqual((report['problems'], report['runs'], report['models']), ([], 6, 2))
        self.assertIn('all whole', self.assay('workspace', 'verify').stdout)
        [path] = glob.glob(self.path('.assay/runs/*/' + self.sweeps['two'] + '.h5'))
        with open(path, 'r+b') as handle:
            handle.truncate(1000)
        process = self.assay('workspace', 'verify', code=3)
        self.assertIn(self.sweeps['two'], process.stdout)
        self.assertIn('--quarantine', process.stderr)

    def damage(self, sweep):
        [path] = glob.glob(self.path('.assay/runs/*/' + self.sweeps[sweep] + '.h5'))
        with open(path, 'r+b') as handle:
            handle.truncate(1000)
        return path

    def test_damage_blocks_nothing_and_is_put_away(self):
        path = self.damage('two')
        self.assay('runs', 'delete', self.sweeps['one'], '--force')
        report = self.assay_json('gc', '--keep-deleted', '0s', '--grace', '0s', code=3)
        self.assertEqual((report['runs'], report['blobs']), (3, 0))
        self.assertGreater(report['held_blobs'], 0)
        self.assertGreater(report['held_bytes'], 0)
        text = self.assay('gc', '--dry-run', '--grace', '0s', code=3)
        self.assertIn('held back', text.stdout)
        self.assertIn(self.sweeps['two'], text.stderr)
        report = self.assay_json('workspace', 'copy', 'copy', code=3)
        self.assertIn(self.sweeps['two'], report['damaged'][0])
        self.assertTrue(os.path.exists(self.path('copy/WORKSPACE')))
        report = self.assay_json('workspace', 'export', '--one-file', 'all.h5', code=3)
        self.assertEqual((report['runs'], len(report['damaged'])), (2, 1))
        trial = self.assay_json('runs', 'list', '--kind', 'trial', code=3)[0]
        self.assay('runs', 'export', trial['run_id'], '--out', 'out')
        change = self.assay_json('experiments', 'rename', 'two', 'three', code=3)
        self.assertEqual((change['runs'], len(change['damaged'])), (2, 1))

        report = self.assay_json('fsck', '--quarantine')
        self.assertTrue(report['ok'], report)
        [moved] = report['quarantine']['files']
        self.assertIn(self.sweeps['two'], moved['path'])
        self.assertFalse(os.path.exists(path))
        self.assertTrue(os.path.exists(self.path(
            '.assay/' + report['quarantine']['folder'] + '/NOTE.json')))
        report = self.assay_json('gc', '--keep-deleted', '0s', '--grace', '0s')
        self.assertEqual(report['held_blobs'], 0)
        self.assertGreater(report['blobs'], 0)
        self.assay('workspace', 'copy', 'clean')
        self.assay('workspace', 'verify', '--workspace', 'clean')
        self.assertIn('nothing is damaged', self.assay('fsck', '--quarantine').stderr)

    def test_a_lost_marker_is_said_and_repaired(self):
        os.remove(self.path('.assay/WORKSPACE'))
        for command in (['runs', 'list'], ['fsck'], ['gc'], ['workspace', 'create'],
                        ['run', '--data', 'train.csv', '--target', 'default', '--trials', 1]):
            self.fails(3, *command, says=['lost its file WORKSPACE', 'fsck --repair-marker'])
        self.assertIn('--repair-marker', self.assay('workspace', 'list').stderr)
        process = self.assay('fsck', '--repair-marker')
        self.assertIn('written anew', process.stderr)
        self.assertEqual(self.assay_json('workspace', 'verify')['problems'], [])
        self.assertEqual(len(self.run_ids()), 6)
        self.assay('score', 'one', '--data', 'train.csv')
        self.write('.assay/WORKSPACE', '{"format": 1, "uu')
        self.fails(3, 'runs', 'list', says=['WORKSPACE', '--repair-marker'])
        process = self.assay('fsck', '--repair-marker', '--workspace', '.assay')
        self.assertIn('quarantine/', process.stderr)
        self.assertIn('is whole', self.assay('fsck', '--repair-marker').stderr)
        os.makedirs(self.path('elsewhere/runs'))
        self.fails(2, 'fsck', '--repair-marker', '--workspace', 'elsewhere', says='elsewhere')

    def test_what_cannot_be_read_is_not_called_damaged(self):
        [path] = glob.glob(self.path('.assay/runs/*/' + self.sweeps['two'] + '.h5'))
        os.rename(path, self.path('aside'))
        os.symlink('n' * 300, path)  # a name that no file system takes: whoever asks gets an error
        process = self.assay('gc', '--grace', '0s', '--keep-deleted', '0s', code=5)
        self.assertIn('unreadable: ', process.stderr)
        self.assertNotIn('damaged', process.stderr + process.stdout)
        [record] = glob.glob(self.path('.assay/models/one/versions/1.json'))
        os.rename(record, self.path('aside.json'))
        os.symlink('n' * 300, record)
        for command in (['runs', 'list'], ['experiments', 'list'], ['data', 'list'],
                        ['models', 'list'], ['workspace', 'info']):
            process = self.assay(*command, code=5)
            self.assertIn('unreadable: ', process.stderr)
            self.assertNotIn('damaged: ', process.stderr)
        os.remove(record)
        os.rename(self.path('aside.json'), record)
        report = self.assay_json('gc', '--grace', '0s', code=5)
        self.assertEqual((report['damaged'], len(report['unreadable'])), ([], 1))

    def test_a_damaged_run_can_be_deleted(self):
        self.damage('two')
        for command in (['runs', 'list'], ['experiments', 'list'], ['data', 'list'],
                        ['workspace', 'info']):
            process = self.assay(*command, '--quiet', code=3)
            self.assertIn(self.sweeps['two'], process.stderr)
            self.assertTrue(process.stdout, command)
        process = self.assay('runs', 'delete', self.sweeps['two'])
        self.assertIn('quarantine/', process.stderr)
        self.assay('workspace', 'verify')
        self.fails(2, 'runs', 'delete', self.sweeps['two'], says=self.sweeps['two'])

    def test_missing_blobs_are_damage_like_others(self):
        sha256 = self.assay_json('models', 'list')[0]['sha256']
        os.remove(self.path(f'.assay/blobs/{sha256[:2]}/{sha256}'))
        name = self.assay_json('models', 'list')[0]['name']
        self.fails(3, 'predict', name, '--data', 'train.csv', '--out', 'p.csv', says=sha256)
        self.assay('fsck', code=3)
        for command in (['gc', '--dry-run'], ['gc'], ['workspace', 'copy', 'copy']):
            self.assertIn(f'damaged: blob {sha256} is missing', self.assay(*command, code=3).stderr)
        report = self.assay_json('fsck', '--quarantine')
        self.assertEqual((report['problems'], len(report['lost'])), ([], 1))
        self.fails(3, 'predict', name, '--data', 'train.csv', '--out', 'p.csv', says=sha256)

    def test_a_copy_that_was_cut_short_is_made_again(self):
        os.makedirs(self.path('copy/blobs/ab'))
        self.write('copy/COPYING', '{"cut')
        self.write('copy/blobs/ab/half', 'half of a blob')
        self.assay('workspace', 'copy', 'copy')
        self.assay('workspace', 'verify', '--workspace', 'copy')
        os.makedirs(self.path('moved/runs'))
        self.write('moved/COPYING', '')
        self.assay('workspace', 'move', 'moved')
        self.assay('workspace', 'verify', '--workspace', 'moved')

    def test_tables_are_csv_on_demand(self):
        rows = {}
        for command in ('models list', 'models list one', 'models history one', 'experiments list',
                        'experiments show one', 'data list', 'workspace list', 'runs list',
                        'runs trash'):
            text = self.assay(*command.split(), '--csv').stdout
            rows[command] = list(csv.DictReader(io.StringIO(text)))
            if command != 'runs trash':
                self.assertTrue(rows[command], command)
            self.fails(2, *command.split(), '--csv', '--json', says='exclude')
        self.assertEqual(rows['runs trash'], [])
        model = next(row for row in rows['models list'] if row['model'] == 'one')
        known = next(m for m in self.assay_json('models', 'list') if m['name'] == 'one')
        self.assertEqual(int(model['size']), known['size'])
        self.assertEqual(float(model['score']), known['score'])
        self.assertEqual(rows['models history one'][0]['what'], 'one:1 registered')

    def test_copies_and_moves_are_whole_workspaces(self):
        self.assay('workspace', 'copy', 'backup/monday')
        self.assay('workspace', 'move', 'moved')
        self.assertFalse(os.path.exists(self.path('.assay')))
        for place in ('backup/monday', 'moved'):
            report = self.assay_json('workspace', 'verify', '--workspace', place)
            self.assertEqual((report['problems'], report['runs'], report['models']), ([], 6, 2))
            self.assay('score', 'two', '--data', 'train.csv', '--workspace', place)
        self.fails(2, 'workspace', 'copy', 'moved', '--workspace', 'backup/monday', says='moved')

    def test_a_move_to_another_disk_loses_nothing_that_is_written_meanwhile(self):
        memory = '/dev/shm'
        if not os.access(memory, os.W_OK) or os.stat(memory).st_dev == os.stat(self.path('.')).st_dev:
            self.skipTest('no other file system at hand')
        with tempfile.TemporaryDirectory(dir=memory) as there:
            places = [self.path('.assay'), os.path.join(there, 'moved')]
            done = threading.Event()
            kept = []

            def tag():
                while not done.is_set():
                    for place in places:
                        key = f'k{len(kept)}'
                        process = subprocess.run(
                            [cli_case.ASSAY, 'models', 'tag', 'one:1', f'{key}=1', '-w', place],
                            capture_output=True, timeout=120, check=False)
                        if process.returncode == 0:
                            kept.append(key)

            writer = threading.Thread(target=tag)
            writer.start()
            try:
                for _ in range(4):
                    for start, end in (places, places[::-1]):
                        process = self.assay('workspace', 'move', end, '-w', start, code=(0, 2, 5))
                        if process.returncode == 0:
                            self.assertFalse(os.path.exists(start))
            finally:
                done.set()
                writer.join()
            [place] = [p for p in places if os.path.exists(p)]
            self.assay('workspace', 'verify', '-w', place)
            tags = self.assay_json('models', 'list', 'one', '-w', place)[0]['tags']
            self.assertEqual([key for key in kept if key not in tags], [])
            if place != places[0]:
                self.assay('workspace', 'move', places[0], '-w', place)
            self.assertEqual(os.listdir(there), [])
        self.assertEqual(len(self.run_ids()), 6)

    def test_a_move_to_another_disk_takes_all_or_refuses(self):
        memory = '/dev/shm'
        if not os.access(memory, os.W_OK) or os.stat(memory).st_dev == os.stat(self.path('.')).st_dev:
            self.skipTest('no other file system at hand')
        with tempfile.TemporaryDirectory(dir=memory) as there:
            target = os.path.join(there, 'moved')
            self.write('.assay/NOTES.txt', 'mine')
            os.makedirs(self.path(f'.assay/scratch/{self.sweeps["one"]}'), exist_ok=True)
            self.write(f'.assay/scratch/{self.sweeps["one"]}/elapsed', '1 2')
            self.fails(2, 'workspace', 'move', target, says='NOTES.txt')
            self.assertFalse(os.path.exists(target))
            self.assertTrue(os.path.exists(self.path('.assay/NOTES.txt')))
            self.assay('workspace', 'verify')
            os.remove(self.path('.assay/NOTES.txt'))
            self.assay('workspace', 'move', target)
            self.assertFalse(os.path.exists(self.path('.assay')))
            with open(f'{target}/scratch/{self.sweeps["one"]}/elapsed', encoding='utf-8') as file:
                self.assertEqual(file.read(), '1 2')
            self.assay('workspace', 'verify', '-w', target)

    def test_a_run_that_vanished_is_told_until_it_is_back(self):
        [file] = glob.glob(self.path(f'.assay/runs/*/{self.sweeps["two"]}.h5'))
        os.rename(file, self.path('away.h5'))
        for command in ('runs list', 'workspace verify', 'gc --grace 0s'):
            process = self.assay(*command.split(), code=3)
            self.assertIn(self.sweeps['two'], process.stdout + process.stderr, command)
        self.fails(3, 'runs', 'show', self.sweeps['two'], says='missing')
        os.rename(self.path('away.h5'), file)
        self.assay('runs', 'list')
        self.assay('workspace', 'verify')

    def test_a_bundle_that_does_not_fit_is_said(self):
        for limit in range(8, 200, 24):
            process = subprocess.run(
                ['bash', '-c', f'ulimit -f {limit}; exec "$0" workspace export --one-file b.h5',
                 cli_case.ASSAY], cwd=self.folder, capture_output=True, timeout=120, check=False)
            self.assertIn(process.returncode, (0, 5), process.stderr)
            if process.returncode == 0:
                break
            self.assertIn(b'File too large', process.stderr)
            self.assertEqual(glob.glob(self.path('b.h5*')), [])

    def test_one_file_holds_chosen_runs(self):
        report = self.assay_json('workspace', 'export', '--one-file', 'all.h5')
        self.assertEqual(report['runs'], 6)
        report = self.assay_json('workspace', 'export', '--one-file', 'one.h5', '--run',
                                 self.sweeps['one'], '--blobs')
        self.assertEqual(report['runs'], 3)
        self.assertGreater(report['blobs'], 0)
        trial = self.assay_json('runs', 'list', '--parent', self.sweeps['one'])[0]['run_id']
        report = self.assay_json('workspace', 'export', '--one-file', 'twice.h5', '--run', trial,
                                 '--run', self.sweeps['one'], '--run', trial)
        self.assertEqual(report['runs'], 3)
        self.assertGreater(os.path.getsize(self.path('one.h5')), 10000)
        self.fails(2, 'workspace', 'export', '--one-file', 'x.h5', '--run', 'nothing',
                   says='nothing')
        self.assertFalse(os.path.exists(self.path('x.h5')))


if __name__ == '__main__':
    unittest.main()
