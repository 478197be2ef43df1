#!/bin/sh
# The example stack, from nothing to a page with records: what `./dev demo` runs. Needs `dockless` and `python` on PATH.
set -eu
cd "$(dirname "$0")/fetch_c1"

secret() { python -c 'import secrets; print(secrets.token_urlsafe(40))'; }

if [ ! -e .env ]; then
    (
        umask 077
        sed -e "s/^POSTGRES_PASSWORD=.*/POSTGRES_PASSWORD=$(secret)/" \
            -e "s/^DJANGO_SECRET_KEY=.*/DJANGO_SECRET_KEY=$(secret)/" .env.example >.env
    )
    echo "demo: wrote .env with new secrets"
fi

dockless up -d

# The upstream system runs on this machine, outside any container, and only as long as it is asked.
python upstream.py >/dev/null 2>&1 &
upstream=$!
trap 'kill "$upstream" 2>/dev/null || true' EXIT INT TERM
tries=0
until python -c 'import socket; socket.create_connection(("127.0.0.1", 8056), 1).close()' 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || { echo "demo: upstream.py did not start on port 8056" >&2; exit 1; }
    sleep 0.1
done
dockless exec -T web python manage.py fetch

echo
echo "The site is up:    http://localhost:8055/"
echo "Its records:       http://localhost:8055/api/records"
echo "See it run:        cd examples/fetch_c1 && dockless ps   (also: logs -f, exec web bash, down)"
