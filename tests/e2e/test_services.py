"""The stand-ins for services and languages, in one stack, each used as its own clients use it."""

import json
import os
import shutil
import socket
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest
from stack import Dockless

from waiting import until

# What runs in the stack starts processes when it likes.
pytestmark = pytest.mark.keeps

T = TypeVar("T")

SECRET = """it's a "secret" \\ $HOME"""

COMPOSE = """
services:
  redis:
    image: redis:7-alpine
    command: ["--requirepass", "hush", "--appendonly", "yes"]
    ports: ["127.0.0.1::6379"]
    volumes: ["redis:/data"]
    healthcheck: { test: ["CMD", "redis-cli", "-a", "hush", "ping"], interval: 1s }
  memcached:
    image: memcached:1.6
    command: -m 32
    ports: ["127.0.0.1::11211"]
  web:
    image: nginx:1.27-alpine
    environment: { GREETING: hello from a variable }
    ports: ["127.0.0.1::80"]
    volumes:
      - ./html:/usr/share/nginx/html:ro
      - ./templates:/etc/nginx/templates:ro
    # Alpine's users have wget, which Debian's slim root has not.
    healthcheck: { test: wget -q --spider http://127.0.0.1/, interval: 1s }
    depends_on: [fpm]
  httpd:
    image: httpd:2.4
    ports: ["127.0.0.1::80"]
    volumes: ["./html:/usr/local/apache2/htdocs:ro"]
  php:
    build: { context: ., dockerfile_inline: "FROM php:8.2-apache\\nRUN docker-php-ext-install mysqli" }
    ports: ["127.0.0.1::80"]
    volumes: ["./php:/var/www/html:ro"]
  fpm:
    image: php:8.2-fpm
    volumes: ["./php:/var/www/html:ro"]
  node:
    build:
      context: .
      dockerfile_inline: |
        FROM node:20-alpine
        RUN apk add --no-cache tini && addgroup -S app && adduser -S -G app app
        WORKDIR /app
        RUN npm install is-odd@3.0.1
        COPY server.js .
        USER app
        ENTRYPOINT ["tini", "--"]
        CMD ["node", "server.js"]
    ports: ["127.0.0.1::3000"]
  mysql:
    image: mysql:8
    command: --default-authentication-plugin=mysql_native_password --character-set-server=utf8mb4
    environment:
      MYSQL_ROOT_PASSWORD_FILE: /run/secrets/password
      MYSQL_DATABASE: my_shop
      MYSQL_USER: me
      MYSQL_PASSWORD_FILE: /run/secrets/password
    secrets: [password]
    ports: ["127.0.0.1::3306"]
    volumes: ["./initdb:/docker-entrypoint-initdb.d:ro", "mysql:/var/lib/mysql"]
  mariadb:
    image: mariadb:10.6.4-focal
    environment: { MARIADB_RANDOM_ROOT_PASSWORD: 1, MARIADB_DATABASE: shop, MARIADB_USER: me, MARIADB_PASSWORD: x }
    ports: ["127.0.0.1::3306"]
    healthcheck: { test: ["CMD", "healthcheck.sh", "--connect", "--innodb_initialized"], interval: 1s, retries: 60 }
  rabbitmq:
    image: rabbitmq:3-management
    environment: { RABBITMQ_DEFAULT_USER: me, RABBITMQ_DEFAULT_PASS: secret, RABBITMQ_DEFAULT_VHOST: shop }
    ports: ["127.0.0.1::5672", "127.0.0.1::15672"]
secrets:
  password: { file: ./password }
volumes:
  redis:
  mysql:
"""

FILES = {
    "compose.yaml": COMPOSE,
    "password": SECRET,
    "html/index.html": "a page of one's own\n",
    "templates/site.conf.template": """
server {
    listen 81;
    add_header X-Greeting "${GREETING}";
    location / { root /usr/share/nginx/html; try_files $uri /index.html; }
    location ~ \\.php$ {
        fastcgi_pass fpm:9000;
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME /var/www/html$fastcgi_script_name;
    }
}
""",
    "php/index.php": "<?php echo json_encode([PHP_VERSION, PHP_SAPI, extension_loaded('mysqli'), getcwd()]);",
    "server.js": """
const isOdd = require('is-odd')
require('http').createServer((request, answer) => {
    answer.end(JSON.stringify([process.version, isOdd(3), process.getuid() !== 0]))
}).listen(3000)
""",
    "initdb/10-tables.sql": "CREATE TABLE items (name varchar(20)); INSERT INTO items VALUES ('first');",
    "initdb/20-more.sh": "mysql_note 'sourced'; docker_process_sql <<<\"INSERT INTO items VALUES ('second')\"\n",
    "initdb/30-with-password.sh": """
mysql -uroot -p"$MYSQL_ROOT_PASSWORD" "$MYSQL_DATABASE" -e "INSERT INTO items VALUES ('third')"
""",
}


@pytest.fixture(scope="module")
def services(nothing_left_of_module: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dockless]:
    base = tmp_path_factory.mktemp("services")
    folder = base / "stack"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    # `DOCKLESS_TEST_SERVICES` names a state folder with images made before, for whoever runs this again and again.
    root = Path(os.environ.get("DOCKLESS_TEST_SERVICES") or base / "root")
    dockless = Dockless(root, folder)
    root.mkdir(exist_ok=True)
    try:
        dockless.ok("up", "-d", timeout=900)
        yield dockless
    finally:
        dockless.run("down", "-v", "-t", "5")
        dockless.clear()
        until(lambda: not dockless.engine_pids())
        shutil.rmtree(base)


def test_redis_keeps_what_it_is_given_and_asks_for_its_password(services: Dockless) -> None:
    def spoken() -> bytes:
        with closing(socket.create_connection(address(services, "redis", 6379), timeout=30)) as client:
            client.sendall(b"GET x\r\nAUTH hush\r\nSET x 1\r\nINCR x\r\nCONFIG GET dir\r\nQUIT\r\n")
            return received(client)

    said = patiently(spoken)
    assert said.startswith(b"-NOAUTH")
    assert b"+OK\r\n+OK\r\n:2\r\n" in said
    assert b"/data" in said
    assert services.ok("compose", "exec", "-T", "redis", "sh", "-c", "stat -c %u /proc/1 /data") == "999\n999\n"
    until(lambda: services.inspect("stack-redis-1")["State"]["Health"]["Status"] == "healthy")


def test_memcached_speaks_its_protocol(services: Dockless) -> None:
    def spoken() -> bytes:
        with closing(socket.create_connection(address(services, "memcached", 11211), timeout=30)) as client:
            client.sendall(b"set x 0 0 5\r\nhello\r\nget x\r\nstats settings\r\nquit\r\n")
            return received(client)

    said = patiently(spoken)
    assert said.startswith(b"STORED\r\nVALUE x 0 5\r\nhello\r\nEND\r\n")
    assert b"STAT maxbytes 33554432" in said
    assert services.ok("compose", "exec", "-T", "memcached", "id", "-u") == "11211\n"


def test_nginx_serves_a_mounted_folder_and_a_template_and_php(services: Dockless) -> None:
    assert page(services, "web", 80) == "a page of one's own\n"
    inside = "wget -q -S -O - http://127.0.0.1:81/nowhere 2>&1; wget -q -O - http://127.0.0.1:81/index.php"
    said = services.ok("compose", "exec", "-T", "web", "sh", "-c", inside)
    assert "X-Greeting: hello from a variable" in said
    assert "a page of one's own" in said
    assert '"fpm-fcgi"' in said
    until(lambda: services.inspect("stack-web-1")["State"]["Health"]["Status"] == "healthy")
    config = services.inspect("stack-web-1")["Config"]
    assert (config["StopSignal"], config["Cmd"]) == ("SIGQUIT", ["nginx", "-g", "daemon off;"])
    assert "GET / HTTP/1.1" in services.ok("compose", "logs", "web")


def test_httpd_serves_a_mounted_folder_and_takes_configurations_made_for_the_official_image(services: Dockless) -> None:
    assert page(services, "httpd", 80) == "a page of one's own\n"
    own = "ServerRoot /usr/local/apache2\\nListen 81\\nLoadModule unixd_module modules/mod_unixd.so\\n"
    own += "LoadModule mpm_event_module modules/mod_mpm_event.so\\nLoadModule rewrite_module modules/mod_rewrite.so\\n"
    done = services.run("compose", "exec", "-T", "httpd", "sh", "-c", f"printf '{own}' >conf/httpd.conf; httpd -t")
    assert "Syntax OK" in done.stderr + done.stdout


def test_php_runs_behind_apache_with_an_extension_of_its_dockerfile(services: Dockless) -> None:
    version, how, mysqli, folder = json.loads(page(services, "php", 80))
    assert version.startswith("8.2.")
    assert (how, mysqli, folder) == ("apache2handler", True, "/var/www/html")


def test_node_serves_with_a_package_from_npm_as_a_user_of_alpines_commands(services: Dockless) -> None:
    version, odd, not_root = json.loads(page(services, "node", 3000))
    assert version.startswith("v")
    assert odd and not_root


GO = """\
FROM golang:1.22-alpine AS build
WORKDIR /src
COPY <<EOF go.mod
module example.org/said
go 1.18
EOF
COPY <<EOF main.go
package main
import "os"
func main() { os.Stdout.WriteString("said by Go\\\\n") }
EOF
RUN --mount=type=cache,target=/root/.cache/go-build CGO_ENABLED=0 go build -o /said && go env GOROOT GOPATH
FROM scratch
COPY --from=build /said /said
ENTRYPOINT ["/said"]
"""


def test_a_go_program_is_built_and_runs_alone(services: Dockless, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(GO)
    built = services.run("build", "--progress=plain", "-t", "said", str(tmp_path))
    assert built.returncode == 0, built.stderr
    assert "/go\n" in built.stderr
    assert services.ok("run", "--rm", "said") == "said by Go\n"


def test_mysql_has_its_database_its_user_and_what_the_scripts_made(services: Dockless) -> None:
    import pymysql

    host, port = address(services, "mysql", 3306)

    def rows() -> list[str]:
        with closing(pymysql.connect(host=host, port=port, user="me", password=SECRET, database="my_shop")) as client:
            with client.cursor() as cursor:
                cursor.execute("SELECT name FROM items ORDER BY name")
                return [name for (name,) in cursor.fetchall()]

    assert patiently(rows) == ["first", "second", "third"]
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        pymysql.connect(host=host, port=port, user="root", password="")
    ping = 'mysqladmin ping -h 127.0.0.1 -uroot -p"$(cat /run/secrets/password)"'
    assert "alive" in services.ok("compose", "exec", "-T", "mysql", "sh", "-c", ping)
    differs = services.inspect("mysql:8")["Config"]["Labels"]["dev.dockless.stand-in.differs"]
    assert differs.startswith("MariaDB ")
    assert "instead of MySQL 8" in differs


def test_mariadb_is_healthy_by_the_official_images_own_check(services: Dockless) -> None:
    until(lambda: services.inspect("stack-mariadb-1")["State"]["Health"]["Status"] == "healthy", seconds=120)
    shown = services.ok(
        "compose", "exec", "-T", "mariadb", "mariadb", "-ume", "-px", "shop", "-Ne", "SELECT DATABASE()"
    )
    assert shown == "shop\n"
    assert "GENERATED ROOT PASSWORD: " in services.ok("compose", "logs", "mariadb")


def test_rabbitmq_lets_the_user_of_its_variables_in(services: Dockless) -> None:
    host, port = address(services, "rabbitmq", 5672)

    def greeted() -> bytes:
        with closing(socket.create_connection((host, port), timeout=30)) as client:
            client.sendall(b"AMQP\x00\x00\x09\x01")
            return client.recv(4096)

    # AMQP 0-9-1: a frame of the method connection.start (class 10, method 10) on channel 0.
    start = patiently(greeted, seconds=180)
    assert start[:3] == b"\x01\x00\x00" and start[7:11] == b"\x00\x0a\x00\x0a"
    assert b"PLAIN" in start
    about = json.loads(page(services, "rabbitmq", 15672, "/api/whoami", user="me:secret"))
    assert (about["name"], "administrator" in about["tags"]) == ("me", True)
    assert json.loads(page(services, "rabbitmq", 15672, "/api/vhosts", user="me:secret"))[0]["name"] == "shop"


def test_what_stands_in_is_said(services: Dockless) -> None:
    notes = {f"{row['Repository']}:{row['Tag']}": row["StandIn"] for row in services.rows("images")}
    assert notes["redis:7-alpine"] == "stand-in"
    labels = services.inspect("redis:7-alpine")["Config"]["Labels"]
    assert "underneath instead of Alpine" in labels["dev.dockless.stand-in.differs"]


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        ("alpine:3.20", "Build FROM debian:bookworm-slim"),
        ("ubuntu:24.04", "has no Ubuntu archive among its sources (build FROM debian:bookworm"),
        ("ubuntu:18.04", "it would need Ubuntu 18.04, and there is focal, jammy, noble"),
        ("mongo:7", "No stand-in is known for it either; load it from an archive"),
    ],
)
def test_what_cannot_stand_in_is_refused_with_what_to_do(services: Dockless, image: str, hint: str) -> None:
    done = services.run("pull", image)
    assert done.returncode == 1
    assert hint in done.stderr
    assert "DOCKLESS_REGISTRY_MIRROR" in done.stderr


def test_the_list_names_all_with_what_differs(services: Dockless) -> None:
    rows = {row["Image"]: row for row in services.rows("image", "stand-ins")}
    assert {"debian", "python", "postgres", "redis", "node", "mysql", "nginx", "php"} <= set(rows)
    assert "alpine-base" not in rows
    assert "bookworm" in rows["redis"]["Versions"]
    assert "MariaDB" in rows["mysql"]["Software"]
    assert rows["alpine"]["Versions"] == "none"
    assert services.rows("image", "stand-ins") == [
        json.loads(line) for line in services.ok("image", "stand-ins", "--json").splitlines()
    ]
    assert services.ok("image", "stand-ins").startswith("IMAGE ")


def test_a_redis_of_ones_own_serves_other_hosts_without_a_password(services: Dockless) -> None:
    """What Redis's users do first: a container of their own, an address, a client."""
    name = services.ok("run", "-d", "-p", "127.0.0.1::6379", "redis:7-alpine").strip()
    port = int(services.ok("port", name, "6379/tcp").split(":")[-1])

    def pinged() -> bytes:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as client:
            client.sendall(b"PING\r\nQUIT\r\n")
            return received(client)

    assert patiently(pinged) == b"+PONG\r\n+OK\r\n"
    services.ok("rm", "-f", "-v", name)


def address(dockless: Dockless, service: str, port: int) -> tuple[str, int]:
    host, _, number = dockless.ok("compose", "port", service, str(port)).strip().rpartition(":")
    return host, int(number)


def page(dockless: Dockless, service: str, port: int, path: str = "/", user: str = "") -> str:
    host, number = address(dockless, service, port)
    headers = {"Authorization": f"Basic {b64encode(user.encode()).decode()}"} if user else {}
    request = urllib.request.Request(f"http://{host}:{number}{path}", headers=headers)

    def fetched() -> str:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    return patiently(fetched, seconds=120)


def received(client: socket.socket) -> bytes:
    data = b""
    while chunk := client.recv(65536):
        data += chunk
    return data


def patiently(ask: Callable[[], T], seconds: float = 90) -> T:
    """The answer of a server that may still be starting: a port can be open before anybody serves there."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
