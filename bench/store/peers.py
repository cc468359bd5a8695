#!/usr/bin/env python3
"""Measures other ways to record runs, one a process, as store_peer measures Assay.

  peers.py --peer mlflow-sqlite|mlflow-file|aim|h5py|sqlite3|disk --folder DIR [--runs N] [--seconds S]

Prints one JSON object. Every value has the unit in its name; a measure that a tool cannot make is
absent. "buffered" is what the calls take, "durable" includes what makes the points survive a loss of
power (or, for a tool that never syncs, what it offers instead, named in `note`). A typical run has 20
parameters, 10 metrics of 100 points and a log of 4 KB. Lists have --runs runs in them.
"""
import argparse
import importlib.metadata
import json
import os
import sys
import time

PARAMS = {f'param_{i}': str(i * 0.1) for i in range(20)}
METRICS = [f'metric_{i}' for i in range(10)]
POINTS = 100
LOG = 'a line of the log of a typical run\n' * 117


def clock():
    return time.perf_counter()


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def latencies(name, action, seconds, most=2000):
    """Calls the action until the time or the number is used up; gives p50 and p99 in ms."""
    times = []
    started = clock()
    while len(times) < most and (clock() - started < seconds or len(times) < 5):
        begin = clock()
        action(len(times))
        times.append((clock() - begin) * 1000)
    return {f'{name}_p50_ms': percentile(times, 0.5), f'{name}_p99_ms': percentile(times, 0.99)}


def rate(name, action, points, seconds):
    """`action(i)` records `points` points; gives points a second."""
    done = 0
    started = clock()
    while clock() - started < seconds or done == 0:
        action(done)
        done += 1
    return {name: done * points / (clock() - started)}


def size_of(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(place, name))
               for place, _, names in os.walk(path) for name in names)


def best_of(times, action):
    best = None
    for _ in range(times):
        begin = clock()
        action()
        best = min(clock() - begin, best or 1e9)
    return best


def mlflow_peer(options, uri, store):
    import logging
    import mlflow
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient
    logging.getLogger('mlflow').setLevel(logging.ERROR)
    logging.getLogger('alembic').setLevel(logging.ERROR)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment('bench')
    result = {'version': mlflow.__version__, 'note': 'durable: as its store commits'}
    result.update(latencies('create_run', lambda i: client.create_run(experiment), options.seconds,
                            options.runs // 2))
    run = client.create_run(experiment).info.run_id
    result.update(rate('points_each_per_s',
                       lambda i: client.log_metric(run, 'loss', i * 0.5, step=i), 1,
                       options.seconds))

    def batch(i):
        now = int(time.time() * 1000)
        client.log_batch(run, metrics=[Metric(METRICS[k % 10], k * 0.5, now, i * 1000 + k)
                                       for k in range(1000)])
    result.update(rate('points_durable_per_s', batch, 1000, options.seconds))
    result.update(latencies('commit', lambda i: client.log_metric(run, 'commit', i, step=i),
                            options.seconds))

    def typical(_):
        run = client.create_run(experiment).info.run_id
        now = int(time.time() * 1000)
        client.log_batch(run, params=[Param(k, v) for k, v in PARAMS.items()])
        for step in range(POINTS):
            client.log_batch(run, metrics=[Metric(k, step * 0.5, now, step) for k in METRICS])
        client.log_text(run, LOG, 'log.txt')
        client.set_terminated(run)
    before = size_of(store)
    for i in range(5):
        typical(i)
    result['typical_run_bytes'] = (size_of(store) - before) / 5
    result.update(latencies('typical_run', typical, options.seconds, 50))
    have = len(client.search_runs([experiment], max_results=options.runs))
    for _ in range(options.runs - have):
        client.create_run(experiment)
    result['list_runs_ms'] = 1000 * best_of(
        3, lambda: client.search_runs([experiment], max_results=options.runs))
    return result


def mlflow_sqlite(options):
    os.chdir(options.folder)
    return mlflow_peer(options, f'sqlite:///{options.folder}/mlflow.db', options.folder)


def mlflow_file(options):
    os.environ['MLFLOW_ALLOW_FILE_STORE'] = 'true'
    return mlflow_peer(options, f'file://{options.folder}/mlruns', options.folder)


def aim_peer(options):
    import aim
    repo = aim.Repo.from_path(options.folder, init=True)
    result = {'version': importlib.metadata.version('aim'), 'note': 'durable: run.close()'}

    def new_run():
        return aim.Run(repo=repo, experiment='bench', system_tracking_interval=None,
                       capture_terminal_logs=False)

    def create(_):
        new_run().close()
    result.update(latencies('create_run', create, options.seconds, options.runs // 4))
    run = new_run()
    result.update(rate('points_each_per_s',
                       lambda i: run.track(i * 0.5, name='loss', step=i), 1, options.seconds))
    run.close()

    def burst(_):
        run = new_run()
        for step in range(1000):
            run.track(step * 0.5, name=METRICS[step % 10], step=step // 10)
        run.close()
    result.update(rate('points_durable_per_s', burst, 1000, options.seconds))

    def typical(_):
        run = new_run()
        for key, value in PARAMS.items():
            run[key] = value
        for step in range(POINTS):
            for key in METRICS:
                run.track(step * 0.5, name=key, step=step)
        run.track(aim.Text(LOG), name='log')
        run.close()
    before = size_of(options.folder)
    for i in range(5):
        typical(i)
    result['typical_run_bytes'] = (size_of(options.folder) - before) / 5
    result.update(latencies('typical_run', typical, options.seconds, 50))
    have = sum(1 for _ in repo.iter_runs())
    for i in range(options.runs - have):
        create(i)
    result['list_runs_ms'] = 1000 * best_of(
        3, lambda: [(r.hash, r.name, r.created_at) for r in repo.iter_runs()])
    return result


def h5py_peer(options):
    import h5py
    import numpy
    point = numpy.dtype([('step', 'i8'), ('time', 'f8'), ('value', 'f8')])
    result = {'version': h5py.__version__,
              'note': 'durable: flush and fdatasync after each 100 points; a crash may still leave '
                      'a file that does not open'}

    def create(i):
        with h5py.File(f'{options.folder}/run{i}.h5', 'w') as file:
            file.attrs['name'] = f'run {i}'
    result.update(latencies('create_run', create, options.seconds, options.runs // 2))
    path = f'{options.folder}/points.h5'
    file = h5py.File(path, 'w', libver='latest')
    data = file.create_dataset('loss', (0,), maxshape=(None,), chunks=(4096,), dtype=point)

    def append(count):
        size = data.shape[0]
        data.resize((size + count,))
        data[size:] = numpy.zeros(count, point)
    result.update(rate('points_each_per_s', lambda i: append(1), 1, options.seconds))
    descriptor = os.open(path, os.O_RDWR)

    def commit(_):
        append(100)
        file.flush()
        os.fdatasync(descriptor)
    result.update(rate('points_durable_per_s', commit, 100, options.seconds))
    result.update(latencies('commit', commit, options.seconds))
    file.close()
    os.close(descriptor)

    def typical(i):
        with h5py.File(f'{options.folder}/typical{i}.h5', 'w') as file:
            for key, value in PARAMS.items():
                file.attrs[key] = value
            sets = [file.create_dataset(key, (0,), maxshape=(None,), chunks=(1024,), dtype=point)
                    for key in METRICS]
            for step in range(POINTS):
                for data in sets:
                    data.resize((step + 1,))
                    data[step] = (step, 0.0, step * 0.5)
            file['log'] = LOG
    typical(0)
    result['typical_run_bytes'] = size_of(f'{options.folder}/typical0.h5')
    result.update(latencies('typical_run', typical, options.seconds, 50))
    have = sum(1 for name in os.listdir(options.folder) if name.startswith('run'))
    for i in range(have, options.runs):
        create(i)

    def list_runs():
        for name in os.listdir(options.folder):
            if name.startswith('run'):
                with h5py.File(f'{options.folder}/{name}') as file:
                    _ = file.attrs['name']
    result['list_runs_ms'] = 1000 * best_of(3, list_runs)
    return result


def sqlite_peer(options):
    import sqlite3
    path = f'{options.folder}/runs.db'
    base = sqlite3.connect(path, isolation_level=None)
    base.execute('pragma journal_mode=wal')
    base.execute('pragma synchronous=full')
    base.execute('create table runs (id integer primary key, name text, created real)')
    base.execute('create table params (run integer, key text, value text)')
    base.execute('create table points (run integer, key text, step integer, time real, value real)')
    base.execute('create table logs (run integer, text text)')
    result = {'version': sqlite3.sqlite_version, 'note': 'WAL, synchronous=full'}

    def create(i):
        base.execute('insert into runs (name, created) values (?, ?)', (f'run {i}', time.time()))
    result.update(latencies('create_run', create, options.seconds, options.runs // 2))
    insert = 'insert into points values (1, ?, ?, ?, ?)'
    base.execute('begin')
    result.update(rate('points_each_per_s',
                       lambda i: base.execute(insert, ('loss', i, 0.0, i * 0.5)), 1,
                       options.seconds))
    base.execute('commit')

    def commit(count):
        def act(_):
            base.execute('begin')
            base.executemany(insert, [('loss', k, 0.0, k * 0.5) for k in range(count)])
            base.execute('commit')
        return act
    result.update(rate('points_durable_per_s', commit(10000), 10000, options.seconds))
    result.update(latencies('commit', commit(100), options.seconds))

    def typical(i):
        base.execute('begin')
        create(i)
        run = base.execute('select max(id) from runs').fetchone()[0]
        base.executemany('insert into params values (?, ?, ?)',
                         [(run, key, value) for key, value in PARAMS.items()])
        base.execute('insert into logs values (?, ?)', (run, LOG))
        base.execute('commit')
        for step in range(POINTS):
            base.execute('begin')
            base.executemany('insert into points values (?, ?, ?, ?, ?)',
                             [(run, key, step, 0.0, step * 0.5) for key in METRICS])
            base.execute('commit')
    base.execute('pragma wal_checkpoint(truncate)')
    before = size_of(path)
    for i in range(20):
        typical(i)
    base.execute('pragma wal_checkpoint(truncate)')
    result['typical_run_bytes'] = (size_of(path) - before) / 20
    result.update(latencies('typical_run', typical, options.seconds, 50))
    have = base.execute('select count(*) from runs').fetchone()[0]
    for i in range(have, options.runs):
        create(i)
    result['list_runs_ms'] = 1000 * best_of(
        3, lambda: base.execute('select id, name, created from runs order by created desc limit ?',
                                (options.runs,)).fetchall())
    return result


def disk(options):
    """What the disk itself takes to make 4 KiB durable at the end of a file."""
    descriptor = os.open(f'{options.folder}/sync', os.O_CREAT | os.O_WRONLY, 0o600)
    page = b'x' * 4096

    def sync(_):
        os.write(descriptor, page)
        os.fdatasync(descriptor)
    result = latencies('commit', sync, options.seconds)
    result['fdatasync_per_s'] = rate('syncs', sync, 1, options.seconds)['syncs']
    os.close(descriptor)
    return result


PEERS = {'mlflow-sqlite': mlflow_sqlite, 'mlflow-file': mlflow_file, 'aim': aim_peer,
         'h5py': h5py_peer, 'sqlite3': sqlite_peer, 'disk': disk}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--peer', choices=sorted(PEERS), required=True)
    parser.add_argument('--folder', required=True)
    parser.add_argument('--runs', type=int, default=1000)
    parser.add_argument('--seconds', type=float, default=5)
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    options.folder = os.path.abspath(options.folder)
    try:
        result = PEERS[options.peer](options)
        if 'list_runs_ms' in result:
            result['runs'] = options.runs
    except Exception as error:  # a peer that does not work is named, the others go on
        result = {'error': f'{type(error).__name__}: {error}'.split('\n')[0]}
    print(json.dumps(result))
    sys.stdout.flush()
    os._exit(0)  # some peers leave threads that never end


if __name__ == '__main__':
    main()
