"""A Slurm cluster of two nodes on one computer, which goes when whoever started it goes.

The daemons are children of a process of their own, this module run as a script. It ends them once
its standard input closes, which happens however its parent ends.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from getpass import getuser
from importlib.util import find_spec
from pathlib import Path

# Debian puts daemons where the path of ordinary users does not lead.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
NODES = ("one", "two")
NODE = {"CPUs": 2, "RealMemory": 64000, "Gres": "gpu:1"}
START_SECONDS = 30
STOP_SECONDS = 20

# A job that is requeued waits until its credential has expired, which would take 120 s.
SLURM_CONF = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
KillWait=2
ReturnToService=1
SchedulerParameters=bf_interval=2,sched_interval=5
MinJobAge=3600
GresTypes=gpu
{nodes}
PartitionName=all Nodes=ALL Default=YES State=UP
"""
NODE_LINE = (
    "NodeName={name} NodeHostName=localhost NodeAddr=127.0.0.1 Port={port} {has} State=UNKNOWN"
)
# A GPU needs a file; this one is everywhere.
GRES_LINE = "NodeName={name} Name=gpu File=/dev/null"
# The plugin drops SLURM_CONF from the environment of srun.
SRUN = '#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {srun} "$@"\n'


def find_obstacle() -> str | None:
    """Tell why no cluster can be started here, or None."""
    missing = [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]
    if missing:
        return f"Slurm is not installed: no {', '.join(missing)}"
    if find_spec("snakemake_executor_plugin_slurm") is None:
        return "snakemake-executor-plugin-slurm is not installed"
    try:
        address = socket.gethostbyname(socket.gethostname())
    except OSError:
        return "the name of this computer has no address"
    if not address.startswith("127."):  # the daemons would listen there
        return f"the name of this computer leads to {address}, not to the loopback 127.0.0.1"
    return None


@contextmanager
def start_cluster(**settings: object) -> Iterator[dict[str, str]]:
    """Run a cluster; the variables that lead to it are what it is used by.

    ``settings`` are more lines of slurm.conf.
    """
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    _configure(folder, settings)
    variables = {
        "SLURM_CONF": str(folder / "slurm.conf"),
        "PATH": f"{folder / 'bin'}{os.pathsep}{PATH}",
    }
    keeper = subprocess.Popen(
        [sys.executable, __file__, str(folder)],
        stdin=subprocess.PIPE,
        env={**os.environ, **variables},
        start_new_session=True,  # an interrupt of the terminal is not for the daemons
    )
    try:
        _wait_until_idle(folder, variables)
        yield variables
    finally:
        keeper.stdin.close()
        keeper.wait(START_SECONDS + 2 * STOP_SECONDS)


def ask_slurm(variables: dict[str, str], *command: str) -> str:
    """Return what a command of Slurm prints, or nothing if it fails."""
    done = subprocess.run(
        command,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.stdout if done.returncode == 0 else ""


def kill_node(variables: dict[str, str], name: str) -> None:
    """Kill all that runs on a node, its daemon as well as its jobs, as when its power fails."""
    here = {f"SLURM_CONF={variables['SLURM_CONF']}", f"SLURMD_NODENAME={name}"}
    while killed := [number for number in _list_processes() if here <= _read_variables(number)]:
        for number in killed:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


def _list_processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _read_variables(number: int) -> set[str]:
    """Return the environment of a process, which is empty once it has ended."""
    try:
        return set(Path(f"/proc/{number}/environ").read_text(errors="replace").split("\0"))
    except OSError:
        return set()


def _configure(folder: Path, settings: dict[str, object]) -> None:
    """Write all that the daemons read."""
    for name in ("state", "bin", *(f"spool-{name}" for name in NODES)):
        (folder / name).mkdir()
    port, *ports = _find_ports(1 + len(NODES))
    has = " ".join(f"{name}={value}" for name, value in NODE.items())
    nodes = "\n".join(
        NODE_LINE.format(name=name, port=port, has=has)
        for name, port in zip(NODES, ports, strict=True)
    )
    config = SLURM_CONF.format(folder=folder, port=port, user=getuser(), nodes=nodes)
    config += "".join(f"{name}={value}\n" for name, value in settings.items())
    (folder / "slurm.conf").write_text(config)
    gres = "\n".join(GRES_LINE.format(name=name) for name in NODES)
    (folder / "gres.conf").write_text(f"{gres}\n")
    key = folder / "munge.key"
    key.touch(0o600)
    key.write_bytes(secrets.token_bytes(128))
    srun = folder / "bin" / "srun"
    srun.write_text(SRUN.format(folder=folder, srun=shutil.which("srun")))
    srun.chmod(0o755)


def _find_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_until_idle(folder: Path, variables: dict[str, str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while ask_slurm(variables, "sinfo", "-h", "-N", "-o", "%T").split() != ["idle"] * len(NODES):
        if time.monotonic() > deadline:
            logs = "\n".join(
                f"{path.name}:\n{path.read_text()}" for path in sorted(folder.glob("*.log"))
            )
            raise RuntimeError(f"no idle nodes after {START_SECONDS} s\n{logs}")
        time.sleep(0.2)


def _keep(folder: Path) -> None:
    """Run the daemons until standard input closes; stop their jobs and them; leave no file."""
    daemons = []
    try:
        socket_file = folder / "munge.socket"
        files = {
            "socket": socket_file,
            "key-file": folder / "munge.key",
            "pid-file": folder / "munge.pid",
            "seed-file": folder / "munge.seed",
            "log-file": folder / "munge.log",
        }
        options = [f"--{name}={path}" for name, path in files.items()]
        # By force, as others may not enter the folder.
        daemons.append(_start("munged", "--foreground", "--force", *options, folder=folder))
        deadline = time.monotonic() + START_SECONDS
        while not socket_file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        daemons.append(_start("slurmctld", "-D", folder=folder))
        for name in NODES:
            daemons.append(_start("slurmd", "-D", "-N", name, folder=folder, SLURMD_NODENAME=name))
        sys.stdin.read()
    finally:
        with suppress(subprocess.SubprocessError, OSError):
            _cancel_jobs()
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(STOP_SECONDS / 2)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _start(*command: str, folder: Path, **variables: str) -> subprocess.Popen:
    environment = {**os.environ, **variables}
    with (folder / f"{command[0]}-output.log").open("a") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment
        )


def _cancel_jobs() -> None:
    """Cancel what is queued or runs, and wait until it is gone."""
    ask_slurm({}, "scancel", "--user", getuser())
    deadline = time.monotonic() + STOP_SECONDS / 2
    while ask_slurm({}, "squeue", "-h") and time.monotonic() < deadline:
        time.sleep(0.2)


if __name__ == "__main__":
    # Whoever ends this process ends the daemons first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    _keep(Path(sys.argv[1]))
