"""The same stack in other tools' words: `docker` commands, systemd units; and a compose service from `docker run`."""
