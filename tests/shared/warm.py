"""Our programs as processes of their own, whose modules have been read already.

Most of what a start costs is reading modules, and the tests start hundreds of processes. Here
one process for each worker reads them once, and forks for each start: what was asked for runs in a
process with its own memory, environment, files and end, as if it had been started anew. Two small
scripts, ``mailkeep`` and ``python``, stand for it: each hands its arguments, environment, directory
and open files over, passes signals on, and ends as the fork does.

What is about a start itself, or about what is read in one, starts the real command.
"""

import atexit
import contextlib
import importlib
import marshal
import os
import pkgutil
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

MAINS = ("mailkeep_drill.standins.__main__", "mailkeep_drill.mailhost")
#: Of the sites of other houses, what can be read before there are any settings.
DJANGO = (
    *("django.core.management", "django.core.wsgi", "django.contrib.auth.hashers"),
    *("django.db.models", "django.db.migrations.executor", "django.forms", "django.http"),
    *("django.template.loader", "django.test", "django.urls", "django.views.generic"),
)
LARGEST = 8 * 1024 * 1024  # octets of arguments and environment
PATH = "/usr/bin:/bin"

_SCRIPT = """#!{python} -IS
import _signal, _socket, marshal, os, sys
to = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
to.connect({address!r})
asked = marshal.dumps(({name!r}, sys.argv[1:], dict(os.environ), os.getcwd()))
files = b"".join(n.to_bytes(4, sys.byteorder) for n in (0, 1, 2))
ours = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)
to.sendmsg([len(asked).to_bytes(4, "big")], [ours])
to.sendall(asked)
child = int.from_bytes(to.recv(4), "big")
for one in (0, 1, 2):
    os.close(one)  # they are the child's: who reads them learns that it has ended
for one in (_signal.SIGTERM, _signal.SIGINT):
    _signal.signal(one, lambda signal, _: os.kill(child, signal))
code = int.from_bytes(to.recv(4), "big", signed=True)
if code < 0:
    _signal.signal(-code, _signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@cache
def programs() -> Path:
    """The directory of the two scripts. On systems that cannot do this, that of the real ones."""
    real = Path(sys.executable).parent
    if not hasattr(os, "pidfd_open"):
        return real
    home = Path(tempfile.mkdtemp(prefix="mailkeep-warm-"))
    address = str(home / "socket")
    for name in ("mailkeep", "python"):
        script = home / name
        script.write_text(_SCRIPT.format(python=real / "python", address=address, name=name))
        script.chmod(0o755)
    ready, theirs = os.pipe()
    process = subprocess.Popen(
        [sys.executable, __file__, str(home), str(theirs)],
        stdin=subprocess.PIPE,  # its end is that of the other process
        pass_fds=(theirs,),
        env={"PATH": PATH} | {k: v for k, v in os.environ.items() if k == "PYTHONPATH"},
    )
    os.close(theirs)
    assert os.read(ready, 1) == b"."
    os.close(ready)

    def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)

    atexit.register(end)
    return home


def mailkeep() -> str:
    """Stands for the command."""
    return str(programs() / "mailkeep")


def python() -> str:
    """Stands for the interpreter: takes ``-m module``, ``-c code`` or a file."""
    return str(programs() / "python")


def _read_modules() -> None:
    import mailkeep

    for one in pkgutil.walk_packages(mailkeep.__path__, "mailkeep."):
        if not one.name.endswith("__main__") and ".migrations" not in one.name:
            importlib.import_module(one.name)
    for name in ("uvicorn.protocols.http.httptools_impl", *MAINS, *DJANGO):
        importlib.import_module(name)
    for name in MAINS:
        del sys.modules[name]  # it is to be run, with what it has read there


def _serve(home: Path) -> None:
    """Fork for whoever asks, until standard input ends."""
    children: dict[int, tuple[socket.socket, int]] = {}  # by process: who asked, and its handle
    with selectors.DefaultSelector() as waiting, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "socket"))
        listener.listen(64)
        os.write(int(sys.argv[2]), b".")
        os.close(int(sys.argv[2]))
        waiting.register(listener, selectors.EVENT_READ)
        waiting.register(0, selectors.EVENT_READ)

        def leave(child: int) -> None:
            asker, handle = children.pop(child)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            for one in (asker, handle):
                waiting.unregister(one)
            os.close(handle)
            with asker, contextlib.suppress(OSError):  # it was killed
                asker.sendall(status.to_bytes(4, "big", signed=True))

        def begin(asker: socket.socket) -> None:
            asked = _asked(asker)
            if asked is None:
                asker.close()
                return
            child = _fork(asked, [listener, asker, *(one for one, _ in children.values())])
            handle = os.pidfd_open(child)
            children[child] = asker, handle
            waiting.register(handle, selectors.EVENT_READ, child)
            waiting.register(asker, selectors.EVENT_READ, -child)
            with contextlib.suppress(OSError):
                asker.sendall(child.to_bytes(4, "big"))

        def see_off(ready: list[tuple[selectors.SelectorKey, int]]) -> None:
            for key, _ in ready:
                if key.fileobj in (listener, 0) or abs(key.data) not in children:
                    continue
                if key.data < 0:  # who asked is gone: it was killed, and so is this
                    os.kill(-key.data, signal.SIGKILL)
                leave(abs(key.data))

        while True:
            ready = waiting.select()
            see_off(ready)
            found = {key.fileobj for key, _ in ready}
            if 0 in found:
                for child in children:
                    os.kill(child, signal.SIGKILL)
                return
            if listener in found:
                asker = listener.accept()[0]
                see_off(waiting.select(0))  # what was killed before this was asked for is gone
                begin(asker)


Asked = tuple[str, list[str], dict[str, str], str, list[int]]


def _asked(asker: socket.socket) -> Asked | None:
    head, files, _, _ = socket.recv_fds(asker, 4, 3)
    if len(head) < 4 or len(files) < 3:
        return None
    length, whole = int.from_bytes(head, "big"), b""
    assert length < LARGEST
    while len(whole) < length:
        part = asker.recv(length - len(whole))
        if not part:
            return None
        whole += part
    return (*marshal.loads(whole), files)


def _fork(asked: Asked, ours: list[socket.socket]) -> int:
    name, words, environ, directory, files = asked
    child = os.fork()
    if child:
        for file in files:
            os.close(file)
        return child
    code = 1
    try:
        for one in ours:
            one.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.environ.clear()
        os.environ.update(environ)
        os.chdir(directory)
        # A shell that began the tests in the background has them, and so their forks, ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _standard_files(bool(environ.get("PYTHONUNBUFFERED")))
        code = _run(name, words)
    finally:
        os._exit(code)
    return 0


def _standard_files(at_once: bool) -> None:
    """As an interpreter makes them when it starts."""
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stdout.reconfigure(write_through=at_once)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _run(name: str, words: list[str]) -> int:
    """Run as a main program does, to its end; the code it ends with."""
    import threading
    import traceback

    code = 0
    try:
        for folder in reversed(os.environ.get("PYTHONPATH", "").split(":")):
            if folder:
                sys.path.insert(0, folder)
        _main(name, words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except KeyboardInterrupt:
        code = -signal.SIGINT
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for one in (sys.stdout, sys.stderr):
        one.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _main(name: str, words: list[str]) -> None:
    # What these start is to be warm as well.
    sys.executable = str(Path(sys.argv[1]) / "python")
    if name == "mailkeep":
        from mailkeep.cli.main import main

        sys.argv = ["mailkeep", *words]
        main()
        return
    how = words.pop(0)
    if how == "-m":
        sys.argv = words
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    elif how == "-c":
        code = words.pop(0)
        sys.argv = ["-c", *words]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = [how, *words]
        sys.path.insert(0, str(Path(how).parent))
        runpy.run_path(how, run_name="__main__")


if __name__ == "__main__":
    import gc

    sys.path.pop(0)  # the directory of this file
    _read_modules()
    gc.collect()
    gc.freeze()
    try:
        _serve(Path(sys.argv[1]))
    finally:
        shutil.rmtree(sys.argv[1])
