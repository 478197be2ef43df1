FROM tiny
MAINTAINER Somebody <some@body.example>
RUN true
