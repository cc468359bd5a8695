"""The systems that bench/automl measures, and their virtual environments."""
import glob
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, 'systems')


class System:
    """One system: its program, where its packages are, and how it is told its setting.

    `environment` names the virtual environment, None for the driver's own Python. `main` is the
    distribution whose version counts. `packages` are what pip installs.
    """

    def __init__(self, name, program, environment=None, main=None, option='', timed=True):
        self.name, self.program, self.environment = name, program, environment
        self.main, self.option, self.timed = main, option, timed


# What pip installs, by environment. The versions are pinned where they make a row's version.
ENVIRONMENTS = {
    'flaml': ('flaml[automl,catboost]==2.7.0',),
    'autogluon': ('autogluon.tabular[lightgbm,catboost,xgboost,fastai,ray]==1.6.3',),
    'h2o': ('h2o==3.46.0.12', 'pandas'),
    'plain': ('lightgbm==4.7.0', 'scikit-learn==1.9.1', 'pandas'),
}
JAVA = ("import shutil\nif not shutil.which('java'): raise SystemExit("
        "'error: no Java runtime (apt-get install default-jre-headless)')\n")
TRY = {'flaml': 'import flaml, flaml.automl', 'autogluon': 'import autogluon.tabular',
       'h2o': JAVA + 'import h2o, pandas', 'plain': 'import lightgbm, sklearn, pandas'}

SYSTEMS = {one.name: one for one in (
    System('assay', 'assay_system.py'),
    System('flaml', 'flaml_system.py', 'flaml', 'flaml'),
    System('lightgbm_default', 'lightgbm_system.py', 'plain', 'lightgbm', timed=False),
    System('autogluon_medium', 'autogluon_system.py', 'autogluon', 'autogluon.tabular',
           'medium_quality'),
    System('autogluon_best', 'autogluon_system.py', 'autogluon', 'autogluon.tabular',
           'best_quality'),
    System('h2o', 'h2o_system.py', 'h2o', 'h2o'),
    System('sklearn_default', 'sklearn_system.py', 'plain', 'scikit-learn', timed=False))}


class Missing(Exception):
    """A system that cannot run here, and why."""


def added(text):
    """A system of the user: NAME=PROGRAM, whose `--version` prints a line."""
    name, _, program = text.partition('=')
    if not name or not program:
        raise ValueError(f"--add '{text}' (must be NAME=PROGRAM)")
    return System(name, os.path.abspath(program))


class Place:
    """Where the environments are, and Assay's program."""

    def __init__(self, folder, assay):
        self.folder, self.assay = os.path.abspath(folder), os.path.abspath(assay)
        self.versions = {}

    def python(self, environment):
        if environment is None:
            return sys.executable
        return os.path.join(self.folder, environment, 'bin', 'python')

    def stamp(self, environment):
        return os.path.join(self.folder, environment, 'installed.json')

    def installed(self, environment):
        """What the last installation said: {'packages': [...], 'error': text or ''}, or None."""
        try:
            with open(self.stamp(environment), encoding='utf-8') as handle:
                return json.load(handle)
        except (OSError, json.JSONDecodeError):
            return None

    def version(self, system):
        """The version of a system, as it stands in the results. Raises Missing."""
        if system.name not in self.versions:
            self.versions[system.name] = self.find_version(system)
        return self.versions[system.name]

    def find_version(self, system):
        if system.name == 'assay':
            return assay_version(self.assay)
        if system.environment is None:
            return asked_version(system.program)
        state = self.installed(system.environment)
        if state is None:
            raise Missing('not installed (bench/automl/run --install)')
        if state['error']:
            raise Missing(f"cannot be installed: {state['error']}")
        return packaged_version(os.path.join(self.folder, system.environment), system.main)

    def command(self, system):
        if system.program.endswith('.py'):
            return [self.python(system.environment), '-B', os.path.join(FOLDER, system.program)]
        return [system.program]

    def option(self, system):
        return self.assay if system.name == 'assay' else system.option


def assay_version(program):
    """The version and the first digits of the program's hash: each build is measured anew."""
    try:
        with open(program, 'rb') as handle:
            digest = hashlib.sha256(handle.read()).hexdigest()
        process = subprocess.run([program, 'version', '--json'], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, timeout=60, check=True)
        return f"{json.loads(process.stdout)['assay_version']}-{digest[:8]}"
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        raise Missing(f'{program} does not run ({error}); build preset release') from None


def asked_version(program):
    try:
        process = subprocess.run([program, '--version'], stdout=subprocess.PIPE, timeout=60,
                                 stderr=subprocess.PIPE, text=True, check=True)
        return process.stdout.splitlines()[0].strip()
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        raise Missing(f'{program} --version gives no line ({error})') from None


def packaged_version(folder, name):
    places = glob.glob(os.path.join(folder, 'lib', 'python*', 'site-packages'))
    found = next(iter(importlib.metadata.distributions(name=name, path=places)), None)
    if found is None:
        raise Missing(f"its environment has no package '{name}' (bench/automl/run --install)")
    return found.version


def pip_error(log):
    with open(log, encoding='utf-8', errors='replace') as handle:
        lines = [line.strip() for line in handle if line.strip()]
    errors = [line for line in lines if line.lower().startswith('error')]
    return (errors or lines or ['no message'])[-1][:300]


def install(place, environment, say):
    """Makes an environment, or finds it made. Returns its error, '' if there is none."""
    packages = list(ENVIRONMENTS[environment])
    state = place.installed(environment)
    if state and state['packages'] == packages and not state['error']:
        say(f'{environment}: installed')
        return ''
    folder = os.path.join(place.folder, environment)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    log = os.path.join(place.folder, f'{environment}.log')
    started = time.monotonic()
    python = place.python(environment)
    steps = ([sys.executable, '-m', 'venv', folder],
             [python, '-m', 'pip', 'install', '--no-input', *packages],
             [python, '-c', TRY[environment]])
    error = ''
    with open(log, 'wb') as out:
        for step in steps:
            if subprocess.run(step, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                              check=False).returncode != 0:
                error = 'failed'
                break
    if error:
        error = pip_error(log)
    with open(place.stamp(environment), 'w', encoding='utf-8') as handle:
        json.dump({'packages': packages, 'error': error}, handle)
    say(f'{environment}: {error or "installed"} ({time.monotonic() - started:.0f} s)')
    return error
