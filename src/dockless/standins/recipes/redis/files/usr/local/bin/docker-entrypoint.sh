#!/bin/sh
# The entrypoint of stand-ins for the official Redis and Valkey images: arguments alone are the server's, its data
# belongs to it, and it does not run as root. It serves other hosts without a password, unless its configuration says
# otherwise: the official images are built so, which Debian's packages are not.
set -eu
for name in redis valkey; do
    ! command -v "$name-server" >/dev/null || break
done

# Whether the arguments, or the configuration file that they begin with, speak of the protected mode.
says_protected_mode() {
    for argument; do
        [ "$argument" != --protected-mode ] || return 0
    done
    [ -f "${1-}" ] && grep -qiE '^[[:space:]]*(protected-mode|include)[[:space:]]' "$1"
}

case ${1-} in
-* | *.conf) set -- "$name-server" "$@" ;;
esac
if [ "${1-}" = "$name-server" ]; then
    if [ "$(id -u)" = 0 ]; then
        find . ! -user "$name" -exec chown "$name" '{}' +
        exec gosu "$name" "$0" "$@"
    fi
    [ "$(umask)" != 0022 ] || umask 0077
    shift
    case ${1-} in
    -v | --version | -h | --help | --test-memory | --check-system) ;;
    *) says_protected_mode "$@" || set -- "$@" --protected-mode no ;;
    esac
    # Words of its own, that may hold several options.
    # shellcheck disable=SC2086
    if [ "$name" = valkey ]; then
        exec valkey-server "$@" ${VALKEY_EXTRA_FLAGS-}
    fi
    exec redis-server "$@"
fi
exec "$@"
