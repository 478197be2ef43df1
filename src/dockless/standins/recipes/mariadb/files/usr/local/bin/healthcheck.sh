#!/bin/bash
# Whether the server is well: every test that the arguments name (--connect, --innodb_initialized, …) must hold.
set -eu

data=$(mariadbd --verbose --help 2>/dev/null | awk '/^datadir / { print $2; exit }')
file=${data%/}/.my-healthcheck.cnf

query() {
    mariadb --defaults-file="$file" --skip-column-names --batch -e "$1" 2>/dev/null
}

for test; do
    case $test in
    # A wrong password is an answer, too: somebody listens who is no temporary server.
    --connect)
        query 'SELECT 1' >/dev/null || mariadb -h127.0.0.1 --protocol=tcp -uhealthcheck -e 'SELECT 1' 2>&1 | grep -q 'ERROR 1045'
        ;;
    --innodb_initialized)
        [ "$(query "SELECT 1 FROM information_schema.ENGINES WHERE engine = 'innodb' AND support IN ('YES', 'DEFAULT')")" = 1 ]
        ;;
    --innodb_buffer_pool_loaded | --galera_online | --galera_ready | --replication*) query 'SELECT 1' >/dev/null ;;
    --su-mysql | --su=* | --no-defaults | --defaults-file=*) ;;
    *) echo "healthcheck.sh: $test is not known here" >&2 && exit 1 ;;
    esac
done
