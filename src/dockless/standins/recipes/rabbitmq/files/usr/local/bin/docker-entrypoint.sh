#!/bin/bash
# The entrypoint of a stand-in for the official RabbitMQ image: the server's files belong to it, it does not run as root,
# and RABBITMQ_DEFAULT_USER, _PASS and _VHOST (each also as _FILE), which count for a new database, become configuration.
set -euo pipefail

# VARIABLE: its value, or the content of the file that VARIABLE_FILE names.
value_of() {
    local file=$1_FILE
    if [[ -n ${!1-} && -n ${!file-} ]]; then
        echo "error: both $1 and $file are set (but are exclusive)" >&2
        exit 1
    elif [[ -n ${!file-} ]]; then
        printf '%s' "$(<"${!file}")"
    else
        printf '%s' "${!1-}"
    fi
}

configure() {
    local file=/etc/rabbitmq/conf.d/20-defaults-of-environment.conf variable key value lines=''
    for variable in USER PASS VHOST; do
        value=$(value_of "RABBITMQ_DEFAULT_$variable")
        [[ -z $value ]] || lines+="default_${variable,,} = $value"$'\n'
        unset "RABBITMQ_DEFAULT_$variable" "RABBITMQ_DEFAULT_${variable}_FILE"
    done
    [[ -z $lines ]] || printf '%s' "$lines" >"$file"
    if [[ -n ${RABBITMQ_ERLANG_COOKIE-} ]]; then
        (umask 077 && printf '%s' "$RABBITMQ_ERLANG_COOKIE" >"$RABBITMQ_DATA_DIR/.erlang.cookie")
        unset RABBITMQ_ERLANG_COOKIE
    fi
}

case ${1-} in
rabbitmq*)
    if ((EUID == 0)); then
        [[ $1 != rabbitmq-server ]] || find "$RABBITMQ_DATA_DIR" /etc/rabbitmq ! -user rabbitmq -exec chown rabbitmq '{}' +
        exec gosu rabbitmq "${BASH_SOURCE[0]}" "$@"
    fi
    [[ $1 != rabbitmq-server ]] || configure
    ;;
esac
exec "$@"
