FROM tiny
WORKDIR /a
WORKDIR b/c
WORKDIR ../d
RUN pwd > /pwd
WORKDIR /link/inside
WORKDIR "/quoted dir"
RUN pwd >> /pwd
USER web
WORKDIR /by/web
