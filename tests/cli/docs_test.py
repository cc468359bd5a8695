"""The generated pages of docs/ are what the program says now, and configs obey the schema."""
import os
import subprocess
import sys
import unittest

from cli_case import ASSAY, CliCase

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class DocsTest(CliCase):
    def test_pages_are_current(self):
        process = subprocess.run([sys.executable, os.path.join(ROOT, 'scripts/make_docs'), '--check',
                                  '--assay', ASSAY], capture_output=True, text=True, check=False)
        self.assertEqual(process.returncode, 0, process.stderr)

    def test_the_check_of_a_card_runs_as_it_is_told(self):
        # As docs/fpga.md has it, of this build and the emulated card.
        with open(os.path.join(ROOT, 'docs', 'fpga.md'), encoding='utf-8') as handle:
            told = [line.split() for line in handle if 'ASSAY_CONFORMANCE_DEVICES=' in line]
        self.assertEqual(len(told), 1)
        *settings, program = told[0]
        build = os.path.dirname(os.path.dirname(os.path.realpath(ASSAY)))
        self.assertTrue(program.startswith('build/dev/'))
        program = os.path.join(build, program.removeprefix('build/dev/'))
        if not os.path.exists(os.path.join(build, 'libexec/assay/xrt/emulated.xclbin')):
            self.skipTest('this build has no emulated card')
        env = dict(setting.replace('fpga:0', 'fpga:emu0').split('=') for setting in settings)
        self.assertEqual(set(env.values()), {'cpu,fpga:emu0'})
        ran = subprocess.run([program, '--gtest_filter=Suite.Required*:KnnTopk*:PredictTrees.*'],
                             env={**os.environ, **env}, capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        for op in ('knn_topk: xrt.', 'predict_trees: xrt.', 'knn_topk: cpu.'):
            self.assertIn(op, ran.stdout)
        self.assertNotIn(' on cuda', ran.stdout)
        lost = subprocess.run([program, '--gtest_filter=Suite.Required*'], capture_output=True,
                              env={**os.environ, **env, 'ASSAY_REQUIRE_DEVICES': 'fpga:9'},
                              text=True, check=False)
        self.assertNotEqual(lost.returncode, 0)

    def test_every_command_explains_itself(self):
        for command in ('run', 'predict', 'score', 'runs list', 'runs search', 'runs show',
                        'runs compare', 'runs export', 'runs checkout', 'runs tag', 'fsck',
                        'models register',
                        'models export', 'models import', 'models promote',
                        'models tag', 'models describe', 'models alias set',
                        'models alias remove', 'models delete', 'models restore', 'models history',
                        'models diff', 'experiments list', 'experiments show',
                        'experiments rename', 'experiments delete', 'data list', 'data show',
                        'workspace create',
                        'workspace list', 'workspace info', 'data describe', 'config init'):
            text = self.assay(*command.split(), '--help').stdout
            self.assertIn('Usage: assay ' + command, text)
            self.assertIn('Example', text)


if __name__ == '__main__':
    unittest.main()
