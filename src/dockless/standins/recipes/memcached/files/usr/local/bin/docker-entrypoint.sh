#!/bin/sh
# Arguments alone are memcached's.
set -eu
case ${1-} in
-*) set -- memcached "$@" ;;
esac
exec "$@"
