FROM tiny AS filled
RUN mkdir -p /c/sub && echo 1 > /c/sub/f && chown 7:8 /c/sub && chmod 701 /c/sub
FROM tiny
RUN --mount=type=cache,target=/x,id=collection-f,from=filled,source=/c/sub stat -c '%a %u:%g' /x /x/f > /as-it-is
RUN --mount=type=cache,target=/x,id=collection-g,from=filled,source=/c/sub,uid=3,mode=0750 stat -c '%a %u:%g' /x > /not-counted
WORKDIR /w
RUN --mount=type=cache,target=relative,id=collection-h echo a > relative/f
RUN --mount=type=cache,target=/w/relative,id=collection-h cat /w/relative/f > /kept
ARG T=/x
ENV I=collection-i
RUN --mount=type=cache,target=$T,id=$I,uid=3 stat -c '%a %u:%g' /x > /expanded
