FROM tiny
WORKDIR /a
WORKDIR b
WORKDIR c
RUN pwd > /1
ENV DIRPATH=/path
WORKDIR $DIRPATH/$DIRNAME
RUN pwd > /2
WORKDIR "/with space"
RUN pwd > /3
WORKDIR ../up
USER nosuch
WORKDIR /nobodys
COPY plain.txt there/
WORKDIR /at/the/end/
