"""What widely used official images do by themselves: known facts, since nothing is pulled to explain a stack.

A row for each: what it is, the ports it listens on, where it keeps data, and the variables that its first start reads.
"""

import msgspec

_DEBIAN = {
    "trixie": "Debian 13 (trixie)",
    "bookworm": "Debian 12 (bookworm)",
    "bullseye": "Debian 11 (bullseye)",
    "buster": "Debian 10 (buster)",
    "stretch": "Debian 9 (stretch)",
    "jammy": "Ubuntu 22.04 (jammy)",
    "noble": "Ubuntu 24.04 (noble)",
    "focal": "Ubuntu 20.04 (focal)",
}


class Official(msgspec.Struct, frozen=True):
    what: str
    ports: tuple[int, ...] = ()
    data: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    first_start: str = ""


_POSTGRES = Official(
    "PostgreSQL, the database server",
    (5432,),
    ("/var/lib/postgresql/data",),
    ("POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"),
    "makes the database, with the user and password from `POSTGRES_USER`, `POSTGRES_PASSWORD` and `POSTGRES_DB`, and "
    "runs what lies in `/docker-entrypoint-initdb.d`; on a data folder that is not empty these are ignored",
)
_MYSQL = Official(
    "the MySQL database server",
    (3306,),
    ("/var/lib/mysql",),
    ("MYSQL_ROOT_PASSWORD", "MYSQL_DATABASE", "MYSQL_USER", "MYSQL_PASSWORD"),
    "makes the database from the `MYSQL_…` variables and runs what lies in `/docker-entrypoint-initdb.d`; on a data "
    "folder that is not empty these are ignored",
)
OFFICIAL: dict[str, Official] = {
    "postgres": _POSTGRES,
    "postgis/postgis": _POSTGRES,
    "mysql": _MYSQL,
    "mariadb": msgspec.structs.replace(_MYSQL, what="the MariaDB database server"),
    "mongo": Official(
        "the MongoDB database server",
        (27017,),
        ("/data/db",),
        ("MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD"),
    ),
    "redis": Official("Redis, a store of keys and values in memory", (6379,), ("/data",)),
    "valkey/valkey": Official("Valkey, a store of keys and values in memory", (6379,), ("/data",)),
    "memcached": Official("memcached, a cache in memory", (11211,)),
    "rabbitmq": Official(
        "the RabbitMQ message broker",
        (5672,),
        ("/var/lib/rabbitmq",),
        ("RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS"),
    ),
    "elasticsearch": Official("the Elasticsearch search server", (9200, 9300), ("/usr/share/elasticsearch/data",)),
    "kibana": Official("Kibana, which shows what Elasticsearch holds", (5601,)),
    "nginx": Official("the nginx web server", (80,)),
    "httpd": Official("the Apache web server", (80,)),
    "caddy": Official("the Caddy web server", (80, 443), ("/data", "/config")),
    "traefik": Official("the Traefik reverse proxy", (80,)),
    "haproxy": Official("the HAProxy load balancer"),
    "wordpress": Official(
        "WordPress on Apache",
        (80,),
        ("/var/www/html",),
        ("WORDPRESS_DB_HOST", "WORDPRESS_DB_USER", "WORDPRESS_DB_PASSWORD", "WORDPRESS_DB_NAME"),
    ),
    "nextcloud": Official("Nextcloud on Apache", (80,), ("/var/www/html",)),
    "adminer": Official("Adminer, a page to look into databases", (8080,)),
    "phpmyadmin": Official("phpMyAdmin, a page to look into MySQL", (80,)),
    "dpage/pgadmin4": Official(
        "pgAdmin, a page to look into PostgreSQL",
        (80,),
        ("/var/lib/pgadmin",),
        ("PGADMIN_DEFAULT_EMAIL", "PGADMIN_DEFAULT_PASSWORD"),
    ),
    "grafana/grafana": Official("Grafana, which draws measurements", (3000,), ("/var/lib/grafana",)),
    "prom/prometheus": Official("Prometheus, which collects measurements", (9090,), ("/prometheus",)),
    "gitea/gitea": Official("the Gitea code forge", (3000, 22), ("/data",)),
    "registry": Official("a registry for images", (5000,), ("/var/lib/registry",)),
    "python": Official("Python"),
    "node": Official("Node.js"),
    "golang": Official("the Go tool chain"),
    "rust": Official("the Rust tool chain"),
    "ruby": Official("Ruby"),
    "php": Official("PHP"),
    "openjdk": Official("Java"),
    "eclipse-temurin": Official("Java"),
    "amazoncorretto": Official("Java"),
    "maven": Official("Maven on Java"),
    "gradle": Official("Gradle on Java"),
    "tomcat": Official("the Tomcat Java server", (8080,)),
    "debian": Official("the Debian system"),
    "ubuntu": Official("the Ubuntu system"),
    "alpine": Official("Alpine Linux, a very small system"),
    "busybox": Official("BusyBox: a shell and small tools in one program"),
    "bash": Official("the shell bash"),
}


class Reference(msgspec.Struct, frozen=True):
    """An image reference in its parts; `name` is as written, `official` what is known of it."""

    name: str
    tag: str = ""
    digest: str = ""

    @property
    def official(self) -> Official | None:
        name = self.name
        for prefix in ("docker.io/", "index.docker.io/", "registry-1.docker.io/", "library/"):
            name = name.removeprefix(prefix)
        return OFFICIAL.get(name)

    @property
    def data_first(self) -> bool:
        """Whether its first start prepares data before it takes connections."""
        return bool(self.official and self.official.first_start)


def parse_reference(text: str) -> Reference:
    """`registry:port/name:tag@digest` in its parts; nothing is checked."""
    rest, _, digest = text.partition("@")
    head, slash, last = rest.rpartition("/")
    last, _, tag = last.partition(":")
    return Reference(head + slash + last, tag, digest)


def described(text: str) -> str:
    """A sentence's part on an image: what it is, in which version, on what."""
    reference = parse_reference(text)
    known = reference.official
    if known is None:
        return f"the image `{text}`"
    words = reference.tag.split("-") if reference.tag else []
    version = words[0] if words and words[0][:1].isdigit() else ""
    system = next((_DEBIAN[word] for word in words if word in _DEBIAN), "")
    if not system and any(word.startswith("alpine") for word in words):
        system = "Alpine Linux"
    slim = " in its slim form, which leaves out compilers and documentation" if "slim" in words else ""
    on = f", on {system}" if system else ""
    numbered = f" {version}" if version else ""
    head, comma, tail = known.what.partition(",")
    return f"the official image of {head}{numbered}{comma}{tail}{on}{slim}"


def pinned(text: str) -> str:
    """What the reference promises of the content."""
    reference = parse_reference(text)
    if reference.digest:
        return "The digest names exactly this content: it cannot change."
    if reference.tag in ("", "latest"):
        return "No version is named (`latest`): what it is depends on when it is pulled."
    return f"The tag `{reference.tag}` can be moved to newer builds by its publisher; a digest could not."
