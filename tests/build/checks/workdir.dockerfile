FROM tiny AS a
WORKDIR app
WORKDIR sub
FROM tiny AS b
WORKDIR /app
WORKDIR sub
FROM b AS c
WORKDIR other
FROM scratch AS d
WORKDIR rel
FROM tiny AS e
ARG D=x
WORKDIR $D
