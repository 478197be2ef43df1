#!/usr/bin/env bash
# The entrypoint of a stand-in for the official PostgreSQL image: the same environment variables, folders and arguments.
#
# On an empty PGDATA it makes a cluster, the database and whatever /docker-entrypoint-initdb.d asks for, then becomes
# the server. A marker in PGDATA says that this has begun; it goes at the very end, so a container that is killed in
# between starts over instead of serving half a database.
set -Eeuo pipefail

bin=/usr/lib/postgresql/$PG_MAJOR/bin
scripts=/docker-entrypoint-initdb.d

say() {
    printf '%s: %s\n' "${0##*/}" "$*"
}

die() {
    printf 'Error: %s\n' "$@" >&2
    exit 1
}

# VARIABLE [DEFAULT]: exports VARIABLE from itself, from the file that VARIABLE_FILE names, or from the default.
from_environment() {
    local name=$1 value=${2-} file_name=$1_FILE
    if [[ -n ${!name-} && -n ${!file_name-} ]]; then
        die "both $name and $file_name are set (but are exclusive)"
    elif [[ -n ${!name-} ]]; then
        value=${!name}
    elif [[ -n ${!file_name-} ]]; then
        value=$(<"${!file_name}")
    fi
    export "$name=$value"
    unset "$file_name"
}

# Whether the arguments of postgres only ask it to print something.
only_prints() {
    local argument
    for argument; do
        case $argument in
        '-?' | --help | --describe-config | -V | --version) return 0 ;;
        esac
    done
    return 1
}

# As root: the folders belong to postgres, whoever made the volume. As anybody else: as good as it goes.
make_folders() {
    mkdir -p "$PGDATA" /var/run/postgresql
    chmod 0700 "$PGDATA" 2>/dev/null || :
    chmod 3775 /var/run/postgresql 2>/dev/null || :
    [[ -z ${POSTGRES_INITDB_WALDIR-} ]] || mkdir -p "$POSTGRES_INITDB_WALDIR"
    if ((EUID == 0)); then
        local folder
        for folder in "$PGDATA" /var/run/postgresql ${POSTGRES_INITDB_WALDIR:+"$POSTGRES_INITDB_WALDIR"}; do
            find "$folder" ! -user postgres -exec chown postgres: '{}' +
        done
        [[ -z ${POSTGRES_INITDB_WALDIR-} ]] || chmod 0700 "$POSTGRES_INITDB_WALDIR"
    fi
}

# A new cluster may only be open to everybody if somebody has said so.
check_password() {
    if [[ -z $POSTGRES_PASSWORD && ${POSTGRES_HOST_AUTH_METHOD-} != trust ]]; then
        die "Database is uninitialized and superuser password is not specified." \
            "Set POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE) to a non-empty value, for example: -e POSTGRES_PASSWORD=password" \
            "POSTGRES_HOST_AUTH_METHOD=trust allows all connections without a password; this is not recommended."
    fi
    if [[ ${POSTGRES_HOST_AUTH_METHOD-} == trust ]]; then
        printf '%s\n' "WARNING: POSTGRES_HOST_AUTH_METHOD is \"trust\": whoever reaches this server's port has full access" \
            "         without a password, even if POSTGRES_PASSWORD is set." >&2
    fi
}

# A uid without a name (docker run --user 1234) gets one for initdb, which insists on it.
name_for_uid() {
    if getent passwd "$EUID" >/dev/null; then
        return
    fi
    local library
    for library in /usr/lib/*/libnss_wrapper.so; do
        NSS_WRAPPER_PASSWD=$(mktemp)
        NSS_WRAPPER_GROUP=$(mktemp)
        printf 'postgres:x:%s:%s:PostgreSQL:%s:/bin/false\n' "$EUID" "$(id -g)" "$PGDATA" >"$NSS_WRAPPER_PASSWD"
        printf 'postgres:x:%s:\n' "$(id -g)" >"$NSS_WRAPPER_GROUP"
        export LD_PRELOAD=$library NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
    done
}

forget_name() {
    if [[ ${LD_PRELOAD-} == */libnss_wrapper.so ]]; then
        rm -f "$NSS_WRAPPER_PASSWD" "$NSS_WRAPPER_GROUP"
        unset LD_PRELOAD NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
    fi
}

# The cluster is made inside of the marker and moved up whole: initdb wants an empty folder, and the marker must be
# there before the first file that looks like a database. It is synced once, at the end.
make_cluster() {
    local arguments=(--username="$POSTGRES_USER" --no-sync) given=() place=$marker/cluster
    # Quotes in the variable mean what they mean in a shell.
    eval "given=(${POSTGRES_INITDB_ARGS-})"
    [[ -z ${POSTGRES_INITDB_WALDIR-} ]] || arguments+=(--waldir="$POSTGRES_INITDB_WALDIR")
    if [[ -n $(ls -A "$PGDATA") ]]; then
        place=$PGDATA # initdb says what is wrong with a folder that is not empty
    else
        mkdir "$marker"
    fi
    name_for_uid
    if [[ -n $POSTGRES_PASSWORD ]]; then
        "$bin/initdb" -D "$place" "${arguments[@]}" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${given[@]}"
    else
        "$bin/initdb" -D "$place" "${arguments[@]}" "${given[@]}"
    fi
    forget_name
    mv "$place"/* "$PGDATA"/
    rmdir "$place"
}

# The method for other hosts is the one that the server's passwords are made for, unless said otherwise.
open_to_network() {
    local method=${POSTGRES_HOST_AUTH_METHOD:-$("$bin/postgres" -D "$PGDATA" -C password_encryption "${@:2}")}
    {
        printf '\n'
        [[ $method != trust ]] || printf '# warning: trust allows all connections without a password\n'
        printf 'host all all all %s\n' "$method"
    } >>"$PGDATA/pg_hba.conf"
}

# A server that only this container can reach. postmaster.pid's eighth line says when it is ready.
start_temporary_server() {
    "$@" -c listen_addresses='' -p "${PGPORT:-5432}" -c fsync=off &
    server=$!
    local lines=()
    until mapfile -t lines 2>/dev/null <"$PGDATA/postmaster.pid" && [[ ${lines[7]-} == ready* ]]; do
        kill -0 "$server" 2>/dev/null || die "the server ended while the database was being made"
        sleep 0.01
    done
}

stop_temporary_server() {
    kill -INT "$server"
    wait "$server"
}

run_sql() {
    PGHOST='' PGHOSTADDR='' "$bin/psql" -v ON_ERROR_STOP=1 --no-psqlrc --no-password --quiet \
        --username "$POSTGRES_USER" "$@"
}

make_database() {
    [[ $POSTGRES_DB != postgres ]] || return 0
    run_sql --dbname postgres --set db="$POSTGRES_DB" <<'SQL'
SELECT format('CREATE DATABASE %I', :'db') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'db') \gexec
SQL
}

# In the order of their names: executable scripts are run, others become part of this one.
run_scripts() {
    local file
    for file in "$scripts"/*; do
        case $file in
        *.sh)
            if [[ -x $file ]]; then
                say "running $file"
                "$file"
            else
                say "sourcing $file"
                set +u
                # shellcheck disable=SC1090
                . "$file"
                set -u
            fi
            ;;
        *.sql) say "running $file" && run_sql --dbname "$POSTGRES_DB" -f "$file" ;;
        *.sql.gz) say "running $file" && gunzip -c "$file" | run_sql --dbname "$POSTGRES_DB" ;;
        *.sql.xz) say "running $file" && xz -dc "$file" | run_sql --dbname "$POSTGRES_DB" ;;
        *.sql.zst) say "running $file" && zstd -dc "$file" | run_sql --dbname "$POSTGRES_DB" ;;
        "$scripts/*") ;;
        *) say "ignoring $file" ;;
        esac
    done
}

initialise() {
    check_password
    ls "$scripts" >/dev/null # fails now, not halfway, if it may not be read
    make_cluster
    open_to_network "$@"
    export PGPASSWORD=${PGPASSWORD:-$POSTGRES_PASSWORD}
    start_temporary_server "$@"
    make_database
    run_scripts
    stop_temporary_server
    unset PGPASSWORD
    "$bin/initdb" -D "$PGDATA" --sync-only >/dev/null
    rmdir "$marker"
    printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

begin_again() {
    say "the last initialisation was interrupted: starting over"
    find "$PGDATA" -mindepth 1 -delete
    [[ -z ${POSTGRES_INITDB_WALDIR-} ]] || find "$POSTGRES_INITDB_WALDIR" -mindepth 1 -delete
}

main() {
    [[ ${1-} != -* ]] || set -- postgres "$@"
    if [[ ${1-} == postgres ]] && ! only_prints "$@"; then
        marker=$PGDATA/.initialising
        from_environment POSTGRES_PASSWORD
        from_environment POSTGRES_USER postgres
        from_environment POSTGRES_DB "$POSTGRES_USER"
        from_environment POSTGRES_INITDB_ARGS
        make_folders
        if ((EUID == 0)); then
            exec gosu postgres "${BASH_SOURCE[0]}" "$@"
        fi
        [[ ! -d $marker ]] || begin_again
        if [[ -s $PGDATA/PG_VERSION ]]; then
            printf '\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n'
        else
            initialise "$@"
        fi
    fi
    exec "$@"
}

main "$@"
