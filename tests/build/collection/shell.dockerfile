FROM tiny
SHELL ["/bin/sh", "-ec"]
RUN echo $0 > /a
CMD with shell
SHELL ["/bin/busybox", "sh", "-c"]
RUN echo b > /b
ENTRYPOINT also with shell
HEALTHCHECK CMD check me
