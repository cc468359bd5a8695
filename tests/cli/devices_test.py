"""What `assay devices` lists, and that devices nobody asks for are left alone."""
import json
import os
import threading
import unittest

from cli_case import CliCase, binary_table


class DevicesTest(CliCase):
    def setUp(self):
        super().setUp()
        self.table = self.path('train.csv')
        binary_table(self.table, rows=80)

    def test_only_what_asks_for_a_gpu_looks_for_one(self):
        """A pipe in place of the CUDA module: who opens it waits until somebody writes."""
        pipe = self.path('module.so')
        os.mkfifo(pipe)
        env = {'ASSAY_CUDA_MODULE': pipe}
        run = self.assay_json('run', '--data', self.table, '--target', 'default', '--trials', 2,
                              '--device', 'cpu', '--workspace', 'w', env=env)
        name = run['model']['name']
        for command in (['predict', name, '--data', self.table, '--device', 'cpu'],
                        ['models', 'list'], ['models', 'show', name], ['runs', 'list'],
                        ['report', run['run_id'], '--out', 'report.html']):
            self.assay('--workspace', 'w', *command, env=env)
        self.assay('data', 'describe', self.table, env=env)
        self.assay('config', 'init', self.table, '--target', 'default', env=env)
        # And that a command that looks for GPUs would have been caught.
        opened = threading.Event()

        def wait_for_reader():
            os.close(os.open(pipe, os.O_WRONLY))
            opened.set()

        waiting = threading.Thread(target=wait_for_reader)
        waiting.start()
        self.assertFalse(opened.is_set(), 'somebody has the pipe open')
        listed = self.assay_json('devices', env=env)
        waiting.join()
        self.assertTrue(opened.is_set())
        reasons = {kind['kind']: kind['reason'] for kind in listed['unavailable']}
        self.assertIn('did not load', reasons['cuda'])

    def test_calibration_is_kept_for_this_machine(self):
        env = {'XDG_CONFIG_HOME': self.path('settings')}
        file = self.path('settings/assay/calibration.json')
        self.assertIn('not calibrated', self.assay('devices', env=env).stdout)
        self.assertFalse(os.path.exists(file))
        listed = self.assay_json('devices', '--calibrate', env=env)
        self.assertEqual(listed['calibration']['file'], file)
        self.assertRegex(listed['calibration']['made'], r'^20\d\d-')
        self.assertIsNone(listed['calibration']['note'])
        cpu = listed['devices'][0]
        self.assertEqual(cpu['id'], 'cpu')
        for op in cpu['ops']:
            self.assertGreater(op['timing']['predicted_ns'], 0, op['op'])
            self.assertGreater(op['timing']['factor'], 0, op['op'])
        # The next call knows it.
        self.assertEqual(self.assay_json('devices', env=env)['devices'][0], cpu)
        self.assertRegex(self.assay('devices', env=env).stdout,
                         r'grow_tree +cpu\.histogram, about [0-9.e+]+ [mun]?s \(')

        def note_of(change):
            with open(file, encoding='utf-8') as handle:
                kept = json.load(handle)
            change(kept)
            with open(file, 'w', encoding='utf-8') as handle:
                json.dump(kept, handle)
            listed = self.assay_json('devices', env=env)
            self.assertIsNone(listed['devices'][0]['ops'][0]['timing'])
            self.assertIsNone(listed['calibration']['made'])
            return listed['calibration']['note']

        with open(file, encoding='utf-8') as handle:
            cpus = json.load(handle)['usable_cpus']
        self.assertIn(f'made with {cpus + 1} processors',
                      note_of(lambda kept: kept.update(usable_cpus=cpus + 1)))
        self.assertIn('made on another machine', note_of(lambda kept: kept.update(processor='Z80')))
        self.assertIn('is not used: it is no calibration',
                      note_of(lambda kept: kept.update(devices=7)))
        # What computes goes on without it.
        self.assay('run', '--data', self.table, '--target', 'default', '--trials', 1, '--device',
                   'cpu', '--workspace', 'w', env=env)

    def test_calibration_needs_a_place(self):
        env = {'XDG_CONFIG_HOME': '', 'HOME': ''}
        self.assertIn('not calibrated', self.assay('devices', env=env).stdout)
        self.fails(2, 'devices', '--calibrate', env=env, says='neither XDG_CONFIG_HOME nor HOME')

    def test_a_device_is_named_once(self):
        base = ['run', '--data', self.table, '--target', 'default', '--trials', 2, '--workspace',
                'w', '--device']
        self.fails(2, *base, 'cpu,cpu', says="device 'cpu' is listed twice")
        self.fails(2, *base, 'cpu,fgpa', says="did you mean 'fpga'")
        self.fails(2, *base, 'cpu,auto', says="'auto' stands alone")


if __name__ == '__main__':
    unittest.main()
