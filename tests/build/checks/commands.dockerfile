FROM tiny AS one
CMD echo hi
FROM tiny
ENTRYPOINT echo hi
CMD echo ha
HEALTHCHECK CMD true
FROM tiny
SHELL ["/bin/sh", "-c"]
CMD echo hi
FROM tiny AS two
ENTRYPOINT echo ha
ENTRYPOINT ["echo", "ha"]
CMD echo hi
CMD ["echo"]
CMD echo
HEALTHCHECK CMD true
HEALTHCHECK NONE
