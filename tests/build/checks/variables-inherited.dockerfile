FROM tiny AS base
WORKDIR /a
SHELL ["sh", "-c"]
ENV FOO=1
ARG LOST=1
FROM base
WORKDIR x
CMD a
ENTRYPOINT
ENV A=$FOO B=$LOST
STOPSIGNAL ${SIGN:-9}
HEALTHCHECK CMD a $hc
ENTRYPOINT []
CMD
ENV a=$a$a
RUN --mount=type=bind,from=base,source=$src,target=/x true
ADD --exclude=$ex --chown=$ow:$gr plain.txt /$de
COPY --exclude=$ex2 plain.txt "$q" '$r' /$s/
LABEL $k=v "$k2"=w
ENV $k3=v
ARG $k4=b
ENV B="${FOO}x${BAR}" C="a\$b" D=$BARX
