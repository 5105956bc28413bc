"""What deploy/start.sh starts, and how everything ends; a stand-in serves instead of Streamlit."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.browser.conftest import Site
from tests.deploy.conftest import (
    APP_ENDS,
    APP_SAYS,
    DEAF,
    FOR_EVER,
    OLLAMA_ENDS,
    OLLAMA_SAYS,
    Run,
    Write,
    process_of,
    runs,
)
from tests.ports import free_port


def children(process: int) -> list[int]:
    return [
        int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()
    ]


def until_alone(site: Site, app: int) -> None:
    """Nothing but the app is left of what the script started."""
    until = time.monotonic() + 5
    while children(site.process.pid) != [app]:
        assert time.monotonic() < until, site.log
        time.sleep(0.05)


@pytest.mark.parametrize(
    "moments",
    [["ollama asked"], ["app asked", "app ended", "ollama asked"]],
    ids=["two signals", "four signals"],
)
def test_told_again_it_ends_as_told_once(moments: list[str], run: Run, ollama: Write):
    """A late signal, whatever is ending just then, breaks off nothing and changes no exit code."""
    ollama(
        """trap 'echo "ollama asked to end"; sleep 0.4; echo "ollama ended"; exit' TERM""",
        OLLAMA_SAYS,
        FOR_EVER,
    )
    site = run()
    both = [process_of(name, site) for name in ("app", "ollama")]
    site.process.send_signal(signal.SIGTERM)
    for moment, how in zip(moments, [signal.SIGHUP, signal.SIGINT, signal.SIGTERM], strict=False):
        site.wait_for_log(moment)
        site.process.send_signal(how)
    site.process.wait(timeout=10)

    assert site.process.returncode == 0
    assert site.log.endswith("app asked to end\napp ended\nollama asked to end\nollama ended\n")
    assert not any(map(runs, both))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_stops_both_and_the_app_first(how: int, run: Run, ollama: Write):
    """Told to stop, it lets the app end its work, then ends Ollama, and says 0."""
    ollama(OLLAMA_ENDS, OLLAMA_SAYS, FOR_EVER)
    site = run()
    both = [process_of(name, site) for name in ("app", "ollama")]
    site.stop(how)

    assert site.process.returncode == 0
    assert site.log.endswith("app asked to end\napp ended\nollama ended\n")
    assert not any(map(runs, both))


def test_who_ignores_the_signal_is_killed_in_time(run: Run, ollama: Write, app: Write):
    """Docker gives ten seconds; neither the app nor Ollama nor what they began is left then,
    however often it is told."""
    ollama(DEAF, OLLAMA_SAYS, FOR_EVER)
    app(DEAF, "sh -c 'echo \"helper is process $$:\"; sleep 60' &", APP_SAYS, FOR_EVER)
    site = run()
    all_three = [process_of(name, site) for name in ("app", "ollama", "helper")]
    started = time.monotonic()
    for how in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        site.process.send_signal(how)
        time.sleep(1)
    site.stop()

    assert time.monotonic() - started < 10
    assert site.process.returncode == 128 + signal.SIGKILL
    assert not any(map(runs, all_three))


def test_a_stop_while_it_starts_is_not_lost(run: Run):
    """What comes while the settings are looked at counts as soon as there is an app."""
    site = run()
    until = time.monotonic() + 10
    while not children(site.process.pid):
        assert time.monotonic() < until
    took_s = site.stop()

    assert took_s < 5
    assert site.process.returncode == 0


def test_ollama_that_dies_comes_back(run: Run, ollama: Write):
    """It is started again, and what the dead one left running keeps no memory of the GPU."""
    ollama("sh -c 'echo \"runner is process $$:\"; sleep 60' &", OLLAMA_SAYS, FOR_EVER)
    site = run()
    app, first, runner = (process_of(name, site) for name in ("app", "ollama", "runner"))
    os.kill(first, signal.SIGKILL)
    site.wait_for_log(r"Ollama has ended and is started again in 1 s\.(.|\n)*ollama is process")

    assert process_of("ollama", site) != first
    assert not runs(runner)
    assert process_of("app", site) == app
    assert runs(app)


@pytest.mark.parametrize("code", [7, 128 + signal.SIGTERM])
def test_it_ends_as_the_app_ends(code: int, run: Run, ollama: Write, app: Write):
    """With the app's own code, and Ollama does not stay behind; only an end asked for is 0."""
    ollama(OLLAMA_ENDS, OLLAMA_SAYS, FOR_EVER)
    app("sleep 0.3", f"exit {code}")
    site = run()
    left = process_of("ollama", site)
    site.process.wait(timeout=10)

    assert site.process.returncode == code
    assert not runs(left)


def test_ollama_listens_on_loopback_with_its_models_on_the_volume(run: Run, ollama: Write):
    """Ollama has no login, and its own image tells it to listen everywhere."""
    ollama(OLLAMA_ENDS, OLLAMA_SAYS, FOR_EVER)
    port = free_port()
    site = run(OLLAMA_HOST=f"0.0.0.0:{port}")
    said = site.wait_for_log("ollama is process .*")[0].partition(": ")[2]

    assert said == f"serve on 127.0.0.1:{port}, models in {site.log_file.parent}/volume/ollama"


def test_what_ollama_is_told_wins(run: Run, ollama: Write):
    """Its own settings reach it; ours are only for those who give none."""
    ollama('echo "told $OLLAMA_MODELS $OLLAMA_NUM_PARALLEL $OLLAMA_KEEP_ALIVE"', FOR_EVER)
    site = run(OLLAMA_MODELS="/models", OLLAMA_NUM_PARALLEL="9", OLLAMA_KEEP_ALIVE="2m")

    assert site.wait_for_log("told .*")[0] == "told /models 9 2m"


def test_with_an_ollama_elsewhere_none_is_started(run: Run, ollama: Write):
    """Whoever names another machine's means that one."""
    ollama(OLLAMA_ENDS, OLLAMA_SAYS, FOR_EVER)
    site = run(OLLAMA_HOST="http://10.0.0.9:11434")
    app = process_of("app", site)

    assert children(site.process.pid) == [app]


def test_without_ollama_it_says_so_and_runs(run: Run):
    """In one line: an installer that failed is seen here, and nothing else is wrong."""
    site = run()
    app = process_of("app", site)
    site.wait_for_log(r"(?m)^No ollama in PATH: the app runs without one\.$")
    until_alone(site, app)
    site.stop()

    assert site.process.returncode == 0


def test_an_ollama_that_runs_already_is_used(run: Run, ollama: Write):
    """Ollama's installer may have set up a service: a second one could not listen there."""
    ollama(OLLAMA_ENDS, OLLAMA_SAYS, FOR_EVER)
    with socket.create_server(("127.0.0.1", 0)) as other:
        host = f"127.0.0.1:{other.getsockname()[1]}"
        site = run(OLLAMA_HOST=f"http://{host}")
        app = process_of("app", site)
        site.wait_for_log("Ollama answers .*")
        until_alone(site, app)
        site.stop()

    assert f"Ollama answers at {host} already: the app uses that one.\n" in site.log
    assert "ollama is process" not in site.log
    assert site.process.returncode == 0


def test_the_app_is_served_as_make_run_does(run: Run):
    """With the flags that come of the settings."""
    site = run(HOST="127.0.0.1", MAX_UPLOAD_MB="7")
    flags = site.wait_for_log(r"app is process \d+: (.*)")[1]
    port = site.url.rpartition(":")[2]

    assert flags == (
        f"run app.py --server.address 127.0.0.1 --server.port {port} --server.maxUploadSize 7"
    )


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("PORT", "x", "PORT: «x» is not accepted; give a port from 1 to 65535."),
        ("DATA_DIR", "/proc/no", "DATA_DIR: «/proc/no»: No such file or directory; give a folder "
         "this user may write to."),
    ],
)  # fmt: skip
def test_a_wrong_setting_stops_it(name: str, value: str, line: str, run: Run, ollama: Write):
    """With that one line, before anything is started."""
    ollama(OLLAMA_ENDS, OLLAMA_SAYS, FOR_EVER)
    site = run(**{name: value})
    site.process.wait(timeout=10)

    assert site.process.returncode == 1
    assert site.log == f"{line}\n"


def test_without_an_installation_it_says_what_to_do(run: Run, root: Path):
    (root / ".venv/bin/python").unlink()
    site = run()
    site.process.wait(timeout=10)

    assert site.process.returncode == 1
    assert site.log == "Nothing is installed here yet: run «make install».\n"


def test_orphans_are_reaped(run: Run, app: Write):
    """As process 1 it inherits what others leave; a table of dead processes must not fill up."""
    app("(sh -c 'echo \"orphan is process $$:\"; exec sleep 60' &)", APP_ENDS, APP_SAYS, FOR_EVER)
    site = run()
    orphan = process_of("orphan", site)
    process_of("app", site)
    adopted = orphan in children(site.process.pid)
    os.kill(orphan, signal.SIGKILL)
    until = time.monotonic() + 5
    while Path(f"/proc/{orphan}").exists():
        assert time.monotonic() < until, "it stays a zombie"
        time.sleep(0.05)

    assert adopted
