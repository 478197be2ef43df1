#!/bin/sh
# What is no command, and what begins with a dash, is node's; as in the official image.
set -e
if [ "${1#-}" != "${1-}" ] || [ -z "$(command -v "${1-}")" ] || { [ -f "${1-}" ] && ! [ -x "${1-}" ]; }; then
    set -- node "$@"
fi
exec "$@"
