"""assay gc, runs delete, restore and trash, workspace verify, copy, move and export."""
import glob
import os
import signal
import subprocess
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

        self.assay('runs', 'delete', self.sweeps['one'], '--force')
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
        self.fails(3, 'gc', says=self.sweeps['two'])
        self.fails(3, 'workspace', 'copy', 'copy', says=self.sweeps['two'])

    def test_copies_and_moves_are_whole_workspaces(self):
        self.assay('workspace', 'copy', 'backup/monday')
        self.assay('workspace', 'move', 'moved')
        self.assertFalse(os.path.exists(self.path('.assay')))
        for place in ('backup/monday', 'moved'):
            report = self.assay_json('workspace', 'verify', '--workspace', place)
            self.assertEqual((report['problems'], report['runs'], report['models']), ([], 6, 2))
            self.assay('score', 'two', '--data', 'train.csv', '--workspace', place)
        self.fails(2, 'workspace', 'copy', 'moved', '--workspace', 'backup/monday', says='moved')

    def test_one_file_holds_chosen_runs(self):
        report = self.assay_json('workspace', 'export', '--one-file', 'all.h5')
        self.assertEqual(report['runs'], 6)
        report = self.assay_json('workspace', 'export', '--one-file', 'one.h5', '--run',
                                 self.sweeps['one'], '--blobs')
        self.assertEqual(report['runs'], 3)
        self.assertGreater(report['blobs'], 0)
        self.assertGreater(os.path.getsize(self.path('one.h5')), 10000)
        self.fails(2, 'workspace', 'export', '--one-file', 'x.h5', '--run', 'nothing',
                   says='nothing')
        self.assertFalse(os.path.exists(self.path('x.h5')))


if __name__ == '__main__':
    unittest.main()
