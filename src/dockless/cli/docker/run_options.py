"""The flags of `docker run` and `docker create`, with their help; what they ask for is `request.py`'s."""

from typing import Any

from dockless.cli.flags import Flag, flag

RUN_ALONE: tuple[Flag, ...] = (
    flag("-d", "--detach", is_flag=True, help="Run container in background and print container ID"),
    flag("--detach-keys", default="", help="Override the key sequence for detaching a container"),
    flag("--sig-proxy/--no-sig-proxy", default=True, help="Proxy received signals to the process"),
)
SHARED: tuple[Flag, ...] = (
    flag("--add-host", multiple=True, help="Add a custom host-to-IP mapping (host:ip)"),
    flag("--annotation", multiple=True, help="Add an annotation to the container"),
    flag("-a", "--attach", multiple=True, help="Attach to STDIN, STDOUT or STDERR"),
    flag("--blkio-weight", type=int, default=0, help="Block IO (relative weight), between 10 and 1000, or 0"),
    flag("--blkio-weight-device", multiple=True, help="Block IO weight (relative device weight)"),
    flag("--cap-add", multiple=True, help="Add Linux capabilities"),
    flag("--cap-drop", multiple=True, help="Drop Linux capabilities"),
    flag("--cgroup-parent", default="", help="Optional parent cgroup for the container"),
    flag("--cgroupns", default="", help="Cgroup namespace to use (host|private)"),
    flag("--cidfile", default="", help="Write the container ID to the file"),
    flag("-c", "--cpu-shares", type=int, default=0, help="CPU shares (relative weight)"),
    flag("--cpu-period", type=int, default=0, help="Limit CPU CFS period in microseconds"),
    flag("--cpu-quota", type=int, default=0, help="Limit CPU CFS quota in microseconds"),
    flag("--cpu-rt-period", type=int, default=0, help="Limit CPU real-time period in microseconds"),
    flag("--cpu-rt-runtime", type=int, default=0, help="Limit CPU real-time runtime in microseconds"),
    flag("--cpus", type=float, default=0.0, help="Number of CPUs"),
    flag("--cpuset-cpus", default="", help="CPUs in which to allow execution (0-3, 0,1)"),
    flag("--cpuset-mems", default="", help="MEMs in which to allow execution (0-3, 0,1)"),
    flag("--device", multiple=True, help="Add a host device to the container"),
    flag("--device-cgroup-rule", multiple=True, help="Add a rule to the cgroup allowed devices list"),
    flag("--device-read-bps", multiple=True, help="Limit read rate (bytes per second) from a device"),
    flag("--device-read-iops", multiple=True, help="Limit read rate (IO per second) from a device"),
    flag("--device-write-bps", multiple=True, help="Limit write rate (bytes per second) to a device"),
    flag("--device-write-iops", multiple=True, help="Limit write rate (IO per second) to a device"),
    flag("--disable-content-trust/--no-disable-content-trust", default=True, hidden=True),
    flag("--dns", multiple=True, help="Set custom DNS servers"),
    flag("--dns-option", multiple=True, help="Set DNS options"),
    flag("--dns-search", multiple=True, help="Set custom DNS search domains"),
    flag("--domainname", default="", help="Container NIS domain name"),
    flag("--entrypoint", default=None, help="Overwrite the default ENTRYPOINT of the image"),
    flag("-e", "--env", multiple=True, metavar="KEY=VALUE", help="Set environment variables"),
    flag("--env-file", multiple=True, metavar="FILE", help="Read in a file of environment variables"),
    flag("--expose", multiple=True, help="Expose a port or a range of ports"),
    flag("--gpus", default="", help="GPU devices to add to the container ('all' to pass all GPUs)"),
    flag("--group-add", multiple=True, help="Add additional groups to join"),
    flag("--health-cmd", default="", help="Command to run to check health"),
    flag("--health-interval", default="", help="Time between running the check (ms|s|m|h)"),
    flag("--health-retries", type=int, default=0, help="Consecutive failures needed to report unhealthy"),
    flag("--health-start-interval", default="", help="Time between checks during the start period"),
    flag("--health-start-period", default="", help="Start period before retries count (ms|s|m|h)"),
    flag("--health-timeout", default="", help="Maximum time to allow one check to run (ms|s|m|h)"),
    flag("-h", "--hostname", default="", help="Container host name"),
    flag("--init", is_flag=True, help="Run an init that forwards signals and reaps processes"),
    flag("-i", "--interactive", is_flag=True, help="Keep STDIN open even if not attached"),
    flag("--ip", default="", help="IPv4 address (e.g. 172.30.100.104)"),
    flag("--ip6", default="", help="IPv6 address (e.g. 2001:db8::33)"),
    flag("--ipc", default="", help="IPC mode to use"),
    flag("--isolation", default="", help="Container isolation technology (default)"),
    flag("-l", "--label", multiple=True, help="Set meta data on a container"),
    flag("--label-file", multiple=True, help="Read in a line delimited file of labels"),
    flag("--link", multiple=True, help="Add link to another container"),
    flag("--link-local-ip", multiple=True, help="Container IPv4/IPv6 link-local addresses"),
    flag("--log-driver", default="", help="Logging driver for the container"),
    flag("--log-opt", multiple=True, help="Log driver options"),
    flag("--mac-address", default="", help="Container MAC address"),
    flag("-m", "--memory", default="", help="Memory limit"),
    flag("--memory-reservation", default="", help="Memory soft limit"),
    flag("--memory-swap", default="", help="Swap limit equal to memory plus swap: '-1' for unlimited swap"),
    flag("--memory-swappiness", type=int, default=-1, help="Tune container memory swappiness (0 to 100)"),
    flag("--mount", multiple=True, help="Attach a filesystem mount to the container"),
    flag("--name", default="", help="Assign a name to the container"),
    flag("--network", "--net", "network", multiple=True, help="Connect a container to a network"),
    flag("--network-alias", "--net-alias", "network_alias", multiple=True, help="Add network-scoped alias"),
    flag("--no-healthcheck", is_flag=True, help="Disable any container-specified HEALTHCHECK"),
    flag("--oom-kill-disable", is_flag=True, help="Disable OOM Killer"),
    flag("--oom-score-adj", type=int, default=0, help="Tune host's OOM preferences (-1000 to 1000)"),
    flag("--pid", default="", help="PID namespace to use"),
    flag("--pids-limit", type=int, default=0, help="Tune container pids limit (set -1 for unlimited)"),
    flag("--platform", default="", help="Set platform if the engine is multi-platform capable"),
    flag("--privileged", is_flag=True, help="Give extended privileges to this container"),
    flag("-p", "--publish", multiple=True, help="Publish a container's port(s) to the host"),
    flag("-P", "--publish-all", is_flag=True, help="Publish all exposed ports to random ports"),
    flag("--pull", type=("always", "missing", "never"), default="missing"),
    flag("-q", "--quiet", is_flag=True, help="Suppress the pull output"),
    flag("--read-only", is_flag=True, help="Mount the container's root filesystem as read only"),
    flag("--restart", default="", help="Restart policy to apply when a container exits"),
    flag("--rm", "remove", is_flag=True, help="Automatically remove the container when it exits"),
    flag("--runtime", default="", help="Runtime to use for this container"),
    flag("--security-opt", multiple=True, help="Security Options"),
    flag("--shm-size", default="", help="Size of /dev/shm"),
    flag("--stop-signal", default="", help="Signal to stop the container"),
    flag("--stop-timeout", type=int, default=None, help="Timeout (in seconds) to stop a container"),
    flag("--storage-opt", multiple=True, help="Storage driver options for the container"),
    flag("--sysctl", multiple=True, help="Sysctl options"),
    flag("--tmpfs", multiple=True, help="Mount a tmpfs directory"),
    flag("-t", "--tty", is_flag=True, help="Allocate a pseudo-TTY"),
    flag("--ulimit", multiple=True, help="Ulimit options"),
    flag("-u", "--user", default="", help="Username or UID (format: <name|uid>[:<group|gid>])"),
    flag("--use-api-socket", is_flag=True, help="Bind mount Docker API socket and required auth"),
    flag("--userns", default="", help="User namespace to use"),
    flag("--uts", default="", help="UTS namespace to use"),
    flag("-v", "--volume", multiple=True, help="Bind mount a volume"),
    flag("--volume-driver", default="", help="Optional volume driver for the container"),
    flag("--volumes-from", multiple=True, help="Mount volumes from the specified container(s)"),
    flag("-w", "--workdir", default="", help="Working directory inside the container"),
    flag(
        "--stand-ins/--no-stand-ins",
        "stand_ins",
        default=None,
        help="Whether a stand-in may be made for an image that cannot be pulled",
    ),
)


def container_options(command: Any) -> Any:
    """Puts the shared ones on a command of click's, and the image and the command behind them."""
    import click

    command = click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND] [ARG...]")(command)
    return _put(SHARED, click.argument("image")(command))


def run_options(command: Any) -> Any:
    """Puts those on a command that only `run` has."""
    return _put(RUN_ALONE, command)


def _put(flags: tuple[Flag, ...], command: Any) -> Any:
    for one in reversed(flags):
        command = one.option()(command)
    return command
