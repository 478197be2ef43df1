ARG BASE=tiny
FROM ${BASE}:latest
ARG A=1 B="two words" C
ARG BASE
ARG D=${A}-$B
RUN echo "$A/$B/$C/$D/$BASE" > /args
ENV SEEN=$A$D
ARG A=later
RUN echo "$A" >> /args
