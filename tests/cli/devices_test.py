"""What `assay devices` lists, and that devices nobody asks for are left alone."""
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

    def test_a_device_is_named_once(self):
        base = ['run', '--data', self.table, '--target', 'default', '--trials', 2, '--workspace',
                'w', '--device']
        self.fails(2, *base, 'cpu,cpu', says="device 'cpu' is listed twice")
        self.fails(2, *base, 'cpu,fgpa', says="did you mean 'fpga'")
        self.fails(2, *base, 'cpu,auto', says="'auto' stands alone")


if __name__ == '__main__':
    unittest.main()
