FROM tiny
ENV a b
ENV a b c=d
ENV a=b c=d
LABEL a b
LABEL c "d e"
ARG x
