ARG BASE=tiny
ARG TAG=${BASE}x
FROM ${BASE} AS one
ARG A=1 B=${A}2 C
ARG QUOTED="two words" SINGLE='$A' ESC=a\ b
ARG TAG
ARG UNUSED
ARG FROM_ENV
ENV E=$A-$B-$C-$QUOTED-$SINGLE-$ESC-$TAG
ARG A=over
ENV E2=$A
ENV ENVWINS=env
ARG ENVWINS=arg
RUN echo "$ENVWINS $A $TAG ${UNUSED-unset} ${C-unset}" > /one
FROM one AS two
RUN echo "${A-gone} ${TAG-gone} $E" > /two
ARG A
RUN echo "${A-gone}" > /three
FROM tiny AS other
ARG TAG
RUN echo "${TAG-gone} ${A-gone}" > /other
FROM two
COPY --from=other /other /
ARG BUILDKIT_INLINE_CACHE
ARG NAME.with-dots=1
RUN echo "$http_proxy|$no_proxy" > /proxies
