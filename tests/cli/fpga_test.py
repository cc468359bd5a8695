"""Sweeps and predictions on the emulated card: the CPU's bits, and what is said of the device."""
import glob
import os
import unittest

from cli_case import CliCase, binary_table


class FpgaTest(CliCase):
    def sweep(self, workspace, device):
        # Few and small trees: each start of an emulated kernel takes a millisecond or more.
        config = self.write('few_trees.yaml', '''
data: {train: train.csv, target: default}
validation: {method: holdout}
learners:
  gbt: {rounds: 12, max_leaves: 8}
  random_forest: {trees: 4, max_leaves: 8}
  linear: {}
''')
        return self.assay_json('--workspace', workspace, 'run', config, '--trials', 4, '--seed', 3,
                               '--threads', 2, '--device', device, timeout=600)

    def setUp(self):
        super().setUp()
        self.table = self.path('train.csv')
        binary_table(self.table, rows=600)

    def test_devices_say_what_is_emulated_and_what_it_would_use(self):
        devices = {d['id']: d for d in self.assay_json('devices')['devices']}
        card = devices['fpga:emu0']
        self.assertTrue(card['emulated'])
        self.assertIsNone(card['error'])
        ops = {op['op']: op for op in card['ops']}
        for op in ('grow_tree', 'predict_trees'):
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
        # Prediction on either device, bit for bit.
        for device in ('cpu', 'fpga:emu0'):
            self.assay('--workspace', 'card', 'predict', on_card['model']['name'], '--data',
                       self.table, '--out', f'{device[:4]}.csv', '--device', device, timeout=600)
        with open(self.path('cpu.csv'), 'rb') as cpu, open(self.path('fpga.csv'), 'rb') as card:
            self.assertEqual(card.read(), cpu.read())

    def test_nothing_stays_behind(self):
        before = set(glob.glob('/tmp/assay-fpga-*'))
        self.assay('devices')
        self.assertEqual(set(glob.glob('/tmp/assay-fpga-*')) - before, set())

    def test_a_card_that_cannot_start_is_a_device_error(self):
        self.fails(4, 'run', '--data', self.table, '--target', 'default', '--trials', 2, '--device',
                   'fpga:emu0', '--workspace', 'w', env={'LD_LIBRARY_PATH': self.broken_driver()},
                   says=('fpga:emu0', 'worker'))

    def broken_driver(self):
        """A folder whose libxrt_coreutil is none: the worker cannot be loaded."""
        folder = self.path('broken')
        os.mkdir(folder)
        with open(os.path.join(folder, 'libxrt_coreutil.so.2'), 'wb') as handle:
            handle.write(b'no library')
        return folder


if __name__ == '__main__':
    unittest.main()
