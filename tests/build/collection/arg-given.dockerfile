ARG VERSION=1
FROM tiny AS first
ARG VERSION
ARG NAME=default
ENV NAME=${NAME} VERSION=$VERSION
RUN echo $NAME $VERSION > /given
FROM first
ARG NAME
RUN echo "$NAME" > /again
LABEL name="$NAME" version="${VERSION}"
