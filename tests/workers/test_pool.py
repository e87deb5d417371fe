"""A pool of real processes: calls, errors, deaths, and what each process sees."""

import psutil
import pytest

from mirror.workers.cluster import ClusterError
from mirror.workers.pool import Answer, Death, Pool
from tests.counting_worker import CountingWorker

pytestmark = [pytest.mark.slow, pytest.mark.proof]


@pytest.fixture(scope="module")
def pool(cluster):
    pool = Pool(cluster, CountingWorker, (10,), 2, gpus=1, threads=3)
    yield pool
    pool.close()


def test_each_worker_answers_for_itself_and_sees_its_own_gpu(pool):
    for worker in (0, 1):
        pool.call(worker, "environment")
    assert pool.under_way == 2 and not pool.is_free(0)
    with pytest.raises(RuntimeError, match="worker 1 has a call under way"):
        pool.call(1, "add", 1)
    seen = {answer.worker: answer.value for answer in (pool.next(), pool.next())}
    assert {each["CUDA_VISIBLE_DEVICES"] for each in seen.values()} == {"0", "1"}
    assert {each["OMP_NUM_THREADS"] for each in seen.values()} == {"3"}
    with pytest.raises(RuntimeError, match="no call is under way"):
        pool.next()


def test_nothing_listens_beyond_this_machine(pool):
    pool.call(0, "add", 0)
    pool.next()
    started = psutil.Process().children(recursive=True)
    titles = "\n".join(process.name() + " ".join(process.cmdline()[:1]) for process in started)
    listening = [
        connection.laddr.ip
        for process in (psutil.Process(), *started)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert all(name in titles for name in ("gcs_server", "raylet", "ray::CountingWorker")) and len(listening) >= 5
    assert {ip.removeprefix("::ffff:") for ip in listening} <= {"127.0.0.1", "::1"}


def test_an_error_comes_back_with_its_traceback_and_the_worker_lives(pool):
    pool.call(0, "add", 1)
    first = pool.next()
    pool.call(0, "fail")
    failed = pool.next()
    assert isinstance(failed, Death) and isinstance(failed.error, FileNotFoundError)
    assert failed.worker == 0 and "in fail" in failed.reason and failed.reason.endswith("no such portrait")
    pool.call(0, "add", 1)
    assert pool.next() == Answer(0, first.value + 1)


def test_a_worker_that_dies_is_replaced_by_a_new_one(pool):
    pool.call(1, "add", 5)
    pool.next()
    pool.call(1, "die")
    died = pool.next()
    assert isinstance(died, Death) and (died.worker, died.error) == (1, None) and "died" in died.reason
    pool.replace(1)
    pool.call(1, "add", 1)
    assert pool.next() == Answer(1, 11)


def test_more_workers_than_gpus_are_refused(cluster):
    with pytest.raises(ClusterError, match="workers is 3, and there are 2 GPUs, one per worker; lower workers"):
        Pool(cluster, CountingWorker, (0,), 3, gpus=1)
