# check=skip=all

# A is for a

ARG A=1
#B is b
#  and B is c
ARG B="${A}2" \
  D=${B}-x
# PLAT is the platform
ARG PLAT=linux/amd64
ARG UNUSED=${D}
FROM --platform=$PLAT tiny AS one
# X is x
ARG X="q r"
ARG Y
#
# W is w
ARG W=${X}!
RUN --mount=type=secret,id=s,required --mount=type=ssh true
RUN --mount=type=secret,id=s --mount=type=secret,id=t,target=/u <<EOF
echo
EOF
ONBUILD ARG TRIG=1
ONBUILD RUN --mount=type=secret,id=trig true

FROM scratch AS three
# A is mine
ARG A=mine
# q
# B is given?

ARG B
# three is third
FROM one AS four
ARG TARGETARCH
ARG BUILDKIT_SYNTAX
ARG HTTP_PROXY
ENV E=$D
ARG BAZ
ARG BAZ=default
ARG F=f$E
ARG G=${BAZ}<&>
RUN --mount=type=secret,id=$F,env=Q true
RUN --mount=from=tiny,target=/x --mount=type=bind,from=three,target=/y true
# FOUR is fourth
# last-one is
FROM tiny AS last-one
COPY --from=four / /
