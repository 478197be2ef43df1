FROM tiny
WORKDIR /a/b/c/d
RUN pwd > /1
WORKDIR ../..
RUN pwd >> /1
WORKDIR "/quoted dir"
RUN pwd >> /1
WORKDIR relative dir
RUN pwd >> /1
ENV D=/var N=x
WORKDIR $D/${N}
USER web
WORKDIR made/by/web
RUN pwd >> /tmp/2
WORKDIR /
WORKDIR /link/made
