FROM tiny AS base
HEALTHCHECK CMD ["/bin/true", "x"]
FROM base
