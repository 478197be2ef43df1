#!/bin/bash
# The entrypoint of stand-ins for the official MariaDB and MySQL images: the same environment variables (MARIADB_… and
# MYSQL_…, each also as …_FILE), folders and arguments.
#
# On an empty data folder it makes a database, the users and whatever /docker-entrypoint-initdb.d asks for, then becomes
# the server. A marker in the data folder says that this has begun; it goes at the very end, so a container that is
# killed in between starts over instead of serving half a database.
set -Eeuo pipefail

scripts=/docker-entrypoint-initdb.d
known_password=''

say() {
    printf '%s [entrypoint] %s\n' "$(date --rfc-3339=seconds)" "$*"
}

die() {
    printf '[ERROR] [entrypoint] %s\n' "$@" >&2
    exit 1
}

# VARIABLE: its value under MARIADB_ or MYSQL_, or the content of the file that …_FILE names, as a variable without prefix.
# It is exported under both, for the second run of this script (which may not be let to read the file) and for scripts.
from_environment() {
    local prefix name file value=''
    for prefix in MARIADB MYSQL; do
        name=${prefix}_$1 file=${prefix}_$1_FILE
        if [[ -n ${!name-} && -n ${!file-} ]]; then
            die "both $name and $file are set (but are exclusive)"
        elif [[ -z $value && -n ${!name-} ]]; then
            value=${!name}
        elif [[ -z $value && -n ${!file-} ]]; then
            value=$(<"${!file}")
        fi
        unset "$file"
    done
    printf -v "$1" %s "$value"
    [[ -z $value ]] || export "MARIADB_$1=$value" "MYSQL_$1=$value"
}

# Whether the server's arguments only ask it to print something.
only_prints() {
    local argument
    for argument; do
        case $argument in
        '-?' | --help | --print-defaults | -V | --version) return 0 ;;
        esac
    done
    return 1
}

# NAME ARGUMENT…: a setting of the server, as its configuration and arguments make it.
setting() {
    local name=$1
    shift
    "$@" --verbose --help 2>/dev/null | awk -v name="$name" 'index($0, name " ") == 1 { sub(/^[^ \t]+[ \t]+/, ""); print; exit }'
}

# TEXT: as a literal of SQL.
quoted() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\\\'}"
}

# TEXT: as a name in SQL.
named() {
    printf '`%s`' "${1//\`/\`\`}"
}

run_sql() {
    MYSQL_PWD=$known_password mariadb --protocol=socket --socket="$socket" -uroot --binary-mode --comments "$@"
}

start_temporary_server() {
    "$@" --skip-networking --skip-slave-start --socket="$socket" --wsrep-on=OFF --skip-log-bin \
        --loose-innodb-flush-log-at-trx-commit=0 &
    server=$!
    until [[ -S $socket ]] && run_sql --silent -e 'SELECT 1' >/dev/null 2>&1; do
        kill -0 "$server" 2>/dev/null || die "the server ended while the database was being made"
        sleep 0.02
    done
}

stop_temporary_server() {
    kill -TERM "$server"
    wait "$server" || die "the server failed while the database was being made"
}

check_password() {
    if [[ -z $ROOT_PASSWORD && -z $ROOT_PASSWORD_HASH && -z $ALLOW_EMPTY_PASSWORD && -z $RANDOM_ROOT_PASSWORD ]]; then
        die "Database is uninitialized and password option is not specified" \
            "    You need to specify one of MARIADB_ROOT_PASSWORD, MARIADB_ROOT_PASSWORD_HASH," \
            "    MARIADB_ALLOW_EMPTY_ROOT_PASSWORD and MARIADB_RANDOM_ROOT_PASSWORD (or the same with MYSQL_)"
    fi
    if [[ $USER_NAME == root ]]; then
        die "MARIADB_USER (or MYSQL_USER) is root, whose password is MARIADB_ROOT_PASSWORD's business"
    fi
}

# HOW: the words that give a user the password, or the hash of one.
identified() {
    if [[ -n $2 ]]; then
        printf 'IDENTIFIED BY PASSWORD %s' "$(quoted "$2")"
    else
        printf 'IDENTIFIED BY %s' "$(quoted "$1")"
    fi
}

make_users() {
    local root_identified user_identified
    if [[ -n $RANDOM_ROOT_PASSWORD ]]; then
        ROOT_PASSWORD=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
        say "GENERATED ROOT PASSWORD: $ROOT_PASSWORD"
    fi
    root_identified=$(identified "$ROOT_PASSWORD" "$ROOT_PASSWORD_HASH")
    {
        # Roots without a password, and users without a name, that a new database has for this host's names.
        printf "DELETE FROM mysql.global_priv WHERE User IN ('', 'root') AND Host <> 'localhost'; FLUSH PRIVILEGES;\n"
        if [[ -n $DATABASE ]]; then
            printf 'CREATE DATABASE IF NOT EXISTS %s;\n' "$(named "$DATABASE")"
        fi
        if [[ -n $USER_NAME && -n $PASSWORD$PASSWORD_HASH ]]; then
            user_identified=$(identified "$PASSWORD" "$PASSWORD_HASH")
            printf "CREATE USER %s@'%%' %s;\n" "$(quoted "$USER_NAME")" "$user_identified"
            if [[ -n $DATABASE ]]; then
                # An underscore in a GRANT would be a pattern.
                printf "GRANT ALL ON %s.* TO %s@'%%';\n" "$(named "${DATABASE//_/\\_}")" "$(quoted "$USER_NAME")"
            fi
        fi
        if [[ -n $ROOT_HOST && $ROOT_HOST != localhost ]]; then
            printf 'CREATE USER root@%s %s;\n' "$(quoted "$ROOT_HOST")" "$root_identified"
            printf 'GRANT ALL ON *.* TO root@%s WITH GRANT OPTION;\n' "$(quoted "$ROOT_HOST")"
        fi
    } | run_sql
}

# From here on root needs the password; scripts rely on that. The health check's user comes along.
set_root_password() {
    local check
    check=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    {
        printf "ALTER USER root@localhost %s;\n" "$(identified "$ROOT_PASSWORD" "$ROOT_PASSWORD_HASH")"
        local host
        for host in localhost 127.0.0.1 ::1; do
            printf 'CREATE USER healthcheck@%s IDENTIFIED BY %s;\n' "$(quoted "$host")" "$(quoted "$check")"
        done
    } | run_sql
    known_password=$ROOT_PASSWORD
    (umask 077 && printf '[client]\nuser=healthcheck\npassword=%s\nprotocol=tcp\nhost=127.0.0.1\n' "$check" >"$data/.my-healthcheck.cnf")
}

# In the order of their names: executable scripts are run, others become part of this one.
run_scripts() {
    local file into=()
    [[ -z $DATABASE ]] || into=(--database="$DATABASE")
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
        *.sql) say "running $file" && run_sql "${into[@]}" <"$file" ;;
        *.sql.gz) say "running $file" && gzip -dc "$file" | run_sql "${into[@]}" ;;
        *.sql.bz2) say "running $file" && bzip2 -dc "$file" | run_sql "${into[@]}" ;;
        *.sql.xz) say "running $file" && xz -dc "$file" | run_sql "${into[@]}" ;;
        *.sql.zst) say "running $file" && zstd -dc "$file" | run_sql "${into[@]}" ;;
        "$scripts/*") ;;
        *) say "ignoring $file" ;;
        esac
    done
}

# What scripts that are sourced may call, as with the official images.
docker_process_sql() {
    if [[ ${1-} == --dont-use-mysql-root-password ]]; then shift; fi
    run_sql ${DATABASE:+--database="$DATABASE"} "$@"
}
mysql_note() { say "$@"; }
mysql_warn() { say "$@" >&2; }
mysql_error() { die "$@"; }

initialise() {
    check_password
    ls "$scripts" >/dev/null # fails now, not halfway, if it may not be read
    mkdir "$marker"
    say "Initializing database files"
    mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db --rpm \
        --cross-bootstrap "${arguments[@]}" >/dev/null
    start_temporary_server "$@"
    if [[ -z $INITDB_SKIP_TZINFO ]]; then
        mariadb-tzinfo-to-sql /usr/share/zoneinfo 2>/dev/null | run_sql --database=mysql
    fi
    make_users
    if [[ -n $ROOT_PASSWORD_HASH ]]; then
        run_scripts # nobody knows the password that belongs to a hash
        set_root_password
    else
        set_root_password
        run_scripts
    fi
    stop_temporary_server
    rmdir "$marker"
    printf '\n'
    say "MariaDB init process done. Ready for start up."
    printf '\n'
}

# A root with data of an older version: as the server itself advises.
upgrade() {
    say "upgrading the database's own tables"
    start_temporary_server "$@" --skip-grant-tables
    mariadb-upgrade --protocol=socket --socket="$socket" --upgrade-system-tables
    stop_temporary_server
}

serve() {
    local variable
    for variable in ROOT_PASSWORD ROOT_PASSWORD_HASH ROOT_HOST DATABASE USER PASSWORD PASSWORD_HASH INITDB_SKIP_TZINFO \
        ALLOW_EMPTY_PASSWORD ALLOW_EMPTY_ROOT_PASSWORD RANDOM_ROOT_PASSWORD; do
        [[ $variable != USER ]] || continue
        from_environment "$variable"
    done
    local USER=''
    from_environment USER
    USER_NAME=$USER
    ALLOW_EMPTY_PASSWORD=$ALLOW_EMPTY_PASSWORD$ALLOW_EMPTY_ROOT_PASSWORD
    ROOT_HOST=${ROOT_HOST:-%}
    data=$(setting datadir "$@")
    data=${data%/}
    socket=$(setting socket "$@")
    marker=$data/.initialising
    arguments=("${@:2}")
    if ((EUID == 0)); then
        mkdir -p "$data" /run/mysqld
        find "$data" /run/mysqld ! -user mysql -exec chown mysql: '{}' +
        exec gosu mysql "${BASH_SOURCE[0]}" "$@"
    fi
    if [[ -d $marker ]]; then
        say "the last initialisation was interrupted: starting over"
        find "$data" -mindepth 1 -delete
    fi
    if [[ ! -d $data/mysql ]]; then
        initialise "$@"
    elif [[ -n ${MARIADB_AUTO_UPGRADE-} ]]; then
        upgrade "$@"
    fi
}

main() {
    [[ ${1-} != -* ]] || set -- mariadbd "$@"
    if [[ ${1-} == mysqld && -r /usr/local/share/mysql-options ]]; then
        # Options of MySQL's that MariaDB has not are warnings, not errors.
        local argument given=()
        for argument in "${@:2}"; do
            if grep -qxF -- "$(tr _ - <<<"${argument%%=*}")" /usr/local/share/mysql-options; then
                argument=--loose-${argument#--}
            fi
            given+=("$argument")
        done
        set -- mysqld "${given[@]}"
    fi
    case ${1-} in
    mariadbd | mysqld) only_prints "$@" || serve "$@" ;;
    esac
    exec "$@"
}

main "$@"
