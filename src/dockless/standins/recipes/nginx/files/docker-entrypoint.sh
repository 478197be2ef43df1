#!/bin/sh
# The entrypoint of a stand-in for the official nginx image: runs what lies in /docker-entrypoint.d in the order of its
# names (*.envsh is sourced, *.sh is run), if it is nginx that starts, then becomes it.
set -e

say() {
    [ -n "${NGINX_ENTRYPOINT_QUIET_LOGS-}" ] || echo "$0: $*"
}

case ${1-} in
nginx | nginx-debug)
    for file in /docker-entrypoint.d/*; do
        case $file in
        *.envsh | *.sh)
            if [ ! -x "$file" ]; then
                say "ignoring $file, which is not executable"
            elif [ "${file%.envsh}" != "$file" ]; then
                say "sourcing $file"
                # shellcheck disable=SC1090
                . "$file"
            else
                say "running $file"
                "$file"
            fi
            ;;
        "/docker-entrypoint.d/*") ;;
        *) say "ignoring $file" ;;
        esac
    done
    say "configuration complete; ready for start up"
    ;;
esac
exec "$@"
