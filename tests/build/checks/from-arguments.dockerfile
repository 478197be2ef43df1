ARG BASE=tiny
ARG TAG
ARG EMPTY=
ARG IMG
ARG OK=latest
ARG NESTED=$UNKNOWN
FROM tiny:${OK} AS a
FROM tiny:${TAG:-latest} AS b
FROM ${X:-tiny} AS c
FROM ${BASS:-tiny}$EMPTY AS d
FROM --platform=${BUILDPLATFROM:-linux/amd64} tiny AS e
FROM tiny:${TAG} AS f
FROM ${BASE}$EMPTY
