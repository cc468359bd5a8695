"""Sweeps and predictions on the emulated card: the CPU's bits, and what is said of the device."""
import os
import subprocess
import unittest

from cli_case import ASSAY
from fpga_case import FpgaCase


EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../examples/credit.yaml')


class FpgaTest(FpgaCase):
    def sweep(self, workspace, device, trials=4):
        # Few and small trees: each start of an emulated kernel takes a millisecond or more.
        config = self.write('few_trees.yaml', '''
data: {train: train.csv, target: default}
validation: {method: holdout}
learners:
  gbt: {rounds: 12, max_leaves: 8}
  random_forest: {trees: 4, max_leaves: 8}
  linear: {}
''')
        return self.assay_json('--workspace', workspace, 'run', config, '--trials', trials,
                               '--seed', 3, '--threads', 2, '--device', device, timeout=600)

    def trials(self, workspace, run_id):
        """The records of a sweep's trials by number."""
        rows = self.assay_json('--workspace', workspace, 'runs', 'list', '--parent', run_id)
        runs = [self.assay_json('--workspace', workspace, 'runs', 'show', row['run_id'])
                for row in rows]
        return {run['tags']['trial']: run for run in runs}

    @staticmethod
    def kernels(run):
        """What ran in a trial: calls and bytes by device, op and kernel."""
        table = run['tables'].get('kernels', {})
        if not table:
            return {}
        places = zip(table['device'], table['op'], table['kernel'])
        return dict(zip(places, zip(table['calls'], table['bytes'])))

    def test_devices_say_what_is_emulated_and_what_it_would_use(self):
        devices = {d['id']: d for d in self.assay_json('devices')['devices']}
        card = devices['fpga:emu0']
        self.assertTrue(card['emulated'])
        self.assertIsNone(card['error'])
        ops = {op['op']: op for op in card['ops']}
        for op in ('grow_tree', 'predict_trees', 'gemm_bf16', 'gemm_int8', 'knn_topk'):
            self.assertEqual(ops[op]['runs_on'], 'fpga:emu0', op)
        for op in ('loss_gradients', 'gemm'):
            self.assertEqual(ops[op]['runs_on'], 'cpu', op)
        self.assertIn('(emulated)', self.assay('devices').stdout)

    def test_sweep_gives_the_cpus_model_and_names_its_device(self):
        on_cpu = self.sweep('cpu', 'cpu')
        on_card = self.sweep('card', 'fpga:emu0')
        self.assertEqual(on_card['model']['sha256'], on_cpu['model']['sha256'])
        self.assertEqual(on_card['validation_score'], on_cpu['validation_score'])
        self.assertEqual(on_card['trials']['failed'], 0)
        named = self.assay_json('--workspace', 'card', 'runs', 'search', "device = 'fpga:emu0'")
        self.assertGreaterEqual(len(named), 4)
        card, cpu = (self.trials(workspace, run['run_id'])
                     for workspace, run in (('card', on_card), ('cpu', on_cpu)))
        self.assertEqual({run['tags']['device'] for run in cpu.values()}, {'cpu'})
        self.assertEqual({device for run in cpu.values() for device, _, _ in self.kernels(run)},
                         {'cpu'})
        self.assertTrue(any(('fpga:emu0', '', 'predict_trees') in self.kernels(run)
                            for run in card.values()))
        # Prediction on either device, bit for bit.
        for device in ('cpu', 'fpga:emu0'):
            self.assay('--workspace', 'card', 'predict', on_card['model']['name'], '--data',
                       self.table, '--out', f'{device[:4]}.csv', '--device', device, timeout=600)
        with open(self.path('cpu.csv'), 'rb') as cpu, open(self.path('fpga.csv'), 'rb') as card:
            self.assertEqual(card.read(), cpu.read())
        said = self.assay_json('--workspace', 'card', 'score', on_card['model']['name'], '--data',
                               self.table, '--device', 'fpga:emu0', timeout=600)
        self.assertEqual((said['device'], said['emulated']), ('fpga:emu0', True))

    def test_files_that_the_shell_closed_are_not_missed(self):
        # A socket that got the number of stderr would be sent what is printed.
        run = self.sweep('w', 'cpu', trials=2)
        for device in ('cpu', 'fpga:emu0'):
            closed = subprocess.run(
                ['sh', '-c', 'exec "$0" "$@" <&- >&- 2>&-', ASSAY, '--workspace', 'w', 'predict',
                 run['model']['name'], '--data', self.table, '--out', f'{device[:4]}.csv',
                 '--device', device], cwd=self.folder, check=False, timeout=600)
            self.assertEqual(closed.returncode, 0, device)
        with open(self.path('cpu.csv'), 'rb') as cpu, open(self.path('fpga.csv'), 'rb') as card:
            self.assertEqual(card.read(), cpu.read())

    def test_a_timeout_that_is_none_is_a_wrong_setting(self):
        for text in ('abc', '0', '-1', ''):
            self.fails(2, 'run', '--data', self.table, '--target', 'default', '--trials', 2,
                       '--device', 'fpga:emu0', '--workspace', 'w',
                       env={'ASSAY_FPGA_TIMEOUT': text},
                       says=(f'ASSAY_FPGA_TIMEOUT={text} (must be seconds > 0',))

    def test_what_the_card_was_loaded_with_is_recorded(self):
        run = self.sweep('w', 'fpga:emu0', trials=1)
        record = self.assay_json('--workspace', 'w', 'runs', 'show', run['run_id'])
        self.assertRegex(record['environment']['device_images'],
                         r'^fpga:emu0: /.*/emulated.xclbin \(uuid [0-9a-f]{32}\)$')
        card = [d for d in self.assay_json('devices')['devices'] if d['id'] == 'fpga:emu0'][0]
        self.assertIn(card['image'], record['environment']['device_images'])
        self.sweep('c', 'cpu', trials=1)
        rows = self.assay_json('--workspace', 'c', 'runs', 'search', "kind = 'sweep'")
        record = self.assay_json('--workspace', 'c', 'runs', 'show', rows[0]['run_id'])
        self.assertNotIn('device_images', record['environment'])

    def test_events_are_written_where_the_program_runs(self):
        self.assay('--workspace', 'w', 'run', '--data', self.table, '--target', 'default',
                   '--trials', 2, '--learners', 'random_forest', '--device', 'fpga:emu0',
                   '--folds', 2, env={'ASSAY_FPGA_EVENTS': 'events.txt'}, timeout=600)
        with open(self.path('events.txt'), encoding='utf-8') as handle:
            self.assertIn('start ', handle.read())

    def test_an_example_runs_on_the_first_device_of_the_kind(self):
        # With two folds, as every split of many rows starts a kernel.
        flags = ['--trials', 2, '--time', 0, '--folds', 2, '--learners', 'random_forest',
                 '--threads', 2]
        runs = {device: self.assay_json('--workspace', device, 'run', EXAMPLE, *flags, '--device',
                                        device, timeout=600) for device in ('cpu', 'fpga')}
        self.assertEqual(runs['fpga']['model']['sha256'], runs['cpu']['model']['sha256'])
        said = [note for note in runs['fpga']['notes'] if note.startswith('trials run on ')]
        self.assertEqual(said, ['trials run on fpga:emu0 (card emulated by XRT, emulated)'])
        trials = self.trials('fpga', runs['fpga']['run_id'])
        self.assertEqual({run['tags']['device'] for run in trials.values()}, {'fpga:emu0'})
        ran = self.kernels(trials[1])
        for kernel in ('tree_histogram', 'split_scan'):
            self.assertGreater(ran['fpga:emu0', '', kernel][0], 0)
        there = self.kernels(self.trials('cpu', runs['cpu']['run_id'])[1])
        grown = {op: calls for (_, op, _), (calls, _) in there.items() if op == 'grow_tree'}
        self.assertEqual(ran['fpga:emu0', 'grow_tree', 'xrt.card_histogram'][0],
                         grown['grow_tree'])
        self.assertGreater(ran['fpga:emu0', 'copy', 'to_device'][1], 0)
        shown = self.assay('--workspace', 'fpga', 'runs', 'show', trials[1]['run_id']).stdout
        self.assertIn('xrt.card_histogram', shown)
        self.assertRegex(shown, r'emulated\W+true')
        compared = self.assay('--workspace', 'fpga', 'runs', 'compare', trials[0]['run_id'],
                              trials[1]['run_id']).stdout
        self.assertRegex(compared, r'device +fpga:emu0 \(emulated\) +fpga:emu0 \(emulated\)')
        for trial in self.trials('cpu', runs['cpu']['run_id']).values():
            self.assertNotIn('emulated', trial['tags'])
        page = self.path('report.html')
        self.assay('--workspace', 'fpga', 'report', runs['fpga']['run_id'], '--out', page)
        with open(page, encoding='utf-8') as handle:
            text = handle.read()
        for part in ('tree_histogram', 'card emulated by XRT, emulated'):
            self.assertIn(part, text)

    def test_cpu_and_card_side_by_side_give_the_cpus_model(self):
        # A slot that is kept off its processor may find that the other has run a short sweep
        # alone: then a longer one says more.
        for trials in (6, 40, 250):
            workspace = f'both{trials}'
            on_both = self.sweep(workspace, 'cpu,fpga:emu0', trials=trials)
            runs = self.trials(workspace, on_both['run_id'])
            ran = [run['tags']['device'] for run in runs.values()]
            if {'cpu', 'fpga:emu0'} <= set(ran):
                break
        self.assertGreaterEqual(ran.count('cpu'), 1)
        self.assertGreaterEqual(ran.count('fpga:emu0'), 1)
        on_cpu = self.sweep('cpu', 'cpu', trials=trials)
        self.assertEqual(on_both['model']['sha256'], on_cpu['model']['sha256'])
        self.assertEqual([(row['trial'], row['score']) for row in on_both['leaderboard']],
                         [(row['trial'], row['score']) for row in on_cpu['leaderboard']])
        self.assertIn('2 slots of 1 thread: 1 on cpu, 1 on fpga:emu0', on_both['notes'])
        for number, run in runs.items():
            device = run['tags']['device']
            self.assertIn(device, ('cpu', 'fpga:emu0'), number)
            for place, _, _ in self.kernels(run):
                self.assertIn(place, (device, 'cpu'), number)

    def test_a_sweep_of_the_card_goes_on_elsewhere(self):
        whole = self.sweep('cpu', 'cpu')
        first = self.sweep('card', 'fpga:emu0', trials=3)
        last = self.assay_json('--workspace', 'card', 'resume', first['run_id'], '--trials', 4,
                               '--device', 'cpu')
        self.assertEqual(last['known_trials'], 3)
        self.assertNotIn('trials run on', str(last['notes']))
        self.assertEqual(last['model']['sha256'], whole['model']['sha256'])
        devices = {number: run['tags']['device']
                   for number, run in self.trials('card', first['run_id']).items()}
        self.assertEqual(devices, {0: 'fpga:emu0', 1: 'fpga:emu0', 2: 'fpga:emu0', 3: 'cpu'})

    def test_a_sweep_of_the_cpu_goes_on_on_the_card(self):
        first = self.sweep('w', 'cpu', trials=2)
        last = self.assay_json('--workspace', 'w', 'resume', first['run_id'], '--trials', 3,
                               '--device', 'fpga:emu0')
        self.assertIn('trials run on fpga:emu0 (card emulated by XRT, emulated)', last['notes'])
        devices = {number: run['tags']['device']
                   for number, run in self.trials('w', first['run_id']).items()}
        self.assertEqual(devices, {0: 'cpu', 1: 'cpu', 2: 'fpga:emu0'})

    def test_devices_may_be_listed_in_a_config(self):
        config = self.write('both.yaml', '''
data: {train: train.csv, target: default}
device: [cpu, "fpga:emu0"]
learners: {random_forest: {trees: 2, max_leaves: 4}}
''')
        run = self.assay_json('--workspace', 'w', 'run', config, '--trials', 3, '--threads', 2,
                              timeout=600)
        self.assertIn('2 slots of 1 thread: 1 on cpu, 1 on fpga:emu0', run['notes'])
        self.assertEqual(run['trials']['failed'], 0)

if __name__ == '__main__':
    unittest.main()
