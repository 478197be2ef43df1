"""Where our answers differ from Docker's on purpose, and why: (request, difference, reason), both regular expressions.

A difference that no line here speaks of fails the test.
"""

ALLOWED: tuple[tuple[str, str, str], ...] = (
    (r".*", r"status 500 there, 400 here", "a client's mistake is a 400 here"),
    (
        r"POST /auth .*|GET /distribution/.*|POST /images/create\?fromImage.*",
        r"status 500 there, 503 here",
        "a registry that cannot be reached",
    ),
    # System.
    (r"GET /version", r"BuildTime: missing here", "nothing is compiled, so there is no such time"),
    (r"GET /info", r"KernelMemoryTCP: missing here", "a limit that newer kernels do not have any more"),
    (r"GET /info", r"RegistryConfig\.AllowNon.*: missing here", "gone from newer versions of the API"),
    (
        r"GET /info",
        r"RegistryConfig\.(InsecureRegistryCIDRs|IndexConfigs|Mirrors).*",
        "the registries' settings are read at each pull, not held by the engine",
    ),
    (r"GET /info", r"Runtimes\.\*\.status: missing here", "there is no runtime of another program"),
    (r"GET /info", r"CDISpecDirs: .*", "devices are not described by CDI here"),
    (r"POST /session", r"status 400 there, 501 here", "BuildKit's session is not spoken: clients fall back at 501"),
    (r"GET /.*", r"(\[\]\.)?EnableIPv4: missing there", "of API 1.48, harmless before"),
    # Images.
    (r"GET /images/.*/json", r"Config\.ArgsEscaped: missing there", "never left out here where an image has it"),
    (r"POST /images/.*/tag", r"status 200 there, 400 here", "a tag without a repository is a mistake, not a nothing"),
    (r"POST /images/.*/push.*", r"status (200|400) there, 404 here", "an image that is not there is not found"),
    (r"GET /images/json.*dangling.*", r"\[\]: object there, nothing here", "intermediate images are not kept"),
    (r"POST /images/prune", r"ImagesDeleted: array there, null here", "intermediate images are not kept"),
    (r"DELETE /images/.*", r"\[\]\.Deleted: missing there", "intermediate images are not kept"),
    (r"POST /build\?.*", r"(\[\]\.)?(aux|id)(\..*)?: missing there", "progress for our own client, skipped by others"),
    (r"POST /images/create\?fromImage.*", r"status 500 there, 404 here", "an image that cannot be had is not found"),
    # Volumes and networks.
    (r"GET /volumes", r"Volumes\[\]\.Options: object there, null here", "no options are null, however asked for"),
    (r"GET /networks/(host|none)", r"IPAM\.Config: null there, array here", "an empty list of subnets"),
    (r"POST /networks/create.*overlay.*", r"status 403 there, 404 here", "there is no such driver without swarm mode"),
    (r"POST /networks/create.*bridge.*", r"status 403 there, 409 here", "the name is taken"),
    (r"POST /networks/.*/connect.*", r"status 400 there, 403 here", "the container's mode forbids it"),
    # Containers: refused when they are created, not when they are started, and never ignored.
    (
        r'POST /containers/create.*"(BlkioWeight(Device)?|UsernsMode|NetworkMode|LogConfig|PortBindings|ConsoleSize'
        r'|DeviceCgroupRules|Ulimits|KernelMemory|Hostname|ExposedPorts|Volumes|Healthcheck|EndpointsConfig)".*',
        r"status 201 there, 400 here",
        "refused at once, not at the start, and by name",
    ),
    (r"POST /containers/create.*\"bridge\".*", r"status 400 there, 201 here", "names work on every network here"),
    (
        r"GET /containers/.*/json",
        r"NetworkSettings\.Networks\.\*\.DNSNames: null there, array here",
        "known before the start here",
    ),
    (r"GET /containers/.*/json", r"Config\.Env: null there, array here", "PATH is always in it here"),
    (r"GET /system/df.*", r"Images\[\]\.RepoDigests: null there, array here", "an empty list"),
    (r"POST /containers/.*/unpause", r"status 500 there, 409 here", "a conflict with the container's state"),
    (
        r"GET /containers/(c1|limited)/stats.*",
        r"blkio_stats\.io_service_bytes_recursive\[\]: nothing there, object here",
        "counted from the processes without a controller, so never without an entry",
    ),
    (
        r"GET /containers/.*/stats.*",
        r"(pre)?cpu_stats\.cpu_usage\.percpu_usage: missing here",
        "not counted for each processor, as with cgroups v2",
    ),
    (r"GET /containers/c1/stats.*", r"memory_stats\.max_usage: missing here", "of a controller: there is no limit"),
    (r"GET /containers/.*/stats.*one-shot=1", r"(name|id): missing there", "Docker leaves them out of that sample"),
    (r"GET /containers/.*/stats\?stream=1", r"Content-Type: '' there.*", "Docker names no type"),
    (r"GET /events.*nonsense.*", r"status 200 there, 400 here", "an unknown filter is a mistake"),
    (r"DELETE /containers/.*link=1", r"status 500 there, 409 here", "a conflict"),
    (r"GET /containers/.*/json.*", r"ExecIDs: .*", "health checks are no execs here"),
    # Execs.
    (
        r"POST /exec/.*/resize.*",
        r"status 500 there, 200 here",
        "before the start it is without effect; Docker waits for it",
    ),
    (r"POST /exec/.*/start.*", r"status 200 there, 409 here", "Docker tells the conflict in the stream"),
)
