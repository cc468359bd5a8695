"""What dies, is missing or is damaged of the emulated card: a clear word, and nothing stays."""
import json
import os
import shutil
import signal
import subprocess
import unittest

from cli_case import ASSAY, binary_table
from fpga_case import FpgaCase, workers_of


STOP = 'ASSAY_FPGA_STOP'  # a file: the card's model removes it in a kernel, and stops itself


class FpgaFaultsTest(FpgaCase):
    def long_sweep(self):
        return ('--workspace', 'long', 'run', '--data', self.table, '--target', 'default',
                '--device', 'fpga:emu0', '--trials', 1000, '--threads', 2)

    def test_nothing_stays_behind(self):
        program, worker = self.begin(*self.long_sweep())
        program.send_signal(signal.SIGINT)
        self.assertEqual(program.wait(timeout=600), 130)
        self.wait_for(worker.is_gone)

    def test_nothing_outlives_a_program_that_is_killed(self):
        for stopped in (False, True):
            program, worker = self.begin(*self.long_sweep())
            if stopped:  # but for its guard
                for process in set(worker.members()) - {worker.number}:
                    os.kill(process, signal.SIGSTOP)
            program.kill()
            program.wait()
            self.wait_for(worker.is_gone)

    def stop_once(self):
        return {STOP: self.write('stop', '')}

    def wait_in_a_kernel(self, program, worker):
        """Waits until the card's model has stopped itself in a kernel (STOP), and gives its process;
        None if the program ends before."""
        model = worker.model()
        self.wait_for(lambda: program.poll() is not None or self.is_stopped(model))
        return None if program.poll() is not None else model

    @staticmethod
    def is_stopped(process):
        try:
            with open(f'/proc/{process}/stat', encoding='utf-8') as handle:
                return handle.read().rpartition(')')[2].split()[0] == 'T'
        except FileNotFoundError:
            return False

    def test_a_card_that_dies_in_a_kernel_costs_its_trial_alone(self):
        # What is computed beside it on the same card goes on, and so do those that follow.
        program, worker = self.begin(
            '--workspace', 'w', 'run', '--data', self.table, '--target', 'default', '--device',
            'fpga:emu0', '--trials', 6, '--seed', 1, '--threads', 2, '--learners',
            'random_forest,gbt', '--folds', 2, env=self.stop_once())
        os.kill(self.wait_in_a_kernel(program, worker), signal.SIGKILL)
        self.assertEqual(program.wait(timeout=600), 0)
        self.wait_for(worker.is_gone)
        rows = self.assay_json('--workspace', 'w', 'runs', 'search', "kind = 'trial'")
        failed = [row for row in rows if row['status'] == 'failed']
        self.assertEqual(len(failed), 1)
        self.assertIn('fpga:emu0: its worker is gone: it died: ', failed[0]['message'])

    def test_a_card_that_dies_in_its_first_kernel_does_not_end_the_sweep(self):
        # Of so many rows, features of two columns are chosen before the first trial.
        binary_table(self.table, rows=1300)
        program, worker = self.begin(
            '--workspace', 'w', 'run', '--data', self.table, '--target', 'default', '--device',
            'fpga:emu0', '--trials', 3, '--seed', 1, '--threads', 2, '--learners', 'random_forest',
            '--folds', 2, env=self.stop_once())
        os.kill(self.wait_in_a_kernel(program, worker), signal.SIGKILL)
        self.assertEqual(program.wait(timeout=600), 0)
        self.wait_for(worker.is_gone)
        self.assertEqual(len(self.assay_json('--workspace', 'w', 'models', 'list')), 1)
        runs = self.assay_json('--workspace', 'w', 'runs', 'search', "kind = 'sweep'")
        sweep = self.assay_json('--workspace', 'w', 'runs', 'show', runs[0]['run_id'])
        self.assertEqual(sweep['tags']['screen_rows'], 1300)

    def test_a_card_that_dies_in_a_kernel_hands_its_trial_to_the_cpu(self):
        # The CPU may have run a short sweep alone before the card's slot begins.
        for trials in (6, 40, 250):
            name = f'w{trials}'
            program, worker = self.begin(
                '--workspace', name, 'run', '--data', self.table, '--target', 'default', '--device',
                'cpu,fpga:emu0', '--trials', trials, '--seed', 1, '--threads', 2, '--learners',
                'random_forest,gbt', env=self.stop_once())
            model = self.wait_in_a_kernel(program, worker)
            if model is not None:
                break
        os.kill(model, signal.SIGKILL)
        self.assertEqual(program.wait(timeout=600), 0)
        self.wait_for(worker.is_gone)
        rows = self.assay_json('--workspace', name, 'runs', 'search', "kind = 'trial'")
        self.assertEqual([row for row in rows if row['status'] == 'failed'], [])
        runs = [self.assay_json('--workspace', name, 'runs', 'show', row['run_id']) for row in rows]
        moved = [run for run in runs if 'moved_from' in run['tags']]
        self.assertEqual(len(moved), 1)
        self.assertEqual(moved[0]['tags']['device'], 'cpu')
        self.assertIn('fpga:emu0 (device: fpga:emu0: its worker is gone: ',
                      moved[0]['tags']['moved_from'])

    def test_two_programs_use_the_card_at_once(self):
        programs = []
        for name in ('one', 'two'):
            programs.append(subprocess.Popen(  # pylint: disable=consider-using-with
                [ASSAY, '--workspace', name, 'run', '--data', self.table, '--target', 'default',
                 '--device', 'fpga:emu0', '--trials', '2', '--seed', '1', '--threads', '1',
                 '--learners', 'random_forest', '--json'],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True))
            self.addCleanup(programs[-1].stdout.close)
            self.addCleanup(programs[-1].wait)
            self.addCleanup(programs[-1].kill)
        # Both have a card of their own before either ends.
        self.wait_for(lambda: all(any(len(w.members()) == 3 for w in workers_of(program.pid))
                                  for program in programs),
                      lambda: all(program.poll() is None for program in programs))
        workers = [workers_of(program.pid)[0] for program in programs]
        self.assertEqual(len({worker.folder for worker in workers}), 2)
        said = [json.loads(program.communicate(timeout=600)[0].splitlines()[-1])
                for program in programs]
        self.assertEqual([program.returncode for program in programs], [0, 0])
        self.assertEqual(said[0]['model']['sha256'], said[1]['model']['sha256'])
        self.assertEqual([run['trials']['failed'] for run in said], [0, 0])
        for worker in workers:
            self.wait_for(worker.is_gone)

    @unittest.skipIf(os.path.isdir('/sys/bus/pci/drivers/xocl'), 'this machine has a card')
    def test_a_card_that_is_not_there_is_explained(self):
        looked = "XRT's driver lists none in /sys/bus/pci/drivers/xocl"
        self.fails(4, 'run', '--data', self.table, '--target', 'default', '--trials', 2, '--device',
                   'fpga:0', '--workspace', 'w',
                   says=("no device 'fpga:0' (there are: ", 'fpga:emu0', looked))
        self.assertNotIn(looked, self.assay('devices').stdout)
        for xclbin, what in ((self.table, ''), (self.path('none.xclbin'), ' (which is no file)')):
            env = {'ASSAY_FPGA_XCLBIN': xclbin}
            self.fails(4, 'run', '--data', self.table, '--target', 'default', '--trials', 2,
                       '--device', 'fpga:0', '--workspace', 'w', env=env,
                       says=(f"ASSAY_FPGA_XCLBIN names '{xclbin}'{what}, but", looked))
            shown = self.assay('devices', env=env).stdout
            self.assertIn(f"fpga  not available: ASSAY_FPGA_XCLBIN names '{xclbin}'{what}, but "
                          'there is no card: ' + looked, shown)
            # The emulated card is there all the same.
            self.assertIn('fpga:emu0  card emulated by XRT', shown)
        # A config's comes first; a relative path is told as what it is.
        config = self.write('c.yaml', 'data: {train: train.csv, target: default}\n'
                                      'fpga_xclbin: own.xclbin\n')
        self.fails(4, 'run', config, '--trials', 2, '--device', 'fpga:0', '--workspace', 'w',
                   env={'ASSAY_FPGA_XCLBIN': 'none.xclbin'},
                   says=f"fpga_xclbin names '{self.path('own.xclbin')}' (which is no file), but")
        self.fails(4, 'run', '--data', self.table, '--target', 'default', '--trials', 2, '--device',
                   'fpga:0', '--workspace', 'w', env={'ASSAY_FPGA_XCLBIN': 'none.xclbin'},
                   says=f"ASSAY_FPGA_XCLBIN names '{self.path('none.xclbin')}'")

    def copied_program(self):
        """A copy of the program with its emulated card: the program, and the card's folder."""
        source = os.path.realpath(ASSAY)
        program = self.path('copy/bin/assay')
        own = self.path('copy/libexec/assay/xrt')
        os.makedirs(os.path.dirname(program))
        try:
            os.link(source, program)
        except OSError:
            shutil.copy(source, program)
        shutil.copytree(os.path.join(os.path.dirname(os.path.dirname(source)), 'libexec', 'assay',
                                     'xrt'), own, symlinks=True)
        return program, own

    def run_copy(self, program, *arguments):
        return subprocess.run([program, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=120)

    def test_a_missing_shim_is_named(self):
        program, own = self.copied_program()
        shim = os.path.join(own, 'emulation', 'lib', 'libxrt_swemu.so.2')
        os.remove(shim)
        shown = self.run_copy(program, 'devices')
        self.assertEqual(shown.returncode, 0)
        self.assertIn(f'fpga  not available: the emulated card lacks {shim}', shown.stdout)
        ran = self.run_copy(program, 'run', '--data', self.table, '--target', 'default', '--trials',
                            '2', '--device', 'fpga', '--workspace', 'w')
        self.assertEqual(ran.returncode, 4)
        self.assertIn(f'the emulated card lacks {shim}', ran.stderr)

    def test_a_broken_shim_costs_a_line(self):
        # What the loader says of it has line breaks.
        program, own = self.copied_program()
        shim = os.path.join(own, 'emulation', 'lib', 'libxrt_swemu.so.2')
        os.remove(shim)
        with open(shim, 'wb') as handle:
            handle.write(b'no library')
        shown = self.run_copy(program, 'devices')
        self.assertEqual(shown.returncode, 0)
        lines = shown.stdout.splitlines()
        broken = [line for line in lines if line.startswith('    cannot be used: fpga:emu0: ')]
        self.assertEqual(len(broken), 1, shown.stdout)
        for line in lines:
            self.assertRegex(line, r'^(    .|(cpu|cuda|fpga)(:[a-z0-9]+)?  .|not calibrated|calibrated)')

    def test_an_xclbin_that_is_cut_short_is_named(self):
        program, own = self.copied_program()
        xclbin = os.path.join(own, 'emulated.xclbin')
        os.truncate(xclbin, 5000)
        words = f"fpga:emu0: xclbin '{xclbin}' has 5000 bytes, but should have "
        shown = self.run_copy(program, 'devices')
        self.assertEqual(shown.returncode, 0)
        self.assertIn('cannot be used: ' + words, shown.stdout)
        ran = self.run_copy(program, 'run', '--data', self.table, '--target', 'default', '--trials',
                            '2', '--device', 'fpga:emu0', '--workspace', 'w')
        self.assertEqual(ran.returncode, 4)
        self.assertIn(words, ran.stderr)

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
