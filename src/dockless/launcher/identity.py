"""The last steps before a container's program: limits, user, capabilities, seccomp, and `execve`.

Runs in the child, inside the container's root. The order is the kernel's demand: a filter without no_new_privs wants
CAP_SYS_ADMIN, so it comes before the capabilities go; the bounding set wants CAP_SETPCAP, so it comes before the user.
"""

import ctypes
import errno
import os
import resource
import signal
import stat

from dockless.launcher.failure import Failure
from dockless.linux import capabilities, prctl, seccomp
from dockless.linux.syscalls import fail, invoke, libc, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from dockless.launcher.spec import Process

_AT_EMPTY_PATH = 0x1000
_LOCKS = 10  # RLIMIT_LOCKS, which the standard library leaves out
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


def set_limits(process: "Process") -> None:
    """Resource limits and the badness for the OOM killer; needs the host's /proc and privilege. Raises Failure."""
    for limit in process.get("rlimits", ()):
        kind = limit["type"]
        try:
            which = _LOCKS if kind == "RLIMIT_LOCKS" else getattr(resource, kind)
            resource.setrlimit(which, (limit["soft"], limit["hard"]))
        except AttributeError:
            raise Failure("rlimit", kind, errno.EINVAL, f"invalid rlimit type: {kind}") from None
        except (OSError, ValueError) as error:
            raise Failure("rlimit", kind, errno.EPERM, f"error setting rlimit type {kind}: {error}") from None
    score = process.get("oomScoreAdj")
    if score is None:
        return
    try:
        file = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(file, str(score).encode())
        finally:
            os.close(file)
    except PermissionError:
        # Without privilege the badness can only be raised: Docker without root goes on too.
        return


def become_and_execute(
    process: "Process", program: bytes | None, flags: "Sequence[str]", init: int | None, ready: "Callable[[], None]"
) -> "NoReturn":
    """Never returns. `program` is the seccomp filter; `init` the descriptor of an init that runs the process as its
    child; `ready` is called last before `execve`. Raises Failure."""
    user = process.get("user", {})
    cwd = process.get("cwd") or "/"
    entered = _change_folder(cwd, privileged=True)
    path = find_executable(process["args"][0], search_path(process.get("env", ())))
    _own_output(user.get("uid", 0))
    no_new_privileges = process.get("noNewPrivileges", False)
    try:
        if no_new_privileges:
            prctl.prctl(prctl.PR_SET_NO_NEW_PRIVS, 1)
        elif program is not None:
            seccomp.load(program, flags)
    except OSError as error:
        raise Failure.of("seccomp", error, None) from None
    _change_user(process)
    if not entered:
        _change_folder(cwd, privileged=False)
    if no_new_privileges and program is not None:
        try:
            seccomp.load(program, flags)
        except OSError as error:
            raise Failure.of("seccomp", error, None) from None
    os.umask(user.get("umask", 0o022))
    for ignored in _IGNORED_BY_PYTHON:
        signal.signal(ignored, signal.SIG_DFL)
    ready()
    args = process["args"]
    if init is not None:
        _execute(init, "", ["init", path, *args], process.get("env", ()))
    _execute(None, path, args, process.get("env", ()))


def search_path(env: "Sequence[str]") -> str:
    """The container's own PATH; the last one counts."""
    found = [entry[5:] for entry in env if entry.startswith("PATH=")]
    return found[-1] if found else "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find_executable(name: str, path: str) -> str:
    """As Go's `exec.LookPath`, whose words Docker's users know. Raises Failure."""
    if "/" in name:
        try:
            found = os.stat(name)
        except OSError as error:
            words = f'exec: "{name}": stat {name}: {(error.strerror or "").lower()}'
            raise Failure("exec", name, error.errno or 0, words) from None
        if stat.S_ISDIR(found.st_mode):
            raise Failure("exec", name, errno.EISDIR, f'exec: "{name}": is a directory')
        if not found.st_mode & 0o111:
            raise Failure("exec", name, errno.EACCES, f'exec: "{name}": permission denied')
        return name
    for folder in path.split(":"):
        candidate = f"{folder}/{name}"
        if name and folder.startswith("/") and _is_executable(candidate):
            return candidate
    raise Failure("exec", name, errno.ENOENT, f'exec: "{name}": executable file not found in $PATH')


def _is_executable(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        # Missing, a loop of links, a folder that is none: then it is not here.
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o111)


def _change_folder(path: str, *, privileged: bool) -> bool:
    try:
        os.chdir(path)
    except PermissionError as error:
        if privileged:
            # The user may be let in where root without capabilities over it is not (a network folder, FUSE).
            return False
        raise Failure.of("chdir", error, path, _chdir_words(path, error)) from None
    except OSError as error:
        raise Failure.of("chdir", error, path, _chdir_words(path, error)) from None
    return True


def _chdir_words(path: str, error: OSError) -> str:
    return f'chdir to cwd ("{path}") set in config.json failed: {(error.strerror or "").lower()}'


def _own_output(uid: int) -> None:
    """Pipes and terminals become the user's, so that /dev/stdout can be opened by name."""
    for descriptor in (0, 1, 2):
        found = os.fstat(descriptor)
        if found.st_uid == uid or not (stat.S_ISFIFO(found.st_mode) or os.isatty(descriptor)):
            continue
        try:
            os.fchown(descriptor, uid, -1)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EINVAL, errno.EROFS):
                raise Failure.of("stdio", error, None) from None


def _change_user(process: "Process") -> None:
    user, sets = process.get("user", {}), process.get("capabilities", {})
    uid, gid = user.get("uid", 0), user.get("gid", 0)
    # Of what was asked, what we have: a host may have kept some from its own root.
    available = capabilities.get_capabilities()[1]
    permitted = capabilities.mask(sets.get("permitted", ())) & available
    effective = capabilities.mask(sets.get("effective", ())) & available
    inheritable = capabilities.mask(sets.get("inheritable", ()))
    ambient = capabilities.mask(sets.get("ambient", ())) & permitted & inheritable
    try:
        capabilities.drop_bounding(capabilities.mask(sets.get("bounding", ())))
        prctl.prctl(prctl.PR_SET_KEEPCAPS, 1)
        try:
            os.setgroups(user.get("additionalGids", [gid]))
        except PermissionError:
            if _setgroups_allowed():
                raise
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        prctl.prctl(prctl.PR_SET_KEEPCAPS, 0)
        # Inheritable ones would otherwise be cut by the permitted set that is left here.
        capabilities.set_capabilities(effective, permitted, inheritable)
        capabilities.raise_ambient(ambient)
    except OSError as error:
        raise Failure.of("user", error, None, f"unable to setup user {uid}:{gid}: {error}") from None


def _setgroups_allowed() -> bool:
    """A user namespace with one id has `deny` here: then the groups stay what they are."""
    try:
        file = os.open("/proc/self/setgroups", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        return os.read(file, 16).strip() != b"deny"
    finally:
        os.close(file)


def _execute(descriptor: int | None, path: str, args: "Sequence[str]", env: "Sequence[str]") -> "NoReturn":
    """execve(2) as it is: the environment keeps its order and its doubles, as in Docker."""
    argv, envp = _strings(args), _strings(env)
    name = ctypes.c_char_p(os.fsencode(path))
    try:
        if descriptor is None:
            libc.execve(name, argv, envp)
            fail(path)
        invoke("init", number("execveat"), descriptor, name, argv, envp, _AT_EMPTY_PATH)
    except OSError as error:
        raise Failure.of("exec", error, path, f"exec {path}: {(error.strerror or '').lower()}") from None
    raise AssertionError("execve returned")


def _strings(values: "Sequence[str]") -> "ctypes.Array[ctypes.c_char_p]":
    encoded = [os.fsencode(value) for value in values]
    return (ctypes.c_char_p * (len(encoded) + 1))(*encoded, None)
