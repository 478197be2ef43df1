#!/bin/sh
# As many workers as the container may use processors, if NGINX_ENTRYPOINT_WORKER_PROCESSES_AUTOTUNE asks for it.
set -eu
[ -n "${NGINX_ENTRYPOINT_WORKER_PROCESSES_AUTOTUNE-}" ] || exit 0
workers=$(nproc)
if read -r quota period 2>/dev/null </sys/fs/cgroup/cpu.max && [ "$quota" != max ]; then
    allowed=$(((quota + period - 1) / period))
    [ "$allowed" -ge "$workers" ] || workers=$allowed
fi
sed -i "s/^worker_processes .*;/worker_processes $workers;/" /etc/nginx/nginx.conf
