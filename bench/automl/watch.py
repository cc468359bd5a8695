"""Runs one system and watches it from outside: clock, memory of its processes, other work.

The program prints events, one JSON object a line, on its standard output: `{"event": "fit_begin"}`
when data and libraries are loaded, `{"event": "fit_end"}` when a model is there, and last
`{"event": "done", ...}` or `{"event": "error", "error": TEXT}`. What it writes to standard error
goes to a log. `{"event": "fit_begin", "wrapper": true}` says that this process only starts the one
that counts.

Memory is the sum of the proportional set sizes (PSS) of all processes that descend from the
program, sampled about four times a second until the fit ends. Orphans come to this process (as a
subreaper), so that none escapes, and are ended with the program.
"""
import ctypes
import json
import os
import resource
import selectors
import signal
import subprocess
import time
import typing

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
TICKS = os.sysconf('SC_CLK_TCK')
START_LIMIT_S = 300
PREDICT_LIMIT_S = 300
SAMPLE_S = 0.25
SAMPLE_SHARE = 0.02  # of the time that sampling itself may take


def fit_limit_s(budget_s):
    """When a fit is stopped: long after any budget that is kept at all."""
    return 4 * budget_s + 300


def read_text(path):
    try:
        with open(path, encoding='utf-8', errors='replace') as handle:
            return handle.read()
    except OSError:
        return ''


class Descendant(typing.NamedTuple):
    """What /proc says of a process: when it began, and CPU seconds."""
    begun: int
    own_s: float
    reaped_s: float  # of its children that it has waited for


def descendants():
    """{process id: Descendant} of all below this process."""
    parents, known = {}, {}
    for name in os.listdir('/proc'):
        if name.isdigit():
            fields = read_text(f'/proc/{name}/stat').rpartition(')')[2].split()
            if len(fields) > 19:
                parents[int(name)] = int(fields[1])
                ticks = [int(field) for field in fields[11:15]]
                known[int(name)] = Descendant(int(fields[19]), sum(ticks[:2]) / TICKS,
                                              sum(ticks[2:]) / TICKS)
    found, grown = {}, {os.getpid()}
    while grown:
        grown = {one for one, parent in parents.items() if parent in grown}
        found.update((one, known[one]) for one in grown)
    return found


def pss_kib(process):
    for line in read_text(f'/proc/{process}/smaps_rollup').splitlines():
        if line.startswith('Pss:'):
            return int(line.split()[1])
    return 0


def machine_seconds():
    """CPU seconds that the whole machine was busy, with what other guests took, since its start."""
    fields = [int(field) for field in read_text('/proc/stat').partition('\n')[0].split()[1:9]]
    if len(fields) < 8:
        return 0.0
    user, nice, system, _, _, irq, soft_irq, steal = fields
    return (user + nice + system + irq + soft_irq + steal) / TICKS


def stalled_s():
    """Seconds in which some process waited for a CPU, since the start of the machine."""
    text = read_text('/proc/pressure/cpu').partition('\n')[0]
    return int(text.rpartition('total=')[2]) / 1e6 if 'total=' in text else None


class OwnSeconds:
    """CPU seconds of this process and all below it, the ended ones included, told in two ways.

    Each misses something: what ended children took is lost where their parent does not wait for
    them (workers of Ray), and what was seen misses the last moments of each process.
    """

    def __init__(self):
        self.seen = {}  # {(process id, when it began): its CPU seconds when last seen}

    def look(self):
        """Notes who is there; returns it."""
        now = descendants()
        self.seen.update(((process, one.begun), one.own_s) for process, one in now.items())
        return now

    def totals(self):
        """(by what parents have waited for, by what was seen), so far."""
        now = self.look().values()
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        waited = ended.ru_utime + ended.ru_stime + sum(one.own_s + one.reaped_s for one in now)
        mine = time.process_time()
        return mine + waited, mine + sum(self.seen.values())


class Moment:
    """The clocks at one event."""

    def __init__(self, own):
        self.time = time.monotonic()
        self.machine_s, self.own_s, self.stalled_s = machine_seconds(), own.totals(), stalled_s()


class Watched:
    """What became of one program. Times in seconds; None where it did not come so far."""

    def __init__(self):
        self.started = time.monotonic()
        self.begin = self.end = self.answer = self.error = None
        self.wrapper = False
        self.peak_kib = 0
        self.own = OwnSeconds()

    def take(self, line):
        try:
            event = json.loads(line)
            kind = event['event']
        except (ValueError, KeyError, TypeError):
            self.error = self.error or f'printed no event: {line[:80]!r}'
            return
        if kind == 'fit_begin':
            self.begin, self.wrapper = Moment(self.own), bool(event.get('wrapper'))
        elif kind == 'fit_end':
            self.end = Moment(self.own)
        elif kind == 'done':
            self.answer = event
        elif kind == 'error':
            self.error = str(event.get('error'))

    def sample(self, root):
        ids = [one for one in self.own.look() if not (self.wrapper and one == root)]
        self.peak_kib = max(self.peak_kib, sum(map(pss_kib, ids)))

    def figures(self, budget_s):
        """The columns of the results that say how the fit went."""
        row = {'peak_mib': round(self.peak_kib / 1024, 1), 'load1': os.getloadavg()[0]}
        if self.begin is None:
            return row
        row['start_s'] = round(self.begin.time - self.started, 3)
        if self.end is None:
            return row
        wall = self.end.time - self.begin.time
        own = max(end - begin for begin, end in zip(self.begin.own_s, self.end.own_s))
        busy = self.end.machine_s - self.begin.machine_s
        row['wall_s'] = round(wall, 3)
        if budget_s is not None:
            row['overshoot_s'] = round(wall - budget_s, 3)
        if wall > 0:
            row['cpus_used'] = round(own / wall, 2)
            row['foreign_cpus'] = round(max(0.0, busy - own) / wall, 2)
            if self.begin.stalled_s is not None and self.end.stalled_s is not None:
                stalled = self.end.stalled_s - self.begin.stalled_s
                row['pressure_pct'] = round(100 * stalled / wall, 1)
        return row


def first_threads(count):
    """The processors a system may use: the first ones that this process has."""
    return sorted(os.sched_getaffinity(0))[:count]


def start(command, environment, threads, log):
    """Its current folder is that of the log: some systems write where they stand."""
    processors = first_threads(threads)
    with open(log, 'wb') as errors:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors,
                                cwd=os.path.dirname(os.path.abspath(log)),
                                stdin=subprocess.DEVNULL, env=environment, start_new_session=True,
                                preexec_fn=lambda: os.sched_setaffinity(0, processors))


def end_all():
    """Ends and reaps what still descends from this process."""
    for wanted, patience in ((signal.SIGTERM, 2), (signal.SIGKILL, 10)):
        deadline = time.monotonic() + patience
        signalled = set()
        while time.monotonic() < deadline:
            reap()
            left = descendants()
            if not left:
                return
            for process in set(left) - signalled:
                try:
                    os.kill(process, wanted)
                except ProcessLookupError:
                    pass
                signalled.add(process)
            time.sleep(0.02)


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def over_limit(watched, budget_s):
    """What took too long, as text, or None."""
    now = time.monotonic()
    if watched.begin is None:
        since, limit, what = watched.started, START_LIMIT_S, 'loading'
    elif watched.end is None:
        since, limit, what = watched.begin.time, fit_limit_s(budget_s), 'fitting'
    else:
        since, limit, what = watched.end.time, PREDICT_LIMIT_S, 'predicting'
    return f'stopped after {limit:.0f} s of {what}' if now - since > limit else None


def follow(process, watched, budget_s):
    """Reads events and samples memory until the program has answered, ended, or taken too long.

    Its output may stay open after it: what it left behind can hold the other end.
    """
    rest, next_look, next_sample = b'', 0.0, 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while watched.answer is None:
            ended = process.poll() is not None
            ready = selector.select(0.05)
            if ended and not ready:
                return
            for _ in ready:
                data = os.read(process.stdout.fileno(), 1 << 16)
                if not data:
                    return
                *lines, rest = (rest + data).split(b'\n')
                for line in lines:
                    watched.take(line.decode(errors='replace'))
            watched.error = watched.error or over_limit(watched, budget_s)
            if watched.error:
                return
            before = time.monotonic()
            if watched.end is None and before >= next_look:
                watched.own.look()
                next_look = before + SAMPLE_S
            if watched.end is None and before >= next_sample:
                watched.sample(process.pid)
                took = time.monotonic() - before
                next_sample = before + max(SAMPLE_S, took / SAMPLE_SHARE)


def last_line(log):
    lines = [line.strip() for line in read_text(log).splitlines() if line.strip()]
    return lines[-1][:300] if lines else 'no message'


def run(command, environment, threads, budget_s, log):
    """Runs the program to its end and returns what was seen of it (Watched)."""
    ctypes.CDLL(None, use_errno=True).prctl(SUBREAPER, 1, 0, 0, 0)
    watched = Watched()
    process = start(command, environment, threads, log)
    try:
        follow(process, watched, budget_s)
        if watched.error is None:
            code = process.wait(timeout=30)
            if watched.answer is None:
                how = f'signal {-code}' if code < 0 else f'exit code {code}'
                watched.error = f'ended without an answer ({how}): {last_line(log)}'
    except subprocess.TimeoutExpired:
        if watched.answer is None:
            watched.error = 'closed its output but did not end'
    finally:
        if watched.error and watched.begin and not watched.end:
            watched.end = Moment(watched.own)
        process.stdout.close()
        end_all()
        process.poll()
    return watched
