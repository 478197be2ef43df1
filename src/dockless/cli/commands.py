"""The table of commands: name → where it is. What a command imports, it imports when it is called."""

from dockless.cli.lazy import Entry

COMPOSE: dict[str, Entry] = {
    "attach": Entry("compose.exec:attach", "Attach local standard streams to a service's running container"),
    "build": Entry("compose.build:build", "Build or rebuild services"),
    "commit": Entry("compose.images_of:commit", "Create a new image from a service container's changes"),
    "config": Entry("compose.config:config", "Parse, resolve and render compose file in canonical format"),
    "convert": Entry("compose.config:config", hidden=True),
    "cp": Entry("compose.cp:cp", "Copy files/folders between a service container and the local filesystem"),
    "create": Entry("compose.up:create", "Creates containers for a service"),
    "down": Entry("compose.down:down", "Stop and remove containers, networks"),
    "events": Entry("compose.logs:events", "Receive real time events from containers"),
    "exec": Entry("compose.exec:exec_", "Execute a command in a running container"),
    "export": Entry("compose.images_of:export", "Export a service container's filesystem as a tar archive"),
    "images": Entry("compose.lists:images", "List images used by the created containers"),
    "kill": Entry("compose.lifecycle:kill", "Force stop service containers"),
    "logs": Entry("compose.logs:logs", "View output from containers"),
    "ls": Entry("compose.lists:ls", "List running compose projects"),
    "pause": Entry("compose.lifecycle:pause", "Pause services"),
    "port": Entry("compose.lists:port", "Print the public port for a port binding"),
    "ps": Entry("compose.ps:ps", "List containers"),
    "publish": Entry("compose.publish:publish", "Publish compose application"),
    "pull": Entry("compose.build:pull", "Pull service images"),
    "push": Entry("compose.build:push", "Push service images"),
    "restart": Entry("compose.lifecycle:restart", "Restart service containers"),
    "rm": Entry("compose.down:rm", "Removes stopped service containers"),
    "run": Entry("compose.run:run", "Run a one-off command on a service"),
    "scale": Entry("compose.up:scale", "Scale services"),
    "start": Entry("compose.lifecycle:start", "Start services"),
    "stats": Entry("compose.lists:stats", "Display resource usage statistics of containers"),
    "stop": Entry("compose.lifecycle:stop", "Stop services"),
    "top": Entry("compose.lists:top", "Display the running processes"),
    "unpause": Entry("compose.lifecycle:unpause", "Unpause services"),
    "up": Entry("compose.up:up", "Create and start containers"),
    "version": Entry("compose.lists:version", "Show the version information"),
    "volumes": Entry("compose.lists:volumes", "List volumes"),
    "wait": Entry("compose.lifecycle:wait", "Block until containers of services stop"),
    "watch": Entry("compose.watch:watch", "Watch build contexts and refresh containers when files are updated"),
}

COMPOSE_GROUP: dict[str, Entry] = COMPOSE | {
    "bridge": Entry("compose.images_of:bridge", "Convert compose files into another model (not supported)"),
    "from": Entry("compose.from_docker:from_docker", "Make a compose file of docker run commands"),
}
"""`dockless compose`: what would say too little at the top level stands here alone."""

CONTAINER: dict[str, Entry] = {
    "attach": Entry("docker.exec:attach", "Attach local standard streams to a running container"),
    "commit": Entry("docker.archives:commit", "Create a new image from a container's changes"),
    "cp": Entry("docker.cp:cp", "Copy files/folders between a container and the local filesystem"),
    "create": Entry("docker.run:create", "Create a new container"),
    "diff": Entry("docker.update:diff", "Inspect changes to files or directories on a container's filesystem"),
    "exec": Entry("docker.exec:exec_", "Execute a command in a running container"),
    "export": Entry("docker.archives:export", "Export a container's filesystem as a tar archive"),
    "inspect": Entry("docker.inspect:container", "Display detailed information on one or more containers"),
    "kill": Entry("docker.containers:kill", "Kill one or more running containers"),
    "logs": Entry("docker.logs:logs", "Fetch the logs of a container"),
    "ls": Entry("docker.ps:ps", "List containers"),
    "list": Entry("docker.ps:ps", hidden=True),
    "pause": Entry("docker.containers:pause", "Pause all processes within one or more containers"),
    "port": Entry("docker.containers:port", "List port mappings of a container"),
    "prune": Entry("docker.containers:prune", "Remove all stopped containers"),
    "ps": Entry("docker.ps:ps", hidden=True),
    "rename": Entry("docker.containers:rename", "Rename a container"),
    "restart": Entry("docker.containers:restart", "Restart one or more containers"),
    "rm": Entry("docker.containers:rm", "Remove one or more containers"),
    "run": Entry("docker.run:run", "Create and run a new container from an image"),
    "start": Entry("docker.containers:start", "Start one or more stopped containers"),
    "stats": Entry("docker.stats:stats", "Display a live stream of container resource usage statistics"),
    "stop": Entry("docker.containers:stop", "Stop one or more running containers"),
    "top": Entry("docker.containers:top", "Display the running processes of a container"),
    "unpause": Entry("docker.containers:unpause", "Unpause all processes within one or more containers"),
    "update": Entry("docker.update:update", "Update configuration of one or more containers"),
    "wait": Entry("docker.containers:wait", "Block until containers stop, then print their exit codes"),
}

IMAGE: dict[str, Entry] = {
    "build": Entry("docker.build:build", "Build an image from a Dockerfile"),
    "history": Entry("docker.images:history", "Show the history of an image"),
    "inspect": Entry("docker.inspect:image", "Display detailed information on one or more images"),
    "ls": Entry("docker.images:images", "List images"),
    "list": Entry("docker.images:images", hidden=True),
    "prune": Entry("docker.images:prune", "Remove unused images"),
    "import": Entry("docker.archives:import_", "Import the contents from a tarball to create a filesystem image"),
    "load": Entry("docker.archives:load", "Load an image from a tar archive or STDIN"),
    "pull": Entry("docker.images:pull", "Download an image from a registry"),
    "push": Entry("docker.registries:push", "Upload an image to a registry"),
    "save": Entry("docker.archives:save", "Save one or more images to a tar archive"),
    "rm": Entry("docker.images:rmi", "Remove one or more images"),
    "stand-ins": Entry("docker.stand_ins:stand_ins", "List the images that can be made without a registry"),
    "tag": Entry("docker.images:tag", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE"),
}

VOLUME: dict[str, Entry] = {
    "create": Entry("docker.volumes:create", "Create a volume"),
    "inspect": Entry("docker.inspect:volume", "Display detailed information on one or more volumes"),
    "ls": Entry("docker.volumes:ls", "List volumes"),
    "list": Entry("docker.volumes:ls", hidden=True),
    "prune": Entry("docker.volumes:prune", "Remove unused local volumes"),
    "rm": Entry("docker.volumes:rm", "Remove one or more volumes"),
    "remove": Entry("docker.volumes:rm", hidden=True),
}

NETWORK: dict[str, Entry] = {
    "connect": Entry("docker.networks:connect", "Connect a container to a network"),
    "create": Entry("docker.networks:create", "Create a network"),
    "disconnect": Entry("docker.networks:disconnect", "Disconnect a container from a network"),
    "inspect": Entry("docker.inspect:network", "Display detailed information on one or more networks"),
    "ls": Entry("docker.networks:ls", "List networks"),
    "list": Entry("docker.networks:ls", hidden=True),
    "prune": Entry("docker.networks:prune", "Remove all unused networks"),
    "rm": Entry("docker.networks:rm", "Remove one or more networks"),
    "remove": Entry("docker.networks:rm", hidden=True),
}

SYSTEM: dict[str, Entry] = {
    "df": Entry("docker.usage:df", "Show disk usage"),
    "dial-stdio": Entry("docker.dialing:dial_stdio", hidden=True),
    "events": Entry("docker.system:events", "Get real time events from the engine"),
    "info": Entry("docker.system:info", "Display information about the engine"),
    "prune": Entry("docker.usage:prune", "Remove unused data"),
}

BUILDER: dict[str, Entry] = {
    "build": IMAGE["build"],
    "du": Entry("docker.build_usage:du", "Show what the build cache holds"),
    "prune": Entry("docker.build_usage:prune", "Remove build cache"),
}

TOP: dict[str, Entry] = {
    "search": Entry("docker.registries:search", "Search a registry for images"),
    "completion": Entry("completion:completion", "Print the script that completes commands in a shell"),
    "commit": CONTAINER["commit"],
    "context": Entry("docker.serving:context", "Set up a docker context named dockless"),
    "diff": CONTAINER["diff"],
    "doctor": Entry("doctor:doctor", "Say what is wrong with a Dockerfile or a compose file, and mend it"),
    "explain": Entry("explain:explain", "Say what this stack's files do"),
    "export": CONTAINER["export"],
    "history": IMAGE["history"],
    "images": Entry("docker.images:images", "List images"),
    "import": IMAGE["import"],
    "info": SYSTEM["info"],
    "init": Entry("init:init", "Write the stack for the application in this folder"),
    "inspect": Entry("docker.inspect:any_object", "Return low-level information on objects"),
    "load": IMAGE["load"],
    "login": Entry("docker.login:login", "Authenticate to a registry"),
    "logout": Entry("docker.login:logout", "Log out from a registry"),
    "rename": CONTAINER["rename"],
    "save": IMAGE["save"],
    "rmi": Entry("docker.images:rmi", "Remove one or more images"),
    "serve": Entry("docker.serving:serve", "Keep the engine up and print what other clients need"),
    "tag": IMAGE["tag"],
    "update": CONTAINER["update"],
    "version": Entry("docker.system:version", "Show the version information"),
}
"""What is `docker`'s at the top level, in a project or not."""

COMPOSE_HERE = {"ps": Entry("compose.ps:ps_here")}

_BOTH = (
    "attach",
    "build",
    "commit",
    "cp",
    "create",
    "events",
    "exec",
    "export",
    "kill",
    "logs",
    "pause",
    "port",
    "ps",
    "pull",
    "push",
    "restart",
    "rm",
    "run",
    "start",
    "stats",
    "stop",
    "top",
    "unpause",
    "wait",
)

EITHER: dict[str, tuple[Entry, Entry]] = {
    name: (COMPOSE_HERE.get(name) or COMPOSE[name], CONTAINER.get(name) or IMAGE.get(name) or SYSTEM[name])
    for name in _BOTH
}
"""Both have it: `either` decides."""

GROUPS: dict[str, Entry] = {
    "builder": Entry("docker.groups:builder", "Manage builds"),
    "compose": Entry("app:compose", "Docker Compose's commands, whatever is in this folder"),
    "container": Entry("docker.groups:container", "Manage containers"),
    "image": Entry("docker.groups:image", "Manage images"),
    "network": Entry("docker.groups:network", "Manage networks"),
    "system": Entry("docker.groups:system", "Manage the engine"),
    "volume": Entry("docker.groups:volume", "Manage volumes"),
}

_STACK = ("up", "down", "ps", "logs", "exec", "run", "build", "pull", "stop", "start", "restart", "config")

_UNDERSTAND = ("init", "explain", "doctor")

SECTIONS: dict[str, tuple[str, ...]] = {
    "A project's commands": _STACK,
    "Write, understand and mend a stack": _UNDERSTAND,
    "Management commands": tuple(sorted(GROUPS)),
    "Further commands": tuple(sorted((set(COMPOSE) | set(TOP)) - set(_STACK) - set(_UNDERSTAND) - {"convert"})),
}
