FROM tiny
WORKDIR /etc
RUN pwd > /pwd
WORKDIR /
RUN touch here
WORKDIR relative
