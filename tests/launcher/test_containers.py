"""What a container finds when it starts, and how it ends. Real containers; root only."""

import asyncio
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from launcher_lab import Lab, Play, close

from dockless.launcher.client import LaunchError
from dockless.launcher.defaults import device
from dockless.launcher.spec import Mount, Rlimit
from dockless.launcher.users import User


def can_be_opened(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def fields(text: str) -> dict[str, str]:
    return {line.split(":")[0]: line.partition(":")[2].strip() for line in text.splitlines() if ":" in line}


def test_a_container_has_dockers_capabilities_and_filter(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        found = fields((await lab.shell("cat /proc/self/status")).output)
        assert found["CapEff"] == found["CapPrm"] == found["CapBnd"] == "00000000a80425fb"
        assert found["CapInh"] == found["CapAmb"] == "0000000000000000"
        assert found["Seccomp"] == "2"
        assert found["NoNewPrivs"] == "0"
        assert (await lab.shell("unshare -m true")).status.code != 0

    lab(scenario)


def test_a_container_is_alone_in_its_namespaces(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        result = await lab.shell(
            "echo $$; hostname; ls /sys/class/net; cat /proc/self/cgroup;for x in /proc/self/ns/*; do readlink $x; done"
        )
        lines = result.output.splitlines()
        assert lines[0] == "1"
        assert lines[1].startswith("c1-")
        assert "lo" in lines and "eth0" not in lines
        assert "0::/" in lines
        assert sum(line.startswith("pid:[") for line in lines) == 2
        ours = {os.readlink(f"/proc/self/ns/{kind}") for kind in ("pid", "mnt", "ipc", "uts", "net", "cgroup")}
        assert not ours & set(lines)

    lab(scenario)


def test_the_usual_mounts_and_devices_are_there(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        result = await lab.shell("cat /proc/mounts; ls -l /dev; head -c 4 /dev/urandom >/dev/null && echo written")
        mounts = {line.split()[1]: line.split() for line in result.output.splitlines() if line.count(" ") == 5}
        assert mounts["/"][2] == "overlay"
        assert [mounts[path][2] for path in ("/proc", "/dev", "/dev/pts", "/sys", "/dev/mqueue", "/dev/shm")] == [
            *("proc", "tmpfs", "devpts", "sysfs", "mqueue", "tmpfs"),
        ]
        assert mounts["/sys"][3].startswith("ro,")
        assert mounts["/proc/sys"][3].startswith("ro,")
        assert "/sys/fs/cgroup" in mounts
        assert "ptmx -> pts/ptmx" in result.output and "stdout -> /proc/self/fd/1" in result.output
        assert "written" in result.output

    lab(scenario)


def test_secrets_of_the_kernel_are_hidden(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        result = await lab.shell("wc -c </proc/keys; ls /sys/firmware | wc -l; echo x >/proc/sys/kernel/hostname")
        assert result.output.split() == ["0", "0"]
        assert "Read-only file system" in result.errors

    lab(scenario)


def test_a_device_that_was_not_given_cannot_be_opened(lab: Play) -> None:
    found = next((path for path in ("/dev/loop0", "/dev/fuse", "/dev/kmsg") if can_be_opened(path)), None)
    if found is None:
        pytest.skip("none of the devices that this test tries can be opened on this machine")
    status = os.stat(found)
    kind = "b" if stat.S_ISBLK(status.st_mode) else "c"

    async def scenario(lab: Lab) -> None:
        node = f"mknod /node {kind} {os.major(status.st_rdev)} {os.minor(status.st_rdev)}"
        result = await lab.shell(f"{node}; true </node; mknod /n c 1 3; echo x >/n && echo ok")
        assert "can't open /node: Operation not permitted" in result.errors
        assert result.output == "ok\n"
        given = await lab.shell(f"true <{found} && echo ok", devices=device(found))
        assert given.output == "ok\n"
        privileged = await lab.shell(f"true <{found} && echo ok", privileged=True)
        assert privileged.output == "ok\n"

    lab(scenario)


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$; sleep 9", 137)])
def test_the_exit_status_is_dockers(lab: Play, script: str, code: int) -> None:
    async def scenario(lab: Lab) -> None:
        # A pid 1 does not die of its own signals: the second shell does.
        result = await lab.shell(f"sh -c '{script}'; exit $?")
        assert result.status.code == code

    lab(scenario)


def test_a_signal_gives_128_and_its_number(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sleep", "60"])
        status = await lab.kill(started)
        assert (status.code, status.signal, status.oom_killed) == (137, signal.SIGKILL, False)

    lab(scenario)


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [
        ("/bin/missing", 127, 'exec: "/bin/missing": stat /bin/missing: no such file or directory'),
        ("missing", 127, 'exec: "missing": executable file not found in $PATH'),
        ("/bin/not-executable", 126, 'exec: "/bin/not-executable": permission denied'),
        ("/etc", 126, 'exec: "/etc": is a directory'),
        ("/bin/no-interpreter", 127, "exec /bin/no-interpreter: no such file or directory"),
        ("/bin/no-format", 126, "exec /bin/no-format: exec format error"),
    ],
)
def test_a_program_that_cannot_be_run_is_told_in_dockers_words(lab: Play, program: str, code: int, words: str) -> None:
    async def scenario(lab: Lab) -> None:
        with pytest.raises(LaunchError) as caught:
            await lab.start([program])
        assert (caught.value.message, caught.value.exit_status, caught.value.step) == (words, code, "exec")
        assert await lab.launcher.list() == []

    lab(scenario)


def test_the_program_is_looked_for_in_the_containers_own_path(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        result = await lab.run(["sh", "-c", "echo $PATH"], env=["PATH=/nowhere:/bin"])
        assert result.output == "/nowhere:/bin\n"

    lab(scenario)


def test_bind_mounts_read_and_write_folders_and_files(lab: Play, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("from the host\n")
    mounts = [
        Mount(destination="/made/for/it", source=str(tmp_path / "folder"), type="bind", options=["rbind", "rw"]),
        Mount(destination="/etc/one-file", source=str(tmp_path / "file"), type="bind", options=["rbind", "ro"]),
    ]

    async def scenario(lab: Lab) -> None:
        result = await lab.shell("cat /etc/one-file; echo hi >/made/for/it/x; echo no >/etc/one-file", mounts=mounts)
        assert result.output == "from the host\n"
        assert "Read-only file system" in result.errors

    lab(scenario)
    assert (tmp_path / "folder/x").read_text() == "hi\n"
    assert (tmp_path / "file").read_text() == "from the host\n"


def test_a_missing_bind_source_is_named(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        with pytest.raises(LaunchError, match='error mounting "/no/such/source" to rootfs at "/x"') as caught:
            await lab.start(["true"], mounts=[Mount(destination="/x", source="/no/such/source", options=["rbind"])])
        assert caught.value.step == "mount"

    lab(scenario)


def test_links_of_the_image_lead_mounts_inside_the_root_only(lab: Play, tmp_path: Path) -> None:
    (tmp_path / "seen").write_text("")
    mounts = [
        Mount(destination="/escape", source=str(tmp_path), type="bind", options=["rbind"]),
        Mount(destination="/etc/shared", source=str(tmp_path), type="bind", options=["rbind"]),
        Mount(destination="/../../above", source=str(tmp_path), type="bind", options=["rbind"]),
    ]

    async def scenario(lab: Lab) -> None:
        result = await lab.shell("ls /tmp/dockless-escaped /srv/made/here /above", mounts=mounts)
        assert result.output.count("seen") == 3

    lab(scenario)
    assert not Path("/tmp/dockless-escaped").exists()


def test_tmpfs_takes_its_size_and_mode(lab: Play) -> None:
    mounts = [
        Mount(destination="/scratch", type="tmpfs", source="tmpfs", options=["size=65536", "mode=1777", "noexec"])
    ]

    async def scenario(lab: Lab) -> None:
        result = await lab.shell("stat -c %a /scratch; grep /scratch /proc/mounts", mounts=mounts)
        assert result.output.startswith("1777\n")
        assert "size=64k" in result.output and "noexec" in result.output

    lab(scenario)


def test_a_read_only_root_still_has_its_mounts_and_working_folder(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        result = await lab.shell("pwd; touch /x; touch /dev/shm/y && echo ok", readonly_root=True, cwd="/new/place")
        assert result.output == "/new/place\nok\n"
        assert "Read-only file system" in result.errors

    lab(scenario)


def test_the_user_groups_and_limits_are_what_was_asked(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        result = await lab.shell(
            "id -u; id -g; id -G; ulimit -n; cat /proc/self/oom_score_adj; umask; echo $HOME;"
            "grep -E 'CapEff|NoNew' /proc/self/status",
            user=User(1000, 1001, (1001, 5, 6), "/home/web"),
            rlimits=[Rlimit(type="RLIMIT_NOFILE", soft=100, hard=200)],
            oom_score_adj=321,
            no_new_privileges=True,
        )
        lines = result.output.splitlines()
        assert lines[:7] == ["1000", "1001", "1001 5 6", "100", "321", "0022", "/home/web"]
        assert [line.split()[1] for line in lines[7:]] == ["0000000000000000", "1"]

    lab(scenario)


def test_an_unprivileged_user_may_open_its_output_by_name(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        result = await lab.shell("echo out >/dev/stdout; echo err >/dev/stderr", user=User(1000, 1000, (1000,), "/"))
        assert (result.output, result.errors) == ("out\n", "err\n")

    lab(scenario)


def test_capabilities_are_added_and_dropped(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        result = await lab.shell("grep CapEff /proc/self/status", cap_drop=["ALL"], cap_add=["net_admin", "CAP_CHOWN"])
        assert int(result.output.split()[1], 16) == 1 << 12 | 1
        assert (await lab.shell("ip addr add 10.99.0.1/32 dev lo", cap_add=["NET_ADMIN"])).status.code == 0

    lab(scenario)


def test_sysctls_of_the_containers_namespaces_are_set(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        options = {"sysctls": {"net.ipv4.ip_forward": "1", "kernel.msgmax": "12345"}}
        names = "net/ipv4/ip_forward kernel/msgmax net/ipv4/ip_unprivileged_port_start"
        result = await lab.shell(f"cd /proc/sys; cat {names}", **options)
        assert result.output.split() == ["1", "12345", "0"]
        with pytest.raises(LaunchError, match=r"write sysctl key net\.no\.such"):
            await lab.start(["true"], sysctls={"net.no.such": "1"})

    lab(scenario)


def test_a_privileged_container_has_everything(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        result = await lab.shell(
            "grep -E 'CapEff|Seccomp:' /proc/self/status; mount -t tmpfs x /tmp && echo ok", privileged=True
        )
        found = fields(result.output)
        assert found["Seccomp"] == "0"
        assert int(found["CapEff"], 16) & 1 << 21
        assert "ok" in result.output

    lab(scenario)


def test_an_init_reaps_and_forwards(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        script = "(sleep 0.02 &) ; echo $$ $(cat /proc/1/comm); sleep 0.1; pidof sleep | wc -w; exit 5"
        result = await lab.shell(script, init=True)
        assert result.output.split() == ["2", "memfd:init", "0"]
        assert result.status.code == 5
        started = await lab.start(
            ["sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done"], init=True
        )
        assert started.stdout is not None
        assert await asyncio.to_thread(os.read, started.stdout.read, 100) == b"ready\n"
        signal.pidfd_send_signal(started.pidfd, signal.SIGTERM)
        assert (await lab.exited(started.id)).code == 9
        await lab.forget(started)

    lab(scenario)


def test_a_terminal_is_the_containers_own(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        script = "tty; stty size; test -c /dev/console && echo console; read line; echo got $line >/dev/tty"
        started = await lab.start(["sh", "-c", script], terminal=True, console_size=(40, 132))
        assert started.terminal is not None and started.stdout is None
        os.write(started.terminal.read, b"typed\n")
        text = ""
        while "got typed" not in text:
            text += (await asyncio.to_thread(os.read, started.terminal.read, 4096)).decode()
        assert "/dev/pts/0" in text and "40 132" in text and "console" in text
        assert (await lab.exited(started.id)).code == 0
        await lab.forget(started)

    lab(scenario)


def test_stdin_ends_when_both_ends_are_closed(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["cat"], stdin=True)
        assert started.stdin is not None and started.stdout is not None
        os.write(started.stdin, b"through")
        await lab.launcher.close_stdin(started.id)
        os.close(started.stdin)
        assert await asyncio.to_thread(os.read, started.stdout.read, 100) == b"through"
        assert (await lab.exited(started.id)).code == 0
        await lab.launcher.forget(started.id)
        close_without_stdin(started)

    lab(scenario)


def close_without_stdin(started: Any) -> None:
    from dataclasses import replace

    close(replace(started, stdin=None))


def test_all_processes_die_with_the_first_one(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        started = await lab.start(["sh", "-c", "sleep 60 & sleep 60 & echo up; wait"])
        assert started.stdout is not None
        assert await asyncio.to_thread(os.read, started.stdout.read, 100) == b"up\n"
        status = await lab.kill(started)
        assert status.code == 137
        # The pipes' last writers are gone with the namespace; the cgroup is gone, as the fixture checks.

    lab(scenario)


def test_memory_beyond_the_limit_is_told_as_out_of_memory(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        limit = 16 * 1024 * 1024
        started = await lab.start(["sh", "-c", "tail /dev/zero"], resources={"memory": {"limit": limit, "swap": limit}})
        if started.warnings:
            await lab.kill(started)
            pytest.skip(f"no memory controller here: {started.warnings}")
        result = await lab.finish(started)
        assert result.status.oom_killed
        assert result.status.code == 137

    lab(scenario)


def test_a_limit_of_processes_holds(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        script = "i=0; while [ $i -lt 20 ]; do sleep 1 & i=$((i+1)); done; wait"
        started = await lab.start(["sh", "-c", script], resources={"pids": {"limit": 5}})
        if started.warnings:
            await lab.kill(started)
            pytest.skip(f"no pids controller here: {started.warnings}")
        result = await lab.finish(started)
        assert "Resource temporarily unavailable" in result.errors

    lab(scenario)


def test_thirty_containers_live_at_the_same_time(lab: Play) -> None:
    async def scenario(lab: Lab) -> None:
        everyone = await asyncio.gather(*(lab.start(["sleep", "60"]) for _ in range(30)))
        assert all(os.path.exists(f"/proc/{started.pid}") for started in everyone)
        assert {status.code for status in await asyncio.gather(*(lab.kill(started) for started in everyone))} == {137}

    lab(scenario)
